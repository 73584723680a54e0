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
        ("Transient", "ContentRejected", "", "block"),
        ("Permanent", "UnsubscribedRecipient", "", "suppressed"),
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
fn who_opts_in_does_not_unsubscribe() {
    let topics = |status: &str| {
        format!(
            r#"{{"unsubscribeAll":false,"topicSubscriptionStatus":[{{"topicName":"t","subscriptionStatus":"{status}"}}]}}"#
        )
    };
    let (out, into) = (topics("OptOut"), topics("OptIn"));
    let all = r#"{"unsubscribeAll":true,"topicSubscriptionStatus":null}"#;
    for (old, new, unsubscribes) in [
        ("null", all, true),
        (&*into, &*out, true),
        ("null", &*out, true),
        (&*out, &*into, false),
        (&*out, &*out, false),
        (all, &*into, false),
        ("null", "null", true),
    ] {
        let rest = format!(r#","subscription":{{"oldTopicPreferences":{old},"newTopicPreferences":{new}}}"#);
        let body = body("Subscription", &rest);
        let told = item(Ses, &body);
        assert_eq!(matches!(told, Item::Event(_)), unsubscribes, "{old} {new}");
        assert_eq!(matches!(told, Item::Ignored(_)), !unsubscribes, "{old} {new}");
    }
}

#[test]
fn what_the_common_headers_lack_is_looked_for_among_all() {
    let mail = r#""headers":[{"name":"subject","value":"Your visit"},{"name":"From","value":"A <a@acme.example>"},7],"commonHeaders":null,"#;
    let body = body("Send", r#","bounce":null,"open":null"#)
        .replace("\"mail\":{", &format!("\"mail\":{{{mail}\"tags\":null,"));
    let lacking = event(Ses, &body);
    assert_eq!((&*lacking.subject, &*lacking.sender), ("", ""), "headers that are none are none");
    let body = body.replace(",7]", "]");
    let told = event(Ses, &body);
    assert_eq!((&*told.subject, &*told.sender), ("Your visit", "a@acme.example"));
}

#[test]
fn a_recipient_that_is_none_is_wrong_by_itself() {
    let recipients = r#"[{"emailAddress":"a@b.example"},7,null,{"emailAddress":"c@b.example"}]"#;
    let body = body("Bounce", &format!(r#","bounce":{{"bounceType":"Permanent","bouncedRecipients":{recipients}}}"#));
    let items = items(Ses, body.as_bytes(), &DEFAULT).expect("a bounce");
    let events = items.iter().filter(|item| matches!(item, Item::Event(_))).count();
    assert_eq!((items.len(), events), (4, 2), "{items:?}");
}

#[test]
fn more_recipients_than_a_body_may_have_events_are_not_all_made_into_events() {
    let many = vec!["\"a@b.example\""; MAX_EVENTS + 50].join(",");
    let body = body("Delivery", &format!(r#","delivery":{{"recipients":[{many}]}}"#));
    let mut count = 0;
    assert!(Ses.decode(body.as_bytes(), &DEFAULT, &mut |_| count += 1).is_ok());
    assert_eq!(count, MAX_EVENTS + 1);
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
