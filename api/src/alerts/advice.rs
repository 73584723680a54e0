//! What mailbox providers ask for at the level that a rule watches.

use query::alert::{Rule, Watch};
use schema::Rate;

/// Google, "Email sender guidelines" (support.google.com/mail/answer/81126), and Yahoo, "Sender best practices"
/// (senders.yahooinc.com/best-practices), as of 2026.
const SPAM: [&str; 3] = [
    "Google asks senders to keep the spam rate in Postmaster Tools below 0.1 % and never to let it reach 0.3 %: from there on, bulk \
     senders get no mitigation, and more of their mail is rejected or put into spam.",
    "Yahoo asks senders to keep the spam rate below 0.3 %, counted on mail that was put into the inbox, and enforces it.",
    "Gmail tells nobody of single complaints: its rate comes from Postmaster Tools alone (PUT /v1/observations/spam-rate).",
];

const FAILURES: [&str; 1] = [
    "Addresses that do not exist hurt a sender's reputation: Google and Yahoo ask to remove them from lists at once, and to slow down \
     when mail is deferred or rejected.",
];

/// What is asked for at the level of this rule.
pub(super) fn of(rule: &Rule) -> &'static [&'static str] {
    match rule.watch {
        Watch::Rate(Rate::SpamRate) | Watch::ObservedSpamRate => &SPAM,
        Watch::Rate(Rate::FailureRate | Rate::DeliveryRate) => &FAILURES,
        Watch::Rate(_) | Watch::Measure(_) | Watch::Activity => &[],
    }
}
