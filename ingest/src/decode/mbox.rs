//! Mailboxes in one file (mbox, RFC 4155, in the dialect mboxrd), cut into messages.

use std::borrow::Cow;

use super::BodyError;

/// What a line before a message begins with.
const FROM: &[u8] = b"From ";

/// Calls `take` with each message.
pub(crate) fn each_message(mbox: &[u8], limit: usize, mut take: impl FnMut(&[u8])) -> Result<(), BodyError> {
    let mbox = mbox.trim_ascii_start();
    if mbox.is_empty() {
        return Ok(());
    }
    if !mbox.starts_with(FROM) {
        return Err(BodyError::Malformed("the body is no mbox: it does not begin with `From `".into()));
    }
    let mut rest = mbox;
    for count in 1.. {
        if count > limit {
            return Err(BodyError::TooMany(limit));
        }
        let (message, after) = first(rest);
        take(&unquoted(message));
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    Ok(())
}

/// The first message, without the line before it, and what begins with the next such line: one that follows an empty line.
fn first(mbox: &[u8]) -> (&[u8], &[u8]) {
    let start = memchr::memchr(b'\n', mbox).map_or(mbox.len(), |end| end + 1);
    let mut blank = false;
    let mut line = start;
    while line < mbox.len() {
        if blank && mbox[line..].starts_with(FROM) {
            break;
        }
        let next = memchr::memchr(b'\n', &mbox[line..]).map_or(mbox.len(), |end| line + end + 1);
        blank = matches!(&mbox[line..next], b"\n" | b"\r\n");
        line = next;
    }
    (&mbox[start..line], &mbox[line..])
}

/// The message with one `>` less where a line of it began with `From `, or with `>From `.
fn unquoted(message: &[u8]) -> Cow<'_, [u8]> {
    let mut plain: Option<Vec<u8>> = None;
    let mut copied = 0;
    for found in memchr::memmem::find_iter(message, b">From ") {
        let line = found - message[..found].iter().rev().take_while(|byte| **byte == b'>').count();
        if line == 0 || message[line - 1] == b'\n' {
            let plain = plain.get_or_insert_default();
            plain.extend_from_slice(&message[copied..line]);
            copied = line + 1;
        }
    }
    match plain {
        None => Cow::Borrowed(message),
        Some(mut plain) => {
            plain.extend_from_slice(&message[copied..]);
            Cow::Owned(plain)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(mbox: &str) -> Result<Vec<String>, BodyError> {
        let mut all = Vec::new();
        each_message(mbox.as_bytes(), 3, |message| all.push(String::from_utf8(message.to_vec()).unwrap()))?;
        Ok(all)
    }

    #[test]
    fn a_message_begins_with_a_from_line_behind_an_empty_line() {
        let mbox = "\nFrom a Sat Nov 21\nSubject: 1\n\ntext\nFrom here on\n\nFrom b\r\nSubject: 2\r\n\r\nFrom c\n";
        assert_eq!(messages(mbox).unwrap(), ["Subject: 1\n\ntext\nFrom here on\n\n", "Subject: 2\r\n\r\n", ""]);
        assert_eq!(messages(" \n").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn one_quote_is_taken_off_lines_that_were_quoted() {
        let mbox = "From a\n>From x\n\n>>From y\n> From z\nw >From v\n";
        assert_eq!(messages(mbox).unwrap(), ["From x\n\n>From y\n> From z\nw >From v\n"]);
    }

    #[test]
    fn the_work_grows_with_the_bytes() {
        for piece in [">From ", ">", "\n>", "From "] {
            let mbox = format!("From a\n{}", piece.repeat((8 << 20) / piece.len()));
            assert_eq!(messages(&mbox).unwrap().len(), 1);
        }
    }

    #[test]
    fn what_is_no_mailbox_or_has_too_many_messages_is_refused() {
        assert!(matches!(messages("Subject: 1\n\n"), Err(BodyError::Malformed(_))));
        assert_eq!(messages(&"From a\n\n".repeat(4)), Err(BodyError::TooMany(3)));
    }
}
