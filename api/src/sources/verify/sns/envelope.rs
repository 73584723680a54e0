//! The envelope of SNS, and the text that its signature is of.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use schema::Millis;
use serde::Deserialize;

/// The longest signature in base64: one of 8192 bits.
const LONGEST_SIGNATURE: usize = 1_368;

/// What an envelope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

/// An envelope; a field that stands there twice makes it none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope<'b> {
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    #[serde(borrow)]
    message: Cow<'b, str>,
    #[serde(borrow)]
    message_id: Cow<'b, str>,
    subject: Option<Cow<'b, str>>,
    #[serde(borrow)]
    timestamp: Cow<'b, str>,
    #[serde(borrow)]
    pub(super) topic_arn: Cow<'b, str>,
    pub(super) token: Option<Cow<'b, str>>,
    #[serde(rename = "SubscribeURL")]
    pub(super) subscribe_url: Option<Cow<'b, str>>,
    #[serde(borrow)]
    pub(super) signature_version: Cow<'b, str>,
    #[serde(borrow)]
    signature: Cow<'b, str>,
    #[serde(rename = "SigningCertURL", borrow)]
    pub(super) signing_cert_url: Cow<'b, str>,
}

impl Envelope<'_> {
    /// What is signed: names and values of its fields, a line each, in the order of their names. `None` when one is missing.
    pub(super) fn canonical(&self) -> Option<String> {
        let kind = match self.kind {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        let mut fields = vec![("Message", self.message.as_ref()), ("MessageId", self.message_id.as_ref())];
        match self.kind {
            Kind::Notification => {
                fields.extend(self.subject.as_deref().map(|subject| ("Subject", subject)));
                fields.push(("Timestamp", &self.timestamp));
            }
            Kind::SubscriptionConfirmation | Kind::UnsubscribeConfirmation => {
                fields.push(("SubscribeURL", self.subscribe_url.as_deref()?));
                fields.push(("Timestamp", &self.timestamp));
                fields.push(("Token", self.token.as_deref()?));
            }
        }
        fields.extend([("TopicArn", self.topic_arn.as_ref()), ("Type", kind)]);
        Some(fields.iter().flat_map(|(name, value)| [*name, "\n", *value, "\n"]).collect())
    }

    /// When it was published.
    pub(super) fn time(&self) -> Option<Millis> {
        DateTime::parse_from_rfc3339(&self.timestamp).ok().map(|time| Millis(time.timestamp_millis()))
    }

    pub(super) fn signature(&self) -> Option<Vec<u8>> {
        let fits = self.signature.len() <= LONGEST_SIGNATURE;
        fits.then(|| STANDARD.decode(self.signature.as_bytes()).ok())?
    }
}
