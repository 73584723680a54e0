//! What a source is cut into: lines, JSON objects, or the messages of a mailbox.

mod messages;
mod objects;

use std::io::{self, BufRead};

pub(super) use self::{
    messages::{FROM, Messages},
    objects::Objects,
};

/// A source in pieces.
pub(super) trait Pieces: Send {
    /// Appends the next piece as it is to be sent; `None` at the end. Of one that is too long, little more than `longest` is appended.
    fn next(&mut self, body: &mut Vec<u8>, longest: usize) -> io::Result<Option<Piece>>;
}

/// What was taken from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its bytes in the source, with what is left out around it.
    pub(super) length: u64,
    /// The lines that end in these bytes; of a mailbox, messages.
    pub(super) lines: u64,
    /// In which of these lines it begins, counted from 1.
    pub(super) line: u64,
    /// What it is.
    pub(super) content: Content,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// One event, or what tells of events.
    Event,
    /// Empty.
    Nothing,
    /// Longer than is allowed.
    TooLong,
}

impl Content {
    fn of(text: &[u8], longest: usize) -> Self {
        if text.len() > longest {
            Self::TooLong
        } else if text.trim_ascii().is_empty() {
            Self::Nothing
        } else {
            Self::Event
        }
    }
}

/// Lines, as they are.
pub(super) struct Lines<R>(pub(super) R);

impl<R: BufRead + Send> Pieces for Lines<R> {
    fn next(&mut self, body: &mut Vec<u8>, longest: usize) -> io::Result<Option<Piece>> {
        let begin = body.len();
        // One byte more than is allowed is kept, so that the length of what is kept tells the line that is too long.
        let length = read_line(&mut self.0, body, longest + 1)?;
        if length == 0 {
            return Ok(None);
        }
        let content = Content::of(&body[begin..], longest);
        body.push(b'\n');
        Ok(Some(Piece { length, lines: 1, line: 1, content }))
    }
}

/// Appends a line without its end, no more than `room` bytes of it; answers its length in the source, 0 at the end.
fn read_line(reader: &mut impl BufRead, body: &mut Vec<u8>, room: usize) -> io::Result<u64> {
    let begin = body.len();
    let mut length = 0;
    loop {
        let bytes = reader.fill_buf()?;
        let newline = memchr::memchr(b'\n', bytes);
        let taken = newline.map_or(bytes.len(), |place| place + 1);
        let room = room.saturating_sub(body.len() - begin);
        body.extend_from_slice(&bytes[..newline.unwrap_or(taken).min(room)]);
        reader.consume(taken);
        length += taken as u64;
        if newline.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}
