//! Mailgun: one object `{"signature":{…},"event-data":{…}}`.
//!
//! `id` is the same whenever an event is sent again, so it is the event's identity. What was sent in test mode went nowhere and is ignored.
//! Mailgun's own `reason` decides the class of a failure where it is telling, then the codes and words of the other side, then `bounce-type`.

use schema::{EventKind, FailureClass, SecureMethod};
use serde::Deserialize;

use super::{
    super::Mismatch,
    Item, Mapping, Undecodable,
    classify::by_status,
    draft::{Draft, drafted, ignored},
    mapping::Labels,
    objects::{Found, each_object},
    scalar::{Pairs, Scalar, Texts},
};

/// Reads a body.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    each_object(body, take, |Body { event }, _| match event {
        Some(event) if !event.name.as_str().is_empty() => Found::Item(item(event, mapping)),
        _ => Found::Foreign,
    })
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default, rename = "event-data")]
    event: Option<Event<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Event<'a> {
    #[serde(borrow, rename = "event")]
    name: Scalar<'a>,
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    recipient: Scalar<'a>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    tags: Texts<'a>,
    #[serde(borrow)]
    campaigns: Texts<'a>,
    #[serde(borrow)]
    user_variables: Pairs<'a>,
    #[serde(borrow)]
    url: Scalar<'a>,
    #[serde(borrow)]
    severity: Scalar<'a>,
    #[serde(borrow)]
    reason: Scalar<'a>,
    #[serde(borrow)]
    reject: Option<Reject<'a>>,
    #[serde(borrow)]
    delivery_status: Option<Status<'a>>,
    #[serde(borrow)]
    flags: Option<Flags<'a>>,
    #[serde(borrow)]
    client_info: Option<Client<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    headers: Option<Headers<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Headers<'a> {
    #[serde(borrow)]
    message_id: Scalar<'a>,
    #[serde(borrow)]
    from: Scalar<'a>,
    #[serde(borrow)]
    subject: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reject<'a> {
    #[serde(borrow)]
    reason: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Status<'a> {
    #[serde(borrow)]
    tls: Scalar<'a>,
    #[serde(borrow)]
    code: Scalar<'a>,
    #[serde(borrow)]
    enhanced_code: Scalar<'a>,
    #[serde(borrow)]
    message: Scalar<'a>,
    #[serde(borrow)]
    description: Scalar<'a>,
    #[serde(borrow)]
    bounce_type: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Flags<'a> {
    #[serde(borrow)]
    is_test_mode: Scalar<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Client<'a> {
    #[serde(borrow)]
    bot: Scalar<'a>,
}

fn item<'a>(event: Event<'a>, mapping: &'a Mapping) -> Item<'a> {
    if event.flags.as_ref().is_some_and(|flags| flags.is_test_mode.flag()) {
        return ignored("test mode".into());
    }
    match kind(&event) {
        Some(kind) => drafted(draft(kind, event), mapping),
        None => ignored(event.name.text()),
    }
}

fn kind(event: &Event<'_>) -> Option<EventKind> {
    Some(match event.name.as_str() {
        "accepted" => EventKind::Queued,
        "delivered" => EventKind::Delivered,
        "failed" if event.severity.as_str() == "temporary" => EventKind::Deferred,
        "failed" | "rejected" => EventKind::Failed,
        "opened" => EventKind::Opened,
        "clicked" => EventKind::Clicked,
        "unsubscribed" => EventKind::Unsubscribed,
        "complained" => EventKind::Complained,
        _ => return None,
    })
}

fn draft(kind: EventKind, event: Event<'_>) -> Result<Draft<'_>, Mismatch> {
    let status = event.delivery_status.unwrap_or_default();
    let class = (kind == EventKind::Failed).then(|| class(event.name.as_str(), event.reason.as_str(), &status));
    let headers = event.message.and_then(|message| message.headers).unwrap_or_default();
    let rejected = event.reject.unwrap_or_default().reason;
    Ok(Draft {
        event_id: event.id.text(),
        sender: headers.from.text(),
        subject: headers.subject.text(),
        labels: Labels {
            campaign: event.campaigns.0.into_iter().next().unwrap_or_default(),
            tags: event.tags.0,
            metadata: event.user_variables.0,
        },
        machine: event.client_info.is_some_and(|client| client.bot.flag() || !client.bot.as_str().is_empty()),
        class,
        method: status.tls.flag().then_some(SecureMethod::Tls),
        url: event.url.text(),
        reason: status.message.or(status.description).or(rejected).or(event.reason).text(),
        ..Draft::needed(
            kind,
            ("timestamp", event.timestamp.time()),
            ("message.headers.message-id", headers.message_id.text()),
            ("recipient", event.recipient.text()),
        )?
    })
}

fn class(name: &str, reason: &str, status: &Status<'_>) -> FailureClass {
    if name == "rejected" || reason.starts_with("suppress-") {
        return FailureClass::Suppressed;
    }
    match reason {
        "espblock" => return FailureClass::Block,
        "old" | "greylisted" => return FailureClass::Soft,
        _ => {}
    }
    let words = [&status.message, &status.description].map(Scalar::as_str).into_iter().find(|words| !words.is_empty());
    let told = by_status(Some(status.enhanced_code.as_str()), status.code.reply(), words.unwrap_or_default());
    match (told, status.bounce_type.as_str()) {
        (FailureClass::Other, "hard") => FailureClass::Hard,
        (FailureClass::Other, "soft") => FailureClass::Soft,
        _ => told,
    }
}

#[cfg(test)]
mod tests;
