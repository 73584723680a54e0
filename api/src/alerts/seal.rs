//! Secrets of channels at rest: ChaCha20-Poly1305 (RFC 8439) with a key derived from the installation's secret.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use schema::{AccountId, Secret};

/// A secret cannot be read: it was sealed with another installation's secret, or for another channel, or damaged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel's secret was sealed with another installation secret: set the channel anew")]
pub(crate) struct Unreadable;

/// Seals and opens secrets of channels.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    /// With the key of this installation.
    pub(crate) fn new(secret: &Secret) -> Self {
        let key = secret.derive("Postlens 1 channel secrets");
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).expect("the key has 32 bytes")))
    }

    /// The text, for nobody to read, and bound to its channel.
    pub(crate) fn seal(&self, account: &AccountId, channel: &str, text: &str) -> String {
        // 2^96 nonces, of which few are ever drawn.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = text.as_bytes().to_vec();
        let place = Aad::from(place(account, channel));
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut sealed)
            .expect("a channel's secret is short");
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// The text again.
    ///
    /// # Errors
    /// When it was sealed elsewhere.
    pub(crate) fn open(&self, account: &AccountId, channel: &str, sealed: &str) -> Result<String, Unreadable> {
        let mut bytes = STANDARD.decode(sealed).map_err(|_| Unreadable)?;
        if bytes.len() < NONCE_LEN {
            return Err(Unreadable);
        }
        let mut rest = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| Unreadable)?;
        let text =
            self.0.open_in_place(nonce, Aad::from(place(account, channel)), &mut rest).map_err(|_| Unreadable)?;
        String::from_utf8(text.to_vec()).map_err(|_| Unreadable)
    }
}

fn place(account: &AccountId, channel: &str) -> Vec<u8> {
    format!("{account}/{channel}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_only_for_its_channel_in_its_installation() {
        let sealer = Sealer::new(&Secret::new([1; 32]));
        let account: AccountId = "acme".parse().unwrap();
        let hidden = sealer.seal(&account, "a", "https://hooks.example/T0K3N");
        assert!(!hidden.contains("T0K3N"));
        assert_ne!(hidden, sealer.seal(&account, "a", "https://hooks.example/T0K3N"));
        assert_eq!(sealer.open(&account, "a", &hidden).as_deref(), Ok("https://hooks.example/T0K3N"));
        assert_eq!(sealer.open(&account, "b", &hidden), Err(Unreadable));
        assert_eq!(sealer.open(&"other".parse().unwrap(), "a", &hidden), Err(Unreadable));
        assert_eq!(Sealer::new(&Secret::new([2; 32])).open(&account, "a", &hidden), Err(Unreadable));
        assert_eq!(sealer.open(&account, "a", "AAAA"), Err(Unreadable));
    }
}
