//! Delivery status notifications (RFC 3464; in UTF-8, RFC 6533): a mail server tells what became of a message, recipient by recipient.
//!
//! | Action | event | |
//! |---|---|---|
//! | failed | failed | its class by `Status` and `Diagnostic-Code` |
//! | delayed | deferred | |
//! | delivered | delivered | |
//! | relayed | delivered | handed to a server that will not report on it: what SMTP calls delivered |
//! | expanded | delivered | delivered to the address, which is a list, and sent on from there |
//!
//! The recipient is `Original-Recipient`, the address that the sender wrote to; `Final-Recipient` may be where it was forwarded to, and
//! then would be a delivery that nobody sent. The time is `Last-Attempt-Date`, else the date of the notification; `Arrival-Date`
//! comes last, for it may lie days before a failure, and before a success that the failure takes back.

use schema::{EventKind, Millis, enhanced_status, reply_code};

use super::{
    Item, Mapping, Undecodable,
    classify::by_status,
    draft::Draft,
    report::{Fields, Report, address, ignored, missing},
};

const TYPES: &[&str] = &["message/delivery-status", "message/global-delivery-status"];

/// Reads a message.
pub(super) fn decode<'a>(
    message: &'a [u8],
    mapping: &'a Mapping,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    let report = Report::read(message, TYPES).ok_or_else(|| {
        Undecodable("the message is no delivery status notification (RFC 3464): it has no part of that type".into())
    })?;
    let mut common = Common { message_id: report.original.message_id.clone(), arrival: None };
    let mut recipients = 0_u64;
    for block in report.blocks() {
        if is_recipient(&block) {
            recipients += 1;
            take(item(&block, &common, &report, mapping));
        } else {
            common.add(&block);
        }
    }
    if recipients == 0 {
        take(Item::Wrong(missing("recipient", "the notification names no recipient")));
    }
    Ok(())
}

/// What is said of the message, for all recipients.
struct Common {
    message_id: Option<String>,
    arrival: Option<Millis>,
}

impl Common {
    /// Adds the fields of a block that is about the message. Google names the message there.
    fn add(&mut self, block: &Fields<'_>) {
        let named = || block.message_id("X-Original-Message-ID").or_else(|| block.message_id("Original-Message-ID"));
        self.message_id = self.message_id.take().or_else(named);
        self.arrival = self.arrival.or_else(|| block.date("Arrival-Date"));
    }
}

fn is_recipient(block: &Fields<'_>) -> bool {
    ["Final-Recipient", "Original-Recipient", "Action"].iter().any(|name| block.text(name).is_some())
}

/// What a block tells of its recipient.
fn item<'a>(block: &Fields<'_>, common: &Common, report: &Report, mapping: &'a Mapping) -> Item<'a> {
    let status = block.text("Status").unwrap_or_default();
    let kind = match kind(block.text("Action").as_deref(), &status) {
        Ok(kind) => kind,
        Err(item) => return *item,
    };
    let Some(message_id) = common.message_id.as_ref().or(report.in_reply_to.as_ref()) else {
        let detail = "the returned message, or its headers, is not in the notification or has no `Message-ID`";
        return Item::Wrong(missing("message_id", detail));
    };
    let named = |name| block.text(name).as_deref().and_then(address);
    let Some(recipient) = named("Original-Recipient").or_else(|| named("Final-Recipient")) else {
        return Item::Wrong(missing("recipient", "neither `Original-Recipient` nor `Final-Recipient` is an address"));
    };
    let Some(time) = block.date("Last-Attempt-Date").or(report.date).or(common.arrival) else {
        return Item::Wrong(missing("time", "there is no `Last-Attempt-Date`, no `Date` and no `Arrival-Date`"));
    };
    let mut draft = Draft::new(kind, time, message_id.clone().into(), recipient.into());
    draft.sender = report.original.sender.clone().into();
    draft.subject = report.original.subject.clone().into();
    let diagnostic = diagnostic(block);
    draft.class = Some(by_status(Some(precise(&status, &diagnostic)), reply_code(&diagnostic), &diagnostic));
    draft.reason = if diagnostic.is_empty() { status.into_owned().into() } else { diagnostic.into() };
    Item::Event(draft.finish(mapping))
}

/// What happened. Without an action, a permanent failure is one and a success is one; 4.x.x can be either a delay or a failure.
fn kind(action: Option<&str>, status: &str) -> Result<EventKind, Box<Item<'static>>> {
    let word: String = action.unwrap_or_default().chars().take_while(char::is_ascii_alphabetic).collect();
    match (word.to_ascii_lowercase().as_str(), status.as_bytes().first()) {
        ("failed", _) | ("", Some(b'5')) => Ok(EventKind::Failed),
        ("delayed", _) => Ok(EventKind::Deferred),
        ("delivered" | "relayed" | "expanded", _) | ("", Some(b'2')) => Ok(EventKind::Delivered),
        ("", _) => Err(Box::new(Item::Wrong(missing("event", "the block of a recipient has no `Action`")))),
        (other, _) => Err(Box::new(ignored(other.to_owned()))),
    }
}

/// What the other side said, without the name of its protocol.
fn diagnostic(block: &Fields<'_>) -> String {
    let text = block.text("Diagnostic-Code").unwrap_or_default();
    match text.split_once(';') {
        Some((kind, rest)) if !kind.contains(' ') => rest.trim().to_owned(),
        _ => text.into_owned(),
    }
}

/// The status code that says more: `5.0.0` says no more than that something failed, and often the other side's words hold a better one.
fn precise<'t>(status: &'t str, diagnostic: &'t str) -> &'t str {
    let code = enhanced_status(status).unwrap_or_default();
    let better = || enhanced_status(diagnostic).filter(|better| better.as_bytes().first() == code.as_bytes().first());
    if code.ends_with(".0.0") { better().unwrap_or(code) } else { code }
}

#[cfg(test)]
mod tests;
