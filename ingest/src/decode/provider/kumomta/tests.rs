//! Log records of KumoMTA, and what they are here.

use super::{
    super::{
        Provider::KumoMta,
        testing::{DEFAULT, event, item, items, shown},
    },
    *,
};

fn record(fields: &str) -> String {
    format!(r#"{{{fields},"id":"m","recipient":"a@b.example","timestamp":1795183387}}"#)
}

#[test]
fn every_type_of_record_is_read() {
    insta::assert_snapshot!(shown(KumoMta));
}

#[test]
fn a_bounce_is_classed_by_kumomta_and_otherwise_by_what_the_server_said() {
    for (fields, class) in [
        (r#""type":"Bounce","bounce_classification":"InvalidRecipient""#, "hard"),
        (r#""type":"Bounce","bounce_classification":"SpamBlock""#, "block"),
        (r#""type":"Bounce","bounce_classification":"QuotaIssues""#, "soft"),
        (r#""type":"Bounce","response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1}}"#, "hard"),
        (r#""type":"Bounce","response":{"code":"550","content":"5.7.1 no"}"#, "block"),
        (r#""type":"Expiration","response":{"code":550}"#, "soft"),
        (r#""type":"Rejection""#, "block"),
    ] {
        assert_eq!(&*event(KumoMta, &record(fields)).class, class, "{fields}");
    }
}

#[test]
fn the_newer_time_is_the_finer_one() {
    let body = record(r#""type":"Delivery","event_time":"2026-11-20T14:03:08.25Z""#);
    assert_eq!(event(KumoMta, &body).time.0.0 % 1000, 250);
}

#[test]
fn what_tells_of_no_delivery_is_ignored() {
    let body = record(r#""type":"DeferredInjectionRebind""#);
    assert!(matches!(item(KumoMta, &body), Item::Ignored(name) if name == "DeferredInjectionRebind"));
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["{}", "[7]", r#"{"event":"a@b.example"}"#] {
        let error = items(KumoMta, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
