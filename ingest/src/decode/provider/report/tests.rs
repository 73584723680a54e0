use std::{fmt::Write as _, fs, path::Path};

use proptest::prelude::*;

use super::{super::Provider, *};
use crate::decode::{Mapping, Wire};

/// What a provider's decoder makes of a message: a line for each item, or why there is none.
pub(in super::super) fn told(provider: Provider, message: &[u8]) -> String {
    let (mapping, mut text) = (Mapping::default(), String::new());
    let decoded = provider.decode(message, &mapping, &mut |item| {
        match item {
            Item::Event(wire) => text.push_str(&line(&wire)),
            Item::Ignored(name) => write!(text, "ignored {name}").unwrap(),
            Item::Wrong(wrong) => write!(text, "wrong {:?}: {}", wrong.field, wrong.detail).unwrap(),
        }
        text.push('\n');
    });
    decoded.map_or_else(|undecodable| format!("undecodable: {undecodable}\n"), |()| text)
}

fn line(wire: &Wire<'_>) -> String {
    let Wire { event, time, message_id, recipient, sender, subject, class, reason, .. } = wire;
    let mut text = format!("{} {} <{}> {}", &**event, time.0.0, &**message_id, &**recipient);
    for (name, value) in [("from", sender), ("subject", subject), ("class", class), ("reason", reason)] {
        if !value.is_empty() {
            write!(text, "\n    {name}: {}", &**value).unwrap();
        }
    }
    text
}

/// The fixtures of a provider, by name.
pub(in super::super) fn fixtures(provider: Provider) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/providers").join(provider.name());
    let mut all: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    all.sort();
    all
}

/// What becomes of all fixtures, however their lines end.
pub(in super::super) fn snapshot(provider: Provider) -> String {
    let mut text = String::new();
    for (name, message) in fixtures(provider) {
        let told_of_it = told(provider, &message);
        let with_carriage_returns = String::from_utf8(message).unwrap().replace('\n', "\r\n");
        assert_eq!(told(provider, with_carriage_returns.as_bytes()), told_of_it, "{name}");
        writeln!(text, "# {name}\n{told_of_it}").unwrap();
    }
    text
}

const BOTH: [Provider; 2] = [Provider::Arf, Provider::Dsn];

#[test]
fn a_report_of_one_kind_is_none_of_the_other_and_plain_mail_is_neither() {
    let plain = b"From: a@b.example\nMessage-ID: <x@b.example>\nContent-Type: message/rfc822\n\nFeedback-Type: abuse\n";
    for (provider, other) in [(Provider::Arf, Provider::Dsn), (Provider::Dsn, Provider::Arf)] {
        for (name, message) in fixtures(other) {
            assert!(told(provider, &message).starts_with("undecodable"), "{name}");
        }
        for message in [&plain[..], b"", b"\n\n", b"{\"event\":\"bounce\"}"] {
            assert!(told(provider, message).starts_with("undecodable"));
        }
    }
}

