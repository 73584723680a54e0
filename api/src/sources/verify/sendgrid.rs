//! SendGrid: ECDSA over time and body, in two headers.
//!
//! SendGrid repeats a request for 24 hours. It does not say whether a repetition is signed anew, so the window is wide enough for one that
//! is not; its body is covered by the signature, so a replay could only bring what is known already.

use axum::http::HeaderName;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Refusal, Signed, header,
    key::Curve,
    memory::Once,
    window::{Window, unix_seconds},
};

const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-signature");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-twilio-email-event-webhook-timestamp");
const WINDOW: Window = Window::hours(25);

/// Keys of one source.
#[derive(Clone, Debug)]
pub(crate) struct SendGrid(Vec<Curve>);

impl SendGrid {
    pub(super) fn new(keys: Vec<Curve>) -> Self {
        Self(keys)
    }

    pub(super) fn check(&self, signed: &Signed<'_>) -> Result<Once, Refusal> {
        let signature = header::only(signed.headers, &SIGNATURE)?;
        let timestamp = header::only(signed.headers, &TIMESTAMP)?;
        let ends = WINDOW.ends(unix_seconds(timestamp).ok_or(Refusal::Wrong)?, signed.now)?;
        let signature = STANDARD.decode(signature).map_err(|_| Refusal::Wrong)?;
        let message = [timestamp.as_bytes(), signed.body].concat();
        if !self.0.iter().any(|key| key.signed(&message, &signature)) {
            return Err(Refusal::Wrong);
        }
        Ok(Once::new(&[&message], ends))
    }
}
