//! Every scheme with what it has to take and what it has to refuse.

pub(crate) mod amazon;
mod arbitrary;
mod keys;
mod mailgun;
mod postal;
mod sendgrid;
mod shared;
mod sns;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use super::*;
use crate::outgoing::Permit;

/// 2023-11-14T22:13:20Z, and the same in seconds.
pub(crate) const NOW: Millis = Millis(1_700_000_000_000);
const SECONDS: i64 = NOW.0 / 1_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Two RSA keys of 2048 bits, and their public halves.
pub(crate) const FIRST: &str = include_str!("../../../../../fixtures/providers/keys/rsa-1.pem");
pub(crate) const SECOND: &str = include_str!("../../../../../fixtures/providers/keys/rsa-2.pem");
pub(crate) const FIRST_PUBLIC: &str = include_str!("../../../../../fixtures/providers/keys/rsa-1.public.pem");
pub(crate) const SECOND_PUBLIC: &str = include_str!("../../../../../fixtures/providers/keys/rsa-2.public.pem");

/// One that fetches nothing: it trusts no root.
fn verifier() -> Verifier {
    Verifier::new(Outgoing::new(Permit::Public).unwrap(), RootCertStore::empty())
}

/// A request.
#[derive(Clone, Debug, Default)]
struct Request {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { headers: HeaderMap::new(), body: body.into() }
    }

    /// With one more header.
    fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    fn at(&self, now: Millis) -> Signed<'_> {
        Signed { headers: &self.headers, body: &self.body, now }
    }

    /// What comes of it at the usual time, with a memory that knows nothing.
    async fn alone(&self, scheme: &Scheme) -> Result<Kind, Refusal> {
        self.alone_at(scheme, NOW).await
    }

    async fn alone_at(&self, scheme: &Scheme, now: Millis) -> Result<Kind, Refusal> {
        verifier().verify("source", scheme, &self.at(now)).await.map(|verified| verified.kind())
    }
}

/// The signature of one of the keys, in base64.
pub(crate) fn rsa_signature(key: &str, message: &[u8]) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
    STANDARD.encode(signature)
}

/// Texts that are no signature, or only a part of this one.
fn garbled(signature: &str) -> Vec<String> {
    let half = &signature[..signature.len() / 2];
    let odd = &signature[..signature.len() - 1];
    let swapped = if signature.starts_with('A') { 'B' } else { 'A' };
    let changed = format!("{swapped}{}", &signature[1..]);
    let texts = ["", "x", "====", "AAAA", half, odd, &changed, "not base64 at all"];
    texts.iter().map(|&text| text.to_owned()).chain([signature.repeat(20)]).collect()
}
