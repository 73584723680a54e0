//! SNS, with an Amazon of the tests' own.

use futures::future::join_all;
use rcgen::{CertifiedIssuer, KeyPair};
use serde_json::{Value, json};

use super::{
    amazon::{self, Amazon, CERTIFICATE, ISSUER, Wanted, authority, issue},
    *,
};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail";
const TIME: &str = "2023-11-14T22:13:20.000Z";
const CONFIRM: &str = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:123456789012:mail&Token=2336412f37";

fn scheme() -> Scheme {
    Scheme::sns(&["arn:aws:sns:us-east-1:123456789012:other", TOPIC]).unwrap()
}

fn notification() -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "My First Message",
        "Message": "Hello \"world\"\nand more",
        "Timestamp": TIME,
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
    })
}

fn confirmation(kind: &str) -> Value {
    json!({
        "Type": kind,
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe",
        "SubscribeURL": CONFIRM,
        "Timestamp": TIME,
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
    })
}

fn signed(envelope: Value, key: &str) -> Request {
    Request::new(amazon::signed(envelope, key))
}

fn with(mut envelope: Value, name: &str, value: impl Into<Value>) -> Value {
    envelope[name] = value.into();
    envelope
}

fn verifier_of(amazon: &Amazon) -> Verifier {
    Verifier::new(amazon.outgoing(), amazon.roots())
}

async fn outcome(verifier: &Verifier, request: &Request, now: Millis) -> Result<Kind, Refusal> {
    verifier.verify("source", &scheme(), &request.at(now)).await.map(|verified| verified.kind())
}

/// What comes of a notification whose certificate is such a one.
async fn certified(amazon: &Amazon, pem: String) -> Result<Kind, Refusal> {
    amazon.put(CERTIFICATE, pem);
    outcome(&verifier_of(amazon), &signed(notification(), FIRST), NOW).await
}

#[tokio::test]
async fn a_notification_is_taken_with_and_without_a_subject() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let plain = with(with(notification(), "Subject", Value::Null), "MessageId", "2");
    for envelope in [notification(), plain] {
        assert_eq!(outcome(&verifier, &signed(envelope, FIRST), NOW).await, Ok(Kind::Notification));
    }
    assert_eq!(amazon.asked(), [CERTIFICATE, ISSUER], "both are fetched once");
}

#[tokio::test]
async fn both_versions_are_as_openssl_signs_them() {
    const SHA1: &str = "Fc+v2mZNnAKkeH1w9u4Ex+vNqI9sDc0dBt9Kq8IpshnHp/pdiViVHdbTASRjnQ/8sIkvN2N97QMnF3/s4QO9yreTay5vQQjiNvIMbzFLq8ozzZkUrfwEhpOssmREBeLRAJqhs5pTTCkHGQpVY86VP/XFOZShRV86au7FXGKUcl3kUTNPbDciA+NRrCTfD5GLsATEkWnd+tI5xjR3giy7pBzCKk31ryL/wCsXpLhUKMRl91n5xJuzDhbLqspaHretQkIU5IPQ4oy3gY+WPrWj0tg3QgabJpdnez4yJcrgEcgBkMe1VnjJWlQvse/kl5ORS4UmXdbIupqXZwYkBNcZfA==";
    const SHA256: &str = "O/VMwzq5/tVrXh3ez9nbNHcz9Rbyn/oNjUFlUhObMqpAE8EreU/KkY3DDggrU/ZNNfBCoIn+CG585IwNv+iGCznCVm76+SuUbbknUyhJmRPPZ8JwFx/9cHxC7eIDeBpmi4fqxUQ4XTzNJiAbePdT4T6VOEtZZFn7SllAXpLtDmjgXk8IoFn+8H4fnIPN34NDh7iW8XCAKJs4vfgT8wYodj3kvLnWneyzo8UbrQ4qDpK9yP1NSjfrzFdeCawa7aYEwliepFz8ipSt7LxMvLCFV3HGTO3w+upO2kheZzaKcJCO2bZg2zeOALAbqRuHl6pvvSEfH3Z9yfoTgVI9qYehxQ==";
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    for (version, signature, expected) in [
        ("1", SHA1, Ok(Kind::Notification)),
        ("2", SHA256, Ok(Kind::Notification)),
        ("1", SHA256, Err(Refusal::Wrong)),
        ("2", SHA1, Err(Refusal::Wrong)),
        ("3", SHA256, Err(Refusal::Wrong)),
        ("", SHA1, Err(Refusal::Wrong)),
    ] {
        let envelope = with(with(notification(), "SignatureVersion", version), "Signature", signature);
        assert_eq!(outcome(&verifier, &Request::new(envelope.to_string()), NOW).await, expected, "{version}");
    }
}

