//! The form of an accepted body on disk: a checksummed frame with a head, the texts that its events share, and the events.
//!
//! A frame is `length: u32 LE`, `crc32c: u32 LE` of the payload, payload. The payload is a version byte, then in postcard form the
//! head, the texts that repeat from event to event, the sets of custom fields made of them, and the events one after the other.

use foldhash::fast::RandomState;
use indexmap::IndexSet;
use schema::{AccountId, Event, EventKind, FailureClass, Millis, SecureMethod};
use serde::{Deserialize, Serialize};

/// Bytes before the payload.
pub(crate) const FRAME: usize = 8;
/// No payload is longer: a length beyond it is not a length but damage.
pub(crate) const MAX_PAYLOAD: usize = 512 << 20;
/// So many bytes are collected of a body. Only notices that speak of many recipients at once, at length, come to more.
pub(crate) const MAX_RECORD: usize = 128 << 20;
const VERSION: u8 = 3;
/// The version before, whose head names no source: what waited when Postlens was brought to this version.
const WITHOUT_SOURCE: u8 = 2;

/// What is said of a record's events as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) account: AccountId,
    pub(crate) accepted_at: Millis,
    pub(crate) events: u32,
    /// The source by whose webhook they came; empty when they came another way.
    pub(crate) source: Box<str>,
}

/// What the events of a record share.
#[derive(Debug, Deserialize)]
pub(crate) struct Shared<'a> {
    /// The first is the empty one.
    #[serde(borrow)]
    pub(crate) texts: Vec<&'a str>,
    /// Names and values by their places in `texts`, sorted by name; the first set is the empty one.
    pub(crate) fields: Vec<Vec<(u32, u32)>>,
}

/// An event as it is stored: what repeats is a place in [`Shared`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored<'a> {
    pub(crate) kind: EventKind,
    pub(crate) time: Millis,
    pub(crate) message_id: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) event_id: &'a str,
    pub(crate) sender: u32,
    pub(crate) subject: u32,
    pub(crate) campaign: u32,
    pub(crate) fields: u32,
    pub(crate) machine: bool,
    pub(crate) class: Option<FailureClass>,
    pub(crate) method: Option<SecureMethod>,
    pub(crate) url: &'a str,
    pub(crate) reason: &'a str,
}

impl<'a> Stored<'a> {
    /// The event as far as its identity needs it.
    pub(crate) fn named(&self) -> Event<'a> {
        Event {
            kind: self.kind,
            time: self.time,
            message_id: self.message_id,
            recipient: self.recipient,
            event_id: self.event_id,
            sender: "",
            subject: "",
            campaign: "",
            fields: Vec::new(),
            machine: self.machine,
            class: self.class,
            method: self.method,
            url: self.url,
            reason: self.reason,
        }
    }
}

/// The bytes are no record of this version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the record has version {0}, this Postlens writes version {VERSION}")]
    Version(u8),
    #[error("the record's contents cannot be decoded")]
    Contents(#[from] postcard::Error),
    #[error("the record speaks of a text that it does not have")]
    Text,
    #[error("the record is empty")]
    Empty,
}

/// A record as it lies in the spool.
pub(crate) struct Record<'a> {
    pub(crate) head: Head,
    pub(crate) shared: Shared<'a>,
    events: &'a [u8],
}

/// Collects the accepted events of a body.
#[derive(Debug)]
pub(crate) struct RecordBuilder {
    texts: IndexSet<Box<str>, RandomState>,
    fields: IndexSet<Box<[(u32, u32)]>, RandomState>,
    /// The set that is being looked up.
    set: Vec<(u32, u32)>,
    /// What stood in each place of the event before: most texts stand there again.
    before: Vec<u32>,
    events: Vec<u8>,
    /// Bytes of the texts and sets, at most.
    shared: usize,
    count: u32,
    source: Box<str>,
}

impl Default for RecordBuilder {
    fn default() -> Self {
        Self::for_body(0)
    }
}

impl RecordBuilder {
    /// Starts with room for a body of this many bytes: the binary form is shorter.
    pub(crate) fn for_body(bytes: usize) -> Self {
        Self {
            texts: std::iter::once(Box::default()).collect(),
            fields: std::iter::once(Box::default()).collect(),
            set: Vec::new(),
            before: Vec::new(),
            events: Vec::with_capacity(bytes / 2),
            shared: 0,
            count: 0,
            source: Box::default(),
        }
    }

    /// Tells by which source the events came.
    #[must_use]
    pub(crate) fn of_source(self, source: &str) -> Self {
        Self { source: source.into(), ..self }
    }

    pub(crate) fn push(&mut self, event: &Event<'_>) {
        let stored = Stored {
            kind: event.kind,
            time: event.time,
            message_id: event.message_id,
            recipient: event.recipient,
            event_id: event.event_id,
            sender: self.text(event.sender, 0),
            subject: self.text(event.subject, 1),
            campaign: self.text(event.campaign, 2),
            fields: self.fields(&event.fields),
            machine: event.machine,
            class: event.class,
            method: event.method,
            url: event.url,
            reason: event.reason,
        };
        self.events = postcard::to_extend(&stored, std::mem::take(&mut self.events)).expect(ENCODABLE);
        self.count += 1;
    }

    /// The number of a text that stands in this place of an event.
    fn text(&mut self, text: &str, place: usize) -> u32 {
        if place >= self.before.len() {
            self.before.resize(place + 1, 0);
        }
        let before = self.before[place];
        if self.texts.get_index(before as usize).is_some_and(|known| **known == *text) {
            return before;
        }
        let number = self.texts.get_index_of(text).unwrap_or_else(|| {
            self.shared += NUMBER + text.len();
            self.texts.insert_full(text.into()).0
        });
        let number = u32::try_from(number).expect("bodies are limited far below 4 GiB");
        self.before[place] = number;
        number
    }

