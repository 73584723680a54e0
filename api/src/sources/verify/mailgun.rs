//! Mailgun: HMAC-SHA256 over time and token, inside the JSON. It does not cover the event, so a token is taken once.
//!
//! Mailgun repeats a request for eight hours (after 5, 10 and 15 minutes, 1, 2 and 4 hours), and a repetition has the signature of the
//! first try, its time too. A window of minutes, as one often sees, would lose every event of an outage that lasts longer. So the window is
//! as wide as Mailgun repeats, and what keeps replays out is the memory of tokens.

use std::borrow::Cow;

use ring::hmac;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Refusal, Signed,
    memory::Once,
    window::{Window, unix_seconds},
};

/// The last repetition is sent after 7 hours and 40 minutes.
const WINDOW: Window = Window::hours(9);
/// A token has 50 characters.
const LONGEST_TOKEN: usize = 128;

/// Keys of one source.
#[derive(Clone, Debug)]
pub(crate) struct Mailgun(Vec<hmac::Key>);

#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    signature: Signature<'b>,
}

#[derive(Deserialize)]
struct Signature<'b> {
    /// A string of digits; a number would do.
    #[serde(borrow)]
    timestamp: &'b RawValue,
    #[serde(borrow)]
    token: Cow<'b, str>,
    #[serde(rename = "signature", borrow)]
    tag: Cow<'b, str>,
}

impl Mailgun {
    pub(super) fn new(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())).collect())
    }

    pub(super) fn check(&self, signed: &Signed<'_>) -> Result<Once, Refusal> {
        let envelope: Envelope<'_> = serde_json::from_slice(signed.body).map_err(|_| Refusal::Missing)?;
        let Signature { timestamp, token, tag } = envelope.signature;
        let timestamp = timestamp.get().trim_matches('"');
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(Refusal::Wrong);
        }
        let ends = WINDOW.ends(unix_seconds(timestamp).ok_or(Refusal::Wrong)?, signed.now)?;
        // 64 hexadecimal digits, as a hash of 32 bytes has them.
        let tag = blake3::Hash::from_hex(tag.as_bytes()).map_err(|_| Refusal::Wrong)?;
        let message = [timestamp.as_bytes(), token.as_bytes()].concat();
        let one = self.0.iter().any(|key| hmac::verify(key, &message, tag.as_bytes()).is_ok());
        if !one {
            return Err(Refusal::Wrong);
        }
        Ok(Once::new(&[timestamp.as_bytes(), token.as_bytes()], ends))
    }
}