#[tokio::test]
async fn a_changed_field_another_key_or_a_garbled_signature_is_wrong() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let right: Value = serde_json::from_slice(&signed(notification(), FIRST).body).unwrap();
    for (name, value) in [
        ("Message", "Hello"),
        ("MessageId", "1"),
        ("Subject", "Other"),
        ("Timestamp", "2023-11-14T22:13:21.000Z"),
        ("TopicArn", "arn:aws:sns:us-east-1:123456789012:other"),
    ] {
        let changed = Request::new(with(right.clone(), name, value).to_string());
        assert_eq!(outcome(&verifier, &changed, NOW).await, Err(Refusal::Wrong), "{name}");
    }
    for text in garbled(right["Signature"].as_str().unwrap()) {
        let garbled = Request::new(with(right.clone(), "Signature", text.as_str()).to_string());
        assert_eq!(outcome(&verifier, &garbled, NOW).await, Err(Refusal::Wrong), "{text}");
    }
    assert_eq!(outcome(&verifier, &signed(notification(), SECOND), NOW).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn what_is_no_envelope_is_not_signed_and_nobody_is_asked() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let text = signed(notification(), FIRST).body;
    let twice = String::from_utf8(text).unwrap().replacen('{', "{\"Message\":\"first\",", 1);
    for text in ["", "{}", "[]", "{\"Type\":\"Notification\"}", &twice] {
        assert_eq!(outcome(&verifier, &Request::new(text), NOW).await, Err(Refusal::Missing), "{text}");
    }
    let unknown = Request::new(with(notification(), "Type", "Invoice").to_string());
    assert_eq!(outcome(&verifier, &unknown, NOW).await, Err(Refusal::Missing));
    let tokenless = signed(with(confirmation("SubscriptionConfirmation"), "Token", Value::Null), FIRST);
    assert_eq!(outcome(&verifier, &tokenless, NOW).await, Err(Refusal::Missing));
    assert!(amazon.asked().is_empty());
}

#[tokio::test]
async fn a_topic_that_is_not_pinned_a_foreign_address_and_a_stale_time_ask_nobody() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let elsewhere = signed(with(notification(), "TopicArn", "arn:aws:sns:us-east-1:999999999999:mail"), FIRST);
    assert_eq!(outcome(&verifier, &elsewhere, NOW).await, Err(Refusal::Wrong));
    for url in [
        "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
        "http://sns.us-east-1.amazonaws.com/x.pem",
        "https://127.0.0.1/x.pem",
    ] {
        let foreign = signed(with(notification(), "SigningCertURL", url), FIRST);
        assert_eq!(outcome(&verifier, &foreign, NOW).await, Err(Refusal::Wrong), "{url}");
    }
    for (time, now) in [(TIME, NOW.0 + 26 * HOUR), (TIME, NOW.0 - HOUR)] {
        let stale = signed(with(notification(), "Timestamp", time), FIRST);
        assert_eq!(outcome(&verifier, &stale, Millis(now)).await, Err(Refusal::Stale), "{now}");
    }
    let timeless = signed(with(notification(), "Timestamp", "yesterday"), FIRST);
    assert_eq!(outcome(&verifier, &timeless, NOW).await, Err(Refusal::Wrong));
    assert!(amazon.asked().is_empty());
}

