//! Splits SQL into tokens, just far enough to find a statement's kind and its clauses: strings, quoted names and
//! comments are recognised so that nothing inside them is mistaken for a keyword.

/// A piece of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a bare name or number.
    Word,
    /// A name in backticks or double quotes, or a string.
    Quoted,
    /// An opening bracket of any sort.
    Open,
    /// A closing bracket of any sort.
    Close,
    /// `;`
    Semicolon,
    /// Anything else, one byte.
    Other,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'s> {
    pub(crate) kind: Kind,
    pub(crate) text: &'s [u8],
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Where the token ends.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether this is a bare word, in any case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }
}

/// An iterator over the tokens of `sql`, from its start.
pub(crate) struct Tokens<'s> {
    sql: &'s [u8],
    at: usize,
}

impl<'s> Tokens<'s> {
    /// Starts at the beginning.
    pub(crate) fn new(sql: &'s [u8]) -> Self {
        Self { sql, at: 0 }
    }

    fn rest(&self) -> &'s [u8] {
        &self.sql[self.at..]
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let skipped = match rest {
                [first, ..] if first.is_ascii_whitespace() || matches!(first, 0 | 0x0b) => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => line(rest),
                [b'/', b'*', ..] => memchr::memmem::find(&rest[2..], b"*/").map_or(rest.len(), |at| at + 4),
                _ => return,
            };
            self.at += skipped;
        }
    }
}

fn line(rest: &[u8]) -> usize {
    memchr::memchr(b'\n', rest).unwrap_or(rest.len())
}

impl<'s> Iterator for Tokens<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        self.skip_blanks();
        let rest = self.rest();
        let (kind, length) = match *rest.first()? {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | 0x80.. => (Kind::Word, word(rest)),
            quote @ (b'\'' | b'"' | b'`') => (Kind::Quoted, quoted(rest, quote)),
            b'$' => match heredoc(rest) {
                Some(length) => (Kind::Quoted, length),
                None => (Kind::Other, 1),
            },
            b'(' | b'[' | b'{' => (Kind::Open, 1),
            b')' | b']' | b'}' => (Kind::Close, 1),
            b';' => (Kind::Semicolon, 1),
            _ => (Kind::Other, 1),
        };
        let token = Token { kind, text: &rest[..length], start: self.at };
        self.at += length;
        Some(token)
    }
}

fn word(rest: &[u8]) -> usize {
    rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | 0x80..))).unwrap_or(rest.len())
}

/// Length of a quoted piece, to the end of the text if it is not closed. A backslash escapes, a doubled quote stands for itself.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of `$tag$ … $tag$`, if this is one.
fn heredoc(rest: &[u8]) -> Option<usize> {
    let tag_end = 1 + word(&rest[1..]);
    if rest.get(tag_end) != Some(&b'$') {
        return None;
    }
    let tag = &rest[..=tag_end];
    let body = memchr::memmem::find(&rest[tag.len()..], tag)?;
    Some(body + 2 * tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sql: &str) -> Vec<String> {
        Tokens::new(sql.as_bytes())
            .filter(|token| token.kind == Kind::Word)
            .map(|token| String::from_utf8_lossy(token.text).into_owned())
            .collect()
    }

    #[test]
    fn words_inside_strings_names_and_comments_do_not_count() {
        let sql = "SELECT 'a FORMAT \\' b', \"FORMAT\", `FORMAT ``x`, $$FORMAT$$, $t$ ' FORMAT $t$ -- FORMAT\n/* FORMAT ' */ # FORMAT\nFROM t";
        assert_eq!(words(sql), ["SELECT", "FROM", "t"]);
    }

    #[test]
    fn an_unclosed_piece_ends_with_the_text() {
        for sql in ["SELECT 'abc", "SELECT 'abc\\", "SELECT /* abc", "SELECT -- abc", "SELECT `"] {
            assert_eq!(words(sql), ["SELECT"], "{sql}");
        }
    }
}
