//! KumoMTA: a log record, or an array of them, named by `type`. Archives have one a line.
//!
//! A record of several recipients is an event of each. Records have no id of their own (`id` is the message's), so the content is the identity.

use std::borrow::Cow;

use schema::{EventKind, FailureClass, SecureMethod};
use serde::Deserialize;

use super::{
    super::Mismatch,
    Item, Mapping, Undecodable,
    classify::by_status,
    draft::{Draft, ignored},
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
    each_object(body, take, |json| {
        let record: Record<'a> = serde_json::from_str(json)?;
        Ok(if record.name.as_str().is_empty() { Found::Foreign } else { Found::Items(items(&record, mapping)) })
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
    #[serde(borrow)]
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
    feedback_report: Option<Feedback<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    code: Scalar<'a>,
    enhanced_code: Option<Enhanced>,
    #[serde(borrow)]
    content: Scalar<'a>,
}

/// An enhanced status code in its parts.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Enhanced {
    class: u16,
    subject: u16,
    detail: u16,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Feedback<'a> {
    #[serde(borrow)]
    feedback_type: Scalar<'a>,
    #[serde(borrow)]
    original_rcpt_to: Texts<'a>,
}

/// One item for each recipient.
fn items<'a>(record: &Record<'a>, mapping: &'a Mapping) -> Vec<Item<'a>> {
    let Some(kind) = kind(record) else { return vec![ignored(record.name.clone().text())] };
    let told = record.feedback_report.as_ref().map(|report| &report.original_rcpt_to.0);
    // The report itself was sent to whoever gathers reports.
    let recipients = told.filter(|told| !told.is_empty()).unwrap_or(&record.recipient.0);
    let item = |recipient: Cow<'a, str>| {
        draft(kind, record, recipient).map_or_else(Item::Wrong, |draft| Item::Event(draft.finish(mapping)))
    };
    if recipients.is_empty() { vec![item(Cow::default())] } else { recipients.iter().cloned().map(item).collect() }
}

fn kind(record: &Record<'_>) -> Option<EventKind> {
    let is_not_spam = record.feedback_report.as_ref().is_some_and(|report| report.feedback_type.as_str() == "not-spam");
    Some(match record.name.as_str() {
        "Reception" => EventKind::Queued,
        "Delivery" => EventKind::Delivered,
        "Bounce" | "Expiration" | "AdminBounce" | "OOB" | "Rejection" => EventKind::Failed,
        "TransientFailure" | "Delayed" => EventKind::Deferred,
        "Feedback" if !is_not_spam => EventKind::Complained,
        _ => return None,
    })
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
        ..Draft::needed(
            kind,
            ("timestamp", record.event_time.time().or_else(|| record.timestamp.time())),
            ("id", record.id.clone().text()),
            ("recipient", recipient),
        )?
    })
}

/// The campaign out of `campaign:tenant@domain`. A queue without a colon has none.
fn campaign(queue: Cow<'_, str>) -> Cow<'_, str> {
    let Some(end) = queue.find(':') else { return Cow::default() };
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
    let enhanced = enhanced_code.map(|Enhanced { class, subject, detail }| format!("{class}.{subject}.{detail}"));
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
