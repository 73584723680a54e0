//! The story of one message: its distinct events in the order of time, its state, and what of the state no event says in so many
//! words (METRICS.md, "One delivery").

use std::collections::BTreeMap;

use schema::{AccountId, ClickHouse, Millis};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Message, MessageId,
    row::{Read, fields_of},
    search::tell_deferred,
    written,
};
use crate::{Limits, QueryError, answer::Cells, run::ask, sql};

/// The most events that are shown.
const MOST_EVENTS: u32 = 1_000;

/// The events of a message and what they make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MessageTimeline, example = json!({
    "as_of": "2026-11-20T14:03:07.123Z",
    "message": {
        "id": "q83vEjRWeJCrze8SNFZ4kA", "message_id": "20261120.1@news.acme.org", "recipient": "pat@example.com", "sender": "",
        "subject": "Open enrollment", "campaign": "", "fields": {}, "outcome": "delivered", "class": null,
        "sent_at": "2026-11-20T14:00:00.000Z", "last_event_at": "2026-11-20T14:00:00.000Z",
        "delivered_at": "2026-11-20T14:00:00.000Z", "failed_at": null, "secured_at": null, "opened": true,
        "opened_at": "2026-11-20T14:00:00.000Z", "machine_opened_at": null, "clicked": false, "clicked_at": null,
        "complained": false, "complained_at": null, "unsubscribed": false, "unsubscribed_at": null
    },
    "events": [{"kind": "opened", "time": "2026-11-20T14:00:00.000Z", "received_at": "2026-11-20T14:00:02.500Z",
                "attributes": {"subject": "Open enrollment"}}],
    "event_count": 1,
    "inferred": [{"what": "sent_at", "event": 0, "why": "no queued event: the earliest event stands for it"},
                 {"what": "delivered", "event": 0, "why": "mail that was engaged with had arrived"},
                 {"what": "subject", "event": 0, "why": "from the earliest event that carries it, for no queued event does"}]
}))]
pub struct Timeline {
    /// Every event that was acknowledged before this moment is counted.
    #[schema(format = DateTime)]
    pub as_of: String,
    /// What became of it.
    pub message: Message,
    /// Its distinct events, earliest first; at most 1,000.
    pub events: Vec<TimelineEvent>,
    /// How many there are, those that are not shown too.
    pub event_count: u64,
    /// What follows from events without being said by one of its kind, and where each attribute comes from. Of the events shown.
    pub inferred: Vec<Inference>,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MessageEvent)]
pub struct TimelineEvent {
    /// What happened: `queued`, `delivered`, …
    pub kind: String,
    /// When.
    #[schema(format = DateTime)]
    pub time: String,
    /// When it was received.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// The source's own id of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub event_id: String,
    /// The `id` of the source by whose webhook it came.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub source: String,
    /// What it said of its message.
    pub attributes: Carried,
    /// Whether a machine did it, and no person.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub machine: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub class: String,
    /// How it was encrypted.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub method: String,
    /// The link.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub url: String,
    /// What the other side said.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub reason: String,
    /// Whether its message had been forgotten when it came: then it changes nothing of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub late: bool,
}

/// The attributes that an event carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = CarriedAttributes)]
pub struct Carried {
    /// The From address.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub sender: String,
    /// The subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub subject: String,
    /// The campaign.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub campaign: String,
    /// Custom fields by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub fields: BTreeMap<String, String>,
}

/// Something that follows from an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Inference {
    /// `sent_at`, `delivered`, `opened`, `secured`; or an attribute: `subject`, `sender`, `campaign` or `field:NAME`.
    pub what: String,
    /// The place in `events`, from 0, of the event that it follows from.
    pub event: usize,
    /// By which rule.
    pub why: &'static str,
}

