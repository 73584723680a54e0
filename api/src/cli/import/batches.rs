//! Makes batches of the pieces of a source, and remembers which line is which piece of a batch.

use std::io;

use super::pieces::{Content, Pieces};

/// How large a batch and a line may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A batch is closed once it has this many bytes.
    pub(super) bytes: usize,
    /// A batch is closed once it has this many events.
    pub(super) events: usize,
    /// A longer line is left out and reported.
    pub(super) line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, events: 20_000, line: 1 << 20 }
    }
}

/// A place between two pieces of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The uncompressed bytes before it.
    pub(super) offset: u64,
    /// The lines before it; of a mailbox, the messages.
    pub(super) lines: u64,
}

/// A range of whole pieces.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Where it begins.
    pub(super) start: Place,
    /// Where it ends.
    pub(super) end: Place,
    /// Its pieces as they are sent.
    pub(super) body: Vec<u8>,
    /// The number of the line, or message, of each piece, counted from 1.
    pub(super) lines: Vec<u64>,
    /// The numbers of the lines that are too long.
    pub(super) too_long: Vec<u64>,
}

/// Cuts a source into batches.
pub(super) struct Cutter {
    pieces: Box<dyn Pieces>,
    limits: Limits,
    place: Place,
}

impl Cutter {
    /// Makes batches of the pieces; the first begins at `place`.
    pub(super) fn new(pieces: Box<dyn Pieces>, place: Place, limits: Limits) -> Self {
        Self { pieces, limits, place }
    }

    /// The next batch; `None` at the end of the source.
    pub(super) fn next(&mut self) -> io::Result<Option<Batch>> {
        let mut batch = Batch { start: self.place, ..Batch::default() };
        while batch.body.len() < self.limits.bytes && batch.lines.len() + batch.too_long.len() < self.limits.events {
            let begin = batch.body.len();
            let Some(piece) = self.pieces.next(&mut batch.body, self.limits.line)? else { break };
            let line = self.place.lines + piece.line;
            self.place.offset += piece.length;
            self.place.lines += piece.lines;
            match piece.content {
                Content::Event => batch.lines.push(line),
                Content::Nothing => batch.body.truncate(begin),
                Content::TooLong => {
                    batch.body.truncate(begin);
                    batch.too_long.push(line);
                }
            }
        }
        batch.end = self.place;
        Ok((batch.end != batch.start).then_some(batch))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use super::{super::pieces::Lines, *};

    const LIMITS: Limits = Limits { bytes: 12, events: 3, line: 8 };

    fn cut(text: &str, buffer: usize) -> Vec<Batch> {
        let reader = BufReader::with_capacity(buffer, Cursor::new(text.to_owned()));
        let mut cutter = Cutter::new(Box::new(Lines(reader)), Place::default(), LIMITS);
        std::iter::from_fn(|| cutter.next().unwrap()).collect()
    }

    fn bodies(batches: &[Batch]) -> Vec<&str> {
        batches.iter().map(|batch| std::str::from_utf8(&batch.body).unwrap()).collect()
    }

    #[test]
    fn batches_end_with_lines_and_join_without_a_gap() {
        let text = "aaaa\nbbbb\ncccc\ndd\nee\nff\ngg";
        for buffer in [1, 2, 3, 7, 64] {
            let batches = cut(text, buffer);
            assert_eq!(bodies(&batches), ["aaaa\nbbbb\ncccc\n", "dd\nee\nff\n", "gg\n"]);
            assert!(batches.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!(batches[2].end, Place { offset: text.len() as u64, lines: 7 });
            assert_eq!(batches[1].lines, [4, 5, 6]);
        }
    }

    #[test]
    fn blank_lines_are_left_out_and_counted() {
        let batches = cut("\n \r\na\r\n\n\nb\n", 4);
        assert_eq!(bodies(&batches), ["a\r\nb\n"]);
        assert_eq!(batches[0].lines, [3, 6]);
    }

    #[test]
    fn a_line_that_is_too_long_is_told_by_its_number_and_does_not_stop_the_others() {
        for buffer in [1, 5, 64] {
            let batches = cut("a\n123456789\n12345678\nb\n", buffer);
            assert_eq!(bodies(&batches), ["a\n12345678\n", "b\n"]);
            assert_eq!((batches[0].lines.as_slice(), batches[0].too_long.as_slice()), (&[1, 3][..], &[2][..]));
        }
    }

    #[test]
    fn lines_that_are_too_long_without_end_take_no_memory() {
        let text = "x".repeat(1000) + "\n" + &"y".repeat(1000);
        let batches = cut(&text, 16);
        assert_eq!((batches.len(), batches[0].too_long.as_slice()), (1, &[1, 2][..]));
        assert!(batches[0].body.is_empty() && batches[0].body.capacity() < 64);
        assert_eq!(batches[0].end.offset, 2001);
    }

    #[test]
    fn nothing_makes_no_batch() {
        assert!(cut("", 8).is_empty());
    }

    #[test]
    fn cutting_goes_on_where_it_was_told_to() {
        let start = Place { offset: 100, lines: 10 };
        let batch = Cutter::new(Box::new(Lines(&b"a\nb\n"[..])), start, LIMITS).next().unwrap().unwrap();
        assert_eq!((batch.start, batch.end), (start, Place { offset: 104, lines: 12 }));
        assert_eq!(batch.lines, [11, 12]);
    }
}
