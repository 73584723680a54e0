//! Events of Postal, and what they are here.

use super::super::{
    Item,
    Provider::Postal,
    testing::{DEFAULT, event, identity, item, items, shown},
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
fn what_came_in_is_ignored_and_a_bounce_that_came_in_is_about_what_went_out() {
    let body = |event: &str, part: &str, direction: &str| {
        format!(
            r#"{{"event":"{event}","timestamp":1795183387,"payload":{{"{part}":{{"message_id":"m","to":"a@b.example","direction":"{direction}"}},"bounce":null}}}}"#
        )
    };
    let incoming = body("MessageSent", "message", "incoming");
    assert!(matches!(item(Postal, &incoming), Item::Ignored(name) if name == "MessageSent of an incoming message"));
    assert_eq!(&*event(Postal, &body("MessageSent", "message", "outgoing")).event, "delivered");
    assert_eq!(&*event(Postal, &body("MessageBounced", "original_message", "outgoing")).event, "failed");
}

#[test]
fn what_was_put_off_until_it_was_given_up_is_soft_whatever_was_said_last() {
    for (details, output, class) in [
        ("Maximum number of delivery attempts (18) has been reached", "", "soft"),
        ("Maximum number of delivery attempts (18) has been reached", "550 5.1.1 no", "soft"),
        ("Permanent SMTP delivery error", "550 5.1.1 no", "hard"),
    ] {
        let body = format!(
            r#"{{"event":"MessageDeliveryFailed","timestamp":1795183387,"payload":{{"details":"{details}","output":"{output}","message":{{"message_id":"m","to":"a@b.example"}}}}}}"#
        );
        assert_eq!(&*event(Postal, &body).class, class, "{details} {output}");
    }
}

#[test]
fn nothing_where_something_was_expected_lacks_what_an_event_needs() {
    for body in [
        r#"{"event":"MessageSent","payload":null}"#,
        r#"{"event":"MessageSent","timestamp":1795183387,"payload":{"message":null}}"#,
    ] {
        assert!(matches!(item(Postal, body), Item::Wrong(_)), "{body}");
    }
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["{}", "[7]", r#"{"type":"a@b.example"}"#] {
        let error = items(Postal, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
