//! Postal: one object, named by `event`, what it is about in `payload`.
//!
//! `uuid` names the request, which Postal repeats unchanged, and one request tells one event: it is the event's id.

use schema::{EventKind, FailureClass, SecureMethod, enhanced_status, reply_code};
use serde::Deserialize;

use super::{
    super::Mismatch,
    Item, Mapping, Undecodable,
    classify::by_status,
    draft::{Draft, drafted, ignored},
    mapping::Labels,
    objects::{Found, each_object},
    scalar::{Scalar, or_null},
};

const BOUNCED: &str = "MessageBounced";
/// How the details begin when a message was only ever put off, and is not tried any more.
const GIVEN_UP: &str = "Maximum number of delivery attempts";

/// Reads a body.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    each_object(body, take, |event: Event<'a>, _| {
        if event.name.as_str().is_empty() { Found::Foreign } else { Found::Item(item(event, mapping)) }
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "event")]
    name: Scalar<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    uuid: Scalar<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    payload: Payload<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow, deserialize_with = "or_null")]
    message: Message<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    original_message: Message<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    sent_with_ssl: Scalar<'a>,
    #[serde(borrow)]
    details: Scalar<'a>,
    #[serde(borrow)]
    output: Scalar<'a>,
    #[serde(borrow)]
    url: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow, rename = "message_id")]
    id: Scalar<'a>,
    #[serde(borrow)]
    to: Scalar<'a>,
    #[serde(borrow)]
    from: Scalar<'a>,
    #[serde(borrow)]
    subject: Scalar<'a>,
    #[serde(borrow)]
    tag: Scalar<'a>,
    #[serde(borrow)]
    direction: Scalar<'a>,
}

fn item<'a>(event: Event<'a>, mapping: &'a Mapping) -> Item<'a> {
    let payload = &event.payload;
    // What others sent to a route of Postal's is nobody's campaign. A bounce comes in, too, and is about what went out.
    let about = if event.name.as_str() == BOUNCED { &payload.original_message } else { &payload.message };
    if about.direction.as_str() == "incoming" {
        return ignored(format!("{} of an incoming message", event.name.text()).into());
    }
    match kind(event.name.as_str()) {
        Some(kind) => drafted(draft(kind, event), mapping),
        None => ignored(event.name.text()),
    }
}

fn kind(name: &str) -> Option<EventKind> {
    Some(match name {
        "MessageSent" => EventKind::Delivered,
        "MessageDelayed" | "MessageHeld" => EventKind::Deferred,
        "MessageDeliveryFailed" | BOUNCED => EventKind::Failed,
        "MessageLinkClicked" => EventKind::Clicked,
        "MessageLoaded" => EventKind::Opened,
        _ => return None,
    })
}

fn draft(kind: EventKind, event: Event<'_>) -> Result<Draft<'_>, Mismatch> {
    let Payload { message, original_message, timestamp, sent_with_ssl, details, output, url } = event.payload;
    // A bounce is a message itself; the one that it is about is the original one.
    let is_given_up = details.as_str().starts_with(GIVEN_UP);
    let message = if event.name.as_str() == BOUNCED { original_message } else { message };
    let (words, time) = (output.or(details), timestamp.time().or_else(|| event.timestamp.time()));
    let tag = message.tag.text();
    Ok(Draft {
        event_id: event.uuid.text(),
        sender: message.from.text(),
        subject: message.subject.text(),
        labels: Labels { tags: if tag.is_empty() { Vec::new() } else { vec![tag] }, ..Labels::default() },
        class: (kind == EventKind::Failed)
            .then(|| if is_given_up { FailureClass::Soft } else { class(words.as_str()) }),
        method: sent_with_ssl.flag().then_some(SecureMethod::Tls),
        url: url.text(),
        reason: words.text(),
        ..Draft::needed(kind, ("timestamp", time), ("message_id", message.id.text()), ("to", message.to.text()))?
    })
}

fn class(words: &str) -> FailureClass {
    by_status(enhanced_status(words), reply_code(words), words)
}

#[cfg(test)]
mod tests;
