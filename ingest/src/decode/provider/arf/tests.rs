use super::super::{
    Provider,
    report::tests::{snapshot, told},
};

#[test]
fn every_fixture_tells_what_it_should() {
    insta::assert_snapshot!(snapshot(Provider::Arf));
}

/// A report with these fields, about a message with these.
fn report(fields: &str, original: &str) -> String {
    format!(
        "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/feedback-report\n\n{fields}\n\
         --b\nContent-Type: message/rfc822\n\n{original}\n--b--\n"
    )
}

#[test]
fn a_report_that_lacks_what_an_event_needs_is_wrong_by_itself() {
    let (date, id) = ("Arrival-Date: Sat, 21 Nov 2026 13:00:00 +0000\n", "Message-ID: <m>\n");
    for (fields, original, lacks) in [
        ("Version: 1\n".to_owned(), id, "event"),
        (format!("Feedback-Type: abuse\n{date}Original-Rcpt-To: a@b.example\n"), "", "message_id"),
        ("Feedback-Type: abuse\nOriginal-Rcpt-To: a@b.example\n".to_owned(), id, "time"),
        (format!("Feedback-Type: abuse\n{date}"), "Message-ID: <m>\nTo: a@b.example, c@d.example\n", "recipient"),
        (format!("Feedback-Type: abuse\n{date}Original-Rcpt-To: redacted\n"), id, "recipient"),
    ] {
        let told = told(Provider::Arf, report(&fields, original).as_bytes());
        assert!(told.starts_with(&format!("wrong Some(\"{lacks}\")")), "{told}");
    }
}

#[test]
fn types_that_no_person_stands_behind_are_ignored_by_their_names() {
    for name in ["virus", "other", "auth-failure", "something-new"] {
        let told = told(Provider::Arf, report(&format!("Feedback-Type: {name}\n"), "Message-ID: <m>\n").as_bytes());
        assert_eq!(told, format!("ignored {name}\n"));
    }
    let long = report(&format!("Feedback-Type: {}\n", "x".repeat(500)), "");
    assert_eq!(told(Provider::Arf, long.as_bytes()), format!("ignored {}\n", "x".repeat(64)));
}
