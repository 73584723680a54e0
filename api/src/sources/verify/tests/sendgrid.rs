//! SendGrid: its published vector, and requests signed with keys of the tests' own.

use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Deserialize;

use super::*;

const SIGNATURE: &str = "X-Twilio-Email-Event-Webhook-Signature";
const TIMESTAMP: &str = "X-Twilio-Email-Event-Webhook-Timestamp";
const BODY: &[u8] = b"[{\"event\":\"delivered\"}]\r\n";

#[derive(Deserialize)]
struct Vector {
    public_key: String,
    signature: String,
    timestamp: String,
    body: String,
}

/// A key, and its public half as SendGrid shows it.
struct Key {
    pair: EcdsaKeyPair,
    public: String,
}

impl Key {
    fn new() -> Self {
        // The header of every public key of the curve P-256.
        const SPKI: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.as_ref(), &random).unwrap();
        let public = STANDARD.encode([&SPKI[..], pair.public_key().as_ref()].concat());
        Self { pair, public }
    }

    fn signature(&self, timestamp: &str, body: &[u8]) -> String {
        let message = [timestamp.as_bytes(), body].concat();
        STANDARD.encode(self.pair.sign(&SystemRandom::new(), &message).unwrap())
    }

    fn signed(&self, seconds: i64, body: &[u8]) -> Request {
        let timestamp = seconds.to_string();
        request(&self.signature(&timestamp, body), &timestamp, body)
    }
}

fn request(signature: &str, timestamp: &str, body: &[u8]) -> Request {
    Request::new(body).with(SIGNATURE, signature).with(TIMESTAMP, timestamp)
}

#[tokio::test]
async fn the_published_vector_is_right_and_every_byte_of_it_counts() {
    let text = include_str!("../../../../../fixtures/providers/sendgrid/signed.json");
    let vector: Vector = serde_json::from_str(text).unwrap();
    let scheme = Scheme::sendgrid(&[vector.public_key]).unwrap();
    let now = Millis(1_600_112_502_000);
    let take = |body: &str| request(&vector.signature, &vector.timestamp, body.as_bytes());
    assert_eq!(take(&vector.body).alone_at(&scheme, now).await, Ok(Kind::Payload));
    for changed in
        [vector.body.trim_end(), &vector.body.replace("\r\n", "\n"), &vector.body.replace("Bounced", "bounced")]
    {
        assert_eq!(take(changed).alone_at(&scheme, now).await, Err(Refusal::Wrong), "{changed}");
    }
    let later = request(&vector.signature, "1600112503", vector.body.as_bytes());
    assert_eq!(later.alone_at(&scheme, now).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn either_key_signs_and_no_other() {
    let (old, new, other) = (Key::new(), Key::new(), Key::new());
    let scheme = Scheme::sendgrid(&[&old.public, &new.public]).unwrap();
    assert_eq!(old.signed(SECONDS, BODY).alone(&scheme).await, Ok(Kind::Payload));
    assert_eq!(new.signed(SECONDS, BODY).alone(&scheme).await, Ok(Kind::Payload));
    assert_eq!(other.signed(SECONDS, BODY).alone(&scheme).await, Err(Refusal::Wrong));
}

#[tokio::test]
async fn headers_are_there_once_and_of_their_form() {
    let key = Key::new();
    let scheme = Scheme::sendgrid(&[&key.public]).unwrap();
    let time = SECONDS.to_string();
    let tag = key.signature(&time, BODY);
    let lower = Request::new(BODY).with(&SIGNATURE.to_lowercase(), &tag).with(&TIMESTAMP.to_uppercase(), &time);
    assert_eq!(lower.alone(&scheme).await, Ok(Kind::Payload));
    assert_eq!(Request::new(BODY).with(SIGNATURE, &tag).alone(&scheme).await, Err(Refusal::Missing));
    assert_eq!(Request::new(BODY).with(TIMESTAMP, &time).alone(&scheme).await, Err(Refusal::Missing));
    for (name, value) in [(SIGNATURE, &tag), (TIMESTAMP, &time)] {
        let twice = request(&tag, &time, BODY).with(name, value);
        assert_eq!(twice.alone(&scheme).await, Err(Refusal::Wrong), "{name}");
    }
    for text in garbled(&tag) {
        assert_eq!(request(&text, &time, BODY).alone(&scheme).await, Err(Refusal::Wrong), "{text}");
    }
    for text in ["", "now", "-1", "1700000000.5", &"1".repeat(3_000)] {
        assert_eq!(request(&tag, text, BODY).alone(&scheme).await, Err(Refusal::Wrong), "{text}");
    }
}

#[tokio::test]
async fn a_repetition_of_a_day_ago_is_taken_and_an_older_one_is_stale() {
    let key = Key::new();
    let scheme = Scheme::sendgrid(&[&key.public]).unwrap();
    let request = key.signed(SECONDS, BODY);
    assert_eq!(request.alone_at(&scheme, Millis(NOW.0 + 24 * HOUR)).await, Ok(Kind::Payload));
    assert_eq!(request.alone_at(&scheme, Millis(NOW.0 + 26 * HOUR)).await, Err(Refusal::Stale));
    assert_eq!(request.alone_at(&scheme, Millis(NOW.0 - HOUR)).await, Err(Refusal::Stale));
}

#[tokio::test]
async fn a_request_that_was_taken_is_not_new_because_it_has_another_signature() {
    let key = Key::new();
    let (verifier, scheme) = (verifier(), Scheme::sendgrid(&[&key.public]).unwrap());
    let (first, again) = (key.signed(SECONDS, BODY), key.signed(SECONDS, BODY));
    assert_ne!(first.headers, again.headers, "ECDSA draws a number");
    verifier.verify("source", &scheme, &first.at(NOW)).await.unwrap().remember();
    assert_eq!(verifier.verify("source", &scheme, &again.at(NOW)).await.unwrap_err(), Refusal::Replayed);
    let other = key.signed(SECONDS + 1, BODY);
    assert!(verifier.verify("source", &scheme, &other.at(NOW)).await.is_ok());
}
