//! An item on its way to an event: typed by its decoder, mapped and cut to the limits of an event.

use std::borrow::Cow;

use schema::{EventKind, FailureClass, Millis, OTHER, SecureMethod};

use super::{
    super::wire::{Fields, Text, Time},
    super::{Mismatch, Wire},
    Item,
    mapping::{Labels, Mapping},
};
use crate::accept::{MAX_CAMPAIGN, MAX_EVENT_ID, MAX_REASON, MAX_SUBJECT, MAX_URL};

/// The longest name of a type that is counted by, in bytes.
const MAX_TYPE: usize = 64;

/// What a decoder knows of an event. Absent texts are empty.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) kind: EventKind,
    pub(crate) time: Millis,
    pub(crate) message_id: Cow<'a, str>,
    pub(crate) recipient: Cow<'a, str>,
    /// Only an id that stays the same when the provider sends the event again; otherwise empty, and the event's content is its identity.
    pub(crate) event_id: Cow<'a, str>,
    pub(crate) sender: Cow<'a, str>,
    pub(crate) subject: Cow<'a, str>,
    pub(crate) labels: Labels<'a>,
    pub(crate) machine: bool,
    pub(crate) class: Option<FailureClass>,
    pub(crate) method: Option<SecureMethod>,
    pub(crate) url: Cow<'a, str>,
    pub(crate) reason: Cow<'a, str>,
}

impl<'a> Draft<'a> {
    /// With what every event has.
    pub(crate) fn new(kind: EventKind, time: Millis, message_id: Cow<'a, str>, recipient: Cow<'a, str>) -> Self {
        Self {
            kind,
            time,
            message_id,
            recipient,
            event_id: Cow::default(),
            sender: Cow::default(),
            subject: Cow::default(),
            labels: Labels::default(),
            machine: false,
            class: None,
            method: None,
            url: Cow::default(),
            reason: Cow::default(),
        }
    }

    /// With what every event needs, each with the provider's key for it; or what is missing.
    pub(crate) fn needed(
        kind: EventKind,
        time: (&str, Option<Millis>),
        message_id: (&str, Cow<'a, str>),
        recipient: (&str, Cow<'a, str>),
    ) -> Result<Self, Mismatch> {
        for (key, text) in [&message_id, &recipient] {
            if text.is_empty() {
                return Err(missing(key));
            }
        }
        let time = time.1.ok_or_else(|| missing(time.0))?;
        Ok(Self::new(kind, time, message_id.1, recipient.1))
    }

    /// The event: labels mapped, texts cut at a character within the limits, what does not apply to the kind left out.
    pub(crate) fn finish(self, mapping: &'a Mapping) -> Wire<'a> {
        use EventKind::{Clicked, Complained, Deferred, Delivered, Failed, Opened, Secured, Unsubscribed};
        let Labels { campaign, tags, metadata } = self.labels;
        let campaign = mapping.campaign(campaign, &tags, &metadata);
        let sender = [bare(self.sender), mapping.sender()].into_iter().find(is_sender).unwrap_or_default();
        let engaged = matches!(self.kind, Opened | Clicked);
        let explained = matches!(self.kind, Deferred | Failed | Complained | Unsubscribed | Delivered);
        Wire {
            event: Text(Cow::Borrowed(self.kind.name())),
            time: Time(self.time),
            message_id: Text(self.message_id),
            recipient: Text(self.recipient),
            event_id: Text(if self.event_id.len() <= MAX_EVENT_ID { self.event_id } else { Cow::default() }),
            sender: Text(sender),
            subject: Text(fit(self.subject, MAX_SUBJECT)),
            campaign: Text(fit(campaign, MAX_CAMPAIGN)),
            fields: Fields(mapping.fields(metadata)),
            machine: engaged.then_some(self.machine),
            class: Text(self.class.filter(|_| self.kind == Failed).map_or("", FailureClass::name).into()),
            method: Text(
                self.method.filter(|_| matches!(self.kind, Secured | Delivered)).map_or("", SecureMethod::name).into(),
            ),
            url: Text(if engaged { cut(self.url, MAX_URL) } else { Cow::default() }),
            reason: Text(if explained { cut(self.reason, MAX_REASON) } else { Cow::default() }),
        }
    }
}

/// The item of a draft, or of what keeps it from being one.
pub(super) fn drafted<'a>(draft: Result<Draft<'a>, Mismatch>, mapping: &'a Mapping) -> Item<'a> {
    draft.map_or_else(Item::Wrong, |draft| Item::Event(draft.finish(mapping)))
}

/// An item that is nothing of ours, by the provider's name of its type.
pub(super) fn ignored(name: Cow<'_, str>) -> Item<'_> {
    Item::Ignored(cut(name, MAX_TYPE))
}

/// What the provider's item lacks.
pub(super) fn missing(key: &str) -> Mismatch {
    Mismatch { code: "missing_field", field: Some(key.to_owned()), detail: "the provider's event has none".into() }
}

/// The address of a sender that is written with a name, `News <news@acme.example>`: other providers and other events write it alone.
fn bare(sender: Cow<'_, str>) -> Cow<'_, str> {
    let inside = |text: &str| {
        let end = text.trim_end().strip_suffix('>')?.len();
        let start = text[..end].rfind('<')? + 1;
        text[start..end].contains('@').then_some(start..end)
    };
    match (inside(&sender), sender) {
        (None, sender) => sender,
        (Some(range), Cow::Borrowed(sender)) => Cow::Borrowed(&sender[range]),
        (Some(range), Cow::Owned(sender)) => Cow::Owned(sender[range].to_owned()),
    }
}

/// Whether the sender says something that an event may say.
#[expect(clippy::ptr_arg, reason = "a predicate over an iterator of them")]
fn is_sender(sender: &Cow<'_, str>) -> bool {
    let is_told = |sender: &str| !schema::is_other(sender) && !schema::is_other(schema::domain_of(sender));
    !sender.is_empty() && schema::sender(sender).is_ok_and(|sender| is_told(&sender))
}

/// The text within the limit, without what is kept for ourselves at its beginning.
pub(super) fn fit(text: Cow<'_, str>, limit: usize) -> Cow<'_, str> {
    if !schema::is_other(&text) {
        return cut(text, limit);
    }
    match text {
        Cow::Borrowed(text) => cut(Cow::Borrowed(text.trim_start_matches(OTHER)), limit),
        Cow::Owned(text) => cut(Cow::Owned(text.trim_start_matches(OTHER).to_owned()), limit),
    }
}

/// The text, without what is beyond the limit.
pub(super) fn cut(text: Cow<'_, str>, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return text;
    }
    let end = text.floor_char_boundary(limit);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests;
