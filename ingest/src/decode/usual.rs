//! Events as nearly everybody writes them, read in one go: texts without escapes, a time as text, nothing that is `null`. What is written in any
//! other way – or wrongly – is left to serde, so nothing is decided here that is not the same there.

use std::borrow::Cow;

use super::wire::{Fields, MANY_FIELDS, Text, Time, Wire};

/// The event, if it is written as usual. Keys are counted by their places in `KEYS` of `wire`.
pub(super) fn event(json: &str) -> Option<Wire<'_>> {
    let mut reader = Reader { json, at: 0 };
    let (mut wire, mut seen) = (Wire::default(), 0_u16);
    reader.begin(b'{')?;
    loop {
        let key = reader.text()?;
        reader.begin(b':')?;
        let place = match key {
            "event" => reader.put(&mut wire.event, 0)?,
            "time" => {
                wire.time = Time::parse(reader.text()?)?;
                1
            }
            "message_id" => reader.put(&mut wire.message_id, 2)?,
            "recipient" => reader.put(&mut wire.recipient, 3)?,
            "event_id" => reader.put(&mut wire.event_id, 4)?,
            "sender" => reader.put(&mut wire.sender, 5)?,
            "subject" => reader.put(&mut wire.subject, 6)?,
            "campaign" => reader.put(&mut wire.campaign, 7)?,
            "fields" => {
                wire.fields = reader.fields()?;
                8
            }
            "machine" => {
                wire.machine = Some(reader.truth()?);
                9
            }
            "class" => reader.put(&mut wire.class, 10)?,
            "method" => reader.put(&mut wire.method, 11)?,
            "url" => reader.put(&mut wire.url, 12)?,
            "reason" => reader.put(&mut wire.reason, 13)?,
            _ => return None,
        };
        if seen & 1 << place != 0 {
            return None;
        }
        seen |= 1 << place;
        if !reader.goes_on(b'}')? {
            break;
        }
    }
    // The first four are required.
    (seen & 0b1111 == 0b1111 && reader.is_at_end()).then_some(wire)
}

/// How far the JSON text is read.
struct Reader<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let bytes = self.json.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn begin(&mut self, byte: u8) -> Option<()> {
        let is_it = self.next()? == byte;
        self.at += 1;
        is_it.then_some(())
    }

    /// Whether another member follows, and not the end.
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let next = self.next()?;
        self.at += 1;
        if next == b',' { Some(true) } else { (next == end).then_some(false) }
    }

    fn is_at_end(&mut self) -> bool {
        self.next().is_none()
    }

    /// A text without escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.begin(b'"')?;
        let start = self.at;
        let length = usual_bytes(&self.json.as_bytes()[start..]);
        self.at = start + length + 1;
        (self.json.as_bytes().get(start + length) == Some(&b'"')).then(|| &self.json[start..start + length])
    }

    /// Puts a text where it belongs; answers the place of its key.
    fn put(&mut self, into: &mut Text<'a>, place: u8) -> Option<u8> {
        *into = Text(Cow::Borrowed(self.text()?));
        Some(place)
    }

    fn truth(&mut self) -> Option<bool> {
        self.next()?;
        let rest = &self.json[self.at..];
        let (truth, word) = if rest.starts_with("true") { (true, "true") } else { (false, "false") };
        self.at += word.len();
        rest.starts_with(word).then_some(truth)
    }

    fn fields(&mut self) -> Option<Fields<'a>> {
        self.begin(b'{')?;
        let mut fields = Vec::with_capacity(4);
        if self.next()? == b'}' {
            self.at += 1;
            return Some(Fields(fields));
        }
        loop {
            let name = self.text()?;
            self.begin(b':')?;
            fields.push((Cow::Borrowed(name), Cow::Borrowed(self.text()?)));
            if !self.goes_on(b'}')? {
                return Fields::of(fields);
            }
            if fields.len() == MANY_FIELDS {
                return None;
            }
        }
    }
}

