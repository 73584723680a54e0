//! KumoMTA: a log record, an array of them, or one in each line, named by `type`.
//!
//! A record of several recipients is an event of each. Records have no id of their own (`id` is the message's), so the content is the identity.

mod feedback;

use std::borrow::Cow;

use schema::{EventKind, FailureClass, Millis, SecureMethod};
use serde::Deserialize;

use super::{
    super::Mismatch,
    Item, Mapping, Undecodable,
    classify::by_status,
    draft::{Draft, drafted, ignored},
    mapping::Labels,
    objects::{Found, each_object_or_line},
    scalar::{Pairs, Scalar, Texts, or_null},
};
use crate::accept::MAX_EVENTS;

/// Reads a body.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    each_object_or_line(body, take, |record: Record<'a>, take| {
        if record.name.as_str().is_empty() {
            return Found::Foreign;
        }
        items(&record, mapping, take);
        Found::Taken
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow, rename = "type")]
    name: Scalar<'a>,
    #[serde(borrow)]
    id: Scalar<'a>,
    #[serde(borrow)]
    sender: Scalar<'a>,
    #[serde(borrow)]
    recipient: Texts<'a>,
    #[serde(borrow)]
    queue: Scalar<'a>,
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    event_time: Scalar<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    response: Response<'a>,
    #[serde(borrow)]
    bounce_classification: Scalar<'a>,
    #[serde(borrow)]
    meta: Pairs<'a>,
    #[serde(borrow)]
    headers: Pairs<'a>,
    #[serde(borrow)]
    tls_protocol_version: Scalar<'a>,
    #[serde(borrow)]
    tls_cipher: Scalar<'a>,
    #[serde(borrow)]
    feedback_report: Option<feedback::Report<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    code: Scalar<'a>,
    #[serde(borrow)]
    enhanced_code: Option<Enhanced<'a>>,
    #[serde(borrow)]
    content: Scalar<'a>,
}

/// An enhanced status code in its parts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Enhanced<'a> {
    #[serde(borrow)]
    class: Scalar<'a>,
    #[serde(borrow)]
    subject: Scalar<'a>,
    #[serde(borrow)]
    detail: Scalar<'a>,
}

impl Enhanced<'_> {
    fn text(&self) -> Option<String> {
        Some(format!("{}.{}.{}", self.class.reply()?, self.subject.reply()?, self.detail.reply()?))
    }
}

/// Takes one item for each recipient.
fn items<'a>(record: &Record<'a>, mapping: &'a Mapping, take: &mut dyn FnMut(Item<'a>)) {
    if record.name.as_str() == "Feedback" {
        return feedback::items(record, mapping, take);
    }
    let Some(kind) = kind(record.name.as_str()) else { return take(ignored(record.name.clone().text())) };
    if record.recipient.0.is_empty() {
        return take(drafted(draft(kind, record, Cow::default()), mapping));
    }
    // Of too many the first ones suffice to know that.
    for recipient in record.recipient.0.iter().take(MAX_EVENTS + 1) {
        take(drafted(draft(kind, record, recipient.clone()), mapping));
    }
}

fn kind(name: &str) -> Option<EventKind> {
    Some(match name {
        "Reception" => EventKind::Queued,
        "Delivery" => EventKind::Delivered,
        "Bounce" | "Expiration" | "AdminBounce" | "OOB" | "Rejection" => EventKind::Failed,
        "TransientFailure" | "Delayed" => EventKind::Deferred,
        _ => return None,
    })
}

impl Record<'_> {
    /// When it was written.
    fn time(&self) -> Option<Millis> {
        self.event_time.time().or_else(|| self.timestamp.time())
    }
}

fn draft<'a>(kind: EventKind, record: &Record<'a>, recipient: Cow<'a, str>) -> Result<Draft<'a>, Mismatch> {
    let header = |name: &str| {
        let found = record.headers.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let from = header("From");
    let is_encrypted = [&record.tls_cipher, &record.tls_protocol_version].iter().any(|tls| !tls.as_str().is_empty());
    Ok(Draft {
        sender: if from.is_empty() { record.sender.clone().text() } else { from },
        subject: header("Subject"),
        labels: Labels {
            campaign: campaign(record.queue.clone().text()),
            metadata: record.meta.0.clone(),
            ..Labels::default()
        },
        class: (kind == EventKind::Failed).then(|| class(record)),
        method: is_encrypted.then_some(SecureMethod::Tls),
        reason: record.response.content.clone().text(),
        ..Draft::needed(kind, ("timestamp", record.time()), ("id", record.id.clone().text()), ("recipient", recipient))?
    })
}

/// The campaign out of `campaign:tenant@domain`. What stands before the domain, which may be an address with colons, may be the tenant alone.
fn campaign(queue: Cow<'_, str>) -> Cow<'_, str> {
    let before_domain = queue.split_once('@').map_or("", |(before, _)| before);
    let Some(end) = before_domain.find(':') else { return Cow::default() };
    match queue {
        Cow::Borrowed(queue) => Cow::Borrowed(&queue[..end]),
        Cow::Owned(queue) => Cow::Owned(queue[..end].to_owned()),
    }
}

fn class(record: &Record<'_>) -> FailureClass {
    match record.name.as_str() {
        "Expiration" => return FailureClass::Soft,
        "Rejection" => return FailureClass::Block,
        // It says nothing of the address.
        "AdminBounce" => return FailureClass::Other,
        _ => {}
    }
    let Response { code, enhanced_code, content } = &record.response;
    let enhanced = enhanced_code.as_ref().and_then(Enhanced::text);
    let said = by_status(enhanced.as_deref(), code.reply(), content.as_str());
    match record.bounce_classification.as_str() {
        "InvalidRecipient" | "InvalidSender" | "BadDomain" | "InactiveMailbox" | "BadConfiguration" => {
            FailureClass::Hard
        }
        "SpamBlock"
        | "SpamContent"
        | "PolicyRelated"
        | "ProhibitedAttachment"
        | "AuthenticationFailed"
        | "RelayDenied"
        | "VirusDetected" => FailureClass::Block,
        "QuotaIssues" | "NoAnswerFromHost" | "RoutingErrors" | "TransientFailure" | "MessageExpired"
        | "ProtocolErrors" | "BadConnection" | "DNSFailure" => FailureClass::Soft,
        _ => said,
    }
}

#[cfg(test)]
mod tests;