#[tokio::test]
async fn what_was_taken_is_refused() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let request = signed(notification(), FIRST);
    drop(verifier.verify("source", &scheme(), &request.at(NOW)).await.unwrap());
    verifier.verify("source", &scheme(), &request.at(NOW)).await.unwrap().remember();
    assert_eq!(outcome(&verifier, &request, NOW).await, Err(Refusal::Replayed));
}

#[tokio::test]
async fn a_pinned_topic_is_confirmed_at_its_own_address() {
    let amazon = Amazon::new().await;
    amazon.put(CONFIRM, "<ConfirmSubscriptionResponse/>");
    let request = signed(confirmation("SubscriptionConfirmation"), FIRST);
    assert_eq!(outcome(&verifier_of(&amazon), &request, NOW).await, Ok(Kind::Subscribed));
    assert_eq!(amazon.asked(), [CERTIFICATE, ISSUER, CONFIRM]);
}

#[tokio::test]
async fn a_confirmation_that_fails_may_come_again() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let request = signed(confirmation("SubscriptionConfirmation"), FIRST);
    amazon.fail(CONFIRM);
    assert_eq!(outcome(&verifier, &request, NOW).await, Err(Refusal::Unavailable));
    amazon.redirect(CONFIRM, "https://sns.us-east-1.amazonaws.com/elsewhere");
    assert_eq!(outcome(&verifier, &request, NOW).await, Err(Refusal::Unavailable));
    assert!(!amazon.asked().iter().any(|url| url.ends_with("elsewhere")), "a redirect is not followed");
    amazon.put(CONFIRM, "");
    assert_eq!(outcome(&verifier, &request, NOW).await, Ok(Kind::Subscribed));
}

#[tokio::test]
async fn a_confirmation_of_another_topic_or_address_or_with_a_false_signature_asks_nothing() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let right = confirmation("SubscriptionConfirmation");
    let evil = "https://sns.us-east-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-east-1:123456789012:mail&Token=2336412f37";
    for request in [
        signed(with(right.clone(), "TopicArn", "arn:aws:sns:us-east-1:123456789012:unpinned"), FIRST),
        signed(with(right.clone(), "SubscribeURL", evil), FIRST),
        signed(with(right.clone(), "SubscribeURL", CONFIRM.replace("ConfirmSubscription", "DeleteTopic")), FIRST),
        signed(with(right.clone(), "SubscribeURL", CONFIRM.replace("2336412f37", "other")), FIRST),
        signed(right, SECOND),
    ] {
        assert_eq!(outcome(&verifier, &request, NOW).await, Err(Refusal::Wrong));
    }
    assert!(amazon.asked().iter().all(|url| url == CERTIFICATE || url == ISSUER), "{:?}", amazon.asked());
}

#[tokio::test]
async fn a_farewell_is_told_and_the_subscription_not_renewed() {
    let amazon = Amazon::new().await;
    let request = signed(confirmation("UnsubscribeConfirmation"), FIRST);
    assert_eq!(outcome(&verifier_of(&amazon), &request, NOW).await, Ok(Kind::Unsubscribed));
    assert!(!amazon.asked().contains(&CONFIRM.to_owned()));
}

