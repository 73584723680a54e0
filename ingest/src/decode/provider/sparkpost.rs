//! SparkPost (Bird): an array of `{"msys":{"<group>":{…}}}`. What happened stands in the event's `type`, which names it whatever the group.
//!
//! `event_id` is the same whenever an event is sent again, so it is the event's identity. What was never generated has no `message_id`; its
//! transmission names it, together with the recipient. An open through a proxy or a prefetch is a machine's.

use std::{borrow::Cow, fmt};

use schema::{EventKind, FailureClass, SecureMethod};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{
    super::{Mismatch, wire::Text},
    Item, Mapping, Undecodable,
    classify::{by_status, is_suppression},
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
    each_object(body, take, |Element { msys }, _| match msys {
        None => Found::Foreign,
        Some(Group { event: None, .. }) => Found::Nothing,
        Some(Group { name, event: Some(event) }) => Found::Item(item(name, event, mapping)),
    })
}

#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow, default)]
    msys: Option<Group<'a>>,
}

/// The group of an event; a ping has none.
#[derive(Default)]
struct Group<'a> {
    name: Cow<'a, str>,
    event: Option<Event<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    name: Scalar<'a>,
    #[serde(borrow, rename = "event_id")]
    id: Scalar<'a>,
    #[serde(borrow)]
    message_id: Scalar<'a>,
    #[serde(borrow)]
    transmission_id: Scalar<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    rcpt_to: Scalar<'a>,
    #[serde(borrow)]
    raw_rcpt_to: Scalar<'a>,
    #[serde(borrow)]
    friendly_from: Scalar<'a>,
    #[serde(borrow)]
    subject: Scalar<'a>,
    #[serde(borrow)]
    campaign_id: Scalar<'a>,
    #[serde(borrow)]
    rcpt_tags: Texts<'a>,
    #[serde(borrow)]
    rcpt_meta: Pairs<'a>,
    #[serde(borrow)]
    bounce_class: Scalar<'a>,
    #[serde(borrow)]
    error_code: Scalar<'a>,
    #[serde(borrow)]
    raw_reason: Scalar<'a>,
    #[serde(borrow)]
    reason: Scalar<'a>,
    #[serde(borrow)]
    target_link_url: Scalar<'a>,
    #[serde(borrow)]
    outbound_tls: Scalar<'a>,
    #[serde(borrow)]
    user_agent_parsed: Option<UserAgent<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserAgent<'a> {
    #[serde(borrow)]
    is_prefetched: Scalar<'a>,
    #[serde(borrow)]
    is_proxy: Scalar<'a>,
}

fn item<'a>(group: Cow<'a, str>, event: Event<'a>, mapping: &'a Mapping) -> Item<'a> {
    match kind(event.name.as_str()) {
        Some(kind) => drafted(draft(kind, event), mapping),
        None => ignored(event.name.or(Scalar::Text(group)).text()),
    }
}

fn kind(name: &str) -> Option<EventKind> {
    Some(match name {
        "injection" => EventKind::Queued,
        "delivery" => EventKind::Delivered,
        "delay" => EventKind::Deferred,
        "bounce" | "out_of_band" | "policy_rejection" | "generation_failure" | "generation_rejection" => {
            EventKind::Failed
        }
        "spam_complaint" => EventKind::Complained,
        "open" | "initial_open" | "amp_open" | "amp_initial_open" => EventKind::Opened,
        "click" | "amp_click" => EventKind::Clicked,
        "list_unsubscribe" | "link_unsubscribe" => EventKind::Unsubscribed,
        _ => return None,
    })
}

fn draft(kind: EventKind, event: Event<'_>) -> Result<Draft<'_>, Mismatch> {
    let class = (kind == EventKind::Failed).then(|| class(&event));
    let never_generated = event.name.as_str().starts_with("generation_");
    let message = event.message_id.text();
    let message = if message.is_empty() && never_generated { event.transmission_id.text() } else { message };
    let recipient = event.rcpt_to.or(event.raw_rcpt_to).text();
    let agent = event.user_agent_parsed.unwrap_or_default();
    Ok(Draft {
        event_id: event.id.text(),
        sender: event.friendly_from.text(),
        subject: event.subject.text(),
        labels: Labels { campaign: event.campaign_id.text(), tags: event.rcpt_tags.0, metadata: event.rcpt_meta.0 },
        machine: agent.is_prefetched.flag() || agent.is_proxy.flag(),
        class,
        method: event.outbound_tls.flag().then_some(SecureMethod::Tls),
        url: event.target_link_url.text(),
        reason: event.raw_reason.or(event.reason).text(),
        ..Draft::needed(kind, ("timestamp", event.timestamp.time()), ("message_id", message), ("rcpt_to", recipient))?
    })
}

fn class(event: &Event<'_>) -> FailureClass {
    let words = [&event.raw_reason, &event.reason].map(Scalar::as_str).into_iter().find(|words| !words.is_empty());
    let words = words.unwrap_or_default();
    match event.name.as_str() {
        "policy_rejection" | "generation_failure" | "generation_rejection" if is_suppression(words) => {
            FailureClass::Suppressed
        }
        "policy_rejection" => FailureClass::Block,
        "generation_failure" | "generation_rejection" => FailureClass::Other,
        _ => match event.bounce_class.whole() {
            Some(10 | 30 | 90) => FailureClass::Hard,
            Some(20..=24 | 40 | 60 | 70 | 100) => FailureClass::Soft,
            Some(50..=54) => FailureClass::Block,
            Some(_) => FailureClass::Other,
            None => by_status(None, event.error_code.reply(), words),
        },
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Group<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GroupVisitor;

        impl<'de> Visitor<'de> for GroupVisitor {
            type Value = Group<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one group")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut groups: A) -> Result<Group<'de>, A::Error> {
                let mut group = Group::default();
                while let Some(Text(name)) = groups.next_key()? {
                    if group.event.is_none() {
                        group = Group { name, event: groups.next_value()? };
                    } else {
                        groups.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(group)
            }
        }

        deserializer.deserialize_map(GroupVisitor)
    }
}

#[cfg(test)]
mod tests;
