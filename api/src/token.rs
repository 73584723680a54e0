//! API keys as texts: how they are made, what names them, and what is stored instead of them.
//!
//! A key is `pl_<id>_<secret>`: the id names it and is no secret, the secret is 43 characters out of 62, 256 bits. What is stored
//! is a plain BLAKE3 hash of the whole key. A slow password hash would add nothing: it protects secrets that can be guessed,
//! and 256 random bits cannot; while a fast one lets every request be checked.

use std::fmt;

use rand::{distr::Alphanumeric, distr::SampleString as _, rng};
use subtle::ConstantTimeEq as _;

/// The shortest text that is accepted as a key of the operator's own making.
pub(crate) const SHORTEST: usize = 24;

const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;

/// What names a key. No secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId(String);

impl KeyId {
    /// The name that somebody gave; `None` when no key can have it.
    pub(crate) fn given(text: &str) -> Option<Self> {
        let well_formed = text.len() == ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for KeyId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is stored instead of a key. Compared in constant time.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// Of another secret than an API key, in a context that names what it is, once and for all.
    pub(crate) fn of(context: &str, secret: &str) -> Self {
        Self(blake3::derive_key(context, secret.as_bytes()))
    }

    /// In hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// From hexadecimal digits.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }

    /// Whether both are of one key; takes as long for every pair.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// A key as its holder shows it.
pub(crate) struct Token(String);

impl Token {
    /// A new one.
    pub(crate) fn generate() -> Self {
        let id = Alphanumeric.sample_string(&mut rng(), ID_LENGTH);
        let secret = Alphanumeric.sample_string(&mut rng(), SECRET_LENGTH);
        Self(format!("pl_{id}_{secret}"))
    }

    /// One that somebody showed.
    pub(crate) fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, to be shown once.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What names it: the id in the text; for a text of another form, one derived from its hash.
    pub(crate) fn id(&self) -> KeyId {
        let parts = self.0.strip_prefix("pl_").and_then(|rest| rest.split_once('_'));
        let secret = |text: &str| text.len() == SECRET_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let named = parts.filter(|(_, rest)| secret(rest)).and_then(|(id, _)| KeyId::given(id));
        named.unwrap_or_else(|| {
            let hash = blake3::Hash::from_bytes(blake3::derive_key("Postlens 1 API key id", self.0.as_bytes()));
            KeyId(hash.to_hex()[..ID_LENGTH].to_owned())
        })
    }

    /// What is stored instead of it.
    pub(crate) fn digest(&self) -> Digest {
        Digest(blake3::derive_key("Postlens 1 API key", self.0.as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_names_itself_and_no_two_are_the_same() {
        let (a, b) = (Token::generate(), Token::generate());
        assert!(a.expose().starts_with(&format!("pl_{}_", a.id())));
        assert_ne!(a.id(), b.id());
        assert!(!a.digest().matches(&b.digest()));
        assert!(a.digest().matches(&Token::presented(a.expose()).digest()));
    }

    #[test]
    fn one_changed_character_is_another_key_of_the_same_name() {
        let token = Token::generate();
        let mut text = token.expose().to_owned();
        let last = text.pop().unwrap();
        text.push(if last == 'a' { 'b' } else { 'a' });
        let forged = Token::presented(&text);
        assert_eq!(forged.id(), token.id());
        assert!(!forged.digest().matches(&token.digest()));
    }

    #[test]
    fn a_text_of_another_form_has_a_name_that_tells_nothing_of_it() {
        let token = Token::presented("correct horse battery staple");
        assert_eq!(token.id(), Token::presented("correct horse battery staple").id());
        assert_eq!(token.id().as_str().len(), ID_LENGTH);
        for text in ["pl_short_secret", "pl_", "pl_abcdefghijkl_", "", "pl_ab/defghijkl_x"] {
            assert_eq!(Token::presented(text).id().as_str().len(), ID_LENGTH, "{text}");
        }
    }

    #[test]
    fn a_digest_survives_being_stored_and_a_key_is_not_printed() {
        let token = Token::generate();
        assert!(Digest::from_hex(&token.digest().to_hex()).unwrap().matches(&token.digest()));
        assert!(Digest::from_hex("x").is_none());
        assert_eq!(format!("{token:?} {:?}", token.digest()), "Token(…) Digest(…)");
    }
}
