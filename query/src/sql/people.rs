//! How many people a report's numbers stand for: distinct recipients among the deliveries that count. `deliveries` knows them, as the
//! latest state of each; the cube does not. Nobody needs to know how many above `least` they are, so no more are kept.
//!
//! What cannot be told – of events that came when their delivery had been forgotten, for one – is not counted: fewer people than there
//! are is on the safe side.

use schema::{AccountId, Basis, DELIVERIES, Dimension, EVENTS, Measure, OTHER_SQL, provider_sql};

use super::{
    Sql,
    bind::Binder,
    known, local,
    source::{combined, condition, value_of},
};
use crate::{Grouping, Interval, ReportSpec, suppression::Count};

/// A day, and a month of the longest, in seconds.
const DAY: i64 = 86_400;
const MONTH: i64 = 31 * DAY;

/// Of what the people are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// Of each group that is shown, and of the others together: whether it is shown, and its keys.
    Groups,
    /// The same by steps of local time, each told by a quarter of an hour inside it.
    Steps(Interval),
    /// Of those that are shown together, and of the others together: whether they are shown.
    Shown,
    /// Of all together.
    All,
}

/// The numbers of people by [`Count::all`], as far as `least`.
pub(crate) fn people(account: &AccountId, spec: &ReportSpec, of: Of, top: &[Vec<String>], least: u32) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let states = States { spec, dated: spec.basis == Basis::Event, timed: is_timed(spec, of) };
    let from = states.read(&mut binder, &account);
    let mut named = Vec::new();
    let mut grouped = Vec::new();
    let by_keys = !spec.by.is_empty() && of != Of::All;
    if by_keys {
        let parts = local::parts(&mut binder, spec);
        let keys: Vec<_> = (0..spec.by.len()).map(|place| format!("key{place}")).collect();
        for (place, part) in parts.into_iter().enumerate() {
            named.push(format!("{} AS key{place}", part.unwrap_or_else(|| format!("dimension{place}"))));
        }
        let top: Vec<_> = top.iter().map(Vec::as_slice).collect();
        named.push(format!("{} AS shown", known(&mut binder, spec, &keys, &top)));
        grouped.push("shown".to_owned());
        if of != Of::Shown {
            let blank = |(place, by): (usize, &Grouping)| {
                let other = if by.time().is_some() { "0" } else { "''" };
                named.push(format!("if(shown, key{place}, {other}) AS group{place}"));
                grouped.push(format!("group{place}"));
            };
            spec.by.iter().enumerate().for_each(blank);
        }
    }
    let mut selected = grouped.clone();
    if let Of::Steps(interval) = of {
        selected.push("toUInt32(min(bucket)) AS quarter".to_owned());
        grouped.extend(local::step(&mut binder, spec, interval));
    }
    let least = least.max(1);
    selected.extend(Count::all().map(|count| match states.counts(count) {
        Some(counts) => format!("length(groupUniqArrayIf({least})(recipient_hash, {counts}))"),
        None => least.to_string(),
    }));
    let with = if named.is_empty() { String::new() } else { format!("WITH\n    {}\n", named.join(",\n    ")) };
    let group = if grouped.is_empty() { String::new() } else { format!("\nGROUP BY {}", grouped.join(", ")) };
    binder.done(format!("{with}SELECT\n    {}\nFROM (\n    {from}\n){group}", selected.join(",\n    ")))
}

/// Whether the people are told apart by when something was counted.
fn is_timed(spec: &ReportSpec, of: Of) -> bool {
    match of {
        Of::Steps(_) => true,
        Of::Groups | Of::Shown => spec.by.iter().any(|by| by.time().is_some()),
        Of::All => false,
    }
}

/// What a state counts in, dated by its own times.
const DATED: [(&str, &str); 9] = [
    ("queued", "sent_at"),
    ("delivered", "delivered_at"),
    ("failed", "failed_at"),
    ("secured", "secured_at"),
    ("opened", "opened_at"),
    ("machine", "machine_opened_at"),
    ("clicked", "clicked_at"),
    ("complained", "complained_at"),
    ("unsubscribed", "unsubscribed_at"),
];

