//! Feedback reports (ARF, RFC 5965): a mailbox provider tells that a recipient complained of a message.
//!
//! | Feedback-Type | event |
//! |---|---|
//! | abuse, fraud | complained |
//! | opt-out, opt-out-list | unsubscribed |
//! | not-spam, virus, auth-failure, other, unknown ones | ignored: none of them says that a person complained |
//!
//! The recipient is `Original-Rcpt-To`, one event for each of several; else the one that the reported message names. The time is
//! the date of the report, for that is when the recipient complained; else `Arrival-Date`, when the message had arrived.

use schema::{EventKind, Millis};

use super::{
    Item, Mapping, Undecodable,
    draft::Draft,
    report::{Fields, Report, address, ignored, missing},
};

const TYPES: &[&str] = &["message/feedback-report"];

/// Reads a message.
pub(super) fn decode<'a>(
    message: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    let report = Report::read(message, TYPES).ok_or_else(|| {
        Undecodable("the message is no feedback report (RFC 5965): it has no part of that type".into())
    })?;
    let Some(fields) = report.blocks().find(|block| block.text("Feedback-Type").is_some()) else {
        take(Item::Wrong(missing("event", "the report has no `Feedback-Type`")));
        return Ok(());
    };
    let name = fields.text("Feedback-Type").unwrap_or_default().to_ascii_lowercase();
    match kind(&name) {
        Some(kind) => events(kind, &name, &fields, &report, mapping, take),
        None => take(ignored(name)),
    }
    Ok(())
}

/// What a person behind a report of this type did, in lower case; `None` when there is none.
pub(super) fn kind(feedback: &str) -> Option<EventKind> {
    match feedback {
        "abuse" | "fraud" => Some(EventKind::Complained),
        "opt-out" | "opt-out-list" => Some(EventKind::Unsubscribed),
        _ => None,
    }
}

fn events<'a>(
    kind: EventKind,
    feedback: &str,
    fields: &Fields<'_>,
    report: &Report,
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) {
    let Some(message_id) = &report.original.message_id else {
        let detail = "the reported message, or its headers, is not in the report or has no `Message-ID`";
        return take(Item::Wrong(missing("message_id", detail)));
    };
    let Some(time) = time(fields, report) else {
        return take(Item::Wrong(missing("time", "the report has neither an `Arrival-Date` nor a `Date`")));
    };
    let recipients = recipients(fields, report);
    if recipients.is_empty() {
        let detail =
            "the report names no recipient, or blacked it out, and the reported message does not name just one";
        return take(Item::Wrong(missing("recipient", detail)));
    }
    let reason = match fields.text("User-Agent") {
        Some(agent) => format!("{feedback}; {agent}"),
        None => feedback.to_owned(),
    };
    for recipient in recipients {
        let mut draft = Draft::new(kind, time, message_id.clone().into(), recipient.into());
        draft.sender = report.original.sender.clone().into();
        draft.subject = report.original.subject.clone().into();
        draft.reason = reason.clone().into();
        take(Item::Event(draft.finish(mapping)));
    }
}

/// `Received-Date` is what drafts of the standard called it.
fn time(fields: &Fields<'_>, report: &Report) -> Option<Millis> {
    report.date.or_else(|| fields.date("Arrival-Date")).or_else(|| fields.date("Received-Date"))
}

/// Some write several addresses into one field.
fn recipients(fields: &Fields<'_>, report: &Report) -> Vec<String> {
    let mut recipients: Vec<_> = fields
        .texts("Original-Rcpt-To")
        .flat_map(|text| text.split(',').filter_map(address).collect::<Vec<_>>())
        .collect();
    recipients.sort_unstable_by_key(|address| address.to_ascii_lowercase());
    recipients.dedup_by(|later, first| later.eq_ignore_ascii_case(first));
    if recipients.is_empty() {
        recipients.extend(report.original.recipient.clone());
    }
    recipients
}

#[cfg(test)]
mod tests;
