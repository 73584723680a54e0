//! SparkPost's events, and what they are here.

use schema::{EventKind, FailureClass};

use super::{
    super::{
        Provider::SparkPost,
        testing::{DEFAULT, event, item, items, shown},
    },
    *,
};

fn message_event(fields: &str) -> String {
    let base = r#""message_id":"m","timestamp":"1795183387","rcpt_to":"pat@patients.example""#;
    format!(r#"[{{"msys":{{"message_event":{{{fields},{base}}}}}}}]"#)
}

#[test]
fn every_type_of_event_is_read() {
    insta::assert_snapshot!(shown(SparkPost));
}

#[test]
fn a_ping_tells_nothing_and_is_no_error() {
    for body in [r#"[{"msys":{}}]"#, r#"[{"msys":{"message_event":null}}]"#, "[]"] {
        assert!(items(SparkPost, body.as_bytes(), &DEFAULT).expect("a body of SparkPost").is_empty(), "{body}");
    }
}

#[test]
fn a_bounce_class_decides_before_codes_do() {
    let class = |code: &str| event(SparkPost, &message_event(code)).class.0.into_owned();
    for (classes, expected) in [
        (&[10, 30, 90][..], FailureClass::Hard),
        (&[20, 21, 22, 23, 24, 40, 60, 70, 100], FailureClass::Soft),
        (&[50, 51, 52, 53, 54], FailureClass::Block),
        (&[1, 25, 80, 4711], FailureClass::Other),
    ] {
        for number in classes {
            let fields = format!(r#""type":"bounce","bounce_class":"{number}","raw_reason":"550 5.1.1 no such user""#);
            assert_eq!(class(&fields), expected.name(), "{number}");
            let fields = format!(r#""type":"out_of_band","bounce_class":{number}"#);
            assert_eq!(class(&fields), expected.name(), "{number}");
        }
    }
    assert_eq!(class(r#""type":"bounce","raw_reason":"550 5.1.1 no such user""#), "hard");
    assert_eq!(class(r#""type":"bounce","error_code":"421""#), "soft");
}

#[test]
fn only_encryption_that_was_used_is_evidence() {
    for (value, method) in [("\"1\"", "tls"), ("1", "tls"), ("\"0\"", ""), ("\"-1\"", ""), ("-1", ""), ("null", "")] {
        let body = message_event(&format!(r#""type":"delivery","outbound_tls":{value}"#));
        assert_eq!(&*event(SparkPost, &body).method, method, "{value}");
    }
}

#[test]
fn what_sparkpost_makes_up_later_is_ignored_by_its_name() {
    for (body, name) in [
        (message_event(r#""type":"teleported""#), "teleported"),
        (r#"[{"msys":{"relay_message":{"content":{}}}}]"#.into(), "relay_message"),
    ] {
        assert!(matches!(item(SparkPost, &body), Item::Ignored(told) if told == name), "{name}");
    }
    let long = message_event(&format!(r#""type":"{}""#, "ä".repeat(100)));
    assert!(matches!(item(SparkPost, &long), Item::Ignored(name) if name.len() == 64));
}

#[test]
fn an_event_that_lacks_something_leaves_its_neighbours_alone() {
    let body = r#"[{"msys":{"message_event":{"type":"delivery","message_id":"m","rcpt_to":"a@b.example"}}},
        {"msys":7}, {"msys":{"track_event":{"type":"open","message_id":"m","rcpt_to":"a@b.example","timestamp":1795183387}}}]"#;
    let items = items(SparkPost, body.as_bytes(), &DEFAULT).expect("a body of SparkPost");
    let [Item::Wrong(first), Item::Wrong(second), Item::Event(third)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((first.code, first.field.as_deref()), ("missing_field", Some("timestamp")));
    assert_eq!(second.code, "invalid_event");
    assert_eq!(&*third.event, EventKind::Opened.name());
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in
        [r#"[{"event":"open","email":"a@b.example"}]"#, "{}", "7", "", "[7]", "[[]]", r#"{"msys":"a@b.example"}"#]
    {
        let error = items(SparkPost, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
