//! Postmark's records, and what they are here.

use super::{
    super::{
        Provider::Postmark,
        testing::{DEFAULT, event, item, items, shown},
    },
    *,
};

fn record(fields: &str) -> String {
    let times = r#""BouncedAt":"2026-11-20T14:03:07.1230659Z","ChangedAt":"2026-11-20T14:03:07Z""#;
    format!(r#"{{{fields},"MessageID":"m","Recipient":"a@b.example",{times}}}"#)
}

#[test]
fn every_type_of_record_is_read() {
    insta::assert_snapshot!(shown(Postmark));
}

#[test]
fn a_bounce_is_classed_by_its_type_and_otherwise_by_what_the_server_said() {
    for (kind, class) in [
        ("HardBounce", "hard"),
        ("BadEmailAddress", "hard"),
        ("SoftBounce", "soft"),
        ("Transient", "soft"),
        ("DnsError", "soft"),
        ("Blocked", "block"),
        ("SpamNotification", "block"),
        ("VirusNotification", "block"),
        ("DMARCPolicy", "block"),
        ("ManuallyDeactivated", "suppressed"),
        ("TemplateRenderingFailed", "other"),
    ] {
        let body = record(&format!(r#""RecordType":"Bounce","Type":"{kind}""#));
        assert_eq!(&*event(Postmark, &body).class, class, "{kind}");
    }
    let body = record(r#""RecordType":"Bounce","Type":"Unknown","Details":"smtp;550 5.7.1 no""#);
    assert_eq!(&*event(Postmark, &body).class, "block");
}

#[test]
fn what_came_back_because_the_message_had_arrived_is_no_failure() {
    let body = record(r#""RecordType":"Bounce","Type":"AutoResponder""#);
    assert!(matches!(item(Postmark, &body), Item::Ignored(name) if name == "Bounce AutoResponder"));
    let body = record(r#""RecordType":"Bounce","Type":"Unsubscribe""#);
    assert_eq!(&*event(Postmark, &body).event, "unsubscribed");
}

#[test]
fn a_change_of_subscription_counts_when_it_ends_one() {
    let change = |fields: &str| record(&format!(r#""RecordType":"SubscriptionChange",{fields}"#));
    for (reason, kind) in
        [("ManualSuppression", "unsubscribed"), ("HardBounce", "failed"), ("SpamComplaint", "complained")]
    {
        let body = change(&format!(r#""SuppressSending":true,"SuppressionReason":"{reason}""#));
        assert_eq!(&*event(Postmark, &body).event, kind);
    }
    for fields in [
        r#""SuppressSending":false,"SuppressionReason":"ManualSuppression""#,
        r#""SuppressSending":true,"SuppressionReason":null"#,
    ] {
        assert!(matches!(item(Postmark, &change(fields)), Item::Ignored(name) if name == "SubscriptionChange"));
    }
}

#[test]
fn a_record_without_a_message_is_wrong() {
    let body = format!(r#"{{"RecordType":"Open","MessageID":"{NO_MESSAGE}","Recipient":"a@b.example"}}"#);
    let Item::Wrong(mismatch) = item(Postmark, &body) else { panic!("{body}") };
    assert_eq!((mismatch.code, mismatch.field.as_deref()), ("missing_field", Some("MessageID")));
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["{}", r#"{"event":"a@b.example"}"#, "[]]", "{\"RecordType\":\"Open\"", "\"a@b.example\""] {
        let error = items(Postmark, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
