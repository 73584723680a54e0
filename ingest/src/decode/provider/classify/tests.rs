//! What servers say, and what it means.

use schema::{
    FailureClass::{self, Block, Hard, Other, Soft},
    enhanced_status,
};

use super::*;

fn text(words: &str) -> FailureClass {
    by_status(None, None, words)
}

#[test]
fn a_code_that_names_its_reason_decides_whatever_the_words_say() {
    for (code, class) in [
        ("5.1.1", Hard),
        ("5.1.2", Hard),
        ("5.1.10", Hard),
        ("5.1.8", Block),
        ("5.1.9", Other),
        ("5.2.1", Hard),
        ("5.2.2", Soft),
        ("4.2.2", Soft),
        ("5.2.3", Other),
        ("5.3.1", Soft),
        ("5.3.4", Other),
        ("5.4.4", Hard),
        ("5.4.310", Hard),
        ("5.4.316", Soft),
        ("5.4.6", Other),
        ("5.4.7", Soft),
        ("5.6.1", Other),
        ("5.7.1", Block),
        ("4.7.0", Block),
        ("5.7.509", Block),
        ("5.7.17", Hard),
    ] {
        for words in ["", "user unknown", "blocked as spam", "mailbox full", "250 2.0.0 OK"] {
            assert_eq!(by_status(Some(code), Some(550), words), class, "{code} {words}");
        }
    }
}

#[test]
fn a_code_that_names_none_lets_the_words_decide() {
    for (words, class) in [
        ("550 5.0.0 blocked by our list", Block),
        ("550 5.0.0 no", Hard),
        ("550 5.4.1 Recipient address rejected: Access denied. [example.example]", Hard),
        ("550 5.4.1 no answer from host", Soft),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", Hard),
        ("554 5.5.1 Error: no valid recipients", Other),
        ("550 5.2.0 The mailbox is over quota", Soft),
        ("550 User unknown in virtual mailbox table", Hard),
        ("550 No", Hard),
        ("552 Quota exceeded", Soft),
        ("552 message size exceeds the limit", Other),
        ("552 no", Soft),
        ("554 Transaction failed", Other),
        ("554 Service unavailable; client host [192.0.2.1] blocked using zen.spamhaus.example", Block),
        ("571 no", Block),
        ("556 no", Hard),
        ("delivery time expired", Soft),
        ("nobody knows", Other),
        ("", Other),
    ] {
        assert_eq!(text(words), class, "{words}");
    }
}

#[test]
fn a_temporary_failure_is_soft_unless_it_was_for_policy() {
    for (words, class) in [
        ("450 4.1.1 user unknown", Soft),
        ("451 4.3.0 try again", Soft),
        ("421 too many connections", Block),
        ("421 4.7.0 deferred due to user complaints", Block),
        ("452 4.2.2 over quota, see our policy", Soft),
        ("451 no", Soft),
    ] {
        assert_eq!(text(words), class, "{words}");
    }
    assert_eq!(by_status(None, Some(421), ""), Soft);
    assert_eq!(by_status(Some("4.0.0"), None, ""), Soft);
}

#[test]
fn the_name_of_a_person_or_a_part_of_a_word_is_no_reason() {
    assert_eq!(text("550 <spam@abuse.example> refused"), Hard);
    assert_eq!(text("550 antispam-gateway.example says no"), Hard);
    assert_eq!(text("554 marble"), Other, "no RBL");
}

#[test]
fn codes_are_found_where_servers_write_them() {
    for (words, enhanced, reply) in [
        ("550 5.1.1 unknown", Some("5.1.1"), Some(550)),
        ("550-5.1.1 unknown\r\n550 5.1.1 unknown", Some("5.1.1"), Some(550)),
        ("smtp; 550 5.4.310 no domain", Some("5.4.310"), Some(550)),
        ("SMTP;421 later", None, Some(421)),
        ("sorry, no mailbox here (#5.1.1)", Some("5.1.1"), None),
        ("550 5.7.1. refused", Some("5.7.1"), Some(550)),
        ("250 2.0.0 OK", None, None),
        ("client 5.1.1.7 refused", None, None),
        ("5501 messages", None, None),
        ("550.5 seconds", None, None),
        ("5.9.1 5.1 5.1.1234 55.1.1", None, None),
        ("ünïcode 550", None, None),
        ("", None, None),
    ] {
        assert_eq!((enhanced_status(words), reply_code(words)), (enhanced, reply), "{words}");
    }
}

#[test]
fn a_number_that_contradicts_the_reply_is_no_status() {
    assert_eq!(text("451 this is Mailer 5.1.1, come back"), Soft);
    assert_eq!(by_status(Some("nothing"), Some(0), "550 5.7.1 no"), Block);
}

#[test]
fn a_long_text_is_looked_at_from_its_beginning_only() {
    assert_eq!(text(&format!("550 no {} spam", "ä".repeat(10_000))), Hard);
}

#[test]
fn a_suppression_is_told_by_its_word() {
    assert!(is_suppression("550 [internal] recipient address suppressed due to customer policy"));
    assert!(is_suppression("On the Suppression List"));
    assert!(!is_suppression("<suppressed@example.example> is unknown"));
}
