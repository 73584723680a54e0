//! The fields at the head of a message or of a part, and in the blocks of a report.

use std::borrow::Cow;

use mail_parser::{Address, DateTime, HeaderValue, parsers::MessageStream};
use memchr::memchr;
use schema::Millis;

use super::super::draft::cut;

/// So much of a head is read. Mail servers refuse heads half as long.
const MAX_HEAD: usize = 256 << 10;
/// So much of a field's text is looked at.
const MAX_TEXT: usize = 4096;

/// A head, or a block of fields: the name of each and what follows its colon, as it stands. A field is read as what it is when it is asked
/// for, and then no more than its beginning: a report has many fields and needs few.
#[derive(Debug)]
pub(in super::super) struct Fields<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Fields<'a> {
    /// The fields up to the first empty line, and what follows it. What is no field is passed over.
    pub(in super::super) fn read(bytes: &'a [u8]) -> (Self, &'a [u8]) {
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        let bytes = &bytes[start..];
        let head = &bytes[..bytes.len().min(MAX_HEAD)];
        let (mut fields, mut place) = (Vec::with_capacity(16), 0);
        while place < head.len() {
            let line = &head[place..line_end(head, place)];
            let mut end = place + line.len();
            if line.trim_ascii().is_empty() {
                place = end;
                break;
            }
            while matches!(head.get(end), Some(b' ' | b'\t')) {
                end = line_end(head, end);
            }
            if let Some(colon) = memchr(b':', line) {
                fields.push((line[..colon].trim_ascii(), &head[place + colon + 1..end]));
            }
            place = end;
        }
        (Self(fields), &bytes[place..])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts of the fields of a name, each in one line.
    pub(in super::super) fn texts(&self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let named = self.0.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| unfolded(value)).filter(|text| !text.is_empty())
    }

    /// The text of the first field of a name.
    pub(in super::super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.texts(name).next()
    }

    /// A time.
    pub(in super::super) fn date(&self, name: &str) -> Option<Millis> {
        let date = DateTime::parse_rfc822(&self.text(name)?).filter(DateTime::is_valid)?;
        Some(Millis(date.to_timestamp() * 1000))
    }

    /// A message id, the first of several; some leave out what surrounds it.
    pub(in super::super) fn message_id(&self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let inside = text.split_once('<').map(|(_, rest)| rest.split_once('>').map_or(rest, |(id, _)| id));
        let id = inside.or_else(|| text.split(' ').next()).unwrap_or_default().trim();
        Some(id.to_owned()).filter(|id| !id.is_empty())
    }

    /// A text with its encoded words (RFC 2047) decoded.
    pub(super) fn decoded(&self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if !text.contains("=?") {
            return Some(text.into_owned());
        }
        match MessageStream::new(line(&text).as_bytes()).parse_unstructured() {
            HeaderValue::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    /// The addresses, without names.
    pub(super) fn addresses(&self, name: &str) -> Vec<String> {
        let Some(text) = self.text(name) else { return Vec::new() };
        if is_bare_address(&text) {
            return vec![text.into_owned()];
        }
        parsed_addresses(&text)
    }

    /// The type in lower case, and the boundary of a multipart.
    pub(super) fn media_type(&self) -> (String, Option<String>) {
        let Some(text) = self.text("Content-Type") else { return ("text/plain".into(), None) };
        if let Some(name) = usual_type(&text) {
            return (name, None);
        }
        parsed_type(&text).unwrap_or_else(|| ("text/plain".into(), None))
    }
}

/// Where the line that goes on at a place ends, with what ends it.
fn line_end(bytes: &[u8], place: usize) -> usize {
    memchr(b'\n', &bytes[place..]).map_or(bytes.len(), |end| place + end + 1)
}

/// A field's text in one line: nothing at its ends, and one space where it has any.
fn unfolded(value: &[u8]) -> Cow<'_, str> {
    let value = value.trim_ascii();
    let text = simdutf8::basic::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed);
    let text = cut(text, MAX_TEXT);
    let spaced = |pair: &[u8]| pair[0].is_ascii_whitespace() && (pair[0] != b' ' || pair[1].is_ascii_whitespace());
    if text.as_bytes().windows(2).any(spaced) || text.ends_with(' ') {
        Cow::Owned(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        text
    }
}

