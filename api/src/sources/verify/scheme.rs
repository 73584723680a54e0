//! What a source was told to expect: built from texts, with a clear word about a wrong one.

use axum::http::HeaderName;

use super::{
    key::{Curve, Rsa},
    mailgun::Mailgun,
    postal::Postal,
    sendgrid::SendGrid,
    shared::{Basic, Named},
    sns::Topics,
};

/// How many keys are valid at once: the old one and the new one.
const AT_ONCE: usize = 2;
/// The longest key, and the longest topic.
const LONGEST: usize = 4_096;
/// How many topics one source takes.
const TOPICS: usize = 32;

/// Why a scheme cannot be made of these texts. None of them is repeated, but the name of a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("at least one key is needed")]
    None,
    #[error("at most two keys are valid at once: the old one and the new one")]
    TooMany,
    #[error("a key is empty, has characters that cannot be sent, or is longer than 4096 characters")]
    Text,
    #[error("a user's name is not empty and has no colon")]
    User,
    #[error("this is no name of a header that can bear a secret")]
    HeaderName,
    #[error("the key is neither base64 of a public key (SPKI) nor PEM nor a DKIM record")]
    Form,
    #[error("the key is none of the curve P-256 (ECDSA)")]
    Curve,
    #[error("the key is no RSA key")]
    Algorithm,
    #[error("an RSA key has between 1024 and 8192 bits, this one has {0}")]
    Size(usize),
    #[error("at least one and at most 32 topics are pinned")]
    Topics,
    #[error("{0:?} is no ARN of an SNS topic: arn:aws:sns:REGION:ACCOUNT:NAME")]
    Topic(String),
}

/// How a source's requests are verified.
#[derive(Clone, Debug)]
pub(crate) enum Scheme {
    /// By the URL's token alone.
    None,
    /// HTTP Basic.
    Basic(Basic),
    /// A header with a secret.
    Header(Named),
    /// HMAC-SHA256 of time and token, inside the JSON.
    Mailgun(Mailgun),
    /// ECDSA P-256 of time and body.
    SendGrid(SendGrid),
    /// RSA-SHA256 of the body.
    Postal(Postal),
    /// Amazon SNS: RSA of the envelope's fields with a certificate of Amazon's, and pinned topics.
    Sns(Topics),
}

impl Scheme {
    /// HTTP Basic with one user and up to two passwords.
    ///
    /// # Errors
    /// When a text cannot be sent so.
    pub(crate) fn basic<S: AsRef<str>>(user: &str, passwords: &[S]) -> Result<Self, KeyError> {
        if user.is_empty() || user.len() > LONGEST || user.contains(|c: char| c == ':' || c.is_control()) {
            return Err(KeyError::User);
        }
        Ok(Self::Basic(Basic::new(user, &texts(passwords, |c| !c.is_control())?)))
    }

    /// A header with up to two values.
    ///
    /// # Errors
    /// When a text cannot be sent so.
    pub(crate) fn header<S: AsRef<str>>(name: &str, values: &[S]) -> Result<Self, KeyError> {
        // What every request has, or what is written on the way, is no secret.
        const TAKEN: [&str; 8] = [
            "accept",
            "connection",
            "content-encoding",
            "content-length",
            "content-type",
            "host",
            "transfer-encoding",
            "user-agent",
        ];
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| KeyError::HeaderName)?;
        if TAKEN.contains(&name.as_str()) {
            return Err(KeyError::HeaderName);
        }
        Ok(Self::Header(Named::new(name, &texts(values, |c| c.is_ascii_graphic() || c == ' ')?)))
    }

    /// Mailgun's HTTP webhook signing keys.
    ///
    /// # Errors
    /// When there is none, or a third, or one cannot be a key.
    pub(crate) fn mailgun<S: AsRef<str>>(keys: &[S]) -> Result<Self, KeyError> {
        Ok(Self::Mailgun(Mailgun::new(&texts(keys, |c| c.is_ascii_graphic())?)))
    }

    /// SendGrid's verification keys, base64 of SPKI, or PEM.
    ///
    /// # Errors
    /// When one is no public key of the curve P-256.
    pub(crate) fn sendgrid<S: AsRef<str>>(keys: &[S]) -> Result<Self, KeyError> {
        let keys = texts(keys, |_| true)?;
        Ok(Self::SendGrid(SendGrid::new(keys.into_iter().map(Curve::parse).collect::<Result<_, _>>()?)))
    }

    /// Postal's public keys, base64 of SPKI, or PEM, or the DKIM record that `postal default-dkim-record` prints.
    ///
    /// # Errors
    /// When one is no public RSA key.
    pub(crate) fn postal<S: AsRef<str>>(keys: &[S]) -> Result<Self, KeyError> {
        let keys = texts(keys, |_| true)?;
        Ok(Self::Postal(Postal::new(keys.into_iter().map(Rsa::parse).collect::<Result<_, _>>()?)))
    }

    /// The topics whose messages are taken, by ARN.
    ///
    /// # Errors
    /// When one is no topic's ARN.
    pub(crate) fn sns<S: AsRef<str>>(topics: &[S]) -> Result<Self, KeyError> {
        if topics.is_empty() || topics.len() > TOPICS {
            return Err(KeyError::Topics);
        }
        Ok(Self::Sns(Topics::new(topics.iter().map(AsRef::as_ref))?))
    }
}

/// One or two texts of such characters.
fn texts<S: AsRef<str>>(keys: &[S], allowed: fn(char) -> bool) -> Result<Vec<&str>, KeyError> {
    match keys.len() {
        0 => return Err(KeyError::None),
        1..=AT_ONCE => {}
        _ => return Err(KeyError::TooMany),
    }
    let fits = |text: &&str| !text.trim().is_empty() && text.len() <= LONGEST && text.chars().all(allowed);
    keys.iter().map(AsRef::as_ref).map(|text| Some(text).filter(fits).ok_or(KeyError::Text)).collect()
}
