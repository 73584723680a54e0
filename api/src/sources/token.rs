//! The secret of a webhook's URL. What is stored is its digest, as of API keys, and compared in constant time.

use rand::{distr::Alphanumeric, distr::SampleString as _, rng};
use schema::Millis;

use crate::{metadata::sources::Tokens, token::Digest};

/// 32 characters out of 62: 190 bits.
const LENGTH: usize = 32;

/// A token as a URL shows it.
pub(crate) struct HookToken(String);

impl HookToken {
    /// A new one.
    pub(crate) fn generate() -> Self {
        Self(Alphanumeric.sample_string(&mut rng(), LENGTH))
    }

    /// One that somebody showed.
    pub(crate) fn presented(text: String) -> Self {
        Self(text)
    }

    /// The text, to be shown once.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored instead of it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of("Postlens 1 webhook token", &self.0)
    }
}

/// What no token opens.
pub(super) fn nobodys() -> Tokens {
    let nobody = Digest::of("Postlens 1 webhook token of nobody", "");
    Tokens { current: nobody, since: Millis(0), previous: Some((nobody, Millis(i64::MAX))) }
}

impl Tokens {
    /// Whether this is the token, or the one before as long as it is valid. Takes as long for every token.
    #[expect(clippy::needless_bitwise_bool, reason = "what is lazy takes less time for some tokens")]
    pub(super) fn open(&self, token: Digest, now: Millis) -> bool {
        let current = self.current.matches(&token);
        let (previous, until) = self.previous.unwrap_or((self.current, Millis(i64::MIN)));
        current | (previous.matches(&token) & (now < until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_before_opens_until_its_time_is_over() {
        let (old, new) = (HookToken::generate(), HookToken::generate());
        let tokens = Tokens { current: new.digest(), since: Millis(0), previous: Some((old.digest(), Millis(10))) };
        assert!(tokens.open(new.digest(), Millis(99)));
        assert!(tokens.open(old.digest(), Millis(9)) && !tokens.open(old.digest(), Millis(10)));
        assert!(!tokens.open(HookToken::generate().digest(), Millis(0)));
        let alone = Tokens { previous: None, ..tokens };
        assert!(alone.open(new.digest(), Millis(0)) && !alone.open(old.digest(), Millis(0)));
        assert!(!nobodys().open(new.digest(), Millis(0)));
    }

    #[test]
    fn no_two_tokens_are_the_same_and_each_is_fit_for_a_path() {
        let (a, b) = (HookToken::generate(), HookToken::generate());
        assert_ne!(a.expose(), b.expose());
        assert!(a.expose().len() == LENGTH && a.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