/// How many bytes come before a quotation mark, a backslash or a control character: eight are looked at at once.
fn usual_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let (eights, rest) = bytes.as_chunks();
    for (place, eight) in eights.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        // The lowest high bit that is set marks the first byte below the number; what a borrow sets lies above it.
        let below = |eight: u64, number: u64| eight.wrapping_sub(ONES * number) & !eight & HIGH;
        let is = |byte: u8| below(eight ^ (ONES * u64::from(byte)), 1);
        let found = below(eight, 0x20) | is(b'"') | is(b'\\');
        if found != 0 {
            return place * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_unusual = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    bytes.len() - rest.len() + rest.iter().position(is_unusual).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: &str = r#"{"event":"clicked","time":"2026-11-20T14:03:07.123Z","message_id":"<ä1@acme.org>","recipient":"pat@example.com", "event_id" : "e", "sender":"news@acme.org","subject":"Your visit – today","campaign":"autumn","fields":{"payer":"p7","clinic":"north"},"machine":false,"class":"","method":"tls","url":"https://acme.org/?a=b","reason":"550 5.1.1"}"#;

    fn by_serde(json: &str) -> Option<String> {
        serde_json::from_str::<Wire<'_>>(json).ok().map(|wire| format!("{wire:?}"))
    }

    #[test]
    fn usual_events_are_read_here_and_others_by_serde() {
        let usual = event(USUAL).map(|wire| format!("{wire:?}"));
        assert!(usual.is_some());
        assert_eq!(usual, by_serde(USUAL));
        let short = r#"{"event":"queued","time":"2026-11-20T15:03:07+01:00","message_id":"m","recipient":"r"}"#;
        assert!(event(short).is_some());
        for (from, to) in [
            ("\"queued\"", "null"),
            ("\"queued\"", "\"que\\u0075ed\""),
            ("\"queued\"", "\"que\u{7}ued\""),
            ("\"recipient\":\"r\"", "\"recipient\":\"r\",\"recipient\":\"r\""),
            ("\"recipient\"", "\"other\""),
            (",\"recipient\":\"r\"", ""),
            ("2026-11-20", "2026-02-29"),
            ("\"2026-11-20T15:03:07+01:00\"", "1"),
            ("}", "} x"),
            ("}", ",}"),
            ("}", ",\"fields\":{\"a\":\"b\",\"a\":\"c\"}}"),
            ("}", ",\"machine\":truth}"),
        ] {
            assert!(event(&short.replace(from, to)).is_none(), "{from} {to}");
        }
        assert!(event(&short[..short.len() - 1]).is_none() && event("").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn whatever_is_read_here_is_what_serde_reads(
            texts in prop::collection::vec("[a-zä\\\\\"\u{1f} ]{0,20}", 4),
            time in "(2026|0000|1969)-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{3})?(Z|\\+01:00)",
            cut in any::<prop::sample::Index>(),
            put in prop::option::of("[\\\\\",:{}a \t\u{0}]"),
        ) {
            let quoted = |text: &String| serde_json::to_string(text).expect("texts are JSON");
            let [id, recipient, subject, value] = [0, 1, 2, 3].map(|place| quoted(&texts[place]));
            let mut json = format!(
                r#"{{"event":"opened","time":"{time}","message_id":{id},"recipient":{recipient},"subject":{subject},"fields":{{"a":{value},"b":""}},"machine":true}}"#
            );
            if let Some(put) = put {
                let at = (0..=json.len()).rev().find(|at| *at <= cut.index(json.len() + 1) && json.is_char_boundary(*at));
                json.insert_str(at.unwrap_or_default(), &put);
            }
            if let Some(wire) = event(&json) {
                prop_assert_eq!(Some(format!("{wire:?}")), by_serde(&json));
            }
        }

        #[test]
        fn bytes_are_looked_at_one_and_eight_at_once_alike(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let first = bytes.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')).unwrap_or(bytes.len());
            prop_assert_eq!(usual_bytes(&bytes), first);
        }
    }
}
