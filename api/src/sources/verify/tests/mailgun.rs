//! Mailgun, signed with keys of the tests' own.

use ring::hmac;

use super::*;

const TOKEN: &str = "b5751a49a024483da8d41c3684f98b8fb5751a49a024483da8";

fn signature(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    blake3::Hash::from_slice(hmac::sign(&key, text.as_bytes()).as_ref()).unwrap().to_hex().to_string()
}

fn body(timestamp: &str, token: &str, signature: &str, event: &str) -> Request {
    let signed = serde_json::json!({ "timestamp": timestamp, "token": token, "signature": signature });
    Request::new(serde_json::json!({ "signature": signed, "event-data": { "event": event } }).to_string())
}

fn signed(key: &str, seconds: i64, token: &str) -> Request {
    let timestamp = seconds.to_string();
    body(&timestamp, token, &signature(key, &format!("{timestamp}{token}")), "delivered")
}

fn scheme() -> Scheme {
    Scheme::mailgun(&["old-key", "new-key"]).unwrap()
}

#[tokio::test]
async fn either_key_signs_and_no_other() {
    assert_eq!(signed("old-key", SECONDS, TOKEN).alone(&scheme()).await, Ok(Kind::Payload));
    assert_eq!(signed("new-key", SECONDS, TOKEN).alone(&scheme()).await, Ok(Kind::Payload));
    assert_eq!(signed("other-key", SECONDS, TOKEN).alone(&scheme()).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn what_is_signed_cannot_be_changed() {
    let tag = signature("old-key", &format!("{SECONDS}{TOKEN}"));
    let time = SECONDS.to_string();
    assert_eq!(body(&time, TOKEN, &tag.to_uppercase(), "x").alone(&scheme()).await, Ok(Kind::Payload));
    let later = (SECONDS + 1).to_string();
    assert_eq!(body(&later, TOKEN, &tag, "x").alone(&scheme()).await, Err(Refusal::Wrong));
    assert_eq!(body(&time, &TOKEN.replace('a', "b"), &tag, "x").alone(&scheme()).await, Err(Refusal::Wrong));
    assert_eq!(body(&time, "", &tag, "x").alone(&scheme()).await, Err(Refusal::Wrong));
    // A digit that moves from one text to the other leaves their sum as it was.
    let (shorter, longer) = (&time[..time.len() - 1], format!("{}{TOKEN}", &time[time.len() - 1..]));
    assert_eq!(body(shorter, &longer, &tag, "x").alone(&scheme()).await, Err(Refusal::Stale));
    for text in garbled(&tag) {
        assert_eq!(body(&time, TOKEN, &text, "x").alone(&scheme()).await, Err(Refusal::Wrong), "{text}");
    }
}

#[tokio::test]
async fn the_time_may_be_a_number_but_nothing_else() {
    let right = String::from_utf8(signed("old-key", SECONDS, TOKEN).body).unwrap();
    let time = format!("\"{SECONDS}\"");
    for (other, expected) in [
        (SECONDS.to_string(), Ok(Kind::Payload)),
        (format!("{SECONDS}.0"), Err(Refusal::Wrong)),
        (format!("[{SECONDS}]"), Err(Refusal::Wrong)),
        ("\"\\u0031700000000\"".to_owned(), Err(Refusal::Wrong)),
        ("null".to_owned(), Err(Refusal::Wrong)),
    ] {
        let request = Request::new(right.replace(&time, &other));
        assert_eq!(request.alone(&scheme()).await, expected, "{other}");
    }
}

#[tokio::test]
async fn what_has_no_signature_is_not_signed() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"event-data\":{}}",
        "{\"signature\":null}",
        "{\"signature\":{\"timestamp\":\"1\",\"token\":\"x\"}}",
        "{\"signature\":{},\"signature\":{}}",
        "\u{feff}{}",
    ] {
        assert_eq!(Request::new(text).alone(&scheme()).await, Err(Refusal::Missing), "{text}");
    }
}

#[tokio::test]
async fn a_repetition_after_eight_hours_is_taken_and_one_after_ten_is_stale() {
    let request = signed("old-key", SECONDS, TOKEN);
    assert_eq!(request.alone_at(&scheme(), Millis(NOW.0 + 8 * HOUR)).await, Ok(Kind::Payload));
    assert_eq!(request.alone_at(&scheme(), Millis(NOW.0 + 10 * HOUR)).await, Err(Refusal::Stale));
    assert_eq!(request.alone_at(&scheme(), Millis(NOW.0 - 10 * MINUTE)).await, Ok(Kind::Payload));
    assert_eq!(request.alone_at(&scheme(), Millis(NOW.0 - 20 * MINUTE)).await, Err(Refusal::Stale));
}

#[tokio::test]
async fn a_token_that_was_taken_brings_no_other_event_for_as_long_as_it_is_fresh() {
    let (verifier, scheme) = (verifier(), scheme());
    let request = signed("old-key", SECONDS, TOKEN);
    verifier.verify("source", &scheme, &request.at(NOW)).await.unwrap().remember();
    let tag = signature("old-key", &format!("{SECONDS}{TOKEN}"));
    let forged = body(&SECONDS.to_string(), TOKEN, &tag, "complained");
    for later in [0, MINUTE, HOUR, 9 * HOUR] {
        let outcome = verifier.verify("source", &scheme, &forged.at(Millis(NOW.0 + later))).await;
        assert_eq!(outcome.unwrap_err(), Refusal::Replayed, "{later}");
    }
    let outcome = verifier.verify("source", &scheme, &forged.at(Millis(NOW.0 + 9 * HOUR + 1))).await;
    assert_eq!(outcome.unwrap_err(), Refusal::Stale);
    let other = signed("old-key", SECONDS, "another");
    assert!(verifier.verify("source", &scheme, &other.at(NOW)).await.is_ok());
}

#[tokio::test]
async fn a_token_whose_events_were_not_kept_may_come_again() {
    let (verifier, scheme) = (verifier(), scheme());
    let request = signed("old-key", SECONDS, TOKEN);
    let first = verifier.verify("source", &scheme, &request.at(NOW)).await.unwrap();
    let meanwhile = verifier.verify("source", &scheme, &request.at(NOW)).await;
    assert_eq!(meanwhile.unwrap_err(), Refusal::Unavailable);
    drop(first);
    let again = verifier.verify("source", &scheme, &request.at(Millis(NOW.0 + 5 * MINUTE))).await;
    assert_eq!(again.unwrap().kind(), Kind::Payload);
}
