//! Whether a webhook comes from who it claims to come from, as its provider defines it, over the bytes as they came.
//!
//! - a **scheme** is what a source was told to expect, with up to two keys at once, so that a key is changed without a gap;
//! - each provider's scheme has a file: **mailgun**, **sendgrid**, **postal**, **sns**; **shared** is for those that only show a secret;
//! - a **window** says how old a signed request may be, **memory** which ones were taken already.
//!
//! A request is claimed when it is verified, and remembered when its events are on disk: one that was answered 503 may come again.

mod header;
mod key;
mod mailgun;
mod memory;
mod postal;
mod scheme;
mod sendgrid;
mod shared;
mod sns;
#[cfg(test)]
pub(crate) mod tests;
mod window;

use axum::http::HeaderMap;
use rustls::RootCertStore;
use schema::Millis;

pub(crate) use scheme::{KeyError, Scheme};

use self::memory::{Claim, Memory};
use crate::outgoing::Outgoing;

/// A request as it came, and the time.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'r> {
    pub(crate) headers: &'r HeaderMap,
    /// The raw bytes, neither decoded nor parsed.
    pub(crate) body: &'r [u8],
    pub(crate) now: Millis,
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It bears no signature and no secret, or none in the form that the scheme has.
    #[error("the request is not signed as the source's scheme demands")]
    Missing,
    /// The signature or the secret is not that of any key of the source, or its topic is not pinned.
    #[error("the request's signature does not match the source's keys")]
    Wrong,
    /// It was signed too long ago, or in the future.
    #[error("the request was signed too long ago, or in the future")]
    Stale,
    /// It was taken before.
    #[error("the request was taken before")]
    Replayed,
    /// Nobody can tell at the moment: the certificate or the confirmation is out of reach, or the same request is being taken right now.
    #[error("the request cannot be verified at the moment")]
    Unavailable,
}

/// What a verified request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its body is the provider's payload.
    Payload,
    /// Its body is the envelope of an SNS notification of a pinned topic.
    Notification,
    /// A pinned SNS topic asked for the subscription to be confirmed, and it was. There are no events in it.
    Subscribed,
    /// A pinned SNS topic tells that the subscription ended. It is not renewed. There are no events in it.
    Unsubscribed,
}

/// A request that comes from who it claims to come from. To be remembered once its events are kept; dropped, it may come again.
#[derive(Debug)]
#[must_use = "a request that is not remembered can be repeated"]
pub(crate) struct Verified {
    kind: Kind,
    claim: Option<Claim>,
}

impl Verified {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its events are kept: from now on the same request is refused as `Replayed`.
    pub(crate) fn remember(self) {
        if let Some(claim) = self.claim {
            claim.keep();
        }
    }
}

/// Verifies requests. One for the whole service: it remembers.
pub(crate) struct Verifier {
    memory: Memory,
    sns: sns::Sns,
}

impl Verifier {
    /// Fetches certificates through `outgoing`, and believes those that go back to `roots`.
    pub(crate) fn new(outgoing: Outgoing, roots: RootCertStore) -> Self {
        Self { memory: Memory::default(), sns: sns::Sns::new(outgoing, roots) }
    }

    /// With the roots that browsers trust.
    pub(crate) fn with_public_roots(outgoing: Outgoing) -> Self {
        Self::new(outgoing, webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// Verifies a request to the source of this id.
    ///
    /// # Errors
    /// When it is not to be taken.
    pub(crate) async fn verify(&self, source: &str, scheme: &Scheme, signed: &Signed<'_>) -> Result<Verified, Refusal> {
        let (kind, once) = match scheme {
            Scheme::None => (Kind::Payload, None),
            Scheme::Basic(keys) => (Kind::Payload, keys.check(signed.headers).map(|()| None)?),
            Scheme::Header(keys) => (Kind::Payload, keys.check(signed.headers).map(|()| None)?),
            Scheme::Mailgun(keys) => (Kind::Payload, Some(keys.check(signed)?)),
            Scheme::SendGrid(keys) => (Kind::Payload, Some(keys.check(signed)?)),
            Scheme::Postal(keys) => (Kind::Payload, keys.check(signed)?),
            Scheme::Sns(topics) => {
                let message = self.sns.check(topics, signed).await?;
                let claim = self.memory.claim(source, &message.once, signed.now)?;
                let kind = self.sns.answer(&message).await?;
                return Ok(Verified { kind, claim: Some(claim) });
            }
        };
        let claim = once.map(|once| self.memory.claim(source, &once, signed.now)).transpose()?;
        Ok(Verified { kind, claim })
    }
}
