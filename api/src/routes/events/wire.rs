//! What an event looks like, for the specification: `ingest` reads events itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

/// One event about one delivery (one message to one recipient).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Event, example = json!({
    "event": "delivered", "time": "2026-11-20T14:03:07.123Z", "message_id": "<a1@acme.org>", "recipient": "pat@example.com",
    "sender": "news@acme.org", "subject": "Your visit", "campaign": "autumn", "fields": {"payer": "p7", "clinic": "north"}, "method": "tls"
}))]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct WireEvent {
    /// What happened.
    event: EventName,
    /// When it happened: RFC 3339, or seconds since 1970. At most a day ahead.
    time: EventTime,
    /// The message; surrounding `<>` count as absent.
    #[schema(max_length = 998)]
    message_id: String,
    /// To whom.
    #[schema(max_length = 320)]
    recipient: String,
    /// A stable id from the source: events of one id are one event.
    #[serde(default)]
    #[schema(max_length = 256)]
    event_id: String,
    /// The From address.
    #[serde(default)]
    #[schema(max_length = 320)]
    sender: String,
    /// The subject.
    #[serde(default)]
    #[schema(max_length = 998)]
    subject: String,
    /// The campaign.
    #[serde(default)]
    #[schema(max_length = 256)]
    campaign: String,
    /// Custom fields: at most 16, names of 1 to 64 letters, digits, `_`, `-` and `.`, values of at most 256 bytes.
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// `opened`, `clicked`: fetched by a machine, not by a person.
    #[serde(default)]
    machine: bool,
    /// `failed`: why. Default: `other`.
    #[serde(default)]
    class: Option<Class>,
    /// `secured`, `delivered`: how it was encrypted. A `delivered` with a method is evidence of `secured`.
    #[serde(default)]
    method: Option<Method>,
    /// `opened`, `clicked`: the link.
    #[serde(default)]
    #[schema(max_length = 4096)]
    url: String,
    /// `failed`, `deferred`, `complained`, `unsubscribed`: what the other side said.
    #[serde(default)]
    #[schema(max_length = 4096)]
    reason: String,
}

/// A time.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum EventTime {
    /// RFC 3339.
    Text(String),
    /// Seconds since 1970, a fraction allowed.
    Seconds(f64),
}

/// What happened.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventName {
    Queued,
    Delivered,
    Deferred,
    Failed,
    Secured,
    Opened,
    Clicked,
    Complained,
    Unsubscribed,
}

/// Why a delivery failed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FailureClass)]
pub(crate) enum Class {
    Hard,
    Soft,
    Block,
    Suppressed,
    Other,
}

/// How a message was encrypted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SecureMethod)]
pub(crate) enum Method {
    Tls,
    Portal,
    Pgp,
    Smime,
    Other,
}

/// What a JSON body holds.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum EventBatch {
    /// Several events, at most 100,000.
    Many(Vec<WireEvent>),
    /// One event.
    One(Box<WireEvent>),
}

#[cfg(test)]
mod tests {
    use schema::{EventKind, FailureClass, SecureMethod};

    use super::*;

    fn reads<T: serde::de::DeserializeOwned>(names: impl IntoIterator<Item = &'static str>) -> usize {
        names.into_iter().map(|name| assert!(serde_json::from_value::<T>(name.into()).is_ok(), "{name}")).count()
    }

    #[test]
    fn the_specification_knows_every_word_that_events_are_made_of() {
        assert_eq!(reads::<EventName>(EventKind::ALL.iter().map(|kind| kind.name())), 9);
        assert_eq!(reads::<Class>(FailureClass::ALL.iter().map(|class| class.name())), 5);
        assert_eq!(reads::<Method>(SecureMethod::ALL.iter().map(|method| method.name())), 5);
    }
}
