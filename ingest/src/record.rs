//! The form of an accepted body on disk: a checksummed frame with a head and the events in a compact binary form.
//!
//! A frame is `length: u32 LE`, `crc32c: u32 LE` of the payload, payload. The payload is a version byte, then in postcard form the
//! head and the events one after the other.

use schema::{AccountId, Event, Millis};
use serde::{Deserialize, Serialize};

/// Bytes before the payload.
pub(crate) const FRAME: usize = 8;
/// No payload is longer: a length beyond it is not a length but damage.
pub(crate) const MAX_PAYLOAD: usize = 512 << 20;
const VERSION: u8 = 1;

/// What is said of a record's events as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) account: AccountId,
    pub(crate) accepted_at: Millis,
    pub(crate) events: u32,
}

/// The bytes are no record of this version.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the record has version {0}, this Postlens writes version {VERSION}")]
    Version(u8),
    #[error("the record's contents cannot be decoded")]
    Contents(#[from] postcard::Error),
    #[error("the record is empty")]
    Empty,
}

/// Collects the accepted events of a body.
#[derive(Debug, Default)]
pub(crate) struct RecordBuilder {
    events: Vec<u8>,
    count: u32,
}

impl RecordBuilder {
    /// Starts with room for a body of this many bytes: the binary form is shorter.
    pub(crate) fn for_body(bytes: usize) -> Self {
        Self { events: Vec::with_capacity(bytes / 2), count: 0 }
    }

    pub(crate) fn push(&mut self, event: &Event<'_>) {
        self.events = postcard::to_extend(event, std::mem::take(&mut self.events))
            .expect("events have no map of unknown length, the only thing that postcard refuses");
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The framed record.
    pub(crate) fn finish(self, account: &AccountId, accepted_at: Millis) -> Vec<u8> {
        let head = Head { account: account.clone(), accepted_at, events: self.count };
        let mut frame = vec![0; FRAME];
        frame.reserve(self.events.len() + 100);
        frame.push(VERSION);
        frame = postcard::to_extend(&head, frame).expect("a head has no map of unknown length");
        frame.extend_from_slice(&self.events);
        let length = u32::try_from(frame.len() - FRAME).expect("bodies are limited far below 4 GiB");
        let crc = crc32c::crc32c(&frame[FRAME..]);
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame[4..FRAME].copy_from_slice(&crc.to_le_bytes());
        frame
    }
}

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

/// A record's head, and its events in binary form.
pub(crate) fn open(payload: &[u8]) -> Result<(Head, &[u8]), RecordError> {
    let (version, rest) = payload.split_first().ok_or(RecordError::Empty)?;
    if *version != VERSION {
        return Err(RecordError::Version(*version));
    }
    Ok(postcard::take_from_bytes(rest)?)
}

/// Calls `take` with each event of a record.
pub(crate) fn each_event<'a>(
    head: &Head,
    mut events: &'a [u8],
    mut take: impl FnMut(Event<'a>),
) -> Result<(), RecordError> {
    for _ in 0..head.events {
        let (event, rest) = postcard::take_from_bytes(events)?;
        events = rest;
        take(event);
    }
    Ok(())
}
