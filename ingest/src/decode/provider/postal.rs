//! Postal: one object, named by `event`, what it is about in `payload`.
//!
//! `uuid` names the request, which Postal repeats unchanged, and one request tells one event: it is the event's id.

use schema::{EventKind, FailureClass, SecureMethod};
use serde::Deserialize;

use super::{
    super::Mismatch,
    Item, Mapping, Undecodable,
    classify::{by_status, enhanced_status, reply_code},
    draft::{Draft, ignored},
    mapping::Labels,
    objects::{Found, each_object},
    scalar::Scalar,
};

/// Reads a body.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    each_object(body, take, |json| {
        let event: Event<'a> = serde_json::from_str(json)?;
        Ok(if event.name.as_str().is_empty() { Found::Foreign } else { Found::Item(item(event, mapping)) })
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
    #[serde(borrow)]
    payload: Payload<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(borrow)]
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
}

fn item<'a>(event: Event<'a>, mapping: &'a Mapping) -> Item<'a> {
    match kind(event.name.as_str()) {
        Some(kind) => draft(kind, event).map_or_else(Item::Wrong, |draft| Item::Event(draft.finish(mapping))),
        None => ignored(event.name.text()),
    }
}

fn kind(name: &str) -> Option<EventKind> {
    Some(match name {
        "MessageSent" => EventKind::Delivered,
        "MessageDelayed" | "MessageHeld" => EventKind::Deferred,
        "MessageDeliveryFailed" | "MessageBounced" => EventKind::Failed,
        "MessageLinkClicked" => EventKind::Clicked,
        "MessageLoaded" => EventKind::Opened,
        _ => return None,
    })
}

fn draft(kind: EventKind, event: Event<'_>) -> Result<Draft<'_>, Mismatch> {
    let Payload { message, original_message, timestamp, sent_with_ssl, details, output, url } = event.payload;
    // A bounce is a message itself; the one that it is about is the original one.
    let message = if event.name.as_str() == "MessageBounced" { original_message } else { message };
    let (words, time) = (output.or(details), timestamp.time().or_else(|| event.timestamp.time()));
    let tag = message.tag.text();
    Ok(Draft {
        event_id: event.uuid.text(),
        sender: message.from.text(),
        subject: message.subject.text(),
        labels: Labels { tags: if tag.is_empty() { Vec::new() } else { vec![tag] }, ..Labels::default() },
        class: (kind == EventKind::Failed).then(|| class(words.as_str())),
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
