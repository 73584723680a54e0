//! Mailgun's events, and what they are here.

use super::{
    super::{
        Provider::Mailgun,
        testing::{DEFAULT, event, item, items, shown},
    },
    *,
};

fn body(fields: &str) -> String {
    let base = r#""timestamp":1795183387.5,"recipient":"a@b.example","message":{"headers":{"message-id":"m"}}"#;
    format!(r#"{{"signature":{{"timestamp":"1","token":"t","signature":"s"}},"event-data":{{{fields},{base}}}}}"#)
}

#[test]
fn every_type_of_event_is_read() {
    insta::assert_snapshot!(shown(Mailgun));
}

#[test]
fn mailguns_own_reason_decides_before_codes_and_codes_before_its_type_of_bounce() {
    for (fields, class) in [
        (r#""reason":"suppress-complaint","delivery-status":{"code":550}"#, "suppressed"),
        (r#""reason":"suppress-unsubscribe""#, "suppressed"),
        (r#""reason":"espblock","delivery-status":{"code":550,"message":"5.1.1 unknown"}"#, "block"),
        (r#""reason":"greylisted""#, "soft"),
        (r#""reason":"bounce","delivery-status":{"code":"550","enhanced-code":"5.7.1"}"#, "block"),
        (r#""reason":"bounce","delivery-status":{"code":550,"bounce-type":"soft","message":"no such user"}"#, "hard"),
        (r#""reason":"generic","delivery-status":{"code":554,"bounce-type":"soft"}"#, "soft"),
        (r#""reason":"generic","delivery-status":{"code":"","bounce-type":"hard"}"#, "hard"),
        (r#""reason":"generic","delivery-status":null"#, "other"),
    ] {
        let body = body(&format!(r#""event":"failed","severity":"permanent",{fields}"#));
        assert_eq!(&*event(Mailgun, &body).class, class, "{fields}");
    }
}

#[test]
fn variables_that_hold_an_error_are_no_fields() {
    assert!(event(Mailgun, &body(r#""event":"accepted","user-variables":"too large""#)).fields.0.is_empty());
    let with = body(r#""event":"accepted","user-variables":{"a":"1","b c":"2","d":{"e":1}}"#);
    assert_eq!(event(Mailgun, &with).fields.0, [("a".into(), "1".into())]);
}

#[test]
fn a_type_that_is_not_known_is_ignored_by_its_name() {
    assert!(matches!(item(Mailgun, &body(r#""event":"teleported""#)), Item::Ignored(name) if name == "teleported"));
}

#[test]
fn an_event_that_lacks_something_says_what() {
    for (json, field) in [
        (r#"{"event-data":{"event":"opened","timestamp":1,"recipient":"a@b.example"}}"#, "message.headers.message-id"),
        (r#"{"event-data":{"event":"opened","timestamp":1,"message":{"headers":{"message-id":"m"}}}}"#, "recipient"),
        (r#"{"event-data":{"event":"opened","recipient":"a","message":{"headers":{"message-id":"m"}}}}"#, "timestamp"),
    ] {
        let Item::Wrong(mismatch) = item(Mailgun, json) else { panic!("{json}") };
        assert_eq!((mismatch.code, mismatch.field.as_deref()), ("missing_field", Some(field)));
    }
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["[7]", "{}", r#"{"event-data":{}}"#, r#"{"event-data":"a@b.example"}"#, r#"{"event":"opened"}"#, "{"] {
        let error = items(Mailgun, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