#[test]
fn addresses_are_read_from_every_spelling() {
    for (text, expected) in [
        ("rfc822;pat@mail.example", Some("pat@mail.example")),
        ("RFC822; <pat@mail.example> (Pat)", Some("pat@mail.example")),
        ("pat@mail.example", Some("pat@mail.example")),
        ("utf-8; p\\x{E4}t@mail.example", Some("pät@mail.example")),
        ("utf-8; p\\x{zz}t\\x{E4@mail.example", Some("p\\x{zz}t\\x{E4@mail.example")),
        ("rfc822; Redacted-17@mail.example", None),
        ("rfc822; pat", None),
        ("x400; /G=Pat/", None),
        ("rfc822;", None),
        ("@", None),
    ] {
        assert_eq!(address(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn fields_are_read_however_they_are_written() {
    let head = b"\r\nSubject : one\r\n \t two \xff\r\nno field\r\n and more of it\r\nX-Empty:\nSUBJECT:three  four\n \n\r\nSubject: body";
    let (fields, rest) = Fields::read(head);
    assert_eq!(fields.texts("subject").collect::<Vec<_>>(), ["one two \u{fffd}", "three four"]);
    assert_eq!((fields.text("X-Empty"), fields.text("no field")), (None, None));
    assert_eq!(rest, b"Subject: body", "a line of blanks goes on with its field");
    let (fields, rest) = Fields::read(b"To: \n a@b.example,\n  c@d.example");
    assert_eq!(fields.addresses("to"), ["a@b.example", "c@d.example"]);
    assert!(rest.is_empty());
}

/// A report whose returned message lies so many levels deep in multiparts and messages.
fn nested(depth: usize) -> Vec<u8> {
    let mut message = b"From: a@b.example\n".to_vec();
    for level in 0..depth {
        if level % 2 == 0 {
            message.extend(format!("Content-Type: multipart/report; boundary=b{level}\n\n--b{level}\n").bytes());
        } else {
            message.extend(b"Content-Type: message/rfc822\n\n");
        }
    }
    message.extend(b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822;a@b.example\nAction: failed\n");
    message
}

#[test]
fn what_is_nested_without_end_is_not_followed() {
    assert!(told(Provider::Dsn, &nested(3)).starts_with("wrong"));
    for depth in [1_000, 100_000] {
        for provider in BOTH {
            assert!(told(provider, &nested(depth)).starts_with("undecodable"));
        }
    }
}

/// Messages that make a careless reader slow: each would take hours if the work grew with the square of the bytes.
fn slow(bytes: usize) -> Vec<Vec<u8>> {
    let report = "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n";
    let long = |piece: &str| piece.repeat(bytes / piece.len());
    vec![
        format!("Subject: {}\n\n", long("=?utf-8?q?x")).into_bytes(),
        format!("From: {}\n\n", long("\"a (<")).into_bytes(),
        format!("Content-Type: multipart/{}\n\n", long("x;a*0*=\"")).into_bytes(),
        format!("Content-Type: multipart/mixed; boundary=b\n\n{}", long("--b\n")).into_bytes(),
        format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}",
            long("--b\nContent-Type:multipart/x;boundary=q\n\n")
        )
        .into_bytes(),
        format!("Content-Type: multipart/mixed; boundary=-\n\n{}", long("-")).into_bytes(),
        format!("{report}{}", long("a:\n")).into_bytes(),
        format!("{report}{}", long("Action: failed\n\n")).into_bytes(),
        format!("{report}Final-Recipient: utf-8;{}\n", long("\\x{")).into_bytes(),
        format!(
            "{report}Action: failed\nFinal-Recipient: a@b\n\n--b\nContent-Type: message/rfc822\n\nTo: {}\n",
            long("a@b,")
        )
        .into_bytes(),
        long("x:y\n").into_bytes(),
        long(" \n\t").into_bytes(),
        vec![0; bytes],
    ]
}

#[test]
fn the_work_grows_with_the_bytes() {
    for message in slow(4 << 20) {
        for provider in BOTH {
            let _ = told(provider, &message);
        }
    }
}

#[test]
fn a_notification_of_thousands_of_recipients_tells_of_each() {
    let block = "Final-Recipient: rfc822;a@b.example\nAction: failed\n\n";
    let message = format!(
        "In-Reply-To: <m>\nDate: Sat, 21 Nov 2026 13:00:00 +0000\nContent-Type: message/delivery-status\n\n{}",
        block.repeat(5_000)
    );
    assert_eq!(told(Provider::Dsn, message.as_bytes()).matches("failed 1795266000000 <m> a@b.example").count(), 5_000);
}

/// A fixture with a few pieces cut out, doubled or replaced.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<_> = BOTH.into_iter().flat_map(fixtures).map(|(_, message)| message).collect();
    let change = (any::<prop::sample::Index>(), 0_usize..80, 0_u8..4, any::<u8>());
    (prop::sample::select(all), prop::collection::vec(change, 1..8)).prop_map(|(mut message, changes)| {
        for (place, length, what, byte) in changes {
            let start = place.index(message.len().max(1)).min(message.len());
            let end = (start + length).min(message.len());
            let piece = match what {
                0 => Vec::new(),
                1 => message[start..end].repeat(2),
                2 => vec![byte; length],
                _ => b"\n--b\nContent-Type: message/rfc822\n\n".to_vec(),
            };
            message.splice(start..end, piece);
        }
        message
    })
}

proptest! {
    #[test]
    fn no_bytes_bring_a_decoder_down(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for provider in BOTH {
            told(provider, &bytes);
        }
    }

    #[test]
    fn no_text_of_telling_words_brings_a_decoder_down(
        words in prop::collection::vec(prop::sample::select(vec![
            "Content-Type: ", "multipart/report", "; boundary=\"b\"", "\n", "\r\n", "--b", "--", "message/delivery-status",
            "message/feedback-report", "message/rfc822", "Feedback-Type: abuse", "Action: failed", "Date: ", "<", ">", "=?utf-8?q?", "?=",
            "Content-Transfer-Encoding: base64", "Final-Recipient: rfc822;", "a@b", "(", "\\", ";", "Message-ID:", "31 Dec 9999 24:61:99 +9999",
            "99999999999999999999", "\u{fdd0}", "\t", " ", ":",
        ]), 0..120),
    ) {
        for provider in BOTH {
            told(provider, words.concat().as_bytes());
        }
    }

    #[test]
    fn no_damage_to_a_report_brings_a_decoder_down(message in mutated()) {
        for provider in BOTH {
            told(provider, &message);
        }
    }

    #[test]
    fn no_broken_encoding_brings_a_decoder_down(content in prop::collection::vec(any::<u8>(), 0..300), printable: bool) {
        let encoding = if printable { "quoted-printable" } else { "base64" };
        let mut message = format!("Content-Type: message/delivery-status\nContent-Transfer-Encoding: {encoding}\n\n").into_bytes();
        message.extend(&content);
        prop_assert!(!told(Provider::Dsn, &message).is_empty());
    }
}
