//! Postmark: one object, named by `RecordType`.
//!
//! Only bounces have an `ID`, a small number that another source might use too; so the content is the identity of every event (METRICS.md,
//! "Events"), and its time, to the millisecond, is the same whenever the event is sent again.
//!
//! Postmark calls everything that comes back a bounce. What says that the message had arrived – an answer from somebody on holiday, a
//! complaint, a wish to unsubscribe – is no failure.

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
    scalar::{Pairs, Scalar},
};

/// What Postmark names as the message where there is none.
const NO_MESSAGE: &str = "00000000-0000-0000-0000-000000000000";

/// Reads a body.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    each_object(body, take, |record: Record<'a>, _| {
        if record.name.as_str().is_empty() { Found::Foreign } else { Found::Item(item(record, mapping)) }
    })
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Record<'a> {
    #[serde(borrow, rename = "RecordType")]
    name: Scalar<'a>,
    #[serde(borrow)]
    r#type: Scalar<'a>,
    #[serde(borrow, rename = "MessageID")]
    message_id: Scalar<'a>,
    #[serde(borrow)]
    recipient: Scalar<'a>,
    #[serde(borrow)]
    email: Scalar<'a>,
    #[serde(borrow)]
    delivered_at: Scalar<'a>,
    #[serde(borrow)]
    bounced_at: Scalar<'a>,
    #[serde(borrow)]
    received_at: Scalar<'a>,
    #[serde(borrow)]
    changed_at: Scalar<'a>,
    #[serde(borrow)]
    from: Scalar<'a>,
    #[serde(borrow)]
    subject: Scalar<'a>,
    #[serde(borrow)]
    tag: Scalar<'a>,
    #[serde(borrow)]
    metadata: Pairs<'a>,
    #[serde(borrow)]
    details: Scalar<'a>,
    #[serde(borrow)]
    description: Scalar<'a>,
    #[serde(borrow)]
    original_link: Scalar<'a>,
    #[serde(borrow)]
    suppress_sending: Scalar<'a>,
    #[serde(borrow)]
    suppression_reason: Scalar<'a>,
}

fn item<'a>(record: Record<'a>, mapping: &'a Mapping) -> Item<'a> {
    match kind(&record) {
        Some(kind) => drafted(draft(kind, record), mapping),
        None => ignored(match (record.name.text(), record.r#type.text()) {
            (name, detail) if detail.is_empty() => name,
            (name, detail) => Cow::Owned(format!("{name} {detail}")),
        }),
    }
}

fn kind(record: &Record<'_>) -> Option<EventKind> {
    Some(match record.name.as_str() {
        "Delivery" => EventKind::Delivered,
        "Bounce" => match record.r#type.as_str() {
            "SpamComplaint" => EventKind::Complained,
            "Unsubscribe" => EventKind::Unsubscribed,
            "AutoResponder" | "AddressChange" | "Subscribe" | "OpenRelayTest" => return None,
            _ => EventKind::Failed,
        },
        "SpamComplaint" => EventKind::Complained,
        "Open" => EventKind::Opened,
        "Click" => EventKind::Clicked,
        "SubscriptionChange" if record.suppress_sending.flag() => match record.suppression_reason.as_str() {
            "ManualSuppression" => EventKind::Unsubscribed,
            "HardBounce" => EventKind::Failed,
            "SpamComplaint" => EventKind::Complained,
            _ => return None,
        },
        _ => return None,
    })
}

fn draft(kind: EventKind, record: Record<'_>) -> Result<Draft<'_>, Mismatch> {
    let class = (kind == EventKind::Failed).then(|| class(&record));
    let message = record.message_id.text();
    let message = if message == NO_MESSAGE { Cow::default() } else { message };
    let tag = record.tag.text();
    let (key, time) = match record.name.as_str() {
        "Delivery" => ("DeliveredAt", record.delivered_at),
        "Open" | "Click" => ("ReceivedAt", record.received_at),
        "SubscriptionChange" => ("ChangedAt", record.changed_at),
        _ => ("BouncedAt", record.bounced_at),
    };
    Ok(Draft {
        sender: record.from.text(),
        subject: record.subject.text(),
        labels: Labels {
            campaign: Cow::default(),
            tags: if tag.is_empty() { Vec::new() } else { vec![tag] },
            metadata: record.metadata.0,
        },
        class,
        url: record.original_link.text(),
        reason: record.details.or(record.description).or(record.suppression_reason).text(),
        ..Draft::needed(
            kind,
            (key, time.time()),
            ("MessageID", message),
            ("Recipient", record.recipient.or(record.email).text()),
        )?
    })
}

fn class(record: &Record<'_>) -> FailureClass {
    match record.r#type.as_str() {
        // A change of subscription has no type; of failures it tells of hard bounces only.
        "HardBounce" | "BadEmailAddress" | "" => FailureClass::Hard,
        "SoftBounce" | "Transient" | "DnsError" => FailureClass::Soft,
        "Blocked" | "SpamNotification" | "VirusNotification" | "DMARCPolicy" => FailureClass::Block,
        "ManuallyDeactivated" => FailureClass::Suppressed,
        _ => by_status(None, None, record.details.as_str()),
    }
}

#[cfg(test)]
mod tests;