/// What is read of the states of deliveries.
struct States<'s> {
    spec: &'s ReportSpec,
    /// Whether each measure has a time of its own.
    dated: bool,
    timed: bool,
}

impl States<'_> {
    fn read(&self, binder: &mut Binder, account: &str) -> String {
        let spec = self.spec;
        let mut columns = vec!["recipient_hash".to_owned(), "outcome".to_owned(), "class".to_owned()];
        columns
            .extend(DATED[3..].iter().map(|(name, time)| format!("{time} != toDateTime64(0, 3, 'UTC') AS is_{name}")));
        for (place, by) in spec.by.iter().enumerate() {
            if let Some(dimension) = by.dimension() {
                columns.push(format!(
                    "toString({}) AS dimension{place}",
                    value(binder, dimension, format!("field{place}"))
                ));
            }
        }
        let (from, to) = (i64::from(spec.range.from), i64::from(spec.range.to));
        let begin = format!("fromUnixTimestamp64Milli({}, 'UTC')", binder.number("from", "Int64", from * 1000));
        let end = format!("fromUnixTimestamp64Milli({}, 'UTC')", binder.number("to", "Int64", to * 1000));
        columns.extend(self.events(binder, account, from, &begin, &end));
        let mut conditions = vec![format!("account = {account}")];
        if self.dated {
            // What is told by events alone stands in the range at any place.
            let mut times: Vec<_> = DATED.iter().map(|(name, time)| format!("('{name}', {time})")).collect();
            times.push(format!("('events', {begin})"));
            columns.push(format!("arrayJoin([{}]) AS dated", times.join(", ")));
            columns.push("dated.1 AS entry".to_owned());
            columns.push("dated.2 AS at".to_owned());
            conditions.push(format!("last_event_at >= {begin}"));
        } else {
            // The days are the table's key.
            let first = binder.number("from_day", "UInt16", from.div_euclid(DAY));
            let last = binder.number("to_day", "UInt16", (to - 1).div_euclid(DAY));
            conditions.push(format!("sent_day >= toDate({first}) AND sent_day <= toDate({last})"));
            conditions.push(format!("sent_at >= {begin} AND sent_at < {end}"));
            columns.push("sent_at AS at".to_owned());
        }
        conditions.extend(self.filters(binder));
        let states = format!(
            "SELECT\n        {}\n    FROM {DELIVERIES} FINAL\n    WHERE {}",
            columns.join(",\n        "),
            conditions.join("\n      AND ")
        );
        let bucket = "toDateTime(intDiv(toUnixTimestamp(at), 900) * 900, 'UTC') AS bucket";
        let within = if self.dated { format!("\n    WHERE at >= {begin} AND at < {end}") } else { String::new() };
        format!("SELECT *, {bucket}\n    FROM (\n    {states}\n    ){within}")
    }

    fn filters(&self, binder: &mut Binder) -> Vec<String> {
        let tests = self.spec.tests().into_iter().enumerate();
        let tests: Vec<_> = tests
            .map(|(place, filter)| {
                let value = value(binder, &filter.dimension, format!("filter_field{place}"));
                condition(&format!("toString({value})"), filter, &value_of(binder, place, filter))
            })
            .collect();
        let mut tests = tests.into_iter();
        self.spec.filters.iter().map(|tree| combined(tree, &mut tests)).collect()
    }

    /// Whether a delivery has events of which its state tells nothing.
    fn events(&self, binder: &mut Binder, account: &str, from: i64, begin: &str, end: &str) -> Vec<String> {
        let needed = self.spec.told();
        let told = EVENT_COUNTS.iter().filter(|(measure, _)| needed.contains(measure) && self.tells_events());
        let told: Vec<_> = told.collect();
        if told.is_empty() {
            return Vec::new();
        }
        let times = if self.dated {
            format!("time >= {begin} AND time < {end}")
        } else {
            // Clocks differ; a delivery's events are hardly a month older than its sending.
            let early = binder.number("early", "Int64", (from - MONTH).max(0) * 1000);
            format!("time >= fromUnixTimestamp64Milli({early}, 'UTC')")
        };
        let column = |(measure, condition): &&(Measure, &str)| {
            let events = format!(
                "SELECT delivery FROM {EVENTS} WHERE account = {account} AND {times} AND {condition} AND NOT late"
            );
            format!("delivery IN ({events}) AS has_{}", measure.name())
        };
        told.iter().map(column).collect()
    }

    /// Whether events tell it: not in which step of time they were.
    const fn tells_events(&self) -> bool {
        !(self.dated && self.timed)
    }

    /// The condition of states that count; `None` of what is no count of deliveries here.
    fn counts(&self, count: Count) -> Option<String> {
        if !count.without.is_empty() && self.dated {
            // Whole and part are of different deliveries.
            return None;
        }
        let parts = count.without.iter().map(|part| format!(" AND NOT ({})", self.measure(*part)));
        Some(format!("{}{}", self.measure(count.of), parts.collect::<String>()))
    }

    fn measure(&self, measure: Measure) -> String {
        let entry = |name: &str, condition: &str| {
            if self.dated { format!("entry = '{name}' AND {condition}") } else { condition.to_owned() }
        };
        let failed = |class: &str| entry("failed", &format!("outcome = 'failed' AND class = '{class}'"));
        match measure {
            Measure::Queued => entry("queued", "true"),
            Measure::Pending => entry("queued", "outcome = 'pending'"),
            Measure::Delivered => entry("delivered", "outcome = 'delivered'"),
            Measure::Failed => entry("failed", "outcome = 'failed'"),
            Measure::FailedHard => failed("hard"),
            Measure::FailedSoft => failed("soft"),
            Measure::FailedBlock => failed("block"),
            Measure::FailedSuppressed => failed("suppressed"),
            Measure::FailedOther => failed("other"),
            Measure::Secured => entry("secured", "is_secured"),
            Measure::Unsecured => entry("delivered", "outcome = 'delivered' AND NOT is_secured"),
            Measure::Opened => entry("opened", "is_opened"),
            Measure::MachineOpened => entry("machine", "is_machine"),
            // Who clicked has a click; who opened and did not click has an opening.
            Measure::Clicked | Measure::Clicks => entry("clicked", "is_clicked"),
            Measure::Opens => entry("opened", "is_opened AND NOT is_clicked"),
            Measure::Complained => entry("complained", "is_complained"),
            Measure::Unsubscribed => entry("unsubscribed", "is_unsubscribed"),
            Measure::MachineOpens | Measure::MachineClicks | Measure::Deferrals => {
                if self.tells_events() && self.spec.told().contains(&measure) {
                    entry("events", &format!("has_{}", measure.name()))
                } else {
                    "false".to_owned()
                }
            }
        }
    }
}

