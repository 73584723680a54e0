//! SendGrid: an array of flat objects. Custom arguments stand among SendGrid's own keys, so every other scalar is metadata.
//!
//! `sg_event_id` may differ when an event is sent again, so it is no identity: the content is (METRICS.md, "Events"). Times are whole
//! seconds, so two opens, or two clicks of one link, by one recipient within a second are one event; that changes no unique count.
//!
//! A message is named by what stands before the first `.` of `sg_message_id`, as the send call answered it in `X-Message-Id`. Late bounces have
//! no `sg_message_id`; where SendGrid wrote `smtp-id` itself, the same name stands in it.

use std::{borrow::Cow, fmt};

use schema::{EventKind, FailureClass, SecureMethod};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{
    super::{Mismatch, wire::Text},
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
    each_object(body, take, |event: Event<'a>, _| {
        if event.name.as_str().is_empty() { Found::Foreign } else { Found::Item(item(event, mapping)) }
    })
}

#[derive(Default)]
struct Event<'a> {
    name: Scalar<'a>,
    email: Scalar<'a>,
    timestamp: Scalar<'a>,
    sg_message_id: Scalar<'a>,
    smtp_id: Scalar<'a>,
    category: Texts<'a>,
    reason: Scalar<'a>,
    response: Scalar<'a>,
    status: Scalar<'a>,
    bounce: Scalar<'a>,
    tls: Scalar<'a>,
    url: Scalar<'a>,
    campaign_name: Scalar<'a>,
    campaign_id: Scalar<'a>,
    machine: Scalar<'a>,
    subject: Scalar<'a>,
    sender: Scalar<'a>,
    others: Pairs<'a>,
}

fn item<'a>(event: Event<'a>, mapping: &'a Mapping) -> Item<'a> {
    match kind(event.name.as_str()) {
        Some(kind) => drafted(draft(kind, event), mapping),
        None => ignored(event.name.text()),
    }
}

fn kind(name: &str) -> Option<EventKind> {
    Some(match name {
        "processed" => EventKind::Queued,
        "delivered" => EventKind::Delivered,
        "deferred" => EventKind::Deferred,
        "dropped" | "bounce" => EventKind::Failed,
        "open" => EventKind::Opened,
        "click" => EventKind::Clicked,
        "spamreport" => EventKind::Complained,
        "unsubscribe" | "group_unsubscribe" => EventKind::Unsubscribed,
        _ => return None,
    })
}

fn draft(kind: EventKind, event: Event<'_>) -> Result<Draft<'_>, Mismatch> {
    let class = (kind == EventKind::Failed).then(|| class(&event));
    let message = before_dot(event.sg_message_id.text());
    let message = if message.is_empty() { from_smtp_id(event.smtp_id.text()) } else { message };
    Ok(Draft {
        sender: event.sender.text(),
        subject: event.subject.text(),
        labels: Labels {
            campaign: event.campaign_name.or(event.campaign_id).text(),
            tags: event.category.0,
            metadata: event.others.0,
        },
        machine: event.machine.flag(),
        class,
        method: event.tls.flag().then_some(SecureMethod::Tls),
        url: event.url.text(),
        reason: event.reason.or(event.response).text(),
        ..Draft::needed(
            kind,
            ("timestamp", event.timestamp.time()),
            ("sg_message_id", message),
            ("email", event.email.text()),
        )?
    })
}

fn class(event: &Event<'_>) -> FailureClass {
    match (event.name.as_str(), event.bounce.as_str()) {
        ("dropped", _) => FailureClass::Suppressed,
        (_, "blocked") => FailureClass::Block,
        _ => by_status(Some(event.status.as_str()), None, event.reason.as_str()),
    }
}

fn before_dot(id: Cow<'_, str>) -> Cow<'_, str> {
    match id.find('.') {
        Some(end) => part(id, 0, end),
        None => id,
    }
}

/// The message's name out of `<NAME@ismtpd….sendgrid.net>`; the id of another system as it is.
fn from_smtp_id(id: Cow<'_, str>) -> Cow<'_, str> {
    let bare = id.trim().trim_start_matches('<');
    let own = bare.split_once('@').filter(|(_, host)| host.contains("ismtpd") || host.contains(".sendgrid.net"));
    let Some((name, _)) = own else { return id };
    let start = id.len() - id.trim_start().trim_start_matches('<').len();
    let end = start + name.len();
    before_dot(part(id, start, end))
}

fn part(text: Cow<'_, str>, start: usize, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Event<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;

        impl<'de> Visitor<'de> for EventVisitor {
            type Value = Event<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Event<'de>, A::Error> {
                let mut event = Event::default();
                while let Some(Text(key)) = object.next_key()? {
                    let place = match &*key {
                        "event" => &mut event.name,
                        "email" => &mut event.email,
                        "timestamp" => &mut event.timestamp,
                        "sg_message_id" => &mut event.sg_message_id,
                        "smtp-id" => &mut event.smtp_id,
                        "reason" => &mut event.reason,
                        "response" => &mut event.response,
                        "status" => &mut event.status,
                        "type" => &mut event.bounce,
                        "tls" => &mut event.tls,
                        "url" => &mut event.url,
                        "marketing_campaign_name" => &mut event.campaign_name,
                        "marketing_campaign_id" => &mut event.campaign_id,
                        "sg_machine_open" => &mut event.machine,
                        "subject" => &mut event.subject,
                        "from" | "sender" => &mut event.sender,
                        "category" => {
                            event.category = object.next_value()?;
                            continue;
                        }
                        "sg_event_id"
                        | "sg_user_id"
                        | "sg_content_type"
                        | "sg_template_id"
                        | "sg_template_name"
                        | "ip"
                        | "useragent"
                        | "attempt"
                        | "send_at"
                        | "asm_group_id"
                        | "url_offset"
                        | "pool"
                        | "newsletter"
                        | "cert_err"
                        | "bounce_classification"
                        | "marketing_campaign_version"
                        | "marketing_campaign_split_id" => {
                            object.next_value::<IgnoredAny>()?;
                            continue;
                        }
                        _ => {
                            event.others.add(key, object.next_value()?);
                            continue;
                        }
                    };
                    *place = object.next_value()?;
                }
                Ok(event)
            }
        }

        deserializer.deserialize_map(EventVisitor)
    }
}

#[cfg(test)]
mod tests;
