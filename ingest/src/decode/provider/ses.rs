//! Amazon SES: one object, named by `eventType` or, in the older form, by `notificationType`. What SNS wraps around it is taken off before.
//!
//! A bounce, a complaint, a delivery and a delay name the recipients they speak of: one event each. Everything else is told of the message; an
//! open or a click of a message to several recipients could be anybody's, and is ignored. SES gives its events no ids, so their content is
//! their identity.

mod envelope;

use std::{borrow::Cow, collections::BTreeMap};

use schema::{EventKind, FailureClass, SecureMethod, enhanced_status, reply_code};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use self::envelope::payload;
use super::{
    super::Mismatch,
    Item, Mapping, Undecodable,
    classify::by_status,
    draft::{Draft, drafted, ignored},
    mapping::Labels,
    objects::{Found, each_object},
    scalar::{Scalar, Texts, or_null},
};
use crate::accept::MAX_EVENTS;

/// The tag with the version of TLS.
const TLS: &str = "ses:outgoing-tls-version";
/// Tags of SES itself begin so.
const OWN: &str = "ses:";
/// The recipient was on a suppression list, so nothing was sent.
const SUPPRESSED: [&str; 3] = ["Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"];
/// What was sent was refused for what it says.
const REFUSED: [&str; 2] = ["ContentRejected", "AttachmentRejected"];

/// Reads a body.
pub(super) fn decode<'a>(
    body: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    each_object(body, take, |mut notification: Notification<'a>, take| {
        let name = notification.event_type.clone().or(notification.older_type.clone());
        if name.as_str().is_empty() {
            return Found::Foreign;
        }
        notification.mail.complete();
        items(&notification, &name, mapping, take);
        Found::Taken
    })
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Notification<'a> {
    #[serde(borrow)]
    event_type: Scalar<'a>,
    #[serde(borrow, rename = "notificationType")]
    older_type: Scalar<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    mail: Mail<'a>,
    #[serde(borrow)]
    bounce: Part<'a>,
    #[serde(borrow)]
    complaint: Part<'a>,
    #[serde(borrow)]
    delivery: Part<'a>,
    #[serde(borrow)]
    delivery_delay: Part<'a>,
    #[serde(borrow)]
    open: Part<'a>,
    #[serde(borrow)]
    click: Part<'a>,
    #[serde(borrow)]
    reject: Part<'a>,
    #[serde(borrow)]
    failure: Part<'a>,
    #[serde(borrow)]
    subscription: Part<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Mail<'a> {
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    message_id: Scalar<'a>,
    #[serde(borrow)]
    source: Scalar<'a>,
    #[serde(borrow)]
    destination: Texts<'a>,
    /// All headers, of which the common ones are chosen; read only where these lack something.
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "or_null")]
    common_headers: Headers<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    tags: BTreeMap<Cow<'a, str>, Texts<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Headers<'a> {
    #[serde(borrow)]
    from: Texts<'a>,
    #[serde(borrow)]
    subject: Scalar<'a>,
}

/// A header by itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Header<'a> {
    #[serde(borrow)]
    name: Scalar<'a>,
    #[serde(borrow)]
    value: Scalar<'a>,
}

/// What a recipient wants of a contact list.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Preferences<'a> {
    #[serde(borrow)]
    unsubscribe_all: Scalar<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    topic_subscription_status: Vec<Topic<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Topic<'a> {
    #[serde(borrow)]
    topic_name: Scalar<'a>,
    #[serde(borrow)]
    subscription_status: Scalar<'a>,
}

/// One of these is in a notification, so the others take no room.
type Part<'a> = Option<Box<Told<'a>>>;

