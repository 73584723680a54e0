//! An item on its way to an event: typed by its decoder, mapped and cut to the limits of an event.

use std::borrow::Cow;

use schema::{EventKind, FailureClass, Millis, SecureMethod};

use super::{
    super::Wire,
    super::wire::{Fields, Text, Time},
    mapping::{Labels, Mapping},
};
use crate::accept::{MAX_CAMPAIGN, MAX_EVENT_ID, MAX_REASON, MAX_SUBJECT, MAX_URL};

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

    /// The event: labels mapped, texts cut at a character within the limits, what does not apply to the kind left out.
    pub(crate) fn finish(self, mapping: &'a Mapping) -> Wire<'a> {
        use EventKind::{Clicked, Complained, Deferred, Delivered, Failed, Opened, Secured, Unsubscribed};
        let Labels { campaign, tags, metadata } = self.labels;
        let campaign = mapping.campaign(campaign, &tags, &metadata);
        let sender = if self.sender.is_empty() { mapping.sender() } else { self.sender };
        let engaged = matches!(self.kind, Opened | Clicked);
        let explained = matches!(self.kind, Deferred | Failed | Complained | Unsubscribed | Delivered);
        Wire {
            event: Text(Cow::Borrowed(self.kind.name())),
            time: Time(self.time),
            message_id: Text(self.message_id),
            recipient: Text(self.recipient),
            event_id: Text(if self.event_id.len() <= MAX_EVENT_ID { self.event_id } else { Cow::default() }),
            sender: Text(sender),
            subject: Text(cut(self.subject, MAX_SUBJECT)),
            campaign: Text(cut(campaign, MAX_CAMPAIGN)),
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
