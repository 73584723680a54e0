//! Events of Mailjet, and what they are here.

use super::super::{
    Provider::Mailjet,
    testing::{DEFAULT, event, items, shown},
};

#[test]
fn every_type_of_event_is_read() {
    insta::assert_snapshot!(shown(Mailjet));
}

#[test]
fn a_message_id_beyond_what_a_float_holds_stays_intact() {
    for id in ["9007199254740993", "19421777835146491", "18446744073709551615"] {
        let body = format!(r#"{{"event":"open","time":1795183387,"MessageID":{id},"email":"a@b.example"}}"#);
        assert_eq!(&*event(Mailjet, &body).message_id, id);
    }
}

#[test]
fn a_failure_is_classed_by_what_mailjet_says_it_is_related_to() {
    for (fields, class) in [
        (r#""event":"bounce","hard_bounce":true"#, "hard"),
        (r#""event":"bounce","hard_bounce":"1""#, "hard"),
        (r#""event":"bounce","hard_bounce":false"#, "soft"),
        (r#""event":"bounce","hard_bounce":false,"comment":"550 5.7.1 refused by policy""#, "block"),
        (r#""event":"bounce","hard_bounce":true,"error_related_to":"spam""#, "block"),
        (r#""event":"bounce","blocked":true"#, "suppressed"),
        (r#""event":"blocked""#, "suppressed"),
    ] {
        let body = format!(r#"{{{fields},"time":1795183387,"MessageID":7,"email":"a@b.example"}}"#);
        assert_eq!(&*event(Mailjet, &body).class, class, "{fields}");
    }
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["{}", "[7]", r#"{"type":"a@b.example"}"#] {
        let error = items(Mailjet, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
