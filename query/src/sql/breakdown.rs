//! Reports over `deliveries` and `events`, for what the cube does not have: why mail failed, which links were followed, how mail was
//! secured.
//!
//! A statement answers its rows in their order, the rest as one row, and everything as one: a `place` (0 for everything, 1 and on for
//! rows, the one behind the last for the rest), a key, how many groups that are, and the columns. So the rows add up to the total, whatever is
//! written meanwhile, and what does not add up – distinct things – is exact for the rest and the total, too.

use schema::{AccountId, Basis, DELIVERIES, ENHANCED_STATUS_PATTERN, EVENTS, REPLY_CODE_PATTERN};

use super::{
    Sql,
    attributes::{self, Of},
    bind::Binder,
};
use crate::{
    Range, ReportSpec,
    breakdown::{BreakdownSpec, Column, FailuresBy},
    pattern,
};

/// A day in seconds.
const DAY: u32 = 86_400;

/// Failed deliveries by what they failed for.
pub(crate) fn failures(account: &AccountId, spec: &BreakdownSpec, by: FailuresBy) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let frame = &spec.frame;
    let dated = match frame.basis {
        Basis::Sent => "sent_at",
        Basis::Event => "failed_at",
    };
    let mut conditions = vec!["outcome = 'failed'".to_owned(), within(&mut binder, dated, frame.range)];
    conditions.extend(attributes::conditions(&mut binder, Of::Delivery, &frame.filters));
    let scope = deliveries(&mut binder, &account, frame, &conditions);
    let state =
        |key: &str| format!("SELECT {key} AS key, toString(recipient_domain) AS domain, failed_at\nFROM {scope}");
    let source = match by {
        FailuresBy::Class => state("toString(class)"),
        FailuresBy::Domain => state("toString(recipient_domain)"),
        FailuresBy::Status => with_reasons(&mut binder, &account, frame, &scope, &status()),
        FailuresBy::Reason => with_reasons(&mut binder, &account, frame, &scope, &pattern::sql("reason", "recipient")),
    };
    answer(binder, spec, &source)
}

/// What is said of a reason: the enhanced status code in it, else the reply code.
fn status() -> Vec<String> {
    let extract = |pattern| format!("extract(reason, {})", pattern::literal(pattern));
    let (enhanced, reply) = (extract(ENHANCED_STATUS_PATTERN), extract(REPLY_CODE_PATTERN));
    vec![format!("{enhanced} AS enhanced"), format!("if(enhanced != '', enhanced, {reply}) AS status")]
}

/// Failed deliveries with what the reasons of their latest failures say, by the last of these expressions.
fn with_reasons(binder: &mut Binder, account: &str, frame: &ReportSpec, scope: &str, expressions: &[String]) -> String {
    // The latest failure of a delivery is as old as its state says, so older and newer months need not be looked at.
    let times = match frame.basis {
        Basis::Event => within(binder, "time", frame.range),
        Basis::Sent => {
            format!("time >= (SELECT min(failed_at) FROM {scope})\n  AND time <= (SELECT max(failed_at) FROM {scope})")
        }
    };
    let states = format!(
        "SELECT delivery, true AS known, recipient, toString(recipient_domain) AS domain, failed_at,\n    \
         failed_at AS time, toUInt128(0) AS event_id, '' AS reason\nFROM {scope}"
    );
    let events = format!(
        "SELECT delivery, false AS known, '' AS recipient, '' AS domain, time AS failed_at, time, event_id, reason\n\
         FROM {EVENTS}\nWHERE account = {account}\n  AND kind = 'failed'\n  AND NOT late\n  AND {times}\n  \
         AND delivery IN (SELECT delivery FROM {scope})"
    );
    let folded = format!(
        "SELECT anyIf(domain, known) AS domain, anyIf(recipient, known) AS recipient, anyIf(failed_at, known) AS failed_at,\n    \
         argMaxIf(reason, (time, event_id), NOT known) AS reason\nFROM (\n{}\n)\nGROUP BY delivery\nHAVING max(known)",
        indented(&format!("{states}\nUNION ALL\n{events}")),
    );
    let key = expressions.last().and_then(|last| last.rsplit_once(" AS ")).map_or("''", |(_, name)| name);
    format!(
        "WITH\n    {}\nSELECT {key} AS key, domain, failed_at\nFROM (\n{}\n)",
        expressions.join(",\n    "),
        indented(&folded)
    )
}

