//! What a user says of how the requests of a source are verified: taken, sealed and never shown again but for what is no secret of it.

use ingest::Provider;
use schema::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::verify::{KeyError, Scheme};

/// How many secrets are valid at once.
const AT_ONCE: usize = 2;

/// How requests are verified, beyond the token in the URL. Of keys and secrets two may be valid at once, the older one first.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[schema(as = SourceVerification)]
pub(crate) enum Verification {
    /// By the token in the URL alone.
    #[default]
    None,
    /// By the provider's signature: Mailgun's signing key, SendGrid's verification key, Postal's public key.
    Signature {
        /// The keys, one or two.
        #[schema(min_items = 1, max_items = 2)]
        keys: Vec<String>,
    },
    /// HTTP Basic.
    Basic {
        /// The user.
        user: String,
        /// The passwords, one or two.
        #[schema(min_items = 1, max_items = 2)]
        passwords: Vec<String>,
    },
    /// A header with a secret.
    Header {
        /// The header's name.
        name: String,
        /// The values, one or two.
        #[schema(min_items = 1, max_items = 2)]
        values: Vec<String>,
    },
    /// Amazon SNS: signed by Amazon, for these topics alone, whose subscriptions are confirmed.
    Sns {
        /// The topics, by ARN.
        #[schema(min_items = 1, max_items = 32)]
        topics: Vec<String>,
    },
}

/// What may be shown of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// The kind.
    pub(crate) kind: String,
    /// The user of HTTP Basic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// The name of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
    /// The pinned topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) topics: Vec<String>,
    /// Since when each secret is set, in milliseconds, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) since: Vec<i64>,
}

impl Verification {
    /// What verifies requests of this provider so.
    ///
    /// # Errors
    /// Says what to change, and repeats no secret.
    pub(crate) fn scheme(&self, provider: Provider) -> Result<Scheme, String> {
        let told = |error: KeyError| error.to_string();
        match (self, provider) {
            (Self::None, _) => Ok(Scheme::None),
            (Self::Basic { user, passwords }, _) => Scheme::basic(user, passwords).map_err(told),
            (Self::Header { name, values }, _) => Scheme::header(name, values).map_err(told),
            (Self::Signature { keys }, Provider::Mailgun) => Scheme::mailgun(keys).map_err(told),
            (Self::Signature { keys }, Provider::SendGrid) => Scheme::sendgrid(keys).map_err(told),
            (Self::Signature { keys }, Provider::Postal) => Scheme::postal(keys).map_err(told),
            (Self::Sns { topics }, Provider::Ses) => Scheme::sns(topics).map_err(told),
            (Self::Signature { .. }, Provider::Ses) => Err("SES comes through SNS: take the kind `sns`".to_owned()),
            (Self::Signature { .. }, other) => {
                Err(format!("`{}` does not sign what it sends: take the kind `basic` or `header`", other.name()))
            }
            (Self::Sns { .. }, _) => Err("the kind `sns` is for the provider `ses` alone".to_owned()),
        }
    }

    /// The same with a further secret, beside the newest of those that are set.
    pub(crate) fn with_next(mut self, secret: String) -> Option<Self> {
        let secrets = self.secrets_mut()?;
        secrets.push(secret);
        let older = secrets.len().saturating_sub(AT_ONCE);
        secrets.drain(..older);
        Some(self)
    }

    /// The same with the newest secret alone.
    pub(crate) fn retired(mut self) -> Option<Self> {
        let secrets = self.secrets_mut()?;
        let older = secrets.len().saturating_sub(1);
        secrets.drain(..older);
        Some(self)
    }

    /// What may be shown. Secrets that were set before are so since then.
    pub(crate) fn shown(&self, before: Option<(&Self, &Shown)>, now: Millis) -> Shown {
        let known = |secret: &String| {
            let (earlier, shown) = before?;
            let place = earlier.secrets().iter().position(|old| old == secret)?;
            shown.since.get(place).copied()
        };
        let mut shown = Shown { kind: self.kind().to_owned(), ..Shown::default() };
        shown.since = self.secrets().iter().map(|secret| known(secret).unwrap_or(now.0)).collect();
        match self {
            Self::Basic { user, .. } => shown.user = Some(user.clone()),
            Self::Header { name, .. } => shown.header = Some(name.clone()),
            Self::Sns { topics } => shown.topics.clone_from(topics),
            Self::None | Self::Signature { .. } => {}
        }
        shown
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Signature { .. } => "signature",
            Self::Basic { .. } => "basic",
            Self::Header { .. } => "header",
            Self::Sns { .. } => "sns",
        }
    }

    fn secrets(&self) -> &[String] {
        match self {
            Self::Signature { keys: secrets }
            | Self::Basic { passwords: secrets, .. }
            | Self::Header { values: secrets, .. } => secrets,
            Self::None | Self::Sns { .. } => &[],
        }
    }

    fn secrets_mut(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Signature { keys: secrets }
            | Self::Basic { passwords: secrets, .. }
            | Self::Header { values: secrets, .. } => Some(secrets),
            Self::None | Self::Sns { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(values: &[&str]) -> Verification {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Verification::Header { name: "X-Secret".to_owned(), values }
    }

    #[test]
    fn a_next_secret_is_valid_beside_the_newest_one_until_that_is_retired() {
        let two = header(&["a"]).with_next("b".to_owned()).unwrap();
        assert!(two == header(&["a", "b"]));
        assert!(two.clone().with_next("c".to_owned()).unwrap() == header(&["b", "c"]));
        assert!(two.retired().unwrap() == header(&["b"]));
        assert!(Verification::None.with_next("a".to_owned()).is_none());
    }

    #[test]
    fn what_is_shown_tells_since_when_each_secret_is_set_and_none_of_them() {
        let first = header(&["s3cret"]);
        let before = first.shown(None, Millis(5));
        let shown = header(&["s3cret", "next"]).shown(Some((&first, &before)), Millis(9));
        assert_eq!((shown.header.as_deref(), &shown.since[..]), (Some("X-Secret"), &[5, 9][..]));
        assert!(!serde_json::to_string(&shown).unwrap().contains("s3cret"));
    }

    #[test]
    fn a_provider_is_verified_only_as_it_can_be() {
        let keys = Verification::Signature { keys: vec!["key".to_owned()] };
        assert!(keys.scheme(Provider::Mailgun).is_ok());
        assert!(keys.scheme(Provider::Postmark).is_err_and(|why| why.contains("does not sign")));
        assert!(keys.scheme(Provider::SendGrid).is_err_and(|why| !why.contains("\"key\"")));
        let topics = Verification::Sns { topics: vec!["arn:aws:sns:us-east-1:123456789012:mail".to_owned()] };
        assert!(topics.scheme(Provider::Ses).is_ok() && topics.scheme(Provider::Mailgun).is_err());
        for provider in Provider::ALL {
            assert!(Verification::None.scheme(*provider).is_ok() && header(&["a"]).scheme(*provider).is_ok());
        }
    }
}
