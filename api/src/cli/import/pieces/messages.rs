//! The messages of a mailbox (mbox, RFC 4155).

use std::io::{self, BufRead};

use super::{Content, Piece, Pieces, read_line};

/// What a line before a message begins with.
pub(in super::super) const FROM: &[u8] = b"From ";

/// Messages with the line before each, and an empty one behind. Of a long one the beginning is kept: it says all that is asked.
pub(in super::super) struct Messages<R> {
    reader: R,
    /// The line before the next message, and its length in the source.
    held: Option<(Vec<u8>, u64)>,
}

impl<R: BufRead> Messages<R> {
    /// The messages of a mailbox.
    pub(in super::super) fn new(reader: R) -> Self {
        Self { reader, held: None }
    }
}

impl<R: BufRead + Send> Pieces for Messages<R> {
    fn next(&mut self, body: &mut Vec<u8>, longest: usize) -> io::Result<Option<Piece>> {
        let begin = body.len();
        let (mut line, mut length) = self.held.take().unwrap_or_default();
        while length == 0 || !line.starts_with(FROM) {
            line.clear();
            match read_line(&mut self.reader, &mut line, longest)? {
                0 if length == 0 => return Ok(None),
                0 => return Ok(Some(Piece { length, lines: 0, line: 1, content: Content::Nothing })),
                read => length += read,
            }
        }
        loop {
            let room = longest.saturating_sub(body.len() - begin);
            body.extend_from_slice(&line[..line.len().min(room)]);
            body.push(b'\n');
            let empty = matches!(line.as_slice(), b"" | b"\r");
            line.clear();
            match read_line(&mut self.reader, &mut line, longest)? {
                0 => break,
                read if empty && line.starts_with(FROM) => {
                    self.held = Some((line, read));
                    break;
                }
                read => length += read,
            }
            if body.len() - begin > longest {
                // The rest is read and dropped.
                body.truncate(begin + longest);
            }
        }
        body.extend_from_slice(b"\n\n");
        Ok(Some(Piece { length, lines: 1, line: 1, content: Content::Event }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn cut(text: &str, buffer: usize, longest: usize) -> Vec<(u64, String)> {
        let mut messages = Messages::new(BufReader::with_capacity(buffer, text.as_bytes()));
        std::iter::from_fn(|| {
            let mut body = Vec::new();
            let piece = messages.next(&mut body, longest).unwrap()?;
            Some((piece.length, String::from_utf8(body).unwrap()))
        })
        .collect()
    }

    #[test]
    fn a_mailbox_is_cut_before_each_from_line_that_follows_an_empty_one() {
        let text = "From a\nSubject: 1\n\nFrom: x\nFrom here\n\nFrom b\n\n";
        for buffer in [1, 3, 64] {
            let all = cut(text, buffer, 100);
            let texts: Vec<_> = all.iter().map(|(_, text)| text.trim_end()).collect();
            assert_eq!(texts, ["From a\nSubject: 1\n\nFrom: x\nFrom here", "From b"]);
            assert!(all.iter().all(|(_, text)| text.ends_with("\n\n")));
            assert_eq!(all[0].0, 38);
            assert_eq!(all.iter().map(|(length, _)| length).sum::<u64>(), text.len() as u64);
        }
    }

    #[test]
    fn of_a_long_message_the_beginning_is_kept() {
        let text = format!("From a\n{}\n{}\n\nFrom b\n", "x".repeat(50), "y\n".repeat(500));
        let all = cut(&text, 16, 60);
        assert_eq!(all.len(), 2);
        assert!(all[0].1.starts_with("From a\nxxx") && all[0].1.len() < 70 && all[0].1.ends_with("\n\n"));
        assert_eq!(all[1].1.trim_end(), "From b");
    }

    #[test]
    fn nothing_makes_no_message() {
        assert!(cut("", 8, 10).is_empty());
    }
}
