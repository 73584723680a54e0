//! Recipients to stop mailing, each once, in the order of their addresses. Groups and their order go to disk where they are many.

use schema::{AccountId, DELIVERIES, EVENTS};

use super::{Sql, bind::Binder};
use crate::messages::Kind;

/// Recipients of whom something is known since then that says to stop: the first and the last time, and of how many messages.
pub(crate) fn stopped(account: &AccountId, kind: Kind, since: i64) -> Sql {
    let (time, condition) = match kind {
        Kind::HardBounced => ("failed_at", "outcome = 'failed' AND class = 'hard'"),
        Kind::Complained => ("complained_at", "true"),
        Kind::Unsubscribed => ("unsubscribed_at", "true"),
        Kind::Unengaged => ("delivered_at", "outcome = 'delivered'"),
    };
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    // What never happened has the time 0.
    let since = binder.number("since", "Int64", since.max(1));
    binder.done(format!(
        "SELECT recipient, toUnixTimestamp64Milli(min({time})), toUnixTimestamp64Milli(max({time})), count()\nFROM {DELIVERIES} FINAL\n\
         WHERE account = {account}\n  AND {condition}\n  AND {time} >= fromUnixTimestamp64Milli({since}, 'UTC')\n\
         GROUP BY recipient\nORDER BY recipient"
    ))
}

/// Recipients to whom at least so many messages were delivered since then, and who as a person opened none and clicked in none since,
/// whenever it was sent. The state of a delivery knows its first opening alone, so it is the events that tell.
pub(crate) fn unengaged(account: &AccountId, since: i64, min_deliveries: u32) -> Sql {
    let mut binder = Binder::default();
    let account = binder.text("account", account.as_str());
    let since = binder.number("since", "Int64", since.max(1));
    let since = format!("fromUnixTimestamp64Milli({since}, 'UTC')");
    let least = binder.number("least", "UInt32", min_deliveries);
    binder.done(format!(
        "SELECT recipient, minIf(at, NOT engaged), maxIf(at, NOT engaged), countIf(NOT engaged)\nFROM (\n    \
         SELECT recipient, toUnixTimestamp64Milli(delivered_at) AS at, false AS engaged\n    FROM {DELIVERIES} FINAL\n    \
         WHERE account = {account} AND outcome = 'delivered' AND delivered_at >= {since}\n    UNION ALL\n    \
         SELECT recipient, toUnixTimestamp64Milli(time) AS at, true AS engaged\n    FROM {EVENTS}\n    \
         WHERE account = {account} AND kind IN ('opened', 'clicked') AND NOT machine AND time >= {since}\n)\n\
         GROUP BY recipient\nHAVING countIf(engaged) = 0 AND countIf(NOT engaged) >= {least}\nORDER BY recipient"
    ))
}
