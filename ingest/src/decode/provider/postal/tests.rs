//! Events of Postal, and what they are here.

use super::super::{
    Provider::Postal,
    testing::{DEFAULT, event, identity, items, shown},
};

fn body(uuid: &str, time: &str) -> String {
    format!(
        r#"{{"event":"MessageLoaded","timestamp":{time},"uuid":"{uuid}","payload":{{"message":{{"message_id":"m","to":"a@b.example"}}}}}}"#
    )
}

#[test]
fn every_type_of_event_is_read() {
    insta::assert_snapshot!(shown(Postal));
}

#[test]
fn a_request_that_is_repeated_is_one_event_and_two_of_one_moment_are_two() {
    let one = body("u1", "1795183387.5");
    assert_eq!(identity(&event(Postal, &one)), identity(&event(Postal, &one.clone())));
    let two = body("u2", "1795183387.5");
    assert_ne!(identity(&event(Postal, &one)), identity(&event(Postal, &two)));
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["{}", "[7]", r#"{"type":"a@b.example"}"#] {
        let error = items(Postal, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