/// The type of what is no multipart, in lower case, if it is written as usual; then nothing else in the field is of use.
fn usual_type(text: &str) -> Option<String> {
    let name = text.split(';').next().unwrap_or_default();
    let (kind, subtype) = name.split_once('/')?;
    let is_multipart = kind.eq_ignore_ascii_case("multipart");
    (is_word(kind) && is_word(subtype) && !is_multipart).then(|| name.to_ascii_lowercase())
}

/// The type as the parser reads it, and the boundary of a multipart.
fn parsed_type(text: &str) -> Option<(String, Option<String>)> {
    let line = line(text);
    let value = MessageStream::new(line.as_bytes()).parse_content_type();
    let parsed = value.as_content_type()?;
    let mut name = [parsed.ctype(), "/", parsed.subtype().unwrap_or_default()].concat();
    name.make_ascii_lowercase();
    Some((name, parsed.attribute("boundary").filter(|boundary| !boundary.is_empty()).map(str::to_owned)))
}

/// Whether the text is one address and nothing else, as programs write it.
fn is_bare_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| is_word(local) && is_word(domain))
}

/// Letters, digits, and what nobody has to read twice.
fn is_word(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+' | b'_');
    !text.is_empty() && text.bytes().all(is_letter)
}

/// The addresses as the parser reads them.
fn parsed_addresses(text: &str) -> Vec<String> {
    let line = line(text);
    let value = MessageStream::new(line.as_bytes()).parse_address();
    let addresses = value.as_address().into_iter().flat_map(Address::iter);
    addresses.filter_map(|one| one.address.as_deref()).map(str::to_owned).collect()
}

/// A field's text as the parsers want it: they end with the line.
fn line(text: &str) -> String {
    [text, "\n"].concat()
}

/// The address in a field such as `<pat@example.com>`, `rfc822; pat@example.com` and `utf-8; \x{E4}@example.com` (RFC 6533). What was
/// blacked out is none.
pub(in super::super) fn address(text: &str) -> Option<String> {
    let (kind, address) = text.split_once(';').unwrap_or(("", text));
    let address = address.trim();
    let bare =
        address.strip_prefix('<').map_or(address, |rest| rest.split_once('>').map_or(rest, |(inside, _)| inside));
    let address = if kind.trim().eq_ignore_ascii_case("utf-8") { unescaped(bare) } else { bare.to_owned() };
    let (local, domain) = address.rsplit_once('@')?;
    let redacted = local.to_ascii_lowercase().contains("redacted") || domain.to_ascii_lowercase().contains("redacted");
    let told = !local.is_empty() && !domain.is_empty() && !redacted;
    told.then_some(address)
}

/// The text with `\x{E4}` read as the character of that number.
fn unescaped(text: &str) -> String {
    let mut pieces = text.split("\\x{");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece.split_once('}').and_then(|(code, rest)| {
            let letter = u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?;
            Some((letter, rest))
        });
        if let Some((letter, rest)) = code {
            plain.push(letter);
            plain.push_str(rest);
        } else {
            plain.push_str("\\x{");
            plain.push_str(piece);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_as_usual_is_what_the_library_reads(
            name in "[A-Za-z0-9.+_-]{0,5}/?[A-Za-z0-9.+_-]{0,5}/?[a-z (]?",
            parameters in "(; ?[a-z]{1,4}=(\"[a-z;@ ]{0,4}\"|[a-z0-9-]{0,4}))?;?",
            address in "[A-Za-z0-9.+_-]{0,5}[@ ]?[A-Za-z0-9.+_-]{0,5}[@,<a]?",
        ) {
            let text = format!("{name}{parameters}");
            if let Some(usual) = usual_type(&text) {
                prop_assert_eq!(Some(usual), parsed_type(&text).map(|(name, _)| name), "{}", text);
            }
            if is_bare_address(&address) {
                prop_assert_eq!(parsed_addresses(&address), [address.as_str()]);
            }
        }
    }

    #[test]
    fn the_usual_types_and_addresses_need_no_parser() {
        assert_eq!(usual_type("Text/RFC822-headers; charset=utf-8").as_deref(), Some("text/rfc822-headers"));
        assert_eq!(usual_type("message/delivery-status").as_deref(), Some("message/delivery-status"));
        assert_eq!(usual_type("multipart/report; boundary=b"), None);
        assert!(is_bare_address("pat.o+1@mail.example.com") && !is_bare_address("Pat <pat@example.com>"));
    }
}
