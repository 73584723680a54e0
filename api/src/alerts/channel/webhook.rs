//! Webhooks by the Standard Webhooks specification (standardwebhooks.com): an id that stays, a timestamp, and a signature of both and
//! the body with HMAC-SHA256.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::RequestBuilder;
use ring::hmac;
use schema::Millis;
use serde::Serialize;

const PREFIX: &str = "whsec_";

/// A new secret.
pub(crate) fn generate_secret() -> String {
    let bytes: [u8; 32] = rand::random();
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

/// The key of a secret, if it is one.
pub(super) fn key(secret: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    (24..=64).contains(&bytes.len()).then_some(bytes)
}

/// The signature of a message.
pub(crate) fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key(secret)?);
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(tag)))
}

/// A message: `type`, `timestamp` and `data`, as the specification proposes.
#[derive(Serialize)]
pub(super) struct Message<'a, T> {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) timestamp: &'a str,
    pub(super) data: &'a T,
}

/// A message, signed.
pub(super) fn request(
    request: RequestBuilder,
    secret: Option<&str>,
    message: &Message<'_, impl Serialize>,
    id: &str,
    now: Millis,
) -> RequestBuilder {
    let body = serde_json::to_string(message).expect("messages are plain data");
    let seconds = now.0.div_euclid(1000);
    let signature = secret.and_then(|secret| sign(secret, id, seconds, &body));
    let request = request
        .header("Content-Type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds.to_string());
    match signature {
        Some(signature) => request.header("webhook-signature", signature),
        None => request,
    }
    .body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification_s_example() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn a_generated_secret_is_one() {
        assert!(key(&generate_secret()).is_some());
        for wrong in ["", "whsec_", "whsec_AAAA", "secret", "whsec_***"] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
    }
}
