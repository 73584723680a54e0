//! JSON objects, however an archive keeps them: one a line, written over several lines, in an array, in an array a line.

use std::io::{self, BufRead};

use super::{Content, Piece, Pieces};

/// The objects of a source, each in one line. What surrounds objects – brackets, commas, white space – is left out, so that cutting can
/// begin behind any object. What is no object is a piece up to the end of its line.
pub(in super::super) struct Objects<R>(pub(in super::super) R);

impl<R: BufRead + Send> Pieces for Objects<R> {
    fn next(&mut self, body: &mut Vec<u8>, longest: usize) -> io::Result<Option<Piece>> {
        let begin = body.len();
        let mut piece = Piece { length: 0, lines: 0, line: 1, content: Content::Nothing };
        let mut scan = Scan::default();
        let mut ended = false;
        while !ended {
            let bytes = self.0.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let mut taken = 0;
            for byte in bytes {
                let step = scan.step(*byte);
                ended = matches!(step, Step::End | Step::KeepAndEnd | Step::EndBefore);
                if step == Step::EndBefore {
                    break;
                }
                if matches!(step, Step::Keep | Step::KeepAndEnd) {
                    if body.len() == begin {
                        piece.line = piece.lines + 1;
                    }
                    if body.len() - begin <= longest {
                        body.push(if *byte == b'\n' { b' ' } else { *byte });
                    }
                }
                taken += 1;
                piece.lines += u64::from(*byte == b'\n');
                if ended {
                    break;
                }
            }
            self.0.consume(taken);
            piece.length += taken as u64;
        }
        if piece.length == 0 {
            return Ok(None);
        }
        piece.content = Content::of(&body[begin..], longest);
        body.push(b'\n');
        Ok(Some(piece))
    }
}

/// What becomes of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It is left out.
    Skip,
    /// It belongs to the piece.
    Keep,
    /// It is the last of the piece.
    KeepAndEnd,
    /// It is left out, and the piece ends.
    End,
    /// The piece ends before it.
    EndBefore,
}

/// Where in a piece a byte stands.
#[derive(Debug, Default)]
enum Where {
    /// Before it.
    #[default]
    Before,
    /// In an object, so many brackets deep.
    Object(u64),
    /// In a text of an object.
    Text(u64),
    /// Behind a backslash in a text.
    Escaped(u64),
    /// In what is no object.
    Other,
}

#[derive(Debug, Default)]
struct Scan {
    place: Where,
    last: u8,
}

impl Scan {
    #[expect(clippy::match_same_arms, reason = "the arms stand by where the scan is")]
    fn step(&mut self, byte: u8) -> Step {
        use Where::{Before, Escaped, Object, Other, Text};
        let begins_line = self.last == b'\n';
        self.last = byte;
        let (place, step) = match (&self.place, byte) {
            // White space, what is between objects, and the mark that some programs begin a file with.
            (Before, b' ' | b'\t' | b'\r' | b'\n' | b'[' | b']' | b',' | 0xef | 0xbb | 0xbf) => (Before, Step::Skip),
            (Before, b'{') => (Object(1), Step::Keep),
            (Before, _) => (Other, Step::Keep),
            (Other, b'\n') => (Before, Step::End),
            (Other, _) => (Other, Step::Keep),
            // An object was cut off; the next one need not suffer for it.
            (Object(_), b'{') if begins_line => (Before, Step::EndBefore),
            (Object(depth), b'{' | b'[') => (Object(depth + 1), Step::Keep),
            (Object(1), b'}' | b']') => (Before, Step::KeepAndEnd),
            (Object(depth), b'}' | b']') => (Object(depth - 1), Step::Keep),
            (Object(depth), b'"') => (Text(*depth), Step::Keep),
            (Object(depth), _) => (Object(*depth), Step::Keep),
            // No text of JSON goes over a line's end.
            (Text(_) | Escaped(_), b'\n') => (Before, Step::End),
            (Text(depth), b'\\') => (Escaped(*depth), Step::Keep),
            (Text(depth), b'"') => (Object(*depth), Step::Keep),
            (Text(depth) | Escaped(depth), _) => (Text(*depth), Step::Keep),
        };
        self.place = place;
        step
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// The pieces with the numbers of their lines, cut from every place that a piece ends at; all ways must agree.
    fn cut(text: &str, longest: usize) -> Vec<(u64, String)> {
        let all = from(text, 0, 0, longest);
        for buffer in [1, 2, 7] {
            let mut pieces = Objects(BufReader::with_capacity(buffer, text.as_bytes()));
            let (mut offset, mut lines) = (0, 0);
            while let Some(piece) = pieces.next(&mut Vec::new(), longest).unwrap() {
                offset += usize::try_from(piece.length).unwrap();
                lines += piece.lines;
                let rest = from(text, offset, lines, longest);
                assert!(all.ends_with(&rest), "{rest:?}");
            }
            assert_eq!(offset, text.len());
        }
        all
    }

    fn from(text: &str, offset: usize, mut lines: u64, longest: usize) -> Vec<(u64, String)> {
        let mut pieces = Objects(BufReader::with_capacity(3, &text.as_bytes()[offset..]));
        let mut all = Vec::new();
        loop {
            let mut body = Vec::new();
            let Some(piece) = pieces.next(&mut body, longest).unwrap() else { return all };
            let told = match piece.content {
                Content::Event => String::from_utf8(body).unwrap(),
                Content::Nothing => String::new(),
                Content::TooLong => "too long".into(),
            };
            if !told.is_empty() {
                all.push((lines + piece.line, told));
            }
            lines += piece.lines;
        }
    }

    fn lines(all: &[(u64, String)]) -> Vec<(u64, &str)> {
        all.iter().map(|(line, text)| (*line, text.as_str())).collect()
    }

    #[test]
    fn objects_are_the_same_however_an_archive_keeps_them() {
        let (a, b) = (r#"{"a":[{"x":"}\"{"}]}"#, r#"{"b":1}"#);
        let (with_end_a, with_end_b) = (format!("{a}\n"), format!("{b}\n"));
        for text in [
            format!("{a}\n{b}\n"),
            format!("\u{feff}[{a},{b}]"),
            format!("[{a}]\r\n\n[{b}]\n"),
            format!("[\n  {a},\n  {b}\n]\n"),
            format!("{a}{b}"),
        ] {
            let all = cut(&text, 100);
            let texts: Vec<_> = all.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, [&with_end_a, &with_end_b], "{text}");
        }
    }

    #[test]
    fn an_object_over_several_lines_becomes_one_and_is_told_by_its_first() {
        assert_eq!(lines(&cut("\n{\n \"a\": 1\n}\n{}", 100)), [(2, "{  \"a\": 1 }\n"), (5, "{}\n")]);
    }

    #[test]
    fn what_is_broken_does_not_take_the_next_line_along() {
        let text = "{\"a\":{\"b\":1}\n{\"c\":2}\nnonsense {}\n{\"d\":\"cut o\n{\"e\":3}";
        let expected = [
            (1, "{\"a\":{\"b\":1} \n"),
            (2, "{\"c\":2}\n"),
            (3, "nonsense {}\n"),
            (4, "{\"d\":\"cut o\n"),
            (5, "{\"e\":3}\n"),
        ];
        assert_eq!(lines(&cut(text, 100)), expected);
    }

    #[test]
    fn an_object_that_is_too_long_is_left_out() {
        let text = format!("{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(100));
        assert_eq!(lines(&cut(&text, 20)), [(1, "too long"), (2, "{}\n")]);
    }
}
