//! Single messages: rows of `deliveries`, and the events of one. A state stands in `deliveries` once for each version; `FINAL` reads
//! the latest, and leaves out what moved to another day.

use schema::{AccountId, DELIVERIES, EVENTS};

use super::{
    Sql,
    bind::{Binder, Param},
};
use crate::messages::{MessageId, MessageSpec, Outcome, Place};

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// What is read of a message, in the order in which `messages::Message` takes it.
const COLUMNS: &str = "toString(delivery), message_id, recipient, toString(sender), toString(subject), toString(campaign), toJSONString(fields),
    toString(outcome), toString(class), toUnixTimestamp64Milli(sent_at), toUnixTimestamp64Milli(last_event_at),
    toUnixTimestamp64Milli(delivered_at), toUnixTimestamp64Milli(failed_at), toUnixTimestamp64Milli(secured_at),
    toUnixTimestamp64Milli(opened_at), toUnixTimestamp64Milli(machine_opened_at), toUnixTimestamp64Milli(clicked_at),
    toUnixTimestamp64Milli(complained_at), toUnixTimestamp64Milli(unsubscribed_at)";

/// The messages that pass, newest first, one more than a page shows.
pub(crate) fn messages(account: &AccountId, spec: &MessageSpec) -> Sql {
    let mut binder = Binder::default();
    let mut conditions = conditions(&mut binder, account, spec);
    match spec.outcome {
        None => {}
        Some(Outcome::Delivered) => conditions.push("outcome = 'delivered'".to_owned()),
        Some(Outcome::Failed) => conditions.push("outcome = 'failed'".to_owned()),
        Some(Outcome::Pending) => conditions.push("outcome = 'pending'".to_owned()),
        Some(outcome @ (Outcome::Deferred | Outcome::Queued)) => {
            conditions.push("outcome = 'pending'".to_owned());
            // The candidates are named once more, so that their events are looked up by the table's key.
            let candidates = format!("SELECT delivery FROM {DELIVERIES} FINAL WHERE {}", conditions.join(" AND "));
            let not = if outcome == Outcome::Queued { "NOT " } else { "" };
            conditions.push(format!("delivery {not}IN (\n    {}\n  )", deferrals("{account:String}", &candidates)));
        }
    }
    if let Some(Place { sent_at, key }) = &spec.after {
        let day = binder.number("after_day", "UInt16", day(*sent_at));
        let time = binder.number("after", "Int64", *sent_at);
        let time = format!("fromUnixTimestamp64Milli({time}, 'UTC')");
        let key = binder.text("after_key", key);
        conditions.push(format!("sent_day <= toDate({day})"));
        conditions.push(format!("(sent_at < {time} OR (sent_at = {time} AND delivery < toUInt128({key})))"));
    }
    let limit = binder.number("limit", "UInt32", spec.limit + 1);
    binder.done(format!(
        "SELECT\n    {COLUMNS}\nFROM {DELIVERIES} FINAL\nWHERE {}\nORDER BY sent_at DESC, delivery DESC\nLIMIT {limit}",
        conditions.join("\n  AND "),
    ))
}

/// Which of these deliveries were deferred.
pub(crate) fn deferred(account: &AccountId, keys: Vec<String>) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let keys = binder.bind("keys", "Array(String)", Param::Texts(keys));
    let keys = format!("SELECT toUInt128(arrayJoin({keys}))");
    binder.done(format!("SELECT DISTINCT toString(delivery) FROM ({})", deferrals(&account, &keys)))
}

/// The deliveries among `keys` that have a deferral. Late ones count for no delivery.
fn deferrals(account: &str, keys: &str) -> String {
    format!(
        "SELECT delivery FROM {EVENTS} WHERE account = {account} AND delivery IN ({keys}) AND kind = 'deferred' AND NOT late"
    )
}

fn conditions(binder: &mut Binder, account: &AccountId, spec: &MessageSpec) -> Vec<String> {
    let mut conditions = vec![format!("account = {}", binder.text("account", account.as_str()))];
    if let Some(range) = spec.range {
        let (from, to) = (i64::from(range.from) * 1000, i64::from(range.to) * 1000);
        let first = binder.number("from_day", "UInt16", day(from));
        let last = binder.number("to_day", "UInt16", day(to - 1));
        let from = binder.number("from", "Int64", from);
        let to = binder.number("to", "Int64", to);
        // The days are the table's key.
        conditions.push(format!("sent_day >= toDate({first}) AND sent_day <= toDate({last})"));
        conditions.push(format!("sent_at >= fromUnixTimestamp64Milli({from}, 'UTC')"));
        conditions.push(format!("sent_at < fromUnixTimestamp64Milli({to}, 'UTC')"));
    }
    for (name, value) in
        [("message_id", &spec.message_id), ("recipient", &spec.recipient), ("campaign", &spec.campaign)]
    {
        if let Some(value) = value {
            conditions.push(format!("{name} = {}", binder.text(name, value)));
        }
    }
    conditions
}

/// The day that a time lies in, as the table's key has it.
fn day(millis: i64) -> u16 {
    u16::try_from(millis.div_euclid(DAY_MS).max(0)).unwrap_or(u16::MAX)
}

/// The events of a delivery in their order, at most so many; each row ends with how many there are, and the times of the first and the last.
pub(crate) fn events(account: &AccountId, id: MessageId, limit: u32) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let key = binder.text("key", &id.key().to_string());
    let limit = binder.number("limit", "UInt32", limit);
    binder.done(format!(
        "SELECT\n    toString(kind), toUnixTimestamp64Milli(time), toUnixTimestamp64Milli(accepted_at), source_id, toString(sender),
    toString(subject), toString(campaign), toJSONString(fields), machine, toString(class), toString(method), url, reason, late,
    count() OVER (), min(toUnixTimestamp64Milli(time)) OVER (), max(toUnixTimestamp64Milli(time)) OVER (), toString(source)
FROM {EVENTS}\nWHERE account = {account}\n  AND delivery = toUInt128({key})\nORDER BY time, event_id\nLIMIT {limit}"
    ))
}

/// One message, which was sent between its first and its last event.
pub(crate) fn message(account: &AccountId, id: MessageId, first: i64, last: i64) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let from = binder.number("from_day", "UInt16", day(first));
    let to = binder.number("to_day", "UInt16", day(last));
    let key = binder.text("key", &id.key().to_string());
    binder.done(format!(
        "SELECT\n    {COLUMNS}\nFROM {DELIVERIES} FINAL\nWHERE account = {account}\n  AND sent_day >= toDate({from})\n  \
         AND sent_day <= toDate({to})\n  AND delivery = toUInt128({key})\nORDER BY version DESC\nLIMIT 1"
    ))
}
