//! Amazon SNS: an envelope signed with RSA, whose certificate is at an address that the envelope names.
//!
//! What costs nothing is judged first: the form, the topic, the time, and whether the address is one of Amazon's. Only then is a certificate
//! fetched, at most once for all who wait for it. Two addresses of a message are ever asked: that of the certificate, and that which confirms a subscription
//! of a pinned topic; the certificate itself may name a third, that of its issuer.

mod address;
mod certificates;
mod envelope;
mod trust;

use std::time::Duration;

use rustls::RootCertStore;
use schema::Millis;

use self::{address::Address, certificates::Certificates, envelope::Envelope};
use super::{KeyError, Kind, Refusal, Signed, key::Hash, memory::Once, window::Window};
use crate::outgoing::Outgoing;

/// SNS repeats for an hour at most; a message may have waited before.
const WINDOW: Window = Window::hours(25);
/// How long a confirmation may take, and how long its answer may be.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 65_536;

/// Topics whose messages are taken.
#[derive(Clone, Debug)]
pub(crate) struct Topics(Vec<String>);

impl Topics {
    pub(super) fn new<'t>(topics: impl Iterator<Item = &'t str>) -> Result<Self, KeyError> {
        let arn =
            |topic: &str| if is_topic(topic) { Ok(topic.to_owned()) } else { Err(KeyError::Topic(topic.to_owned())) };
        topics.map(arn).collect::<Result<_, _>>().map(Self)
    }

    fn has(&self, topic: &str) -> bool {
        self.0.iter().any(|pinned| pinned == topic)
    }
}

/// `arn:aws:sns:us-east-1:123456789012:name`; in China and for the government `aws-cn`, `aws-us-gov`.
fn is_topic(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let [arn, partition, sns, region, account, name] = parts[..] else { return false };
    let of = |text: &str, allowed: fn(char) -> bool| !text.is_empty() && text.len() <= 256 && text.chars().all(allowed);
    arn == "arn"
        && (partition == "aws" || partition.starts_with("aws-"))
        && sns == "sns"
        && address::is_region(region)
        && of(account, |c| c.is_ascii_digit())
        && of(name, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A message whose signature is right.
pub(super) struct Message {
    pub(super) once: Once,
    asks: Asks,
}

enum Asks {
    Nothing,
    /// To be confirmed, at this address.
    Confirmation(String),
    Farewell,
}

/// Verifies messages and confirms subscriptions.
pub(super) struct Sns {
    outgoing: Outgoing,
    certificates: Certificates,
}

impl Sns {
    pub(super) fn new(outgoing: Outgoing, roots: RootCertStore) -> Self {
        Self { certificates: Certificates::new(outgoing.clone(), roots), outgoing }
    }

    /// # Errors
    /// When the message is none of Amazon's, or of no pinned topic.
    pub(super) async fn check(&self, topics: &Topics, signed: &Signed<'_>) -> Result<Message, Refusal> {
        let envelope: Envelope<'_> = serde_json::from_slice(signed.body).map_err(|_| Refusal::Missing)?;
        let text = envelope.canonical().ok_or(Refusal::Missing)?;
        if !topics.has(&envelope.topic_arn) {
            return Err(Refusal::Wrong);
        }
        let ends = WINDOW.ends(envelope.time().ok_or(Refusal::Wrong)?, signed.now)?;
        let hash = match envelope.signature_version.as_ref() {
            "1" => Hash::Sha1,
            "2" => Hash::Sha256,
            _ => return Err(Refusal::Wrong),
        };
        let signature = envelope.signature().ok_or(Refusal::Wrong)?;
        let address = Address::of_certificate(&envelope.signing_cert_url).ok_or(Refusal::Wrong)?;
        let key = self.certificates.key(&address, signed.now).await?;
        if !key.signed(hash, text.as_bytes(), &signature) {
            return Err(Refusal::Wrong);
        }
        Ok(Message { once: Once::new(&[text.as_bytes()], ends), asks: asks(&envelope)? })
    }

    /// Does what a message asks for.
    ///
    /// # Errors
    /// When SNS could not be told.
    pub(super) async fn answer(&self, message: &Message) -> Result<Kind, Refusal> {
        match &message.asks {
            Asks::Nothing => Ok(Kind::Notification),
            Asks::Farewell => Ok(Kind::Unsubscribed),
            Asks::Confirmation(url) => match self.outgoing.get(url, PATIENCE, LONGEST_ANSWER).await {
                Ok(_) => Ok(Kind::Subscribed),
                Err(error) => {
                    tracing::warn!(%error, "a subscription to SNS could not be confirmed");
                    Err(Refusal::Unavailable)
                }
            },
        }
    }
}

fn asks(envelope: &Envelope<'_>) -> Result<Asks, Refusal> {
    Ok(match envelope.kind {
        envelope::Kind::Notification => Asks::Nothing,
        envelope::Kind::UnsubscribeConfirmation => Asks::Farewell,
        envelope::Kind::SubscriptionConfirmation => {
            let url = envelope.subscribe_url.as_deref().unwrap_or_default();
            let token = envelope.token.as_deref().unwrap_or_default();
            if !address::confirms(url, &envelope.topic_arn, token) {
                return Err(Refusal::Wrong);
            }
            Asks::Confirmation(url.to_owned())
        }
    })
}

/// Later by so much.
fn later(now: Millis, by: Duration) -> Millis {
    Millis(now.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}
