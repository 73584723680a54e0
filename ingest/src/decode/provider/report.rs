//! Messages that report on another message: multipart/report (RFC 6522), as feedback reports and delivery status notifications are.
//!
//! Such a message has a part for people, a part of fields for programs, and the message that it is about, or its headers. Only the
//! structure down to these is read: nothing that lies deeper, and no more of a message than its head. So the work grows with the
//! bytes and not with what a stranger nests in them.

mod fields;
mod parts;

use std::borrow::Cow;

use mail_parser::decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode};
use schema::Millis;

pub(super) use self::fields::{Fields, address};
use self::parts::parts;
use super::{super::Mismatch, Item, draft::cut};

/// So long are the names by which ignored items are counted.
const MAX_NAME: usize = 64;
/// Multiparts in multiparts and messages in messages that are looked into: a report that a mailbox forwarded lies a few levels deep.
const DEPTH: usize = 6;

/// A report.
#[derive(Debug)]
pub(super) struct Report {
    /// The part for programs.
    fields: Vec<u8>,
    /// When the report was made.
    pub(super) date: Option<Millis>,
    /// The id of the message that the report answers, if it says so.
    pub(super) in_reply_to: Option<String>,
    /// The message that it is about.
    pub(super) original: Original,
}

/// What is known of the message that a report is about. Absent texts are empty.
#[derive(Debug, Default)]
pub(super) struct Original {
    pub(super) message_id: Option<String>,
    pub(super) sender: String,
    pub(super) subject: String,
    /// Its recipient, where it names just one.
    pub(super) recipient: Option<String>,
}

impl Report {
    /// The report in a message, with its fields in a part of one of these types; `None` when there is none.
    pub(super) fn read(message: &[u8], types: &'static [&'static str]) -> Option<Self> {
        let mut walk = Walk { types, report: None, seen_original: false };
        walk.message(message, DEPTH);
        walk.report
    }

    /// The blocks of fields of the part for programs.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Fields<'_>> {
        let mut rest = self.fields.as_slice();
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let (block, after) = Fields::read(rest);
                rest = after;
                if !block.is_empty() {
                    return Some(block);
                }
            }
            None
        })
    }
}

impl Original {
    /// Out of the message, or its headers.
    pub(super) fn read(message: &[u8]) -> Self {
        let (head, _) = Fields::read(message);
        Self {
            message_id: head.message_id("Message-ID"),
            sender: head.addresses("From").into_iter().next().unwrap_or_default(),
            subject: head.decoded("Subject").unwrap_or_default(),
            recipient: recipient(&head),
        }
    }
}

/// Microsoft names the recipient in a header of its own. Of several addresses in `To`, nobody knows which one it was.
fn recipient(head: &Fields<'_>) -> Option<String> {
    if let Some(named) = head.text("X-HmXmrOriginalRecipient").and_then(|text| address(&text)) {
        return Some(named);
    }
    match head.addresses("To").as_slice() {
        [one] => address(one),
        _ => None,
    }
}

/// What a report lacks.
pub(super) fn missing(field: &str, detail: &str) -> Mismatch {
    Mismatch { code: "missing_field", field: Some(field.to_owned()), detail: detail.to_owned() }
}

/// What is none of our events, by its name in the report.
pub(super) fn ignored(name: String) -> Item<'static> {
    Item::Ignored(cut(name.into(), MAX_NAME))
}

/// A way through the parts of a message, in their order, until everything is found.
struct Walk {
    types: &'static [&'static str],
    report: Option<Report>,
    seen_original: bool,
}

impl Walk {
    fn message(&mut self, message: &[u8], depth: usize) {
        let (head, body) = Fields::read(message);
        self.entity(&head, &head, body, depth);
    }

    /// Looks into a part with this head; the message that it belongs to has the head `message`.
    fn entity(&mut self, message: &Fields<'_>, head: &Fields<'_>, body: &[u8], depth: usize) {
        let (media_type, boundary) = head.media_type();
        if media_type.starts_with("multipart/") {
            let inside = boundary.filter(|_| depth > 0);
            for part in inside.iter().flat_map(|boundary| parts(body, boundary.as_bytes())) {
                if self.seen_original {
                    return;
                }
                let (head, body) = Fields::read(part);
                self.entity(message, &head, body, depth - 1);
            }
        } else if self.types.contains(&media_type.as_str()) {
            self.fields(message, decoded(head, body).into_owned());
        } else if matches!(media_type.as_str(), "message/rfc822" | "message/global") {
            match (&self.report, depth) {
                (Some(_), _) => self.original(&decoded(head, body)),
                // Perhaps a report that was forwarded.
                (None, 1..) => self.message(&decoded(head, body), depth - 1),
                (None, 0) => {}
            }
        } else if is_head(&media_type) && self.report.is_some() {
            self.original(&decoded(head, body));
        }
    }

    fn fields(&mut self, message: &Fields<'_>, fields: Vec<u8>) {
        if self.report.is_none() {
            self.report = Some(Report {
                fields,
                date: message.date("Date"),
                in_reply_to: message.message_id("In-Reply-To"),
                original: Original::default(),
            });
        }
    }

    fn original(&mut self, message: &[u8]) {
        if let Some(report) = self.report.as_mut().filter(|_| !self.seen_original) {
            report.original = Original::read(message);
            self.seen_original = true;
        }
    }
}

/// The types of a part that holds the head of a message alone.
fn is_head(media_type: &str) -> bool {
    matches!(media_type, "text/rfc822-headers" | "message/rfc822-headers" | "message/global-headers")
}

/// The content of a part, as it is when its encoding is broken.
fn decoded<'b>(head: &Fields<'_>, body: &'b [u8]) -> Cow<'b, [u8]> {
    let encoding = head.text("Content-Transfer-Encoding").unwrap_or_default();
    let decoded = match () {
        () if encoding.eq_ignore_ascii_case("base64") => base64_decode(body),
        () if encoding.eq_ignore_ascii_case("quoted-printable") => quoted_printable_decode(body),
        () => None,
    };
    match decoded {
        Some(mut bytes) => {
            // The last field ends with its line.
            bytes.push(b'\n');
            Cow::Owned(bytes)
        }
        None => Cow::Borrowed(body),
    }
}

#[cfg(test)]
pub(super) mod tests;
