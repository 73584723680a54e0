//! What is secret at rest: ChaCha20-Poly1305 (RFC 8439) with a key derived from the installation's secret, one for each purpose, and bound
//! to its place.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use schema::{AccountId, Secret};

/// It cannot be read: it was sealed with another installation's secret, or for another place, or damaged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this was sealed with another installation secret: set it anew")]
pub(crate) struct Unreadable;

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Secrets of channels.
    Channels,
    /// Keys of sources.
    Sources,
    /// Bodies that could not be decoded.
    Rejects,
}

impl Purpose {
    /// What the key is derived with; never to be changed.
    const fn context(self) -> &'static str {
        match self {
            Self::Channels => "Postlens 1 channel secrets",
            Self::Sources => "Postlens 1 source secrets",
            Self::Rejects => "Postlens 1 rejected bodies",
        }
    }
}

/// Seals and opens.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    /// With the key of this installation.
    pub(crate) fn new(secret: &Secret, purpose: Purpose) -> Self {
        let key = secret.derive(purpose.context());
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).expect("the key has 32 bytes")))
    }

    /// The bytes, for nobody to read, and bound to what has this id.
    pub(crate) fn seal(&self, account: &AccountId, id: &str, plain: &[u8]) -> String {
        // 2^96 nonces, of which few are ever drawn.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = plain.to_vec();
        let place = Aad::from(place(account, id));
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut sealed)
            .expect("what is sealed is shorter than 256 GiB");
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// The bytes again.
    ///
    /// # Errors
    /// When they were sealed elsewhere.
    pub(crate) fn open(&self, account: &AccountId, id: &str, sealed: &str) -> Result<Vec<u8>, Unreadable> {
        let mut bytes = STANDARD.decode(sealed).map_err(|_| Unreadable)?;
        if bytes.len() < NONCE_LEN {
            return Err(Unreadable);
        }
        let mut rest = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| Unreadable)?;
        let length =
            self.0.open_in_place(nonce, Aad::from(place(account, id)), &mut rest).map_err(|_| Unreadable)?.len();
        rest.truncate(length);
        Ok(rest)
    }
}

fn place(account: &AccountId, id: &str) -> Vec<u8> {
    format!("{account}/{id}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: &[u8] = b"https://hooks.example/T0K3N";

    #[test]
    fn what_is_sealed_is_opened_only_in_its_place_in_its_installation() {
        let sealer = Sealer::new(&Secret::new([1; 32]), Purpose::Channels);
        let account: AccountId = "acme".parse().unwrap();
        let hidden = sealer.seal(&account, "a", HIDDEN);
        assert!(!hidden.contains("T0K3N"));
        assert_ne!(hidden, sealer.seal(&account, "a", HIDDEN));
        assert_eq!(sealer.open(&account, "a", &hidden).as_deref(), Ok(HIDDEN));
        assert_eq!(sealer.open(&account, "b", &hidden), Err(Unreadable));
        assert_eq!(sealer.open(&"other".parse().unwrap(), "a", &hidden), Err(Unreadable));
        assert_eq!(Sealer::new(&Secret::new([2; 32]), Purpose::Channels).open(&account, "a", &hidden), Err(Unreadable));
        assert_eq!(sealer.open(&account, "a", "AAAA"), Err(Unreadable));
    }

    #[test]
    fn what_is_sealed_for_one_purpose_is_not_opened_for_another() {
        let (secret, account) = (Secret::new([1; 32]), "acme".parse().unwrap());
        let hidden = Sealer::new(&secret, Purpose::Sources).seal(&account, "a", HIDDEN);
        assert_eq!(Sealer::new(&secret, Purpose::Rejects).open(&account, "a", &hidden), Err(Unreadable));
        assert_eq!(Sealer::new(&secret, Purpose::Channels).open(&account, "a", &hidden), Err(Unreadable));
    }
}