/// The story of a message of the account; `None` when there is none of that id.
///
/// # Errors
/// Whether to try again later, or to look for a defect.
pub async fn timeline(
    clickhouse: &ClickHouse,
    account: &AccountId,
    id: MessageId,
    as_of: Millis,
    limits: &Limits,
) -> Result<Option<Timeline>, QueryError> {
    let answer = ask(clickhouse, limits, &sql::events(account, id, MOST_EVENTS)).await?;
    let Some(row) = answer.rows().next() else { return Ok(None) };
    let (count, first, last) = (row.number(14)?, row.number(15)?, row.number(16)?);
    let events = answer.rows().map(event).collect::<Result<Vec<_>, _>>()?;
    let answer = ask(clickhouse, limits, &sql::message(account, id, first, last)).await?;
    let mut found = answer.rows().map(Read::of).collect::<Result<Vec<_>, _>>()?;
    tell_deferred(clickhouse, account, limits, &mut found).await?;
    // Events are written before states are: for a moment there may be none.
    let Some(Read { message, .. }) = found.pop() else { return Ok(None) };
    let inferred = inferred(&message, &events);
    Ok(Some(Timeline { as_of: written(as_of.0), message, events, event_count: count.unsigned_abs(), inferred }))
}

fn event(row: Cells<'_>) -> Result<TimelineEvent, QueryError> {
    let text = |place| Ok::<_, QueryError>(row.texts(place, 1)?.concat());
    Ok(TimelineEvent {
        kind: text(0)?,
        time: written(row.number(1)?),
        received_at: written(row.number(2)?),
        event_id: text(3)?,
        attributes: Carried { sender: text(4)?, subject: text(5)?, campaign: text(6)?, fields: fields_of(&text(7)?)? },
        machine: row.number(8)? != 0,
        class: text(9)?,
        method: text(10)?,
        url: text(11)?,
        reason: text(12)?,
        late: row.number(13)? != 0,
        source: text(17)?,
    })
}

/// What of a message's state no event says in so many words, by its events in their order.
fn inferred(message: &Message, events: &[TimelineEvent]) -> Vec<Inference> {
    let counted = || events.iter().enumerate().filter(|(_, event)| !event.late);
    let first = |holds: &dyn Fn(&TimelineEvent) -> bool| counted().find(|(_, event)| holds(event));
    let is = |kind: &'static str| move |event: &TimelineEvent| event.kind == kind;
    let seen = |event: &TimelineEvent| matches!(event.kind.as_str(), "opened" | "clicked");
    let engaged = |event: &TimelineEvent| seen(event) || matches!(event.kind.as_str(), "complained" | "unsubscribed");
    let mut all = Vec::new();
    let mut infer = |what: &str, event: usize, why| all.push(Inference { what: what.to_owned(), event, why });

    if let (None, Some((place, _))) = (first(&is("queued")), first(&|_| true)) {
        infer("sent_at", place, "no queued event: the earliest event stands for it");
    }
    if let (true, Some((place, _))) = (message.outcome == "delivered", first(&engaged)) {
        let last = |kind| counted().rfind(move |(_, event)| event.kind == kind).map(|(_, event)| &event.time);
        let (delivered, failed) = (last("delivered"), last("failed"));
        if delivered.is_none() {
            infer("delivered", place, "mail that was engaged with had arrived");
        } else if failed.is_some() && delivered <= failed {
            infer("delivered", place, "mail that was engaged with had arrived, whatever failed");
        }
    }
    match first(&|event| seen(event) && !event.machine) {
        Some((place, event)) if event.kind == "clicked" => infer("opened", place, "a person who clicked had opened"),
        _ => {}
    }
    match first(&|event| event.kind == "secured" || (event.kind == "delivered" && !event.method.is_empty())) {
        Some((place, event)) if event.kind == "delivered" => {
            infer("secured", place, "a delivered event that names a method is evidence of it");
        }
        _ => {}
    }
    let mut attribute = |what: &str, carried: &dyn Fn(&Carried) -> bool| {
        let carries = |event: &TimelineEvent| carried(&event.attributes);
        if let Some((place, _)) = first(&|event| event.kind == "queued" && carries(event)) {
            infer(what, place, "from the earliest queued event that carries it");
        } else if let Some((place, _)) = first(&carries) {
            infer(what, place, "from the earliest event that carries it, for no queued event does");
        }
    };
    attribute("subject", &|carried| !carried.subject.is_empty());
    attribute("sender", &|carried| !carried.sender.is_empty());
    attribute("campaign", &|carried| !carried.campaign.is_empty());
    for name in message.fields.keys() {
        attribute(&format!("field:{name}"), &|carried| carried.fields.get(name).is_some_and(|value| !value.is_empty()));
    }
    all
}