    fn fields(&mut self, fields: &[(&str, &str)]) -> u32 {
        if fields.is_empty() {
            return 0;
        }
        let mut set = std::mem::take(&mut self.set);
        set.clear();
        let numbered = (3..).step_by(2).zip(fields);
        set.extend(numbered.map(|(place, (name, value))| (self.text(name, place), self.text(value, place + 1))));
        let place = self.fields.get_index_of(&set[..]).unwrap_or_else(|| {
            self.shared += NUMBER + set.len() * 2 * NUMBER;
            self.fields.insert_full(set[..].into()).0
        });
        self.set = set;
        u32::try_from(place).expect("bodies are limited far below 4 GiB")
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether it has all that may be collected: nothing more is to be pushed then, and it is not to be finished.
    pub(crate) fn is_full(&self) -> bool {
        self.events.len() + self.shared > MAX_RECORD
    }

    /// The framed record.
    pub(crate) fn finish(self, account: &AccountId, accepted_at: Millis) -> Vec<u8> {
        let head = Head { account: account.clone(), accepted_at, events: self.count, source: self.source };
        let mut frame = vec![0; FRAME];
        frame.reserve(self.events.len() + 40 * self.texts.len() + 1000);
        frame.push(VERSION);
        let texts: Vec<&str> = self.texts.iter().map(|text| &**text).collect();
        let fields: Vec<&[(u32, u32)]> = self.fields.iter().map(|set| &**set).collect();
        frame = postcard::to_extend(&(head, texts, fields), frame).expect(ENCODABLE);
        frame.extend_from_slice(&self.events);
        let length = u32::try_from(frame.len() - FRAME).expect("bodies are limited far below 4 GiB");
        let crc = crc32c::crc32c(&frame[FRAME..]);
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..FRAME].copy_from_slice(&crc.to_le_bytes());
        frame
    }
}

/// The longest form of a number of 32 bits.
const NUMBER: usize = 5;

const ENCODABLE: &str = "nothing of a record is a map of unknown length, the only thing that postcard refuses";

/// The payload of the frame at the start of `bytes` when it is whole and undamaged.
pub(crate) fn payload(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > MAX_PAYLOAD {
        return None;
    }
    let payload = rest.get(..length)?;
    (crc32c::crc32c(payload) == u32::from_le_bytes(*crc)).then_some(payload)
}

/// A record's head alone, and what follows it.
pub(crate) fn open(payload: &[u8]) -> Result<(Head, &[u8]), RecordError> {
    let (version, rest) = payload.split_first().ok_or(RecordError::Empty)?;
    match *version {
        VERSION => Ok(postcard::take_from_bytes(rest)?),
        WITHOUT_SOURCE => {
            let ((account, accepted_at, events), rest) = postcard::take_from_bytes(rest)?;
            Ok((Head { account, accepted_at, events, source: Box::default() }, rest))
        }
        other => Err(RecordError::Version(other)),
    }
}

impl<'a> Record<'a> {
    /// Reads everything but the events.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, RecordError> {
        let (head, rest) = open(payload)?;
        let (shared, events) = postcard::take_from_bytes(rest)?;
        Ok(Self { head, shared, events })
    }

    /// Calls `take` with each event.
    pub(crate) fn each_event(
        &self,
        mut take: impl FnMut(Stored<'a>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let mut events = self.events;
        for _ in 0..self.head.events {
            let (event, rest) = postcard::take_from_bytes(events)?;
            events = rest;
            take(event)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[test]
    fn what_events_share_is_stored_once() {
        let event = event(EventKind::Queued, "m", 7);
        let fields = vec![("payer", "p7")];
        let event = Event { event_id: "e", sender: "s", subject: "a subject", fields, ..event };
        let mut record = RecordBuilder::default();
        record.push(&event);
        record.push(&Event { campaign: "a subject", fields: Vec::new(), ..event });
        let frame = record.finish(&"a".parse().expect("a name"), Millis(7));
        let record = Record::read(payload(&frame).expect("a whole frame")).expect("what was written can be read");
        assert_eq!(record.shared.texts, ["", "s", "a subject", "payer", "p7"]);
        assert_eq!(record.shared.fields, [vec![], vec![(3, 4)]]);
        let mut seen = Vec::new();
        record
            .each_event(|event| {
                seen.push((event.sender, event.subject, event.campaign, event.fields, event.recipient));
                Ok(())
            })
            .expect("the events can be read");
        assert_eq!(seen, [(1, 2, 0, 1, "a@b.c"), (1, 2, 2, 0, "a@b.c")]);
    }

    #[test]
    fn a_record_of_the_version_before_is_read_and_of_no_source() {
        let mut record = RecordBuilder::default();
        record.push(&event(EventKind::Queued, "m", 7));
        let account: AccountId = "a".parse().expect("a name");
        let frame = record.of_source("s1").finish(&account, Millis(7));
        let (head, events) = open(payload(&frame).expect("a whole frame")).expect("it is of this version");
        assert_eq!(&*head.source, "s1");
        let mut before = vec![WITHOUT_SOURCE];
        before = postcard::to_extend(&(&head.account, head.accepted_at, head.events), before).expect(ENCODABLE);
        before.extend_from_slice(events);
        let record = Record::read(&before).expect("it is of the version before");
        assert_eq!(record.head, Head { source: Box::default(), ..head });
        let mut messages = Vec::new();
        let read = record.each_event(|event| {
            messages.push(event.message_id);
            Ok(())
        });
        assert!(read.is_ok() && messages == ["m"]);
        assert!(matches!(open(&[VERSION + 1]), Err(RecordError::Version(_))));
    }
}
