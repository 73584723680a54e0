use super::super::{
    Provider,
    report::tests::{snapshot, told},
};

#[test]
fn every_fixture_tells_what_it_should() {
    insta::assert_snapshot!(snapshot(Provider::Dsn));
}

/// A notification of one recipient, dated and with the message's id.
fn notification(block: &str) -> String {
    format!(
        "Date: Sat, 21 Nov 2026 13:00:00 +0000\nContent-Type: multipart/report; boundary=b\n\n--b\n\
         Content-Type: message/delivery-status\n\nArrival-Date: Thu, 19 Nov 2026 13:00:00 +0000\n\n{block}\n\
         --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <m>\n--b--\n"
    )
}

#[test]
fn the_recipient_is_whom_the_message_was_sent_to_and_not_where_it_was_forwarded() {
    let block = "Original-Recipient: rfc822;list@a.example\nFinal-Recipient: rfc822;pat@b.example\nAction: failed\n";
    assert!(told(Provider::Dsn, notification(block).as_bytes()).contains("<m> list@a.example"));
    let block = "Original-Recipient: rfc822;\nFinal-Recipient: rfc822;pat@b.example\nAction: failed\n";
    assert!(told(Provider::Dsn, notification(block).as_bytes()).contains("<m> pat@b.example"));
}

#[test]
fn a_failure_is_dated_when_it_happened_and_not_when_the_message_came_in() {
    let block = "Final-Recipient: rfc822;a@b.example\nAction: failed\n";
    assert!(told(Provider::Dsn, notification(block).as_bytes()).starts_with("failed 1795266000000"));
    let dated = format!("{block}Last-Attempt-Date: Sat, 21 Nov 2026 12:59:59 +0000\n");
    assert!(told(Provider::Dsn, notification(&dated).as_bytes()).starts_with("failed 1795265999000"));
    let undated = notification(block).replacen("Date:", "X-Date:", 1);
    assert!(told(Provider::Dsn, undated.as_bytes()).starts_with("failed 1795093200000"));
}

#[test]
fn a_status_that_says_nothing_gives_way_to_what_the_other_side_said() {
    for (status, diagnostic, class) in [
        ("5.0.0", "smtp; 550 5.2.2 over quota", "soft"),
        ("5.0.0", "smtp; 554 5.7.1 refused", "block"),
        ("5.1.1", "smtp; 554 5.7.1 refused", "hard"),
        ("5.0.0", "smtp; 550 user unknown", "hard"),
        ("4.0.0", "smtp; 426 connection timed out", "soft"),
        ("", "smtp; 550 5.1.1 no such user", "hard"),
    ] {
        let block = format!(
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: {status}\nDiagnostic-Code: {diagnostic}\n"
        );
        let told = told(Provider::Dsn, notification(&block).as_bytes());
        assert!(told.contains(&format!("class: {class}")), "{status} {diagnostic}: {told}");
    }
}
