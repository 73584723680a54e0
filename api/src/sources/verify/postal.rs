//! Postal: RSA-SHA256 over the body, in a header. The key is the installation's, the one of its DKIM record.
//!
//! Postal repeats a request for 36 minutes, with the same body. The body says when it was made, and is read for that once it is known to be
//! Postal's. The older header with a signature of SHA-1 is not looked at: Postal sends both by now, and what can be
//! forged must not be a way around what cannot.

use axum::http::HeaderName;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use schema::Millis;
use serde::Deserialize;

use super::{
    Refusal, Signed, header,
    key::{Hash, Rsa},
    memory::Once,
    window::Window,
};

const SIGNATURE: HeaderName = HeaderName::from_static("x-postal-signature-256");
/// Much wider than Postal repeats, for a request waits where Postal itself stood still.
const WINDOW: Window = Window::hours(25);

/// Keys of one source.
#[derive(Clone, Debug)]
pub(crate) struct Postal(Vec<Rsa>);

#[derive(Deserialize)]
struct Made {
    timestamp: f64,
}

impl Postal {
    pub(super) fn new(keys: Vec<Rsa>) -> Self {
        Self(keys)
    }

    pub(super) fn check(&self, signed: &Signed<'_>) -> Result<Option<Once>, Refusal> {
        let signature = header::only(signed.headers, &SIGNATURE)?;
        let signature = STANDARD.decode(signature).map_err(|_| Refusal::Wrong)?;
        if !self.0.iter().any(|key| key.signed(Hash::Sha256, signed.body, &signature)) {
            return Err(Refusal::Wrong);
        }
        // What tells no time was signed all the same: it is for the decoder to judge.
        let Ok(made) = serde_json::from_slice::<Made>(signed.body) else { return Ok(None) };
        let ends = WINDOW.ends(millis(made.timestamp), signed.now)?;
        Ok(Some(Once::new(&[signed.body], ends)))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and what is far off is stale")]
fn millis(seconds: f64) -> Millis {
    Millis((seconds * 1_000.0) as i64)
}