/// Clicks by URL.
pub(crate) fn links(account: &AccountId, spec: &BreakdownSpec, strip_query: bool) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let frame = &spec.frame;
    let mut conditions = vec![format!("account = {account}"), "kind = 'clicked'".to_owned()];
    if frame.basis == Basis::Event {
        conditions.push(within(&mut binder, "time", frame.range));
    }
    if frame.basis == Basis::Sent || !frame.filters.is_empty() {
        conditions.push(clicked(&mut binder, &account, frame));
    }
    let url = if strip_query { pattern::url("url") } else { pattern::whole_url("url") };
    let source =
        format!("SELECT {url} AS key, delivery, machine, late\nFROM {EVENTS}\nWHERE {}", conditions.join("\n  AND "));
    answer(binder, spec, &source)
}

/// Whether an event belongs to a delivery that the report counts. Of a delivery that was forgotten, its late events are all that is known.
fn clicked(binder: &mut Binder, account: &str, frame: &ReportSpec) -> String {
    let mut of_state = attributes::conditions(binder, Of::Delivery, &frame.filters);
    let mut of_late = attributes::conditions(binder, Of::LateEvents, &frame.filters);
    match frame.basis {
        Basis::Sent => {
            of_state.push(within(binder, "sent_at", frame.range));
            let sent = "if(countIf(kind = 'queued') > 0, minIf(time, kind = 'queued'), min(time))";
            of_late.push(within(binder, sent, frame.range));
        }
        Basis::Event => {
            let times = within(binder, "time", frame.range);
            of_state.push(format!(
                "delivery IN (SELECT delivery FROM {EVENTS} WHERE account = {account} AND kind = 'clicked' AND {times})"
            ));
        }
    }
    let scope = deliveries(binder, account, frame, &of_state);
    let late = format!(
        "SELECT delivery\nFROM {EVENTS}\nWHERE account = {account}\n  AND late\nGROUP BY delivery\nHAVING {}",
        of_late.join("\n  AND ")
    );
    format!(
        "if(late, delivery IN (\n{}\n), delivery IN (\n{}\n))",
        indented(&late),
        indented(&format!("SELECT delivery FROM {scope}"))
    )
}

/// States of deliveries that these conditions hold for, as what stands behind `FROM`.
fn deliveries(binder: &mut Binder, account: &str, frame: &ReportSpec, conditions: &[String]) -> String {
    let mut all = vec![format!("account = {account}")];
    if frame.basis == Basis::Sent {
        // The days are the table's key.
        let first = binder.number("from_day", "UInt16", frame.range.from / DAY);
        let last = binder.number("to_day", "UInt16", (frame.range.to - 1) / DAY);
        all.push(format!("sent_day >= toDate({first})\n  AND sent_day <= toDate({last})"));
    }
    all.extend_from_slice(conditions);
    format!("(\n    SELECT * FROM {DELIVERIES} FINAL\n    WHERE {}\n)", all.join("\n  AND ").replace('\n', "\n    "))
}

/// Whether a time, an expression, lies in the range.
fn within(binder: &mut Binder, time: &str, range: Range) -> String {
    let from = binder.number("from", "Int64", i64::from(range.from) * 1000);
    let to = binder.number("to", "Int64", i64::from(range.to) * 1000);
    format!("{time} >= fromUnixTimestamp64Milli({from}, 'UTC')\n  AND {time} < fromUnixTimestamp64Milli({to}, 'UTC')")
}

/// Groups rows of `key` and what the columns are made of.
fn answer(mut binder: Binder, spec: &BreakdownSpec, source: &str) -> Sql {
    let columns = spec.columns();
    let limit = binder.number("limit", "UInt32", spec.limit);
    let list = |write: fn(&Column) -> String| columns.iter().map(write).collect::<Vec<_>>().join(", ");
    let direction = if spec.sort.descending { "DESC" } else { "ASC" };
    let first = match spec.sort.column {
        None => format!("key {direction}"),
        Some(place) => format!("{} {direction}, key ASC", columns[place].sorted()),
    };
    let groups = format!("SELECT key, {}\nFROM (\n{}\n)\nGROUP BY key", list(Column::of_group), indented(source));
    let placed = format!(
        "SELECT *, least(row_number() OVER (ORDER BY {first}), {limit} + 1) AS place\nFROM (\n{}\n)",
        indented(&groups)
    );
    let summed = format!(
        "SELECT place, any(key) AS name, count() AS groups, {}\nFROM (\n{}\n)\nGROUP BY GROUPING SETS ((place), ())",
        list(Column::of_groups),
        indented(&placed)
    );
    let names = columns.iter().map(|column| format!("all_{}", column.name)).collect::<Vec<_>>().join(", ");
    binder.done(format!("SELECT place, name, groups, {names}\nFROM (\n{}\n)\nORDER BY place", indented(&summed)))
}

fn indented(text: &str) -> String {
    format!("    {}", text.replace('\n', "\n    "))
}
