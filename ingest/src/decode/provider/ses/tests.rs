//! Events of SES, and what they are here.

use super::{
    super::{
        Provider::Ses,
        testing::{DEFAULT, event, identity, item, items, shown},
    },
    *,
};

fn body(kind: &str, rest: &str) -> String {
    format!(
        r#"{{"eventType":"{kind}","mail":{{"timestamp":"2026-11-20T14:03:07Z","messageId":"m","destination":["a@b.example"]}}{rest}}}"#
    )
}

#[test]
fn every_type_of_event_is_read() {
    insta::assert_snapshot!(shown(Ses));
}

#[test]
fn a_bounce_is_classed_by_its_type_unless_it_was_never_sent_or_refused_by_policy() {
    for (kind, sub, diagnostic, class) in [
        ("Permanent", "NoEmail", "", "hard"),
        ("Permanent", "Suppressed", "", "suppressed"),
        ("Permanent", "General", "smtp; 550 5.7.1 no", "block"),
        ("Transient", "General", "smtp; 450 4.3.0 later", "soft"),
        ("Undetermined", "Undetermined", "", "other"),
        ("something new", "", "", "other"),
    ] {
        let rest = format!(
            r#","bounce":{{"bounceType":"{kind}","bounceSubType":"{sub}","bouncedRecipients":[{{"emailAddress":"a@b.example","diagnosticCode":"{diagnostic}"}}]}}"#
        );
        assert_eq!(&*event(Ses, &body("Bounce", &rest)).class, class, "{kind} {sub}");
    }
}

#[test]
fn both_spellings_of_an_event_are_one_event() {
    let newer = body("Send", "");
    let older = newer.replace("eventType", "notificationType");
    assert_eq!(identity(&event(Ses, &newer)), identity(&event(Ses, &older)));
}

#[test]
fn an_event_that_names_nobody_is_wrong() {
    let Item::Wrong(mismatch) =
        item(Ses, r#"{"eventType":"Open","mail":{"messageId":"m"},"open":{"timestamp":"2026-11-20T14:03:07Z"}}"#)
    else {
        panic!("nobody opened it")
    };
    assert_eq!(mismatch.field.as_deref(), Some("recipient"));
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["{}", r#"{"event":"a@b.example"}"#, "[]]", "\"a@b.example\""] {
        let error = items(Ses, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
