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
fn a_complaint_is_of_the_message_in_the_report_and_not_of_the_reports_mail() {
    let feedback = |report: &str| {
        record(&format!(r#""type":"Feedback","sender":"fbl@c.example","queue":"x:y@z","feedback_report":{report}"#))
    };
    let received = r"Received: from a (b)\n  by c (KumoMTA 192.0.2.1) \n  with ESMTP id k1 for <pat@c.example>;\n  now\nMessage-ID: <m1>\n";
    for (report, id, recipient) in [
        (format!(r#"{{"feedback_type":"ABUSE","original_message":"{received}"}}"#), "k1", "pat@c.example"),
        (
            format!(
                r#"{{"feedback_type":"abuse","original_rcpto_to":["<o@c.example>"],"original_message":"{received}"}}"#
            ),
            "k1",
            "o@c.example",
        ),
        (
            format!(
                r#"{{"feedback_type":"abuse","supplemental_trace":{{"recipient":["t@c.example"]}},"original_message":"{received}"}}"#
            ),
            "k1",
            "t@c.example",
        ),
        (
            r#"{"feedback_type":"abuse","original_rcpt_to":"o@c.example","original_message":"Message-ID: <m1>"}"#
                .to_owned(),
            "m1",
            "o@c.example",
        ),
    ] {
        let body = feedback(&report);
        let event = event(KumoMta, &body);
        assert_eq!((&*event.event, &*event.message_id, &*event.recipient), ("complained", id, recipient), "{report}");
        assert_eq!((&*event.sender, &*event.campaign), ("", ""), "{report}");
    }
    for (report, field) in [
        ("null".to_owned(), "feedback_report"),
        (
            r#"{"feedback_type":"abuse","original_rcpto_to":["o@c.example"]}"#.to_owned(),
            "feedback_report.original_message",
        ),
        (
            r#"{"feedback_type":"abuse","original_message":"Message-ID: <m1>"}"#.to_owned(),
            "feedback_report.original_rcpto_to",
        ),
    ] {
        let body = feedback(&report);
        let Item::Wrong(mismatch) = item(KumoMta, &body) else { panic!("{report}") };
        assert_eq!(mismatch.field.as_deref(), Some(field), "{report}");
    }
}

#[test]
fn what_stands_before_the_domain_of_a_queue_is_the_campaign_only_with_a_colon() {
    for (queue, campaign) in [
        ("autumn:acme@c.example", "autumn"),
        ("autumn:acme@[IPv6:2001:db8::1]", "autumn"),
        ("acme@[IPv6:2001:db8::1]", ""),
        ("[IPv6:2001:db8::1]", ""),
        ("c.example", ""),
    ] {
        let body = record(&format!(r#""type":"Delivery","queue":"{queue}""#));
        assert_eq!(&*event(KumoMta, &body).campaign, campaign, "{queue}");
    }
}

#[test]
fn records_may_come_one_in_each_line_and_with_nothing_where_something_was_expected() {
    let body = format!(
        "{}\n{}\n",
        record(r#""type":"Delivery","response":null"#),
        record(r#""type":"Bounce","response":{"enhanced_code":{"class":null}}"#)
    );
    assert_eq!(items(KumoMta, body.as_bytes(), &DEFAULT).expect("records").len(), 2);
}

#[test]
fn what_another_system_sends_is_not_decoded() {
    for body in ["{}", "[7]", r#"{"event":"a@b.example"}"#] {
        let error = items(KumoMta, body.as_bytes(), &DEFAULT).expect_err(body);
        assert!(!error.to_string().contains("example"), "{error}");
    }
}
