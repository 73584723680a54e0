//! Identities: keyed hashes that stand for deliveries, events and recipients wherever the address itself must not stand.
//!
//! The key is a secret of the installation, so that nobody can find an address by hashing guesses. Each kind of identity has a
//! key of its own, and every part is hashed with its length, so that no two different facts share one input.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Event, EventKind, Millis};

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u128);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:032x})"), self.0)
            }
        }
    };
}

hash_id! {
    /// One message to one recipient of one account.
    DeliveryKey
}
hash_id! {
    /// One event: two events of one identity are one event. Its order breaks ties between events of equal time.
    EventId
}
hash_id! {
    /// One recipient of one account, across messages.
    RecipientHash
}
hash_id! {
    /// One value of a dimension of one account.
    ValueHash
}

/// The installation's secret: 32 random bytes.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for another purpose, which the context names once and for all.
    #[must_use]
    pub fn derive(&self, context: &str) -> [u8; 32] {
        blake3::derive_key(context, &self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Computes identities with the keys derived from one secret.
#[derive(Clone)]
pub struct Identifier {
    delivery: [u8; 32],
    event: [u8; 32],
    recipient: [u8; 32],
    value: [u8; 32],
}

impl Identifier {
    /// Derives the keys.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self {
            delivery: blake3::derive_key("Postlens 1 delivery key", &secret.0),
            event: blake3::derive_key("Postlens 1 event id", &secret.0),
            recipient: blake3::derive_key("Postlens 1 recipient hash", &secret.0),
            value: blake3::derive_key("Postlens 1 value hash", &secret.0),
        }
    }

    /// The delivery that an event speaks of.
    #[must_use]
    pub fn delivery(&self, account: &AccountId, message_id: &str, recipient: &str) -> DeliveryKey {
        DeliveryKey(hash(&self.delivery, &[account.as_str(), message_id, recipient], &[]))
    }

    /// The event's identity (METRICS.md, "Events"): the source's id, else its kind, delivery, time and link.
    #[must_use]
    pub fn event(&self, account: &AccountId, event: &Event<'_>) -> EventId {
        if event.event_id.is_empty() {
            self.unnamed_event(account, event.kind, event.message_id, event.recipient, event.time, event.url)
        } else {
            EventId(hash(&self.event, &[account.as_str(), event.event_id], &[]))
        }
    }

    /// The recipient, across messages.
    #[must_use]
    pub fn recipient(&self, account: &AccountId, recipient: &str) -> RecipientHash {
        RecipientHash(hash(&self.recipient, &[account.as_str(), recipient], &[]))
    }

    /// A value of a dimension, which is named as in `by`.
    #[must_use]
    pub fn value(&self, account: &AccountId, dimension: &str, value: &str) -> ValueHash {
        ValueHash(hash(&self.value, &[account.as_str(), dimension, value], &[]))
    }

    fn unnamed_event(
        &self,
        account: &AccountId,
        kind: EventKind,
        message_id: &str,
        recipient: &str,
        time: Millis,
        url: &str,
    ) -> EventId {
        EventId(hash(&self.event, &[account.as_str(), kind.name(), message_id, recipient, url], &time.0.to_le_bytes()))
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifier(…)")
    }
}

/// What is hashed is nearly always this short: put together first, it is hashed in one go.
const SHORT: usize = 512;

fn hash(key: &[u8; 32], parts: &[&str], tail: &[u8]) -> u128 {
    let pieces = || parts.iter().map(|part| ((part.len() as u64).to_le_bytes(), part.as_bytes()));
    let length: usize = pieces().map(|(length, part)| length.len() + part.len()).sum::<usize>() + tail.len();
    let hash = if length <= SHORT {
        let mut input = [0; SHORT];
        let mut end = 0;
        let mut push = |bytes: &[u8]| {
            input[end..][..bytes.len()].copy_from_slice(bytes);
            end += bytes.len();
        };
        for (length, part) in pieces() {
            push(&length);
            push(part);
        }
        push(tail);
        blake3::keyed_hash(key, &input[..length])
    } else {
        let mut hasher = blake3::Hasher::new_keyed(key);
        for (length, part) in pieces() {
            hasher.update(&length);
            hasher.update(part);
        }
        hasher.update(tail);
        hasher.finalize()
    };
    u128::from_le_bytes(std::array::from_fn(|place| hash.as_bytes()[place]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier() -> Identifier {
        Identifier::new(&Secret::new([7; 32]))
    }

    #[test]
    fn where_one_part_ends_and_the_next_begins_matters() -> Result<(), crate::InvalidAccount> {
        let account = "a".parse()?;
        assert_ne!(identifier().delivery(&account, "ab", "c"), identifier().delivery(&account, "a", "bc"));
        Ok(())
    }

    #[test]
    fn what_is_short_and_what_is_long_is_hashed_alike() {
        for length in [0, 1, 63, 64, SHORT - 20, SHORT - 19, SHORT - 18, SHORT, 5000] {
            let text = "x".repeat(length);
            let mut hasher = blake3::Hasher::new_keyed(&[9; 32]);
            for part in ["ab", &text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
            hasher.update(b"t");
            assert_eq!(hash(&[9; 32], &["ab", &text], b"t").to_le_bytes(), hasher.finalize().as_bytes()[..16]);
        }
    }

    #[test]
    fn another_account_or_another_secret_gives_another_identity() -> Result<(), crate::InvalidAccount> {
        let (a, b) = ("a".parse()?, "b".parse()?);
        assert_ne!(identifier().recipient(&a, "x@y.z"), identifier().recipient(&b, "x@y.z"));
        let other = Identifier::new(&Secret::new([8; 32]));
        assert_ne!(identifier().recipient(&a, "x@y.z"), other.recipient(&a, "x@y.z"));
        Ok(())
    }
}