/// What is told of one kind of event; each has some of these.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Told<'a> {
    #[serde(borrow)]
    timestamp: Scalar<'a>,
    #[serde(borrow)]
    recipients: Texts<'a>,
    #[serde(borrow, deserialize_with = "or_null")]
    bounced_recipients: Vec<&'a RawValue>,
    #[serde(borrow, deserialize_with = "or_null")]
    complained_recipients: Vec<&'a RawValue>,
    #[serde(borrow, deserialize_with = "or_null")]
    delayed_recipients: Vec<&'a RawValue>,
    #[serde(borrow)]
    bounce_type: Scalar<'a>,
    #[serde(borrow)]
    bounce_sub_type: Scalar<'a>,
    #[serde(borrow)]
    complaint_sub_type: Scalar<'a>,
    #[serde(borrow)]
    complaint_feedback_type: Scalar<'a>,
    #[serde(borrow)]
    smtp_response: Scalar<'a>,
    #[serde(borrow)]
    delay_type: Scalar<'a>,
    #[serde(borrow)]
    reason: Scalar<'a>,
    #[serde(borrow)]
    error_message: Scalar<'a>,
    #[serde(borrow)]
    link: Scalar<'a>,
    #[serde(borrow)]
    old_topic_preferences: Option<Preferences<'a>>,
    #[serde(borrow)]
    new_topic_preferences: Option<Preferences<'a>>,
}

/// A recipient by name, and what its server said.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Recipient<'a> {
    #[serde(borrow)]
    email_address: Scalar<'a>,
    #[serde(borrow)]
    status: Scalar<'a>,
    #[serde(borrow)]
    diagnostic_code: Scalar<'a>,
}

impl<'a> Mail<'a> {
    /// Takes what the common headers lack out of all of them: once, for there may be many recipients.
    fn complete(&mut self) {
        let common = &mut self.common_headers;
        let lacks_subject = common.subject.clone().text().is_empty();
        if !lacks_subject && !common.from.0.is_empty() {
            return;
        }
        let headers = self.headers.and_then(|raw| serde_json::from_str::<Vec<Header<'a>>>(raw.get()).ok());
        let headers = headers.unwrap_or_default();
        let named = |name: &str| headers.iter().find(|header| header.name.as_str().eq_ignore_ascii_case(name));
        if let (true, Some(subject)) = (lacks_subject, named("Subject")) {
            common.subject = subject.value.clone();
        }
        if let (true, Some(from)) = (common.from.0.is_empty(), named("From")) {
            common.from = Texts(vec![from.value.clone().text()]);
        }
    }
}

/// Takes one item for each recipient.
fn items<'a>(notification: &Notification<'a>, name: &Scalar<'a>, mapping: &'a Mapping, take: &mut dyn FnMut(Item<'a>)) {
    let Some((kind, part)) = kind(notification, name.as_str()) else { return take(ignored(name.clone().text())) };
    let nothing = Told::default();
    let told = part.as_deref().unwrap_or(&nothing);
    let recipients = recipients(notification, told);
    let is_anybodys = matches!(kind, EventKind::Opened | EventKind::Clicked) && recipients.len() > 1;
    if is_anybodys {
        return take(ignored(Cow::Owned(format!("{} of several recipients", name.as_str()))));
    }
    if recipients.is_empty() {
        return take(drafted(draft(kind, notification, told, &Recipient::default()), mapping));
    }
    // Of too many the first ones suffice to know that.
    for recipient in recipients.iter().take(MAX_EVENTS + 1) {
        take(drafted(draft(kind, notification, told, recipient), mapping));
    }
}

fn kind<'n, 'a>(notification: &'n Notification<'a>, name: &str) -> Option<(EventKind, &'n Part<'a>)> {
    let complaint = &notification.complaint;
    let complained = complaint.as_deref();
    let sub_type = complained.map_or("", |told| told.complaint_sub_type.as_str());
    let feedback = complained.map_or("", |told| told.complaint_feedback_type.as_str());
    Some(match name {
        // It has no part of its own.
        "Send" => (EventKind::Queued, &notification.reject),
        "Delivery" => (EventKind::Delivered, &notification.delivery),
        "Bounce" => (EventKind::Failed, &notification.bounce),
        "Complaint" if SUPPRESSED.contains(&sub_type) => (EventKind::Failed, complaint),
        "Complaint" if feedback.eq_ignore_ascii_case("not-spam") => return None,
        "Complaint" => (EventKind::Complained, complaint),
        "Reject" => (EventKind::Failed, &notification.reject),
        "Open" => (EventKind::Opened, &notification.open),
        "Click" => (EventKind::Clicked, &notification.click),
        "DeliveryDelay" => (EventKind::Deferred, &notification.delivery_delay),
        "Subscription" if notification.subscription.as_deref().is_some_and(is_opt_in) => return None,
        "Subscription" => (EventKind::Unsubscribed, &notification.subscription),
        "Rendering Failure" => (EventKind::Failed, &notification.failure),
        _ => return None,
    })
}

/// Whether preferences were changed, and nothing was left by it.
fn is_opt_in(told: &Told<'_>) -> bool {
    let Some(new) = &told.new_topic_preferences else { return false };
    let is_out = |topic: &&Topic<'_>| topic.subscription_status.as_str().eq_ignore_ascii_case("OptOut");
    let was_out = |name: &Scalar<'_>| {
        let old = told.old_topic_preferences.iter().flat_map(|old| &old.topic_subscription_status);
        old.filter(is_out).any(|topic| topic.topic_name == *name)
    };
    let mut left = new.topic_subscription_status.iter().filter(is_out).filter(|topic| !was_out(&topic.topic_name));
    !new.unsubscribe_all.flag() && left.next().is_none()
}

