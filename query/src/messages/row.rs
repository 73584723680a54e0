//! One message, as its row of `deliveries` has it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{MessageId, written};
use crate::{QueryError, answer::Cells, run::malformed};

/// One message to one recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "q83vEjRWeJCrze8SNFZ4kA", "message_id": "20261120.1@news.acme.org", "recipient": "pat@example.com",
    "sender": "news@acme.org", "subject": "Open enrollment", "campaign": "autumn", "fields": {"payer": "north"},
    "outcome": "delivered", "class": null, "sent_at": "2026-11-20T14:03:07.123Z", "last_event_at": "2026-11-20T15:10:00.000Z",
    "delivered_at": "2026-11-20T14:03:09.000Z", "failed_at": null, "secured_at": "2026-11-20T14:03:09.000Z", "opened": true,
    "opened_at": "2026-11-20T15:10:00.000Z", "machine_opened_at": null, "clicked": false, "clicked_at": null, "complained": false,
    "complained_at": null, "unsubscribed": false, "unsubscribed_at": null
}))]
#[expect(clippy::struct_excessive_bools, reason = "it is a document, whose members are what happened, each by itself")]
pub struct Message {
    /// The id under which `/v1/messages/{id}` tells its events.
    pub id: String,
    /// The message id, without `<>`.
    pub message_id: String,
    /// The recipient.
    pub recipient: String,
    /// The From address; empty when none is known.
    pub sender: String,
    /// The subject; empty when none is known.
    pub subject: String,
    /// The campaign; empty when none is known.
    pub campaign: String,
    /// Custom fields by name.
    pub fields: BTreeMap<String, String>,
    /// `delivered`, `failed`, or what reports call pending: `deferred` when the other side asked to try later, else `queued`.
    pub outcome: String,
    /// Why it failed: `hard`, `soft`, `block`, `suppressed` or `other`; null when it did not.
    #[schema(required)]
    pub class: Option<String>,
    /// Its earliest `queued` event, without one its earliest event.
    #[schema(format = DateTime)]
    pub sent_at: String,
    /// Its latest event.
    #[schema(required, format = DateTime)]
    pub last_event_at: Option<String>,
    /// When it was delivered first; null unless that is its outcome.
    #[schema(required, format = DateTime)]
    pub delivered_at: Option<String>,
    /// When it failed last; null unless that is its outcome.
    #[schema(required, format = DateTime)]
    pub failed_at: Option<String>,
    /// The earliest evidence that it was encrypted.
    #[schema(required, format = DateTime)]
    pub secured_at: Option<String>,
    /// Whether a person opened it, or clicked.
    pub opened: bool,
    /// When first.
    #[schema(required, format = DateTime)]
    pub opened_at: Option<String>,
    /// When a machine opened it first; null when a person did, too.
    #[schema(required, format = DateTime)]
    pub machine_opened_at: Option<String>,
    /// Whether a person clicked.
    pub clicked: bool,
    /// When first.
    #[schema(required, format = DateTime)]
    pub clicked_at: Option<String>,
    /// Whether it was reported as spam.
    pub complained: bool,
    /// When first.
    #[schema(required, format = DateTime)]
    pub complained_at: Option<String>,
    /// Whether its recipient unsubscribed.
    pub unsubscribed: bool,
    /// When first.
    #[schema(required, format = DateTime)]
    pub unsubscribed_at: Option<String>,
}

/// A message as it was read.
pub(super) struct Read {
    /// The delivery's key, as the database writes it.
    pub(super) key: String,
    /// In milliseconds.
    pub(super) sent_at: i64,
    pub(super) message: Message,
}

impl Read {
    /// Out of a row of `sql::messages` or `sql::message`.
    pub(super) fn of(row: Cells<'_>) -> Result<Self, QueryError> {
        let texts: [String; 9] = row.texts(0, 9)?.try_into().map_err(|_| malformed("texts of a message"))?;
        let [key, message_id, recipient, sender, subject, campaign, fields, outcome, class] = texts;
        let times: Vec<_> = row.numbers(9, 10)?.collect();
        // What never happened has the time 0.
        let time = |place: usize| times.get(place).copied().filter(|time| *time != 0).map(written);
        let sent_at = times.first().copied().unwrap_or_default();
        let id = MessageId::of(key.parse().map_err(|_| malformed("no key"))?).to_string();
        let outcome = if outcome == "pending" { "queued".to_owned() } else { outcome };
        let message = Message {
            id,
            message_id,
            recipient,
            sender,
            subject,
            campaign,
            fields: fields_of(&fields)?,
            outcome,
            class: Some(class).filter(|class| !class.is_empty()),
            sent_at: written(sent_at),
            last_event_at: time(1),
            delivered_at: time(2),
            failed_at: time(3),
            secured_at: time(4),
            opened: time(5).is_some(),
            opened_at: time(5),
            machine_opened_at: time(6),
            clicked: time(7).is_some(),
            clicked_at: time(7),
            complained: time(8).is_some(),
            complained_at: time(8),
            unsubscribed: time(9).is_some(),
            unsubscribed_at: time(9),
        };
        Ok(Self { key, sent_at, message })
    }

    /// Whether it is in the queue still, which may have been deferred.
    pub(super) fn is_pending(&self) -> bool {
        self.message.outcome == "queued"
    }
}

/// Custom fields, out of a JSON object.
pub(super) fn fields_of(text: &str) -> Result<BTreeMap<String, String>, QueryError> {
    serde_json::from_str(text).map_err(|_| malformed("no fields"))
}
