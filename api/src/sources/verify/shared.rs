//! Secrets that a provider shows as they are: HTTP Basic (RFC 7617), or a header of the operator's choice.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use subtle::{Choice, ConstantTimeEq as _};

use super::{Refusal, header};

/// A secret's hash: two are compared in a time that tells nothing of either, its length neither.
#[derive(Clone)]
struct Digest([u8; 32]);

impl Digest {
    fn of(secret: &[u8]) -> Self {
        Self(blake3::derive_key("Postlens 1 webhook secret", secret))
    }
}

/// Secrets of which one must be shown.
#[derive(Clone)]
struct Secrets(Vec<Digest>);

impl Secrets {
    fn check(&self, shown: &[u8]) -> Result<(), Refusal> {
        let shown = Digest::of(shown);
        let one = self.0.iter().fold(Choice::from(0), |any, secret| any | secret.0.ct_eq(&shown.0));
        if bool::from(one) { Ok(()) } else { Err(Refusal::Wrong) }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// User and password.
#[derive(Clone, Debug)]
pub(crate) struct Basic(Secrets);

impl Basic {
    pub(super) fn new(user: &str, passwords: &[&str]) -> Self {
        let secret = |password: &&str| Digest::of(format!("{user}:{password}").as_bytes());
        Self(Secrets(passwords.iter().map(secret).collect()))
    }

    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let value = header::only(headers, &AUTHORIZATION)?;
        let (scheme, shown) = value.split_once(' ').ok_or(Refusal::Missing)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Refusal::Missing);
        }
        self.0.check(&STANDARD.decode(shown.trim_matches(' ')).map_err(|_| Refusal::Wrong)?)
    }
}

/// A header and its value.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    name: HeaderName,
    secrets: Secrets,
}

impl Named {
    pub(super) fn new(name: HeaderName, values: &[&str]) -> Self {
        Self { name, secrets: Secrets(values.iter().map(|value| Digest::of(value.as_bytes())).collect()) }
    }

    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.secrets.check(header::only(headers, &self.name)?.as_bytes())
    }
}
