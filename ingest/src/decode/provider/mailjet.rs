//! Mailjet: an array of objects, or one by itself, named by `event`.
//!
//! `MessageID` is beyond what a floating-point number holds, and is read as the number it is. Mailjet gives its events no ids, so their content is
//! their identity. It tells neither subject nor sender.

use std::borrow::Cow;

use schema::{EventKind, FailureClass};
use serde::Deserialize;

use super::{
    super::Mismatch,
    Item, Mapping, Undecodable,
    classify::by_status,
    draft::{Draft, drafted, ignored},
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
    time: Scalar<'a>,
    #[serde(borrow, rename = "MessageID")]
    message_id: Scalar<'a>,
    #[serde(borrow)]
    email: Scalar<'a>,
    #[serde(borrow)]
    customcampaign: Scalar<'a>,
    #[serde(borrow)]
    mj_campaign_id: Scalar<'a>,
    #[serde(borrow, rename = "CustomID")]
    custom_id: Scalar<'a>,
    #[serde(borrow, rename = "Payload")]
    payload: Scalar<'a>,
    #[serde(borrow)]
    url: Scalar<'a>,
    #[serde(borrow)]
    blocked: Scalar<'a>,
    #[serde(borrow)]
    hard_bounce: Scalar<'a>,
    #[serde(borrow)]
    error_related_to: Scalar<'a>,
    #[serde(borrow)]
    error: Scalar<'a>,
    #[serde(borrow)]
    comment: Scalar<'a>,
    #[serde(borrow)]
    smtp_reply: Scalar<'a>,
}

fn item<'a>(event: Event<'a>, mapping: &'a Mapping) -> Item<'a> {
    match kind(event.name.as_str()) {
        Some(kind) => drafted(draft(kind, event), mapping),
        None => ignored(event.name.text()),
    }
}

fn kind(name: &str) -> Option<EventKind> {
    Some(match name {
        "sent" => EventKind::Delivered,
        "open" => EventKind::Opened,
        "click" => EventKind::Clicked,
        "bounce" | "blocked" => EventKind::Failed,
        "spam" => EventKind::Complained,
        "unsub" => EventKind::Unsubscribed,
        _ => return None,
    })
}

fn draft(kind: EventKind, event: Event<'_>) -> Result<Draft<'_>, Mismatch> {
    let class = (kind == EventKind::Failed).then(|| class(&event));
    let mut metadata = Vec::new();
    for (key, value) in [("CustomID", event.custom_id), ("Payload", event.payload)] {
        let value = value.text();
        if !value.is_empty() {
            metadata.push((Cow::Borrowed(key), value));
        }
    }
    // Zero is no campaign.
    let numbered = event.mj_campaign_id.whole().filter(|number| *number != 0).map_or(Scalar::Absent, Scalar::Whole);
    // A message that Mailjet has no record of is number 0.
    let message = if event.message_id.whole() == Some(0) { Cow::default() } else { event.message_id.text() };
    Ok(Draft {
        labels: Labels { campaign: event.customcampaign.or(numbered).text(), metadata, ..Labels::default() },
        class,
        url: event.url.text(),
        reason: event.comment.or(event.smtp_reply).or(event.error).text(),
        ..Draft::needed(kind, ("time", event.time.time()), ("MessageID", message), ("email", event.email.text()))?
    })
}

fn class(event: &Event<'_>) -> FailureClass {
    if event.name.as_str() == "blocked" || event.blocked.flag() {
        // Mailjet did not try: the address bounced or complained before.
        return FailureClass::Suppressed;
    }
    let said = by_status(None, None, event.comment.as_str());
    match event.error_related_to.as_str() {
        "spam" => FailureClass::Block,
        _ if event.hard_bounce.flag() => FailureClass::Hard,
        _ if said == FailureClass::Block => said,
        _ => FailureClass::Soft,
    }
}

#[cfg(test)]
mod tests;
