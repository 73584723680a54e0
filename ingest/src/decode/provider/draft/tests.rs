//! Whatever a provider writes, what comes out is an event within the limits.

use super::{super::testing::accepted, *};
use crate::accept::{MAX_FIELD_VALUE, MAX_FIELDS};

fn long(length: usize) -> Cow<'static, str> {
    Cow::Owned("ä".repeat(length))
}

fn full(kind: EventKind) -> Draft<'static> {
    let field = |n: usize| (Cow::Owned(format!("f{n:02}")), long(500));
    Draft {
        event_id: long(500),
        sender: "news@acme.example".into(),
        subject: long(5000),
        labels: Labels { campaign: long(500), tags: vec![long(500)], metadata: (0..40).map(field).collect() },
        machine: true,
        class: Some(FailureClass::Hard),
        method: Some(SecureMethod::Tls),
        url: long(5000),
        reason: long(5000),
        ..Draft::new(kind, Millis(1_795_183_387_123), "m".into(), "pat@patients.example".into())
    }
}

#[test]
fn an_event_of_any_kind_is_accepted_however_much_its_provider_wrote() {
    let mapping = Mapping::default();
    for kind in EventKind::ALL {
        let event = full(*kind).finish(&mapping);
        assert_eq!(accepted(&event), Ok(()), "{kind:?}");
        // An `ä` has two bytes, so a limit that is even is reached.
        assert_eq!((event.subject.len(), event.campaign.len()), (MAX_SUBJECT, MAX_CAMPAIGN));
        assert!(event.fields.0.len() == MAX_FIELDS && event.fields.0.iter().all(|(_, v)| v.len() == MAX_FIELD_VALUE));
        assert_eq!(&*event.event_id, "", "an id that was cut would be another's");
    }
}

#[test]
fn what_means_nothing_for_a_kind_is_left_out() {
    use EventKind::{Clicked, Complained, Deferred, Delivered, Failed, Opened, Queued, Secured, Unsubscribed};
    let mapping = Mapping::default();
    for kind in EventKind::ALL {
        let event = full(*kind).finish(&mapping);
        let engaged = matches!(kind, Opened | Clicked);
        assert_eq!((event.machine, !event.url.is_empty()), (engaged.then_some(true), engaged), "{kind:?}");
        assert_eq!(!event.class.is_empty(), *kind == Failed, "{kind:?}");
        assert_eq!(!event.method.is_empty(), matches!(kind, Secured | Delivered), "{kind:?}");
        let explained = matches!(kind, Deferred | Failed | Complained | Unsubscribed | Delivered);
        assert!(explained || matches!(kind, Queued | Secured | Opened | Clicked));
        assert_eq!(!event.reason.is_empty(), explained, "{kind:?}");
    }
}

#[test]
fn a_text_is_cut_between_characters() {
    for (text, limit, expected) in
        [("äöü", 3, "ä"), ("äöü", 4, "äö"), ("aäb", 2, "a"), ("😀x", 3, ""), ("abc", 3, "abc")]
    {
        assert_eq!(cut(Cow::Borrowed(text), limit), expected);
        assert_eq!(cut(Cow::Owned(text.to_owned()), limit), expected);
    }
    assert!(matches!(cut(Cow::Borrowed("abc"), 2), Cow::Borrowed("ab")));
}

#[test]
fn what_is_kept_for_our_own_values_is_taken_off() {
    let mapping = Mapping::default();
    let event = Draft {
        sender: "\u{fdd0}@acme.example".into(),
        subject: "\u{fdd0}\u{fdd0}Hello".into(),
        labels: Labels {
            campaign: Cow::Owned("\u{fdd0}autumn".to_owned()),
            tags: Vec::new(),
            metadata: vec![("a".into(), "\u{fdd0}b".into()), ("c".into(), "\u{fdd0}".into())],
        },
        ..full(EventKind::Queued)
    }
    .finish(&mapping);
    assert_eq!(accepted(&event), Ok(()));
    assert_eq!((&*event.subject, &*event.campaign, &*event.sender), ("Hello", "autumn", ""));
    assert_eq!(event.fields.0, [("a".into(), "b".into())]);
}

#[test]
fn a_sender_is_the_address_alone_and_one_that_cannot_be_gives_way_to_the_sources() {
    let mapping = Mapping { sender: Some("clinic@clinic.example".into()), ..Mapping::default() };
    for (given, expected) in [
        ("news@acme.example", "news@acme.example"),
        ("The News <News@acme.example>", "News@acme.example"),
        ("\"a <b>\" <news@acme.example> ", "news@acme.example"),
        ("<news@acme.example>", "news@acme.example"),
        ("The News <none>", "The News <none>"),
        ("news@acme.example>", "news@acme.example>"),
        ("", "clinic@clinic.example"),
        ("n\0@acme.example", "clinic@clinic.example"),
        (&format!("{}@acme.example", "a".repeat(400)), "clinic@clinic.example"),
    ] {
        for sender in [Cow::Borrowed(given), Cow::Owned(given.to_owned())] {
            let event = Draft { sender, ..full(EventKind::Queued) }.finish(&mapping);
            assert_eq!(&*event.sender, expected, "{given}");
            assert_eq!(accepted(&event), Ok(()));
        }
    }
    let wrong = Mapping { sender: Some("\0".into()), ..Mapping::default() };
    assert_eq!(&*Draft { sender: "".into(), ..full(EventKind::Queued) }.finish(&wrong).sender, "");
}

#[test]
fn a_control_character_in_a_text_is_no_reason_to_lose_the_event() {
    let mapping = Mapping::default();
    let event = Draft {
        subject: "a\0b".into(),
        labels: Labels { campaign: "\0".into(), tags: Vec::new(), metadata: vec![("a".into(), "\0".into())] },
        reason: "\r\n\0".into(),
        ..full(EventKind::Failed)
    };
    assert_eq!(accepted(&event.finish(&mapping)), Ok(()));
}

#[test]
fn what_is_missing_is_named_as_the_provider_names_it() {
    let needed = |time, message: &'static str, recipient: &'static str| {
        let draft = Draft::needed(EventKind::Opened, ("at", time), ("id", message.into()), ("to", recipient.into()));
        draft.map(|_| ()).map_err(|mismatch| mismatch.field.unwrap_or_default())
    };
    assert_eq!(needed(Some(Millis(1)), "m", "r"), Ok(()));
    assert_eq!(needed(None, "m", "r"), Err("at".to_owned()));
    assert_eq!(needed(Some(Millis(1)), "", "r"), Err("id".to_owned()));
    assert_eq!(needed(Some(Millis(1)), "m", ""), Err("to".to_owned()));
}