#[tokio::test]
async fn a_certificate_is_believed_for_its_chain_its_days_and_its_name() {
    let amazon = Amazon::new().await;
    let make = |wanted: &Wanted<'_>| amazon.certificate(wanted, FIRST);
    for names in [
        &["sns.amazonaws.com"][..],
        &["sns.us-east-1.amazonaws.com"],
        &["x.example", "sns-signing.us-east-1.amazonaws.com"],
    ] {
        let pem = make(&Wanted { names, ..Wanted::default() });
        assert_eq!(certified(&amazon, pem).await, Ok(Kind::Notification), "{names:?}");
    }
    for names in [
        &["evil.example"][..],
        &["sns.eu-west-1.amazonaws.com"],
        &["sns.amazonaws.com.evil.example"],
        &["sqs.us-east-1.amazonaws.com"],
        &[],
    ] {
        let pem = make(&Wanted { names, ..Wanted::default() });
        assert_eq!(certified(&amazon, pem).await, Err(Refusal::Wrong), "{names:?}");
    }
    for years in [(2021, 2023), (2024, 2026)] {
        let pem = make(&Wanted { years, ..Wanted::default() });
        assert_eq!(certified(&amazon, pem).await, Err(Refusal::Wrong), "{years:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_believed_whatever_it_brings_along() {
    let amazon = Amazon::new().await;
    let evil = CertifiedIssuer::self_signed(authority("Between"), KeyPair::generate().unwrap()).unwrap();
    for wanted in [Wanted::default(), Wanted { issuer: None, ..Wanted::default() }] {
        let forged = issue(&wanted, FIRST, &evil);
        assert_eq!(certified(&amazon, forged.clone()).await, Err(Refusal::Wrong));
        assert_eq!(certified(&amazon, forged + &evil.pem()).await, Err(Refusal::Wrong));
    }
    let own = CertifiedIssuer::self_signed(authority("sns.amazonaws.com"), KeyPair::generate().unwrap()).unwrap();
    assert_eq!(certified(&amazon, own.pem()).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn the_issuer_comes_with_the_certificate_or_from_an_authority_of_amazon_and_from_nowhere_else() {
    let amazon = Amazon::new().await;
    let bare = Wanted { issuer: None, ..Wanted::default() };
    assert_eq!(certified(&amazon, amazon.certificate(&bare, FIRST)).await, Err(Refusal::Wrong));
    let whole = amazon.certificate(&bare, FIRST) + &amazon.issuer();
    assert_eq!(certified(&amazon, whole).await, Ok(Kind::Notification));
    let foreign = Wanted { issuer: Some("http://crt.evil.example/r2m01.cer"), ..Wanted::default() };
    assert_eq!(certified(&amazon, amazon.certificate(&foreign, FIRST)).await, Err(Refusal::Wrong));
    assert!(amazon.asked().iter().all(|url| url == CERTIFICATE), "{:?}", amazon.asked());
    amazon.fail(ISSUER);
    assert_eq!(certified(&amazon, amazon.certificate(&Wanted::default(), FIRST)).await, Err(Refusal::Unavailable));
    amazon.put(ISSUER, "garbage");
    assert_eq!(certified(&amazon, amazon.certificate(&Wanted::default(), FIRST)).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn a_file_that_is_no_certificate_is_wrong_and_one_that_does_not_come_is_tried_again_soon() {
    let amazon = Amazon::new().await;
    for garbage in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", FIRST] {
        assert_eq!(certified(&amazon, garbage.to_owned()).await, Err(Refusal::Wrong), "{garbage}");
    }
    assert_eq!(certified(&amazon, "x".repeat(70_000)).await, Err(Refusal::Unavailable));
    amazon.redirect(CERTIFICATE, "https://sns.us-east-1.amazonaws.com/elsewhere.pem");
    let (verifier, request) = (verifier_of(&amazon), signed(notification(), FIRST));
    assert_eq!(outcome(&verifier, &request, NOW).await, Err(Refusal::Unavailable));
    assert!(!amazon.asked().iter().any(|url| url.ends_with("elsewhere.pem")), "a redirect is not followed");
    let asked = amazon.asked().len();
    amazon.put(CERTIFICATE, amazon.certificate(&Wanted::default(), FIRST));
    assert_eq!(outcome(&verifier, &request, Millis(NOW.0 + 1_000)).await, Err(Refusal::Unavailable));
    assert_eq!(amazon.asked().len(), asked, "nobody is asked again at once");
    assert_eq!(outcome(&verifier, &request, Millis(NOW.0 + 10_000)).await, Ok(Kind::Notification));
}

#[tokio::test]
async fn many_who_need_a_certificate_wait_for_one_answer() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let requests: Vec<_> = (0..20).map(|id| signed(with(notification(), "MessageId", id.to_string()), FIRST)).collect();
    let outcomes = join_all(requests.iter().map(|request| outcome(&verifier, request, NOW))).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(Kind::Notification)), "{outcomes:?}");
    assert_eq!(amazon.asked(), [CERTIFICATE, ISSUER]);
}

#[tokio::test]
async fn a_certificate_is_believed_for_a_day_and_no_longer_than_it_is_valid() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    let late = |id: &str, time: &str| signed(with(with(notification(), "MessageId", id), "Timestamp", time), FIRST);
    assert_eq!(outcome(&verifier, &signed(notification(), FIRST), NOW).await, Ok(Kind::Notification));
    let tomorrow = late("2", "2023-11-15T22:13:20Z");
    assert_eq!(outcome(&verifier, &tomorrow, Millis(NOW.0 + 23 * HOUR + 50 * MINUTE)).await, Ok(Kind::Notification));
    assert_eq!(amazon.asked().len(), 2);
    assert_eq!(outcome(&verifier, &tomorrow, Millis(NOW.0 + 24 * HOUR)).await, Ok(Kind::Notification));
    assert_eq!(amazon.asked().len(), 4);
    // Its last hour is at the end of 2024.
    let (before, after) = (Millis(1_735_689_000_000), Millis(1_735_690_200_000));
    let eve = late("3", "2024-12-31T23:50:00Z");
    assert_eq!(outcome(&verifier, &eve, before).await, Ok(Kind::Notification));
    assert_eq!(outcome(&verifier, &eve, after).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn certificates_found_wanting_make_room_and_good_ones_stay() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    assert_eq!(outcome(&verifier, &signed(notification(), FIRST), NOW).await, Ok(Kind::Notification));
    for id in 0..300 {
        let url = format!("https://sns.us-east-1.amazonaws.com/{id}.pem");
        let request = Request::new(with(with(notification(), "SigningCertURL", url), "Signature", "AAAA").to_string());
        assert_eq!(outcome(&verifier, &request, NOW).await, Err(Refusal::Unavailable));
    }
    let again = signed(with(notification(), "MessageId", "2"), FIRST);
    assert_eq!(outcome(&verifier, &again, NOW).await, Ok(Kind::Notification));
    assert_eq!(amazon.asked().iter().filter(|url| *url == CERTIFICATE).count(), 1);
}

#[tokio::test]
async fn certificates_of_other_regions_bear_other_names() {
    let amazon = Amazon::new().await;
    let verifier = verifier_of(&amazon);
    for (url, names) in [
        ("https://sns.af-south-1.amazonaws.com/x.pem", ["sns-signing.af-south-1.amazonaws.com"]),
        ("https://sns.cn-north-1.amazonaws.com.cn/x.pem", ["sns-cn-north-1.amazonaws.com.cn"]),
    ] {
        amazon.put(url, amazon.certificate(&Wanted { names: &names, ..Wanted::default() }, FIRST));
        let request = signed(with(with(notification(), "SigningCertURL", url), "MessageId", url), FIRST);
        assert_eq!(outcome(&verifier, &request, NOW).await, Ok(Kind::Notification), "{url}");
    }
}

#[tokio::test]
async fn the_public_roots_know_nothing_of_this_amazon() {
    let amazon = Amazon::new().await;
    let verifier = Verifier::with_public_roots(amazon.outgoing());
    assert_eq!(outcome(&verifier, &signed(notification(), FIRST), NOW).await, Err(Refusal::Wrong));
    assert_eq!(amazon.asked(), [CERTIFICATE, ISSUER]);
}

#[test]
fn the_roots_of_amazon_are_among_the_public_ones() {
    let named = |name: &str| {
        let holds = |subject: &[u8]| subject.windows(name.len()).any(|part| part == name.as_bytes());
        webpki_roots::TLS_SERVER_ROOTS.iter().any(|root| holds(&root.subject))
    };
    for name in ["Amazon Root CA 1", "Starfield Services Root Certificate Authority - G2"] {
        assert!(named(name), "{name}");
    }
}