/// The recipients that are spoken of, else all of the message.
fn recipients<'a>(notification: &Notification<'a>, told: &Told<'a>) -> Vec<Recipient<'a>> {
    let named = [&told.bounced_recipients, &told.complained_recipients, &told.delayed_recipients];
    if let Some(named) = named.into_iter().find(|named| !named.is_empty()) {
        // One that is none names nobody, and is wrong by itself.
        return named.iter().map(|raw| serde_json::from_str(raw.get()).unwrap_or_default()).collect();
    }
    let all = if told.recipients.0.is_empty() { &notification.mail.destination } else { &told.recipients };
    let recipient =
        |address: &Cow<'a, str>| Recipient { email_address: Scalar::Text(address.clone()), ..Recipient::default() };
    all.0.iter().map(recipient).collect()
}

fn draft<'a>(
    kind: EventKind,
    notification: &Notification<'a>,
    told: &Told<'a>,
    recipient: &Recipient<'a>,
) -> Result<Draft<'a>, Mismatch> {
    let mail = &notification.mail;
    let first = |texts: &Texts<'a>| texts.0.first().cloned().unwrap_or_default();
    let sender = first(&mail.common_headers.from);
    let words = [&recipient.diagnostic_code, &told.smtp_response, &told.reason, &told.error_message, &told.delay_type];
    let reason = words.into_iter().fold(Scalar::Absent, |reason, more| reason.or(more.clone()));
    let own = |key: &str| key.starts_with(OWN);
    Ok(Draft {
        sender: if sender.is_empty() { mail.source.clone().text() } else { sender },
        subject: mail.common_headers.subject.clone().text(),
        labels: Labels {
            metadata: mail
                .tags
                .iter()
                .filter(|(key, _)| !own(key))
                .map(|(key, tag)| (key.clone(), first(tag)))
                .collect(),
            ..Labels::default()
        },
        class: (kind == EventKind::Failed).then(|| class(notification, told, recipient)),
        method: mail.tags.get(TLS).is_some_and(|tag| !tag.0.is_empty()).then_some(SecureMethod::Tls),
        url: told.link.clone().text(),
        reason: reason.text(),
        ..Draft::needed(
            kind,
            ("timestamp", told.timestamp.time().or_else(|| mail.timestamp.time())),
            ("mail.messageId", mail.message_id.clone().text()),
            ("recipient", recipient.email_address.clone().text()),
        )?
    })
}

fn class(notification: &Notification<'_>, told: &Told<'_>, recipient: &Recipient<'_>) -> FailureClass {
    let kind = [&notification.event_type, &notification.older_type].map(Scalar::as_str);
    if kind.contains(&"Reject") {
        return FailureClass::Block;
    }
    if kind.contains(&"Rendering Failure") {
        return FailureClass::Other;
    }
    if [&told.bounce_sub_type, &told.complaint_sub_type].iter().any(|sub| SUPPRESSED.contains(&sub.as_str())) {
        return FailureClass::Suppressed;
    }
    let words = recipient.diagnostic_code.as_str();
    let status = Some(recipient.status.as_str()).filter(|status| !status.is_empty()).or(enhanced_status(words));
    let said = by_status(status, reply_code(words), words);
    match told.bounce_type.as_str() {
        _ if said == FailureClass::Block || REFUSED.contains(&told.bounce_sub_type.as_str()) => FailureClass::Block,
        "Permanent" => FailureClass::Hard,
        "Transient" => FailureClass::Soft,
        _ => FailureClass::Other,
    }
}

#[cfg(test)]
mod tests;