/// What is told by events alone, and by which.
const EVENT_COUNTS: [(Measure, &str); 3] = [
    (Measure::MachineOpens, "kind = 'opened' AND machine"),
    (Measure::MachineClicks, "kind = 'clicked' AND machine"),
    (Measure::Deferrals, "kind = 'deferred'"),
];

/// The value of a dimension that the cube has for a state; the name of a field is bound as `name`. A bit for each attribute tells whether
/// it stands for others: subject, sender, campaign, and fields by their places.
fn value(binder: &mut Binder, dimension: &Dimension, name: String) -> String {
    let other =
        |bit: u8, value: &str| format!("if(bitAnd(others, toUInt128({})) != 0, {OTHER_SQL}, {value})", 1_u32 << bit);
    match dimension {
        Dimension::Subject => other(0, "toString(subject)"),
        Dimension::Sender => other(1, "toString(sender)"),
        Dimension::Campaign => other(2, "toString(campaign)"),
        Dimension::SenderDomain => {
            "if(position(sender, '@') > 0, trim(TRAILING '>' FROM arrayElement(splitByChar('@', toString(sender)), -1)), '')"
                .to_owned()
        }
        Dimension::RecipientDomain => "recipient_domain".to_owned(),
        Dimension::MailboxProvider => provider_sql("toString(recipient_domain)"),
        Dimension::Field(field) => {
            let name = binder.text(name, field.as_str());
            let place = format!("indexOf(mapKeys(fields), {name})");
            format!(
                "if({place} > 0 AND bitAnd(others, bitShiftLeft(toUInt128(1), {place} + 2)) != 0, {OTHER_SQL}, fields[{name}])"
            )
        }
    }
}
