//! What email providers post to a webhook, or write into logs: one module per provider, pure. Nothing else knows a provider's format.
//!
//! A provider's module reads its JSON, says of each item whether it is an event of ours, and hands it on as a [`Draft`]; the draft
//! applies the [`Mapping`] of the source and cuts what is longer than an event may be, so that a provider's long text never loses an event.

mod arf;
mod classify;
mod draft;
mod dsn;
mod kumomta;
mod mailgun;
mod mailjet;
mod mapping;
mod objects;
mod postal;
mod postmark;
#[cfg(test)]
mod properties;
mod report;
mod scalar;
mod sendgrid;
mod ses;
mod sparkpost;
#[cfg(test)]
mod testing;

use std::borrow::Cow;

use super::{Mismatch, Wire};

pub use self::mapping::{CampaignFrom, Mapping};

impl Provider {
    /// What is to be decoded of a body; `None` when it is a notice for people.
    pub(crate) fn payload(self, body: &[u8]) -> Option<Cow<'_, [u8]>> {
        if self == Self::Ses { ses::payload(body) } else { Some(Cow::Borrowed(body)) }
    }

    /// Whether a body is a mail message, and not JSON.
    #[must_use]
    pub const fn is_mail(self) -> bool {
        matches!(self, Self::Arf | Self::Dsn)
    }
}

macro_rules! providers {
    ($($(#[$doc:meta])* $variant:ident = $text:literal in $module:ident,)+) => {
        /// Whose format it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Provider { $($(#[$doc])* $variant,)+ }

        impl Provider {
            /// All of them, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }

            /// Calls `take` with each item of the body, in the body's order. A body is decoded as a whole or not at all: when it is
            /// undecodable, what was taken before must be dropped.
            pub(crate) fn decode<'a>(
                self,
                body: &'a [u8],
                mapping: &'a Mapping,
                take: &mut dyn FnMut(Item<'a>),
            ) -> Result<(), Undecodable> {
                match self { $(Self::$variant => $module::decode(body, mapping, take),)+ }
            }
        }
    };
}

providers! {
    /// SparkPost, Bird.
    SparkPost = "sparkpost" in sparkpost,
    /// Mailgun.
    Mailgun = "mailgun" in mailgun,
    /// Twilio SendGrid.
    SendGrid = "sendgrid" in sendgrid,
    /// Postmark.
    Postmark = "postmark" in postmark,
    /// Amazon SES; the message of an SNS notification.
    Ses = "ses" in ses,
    /// Mailjet.
    Mailjet = "mailjet" in mailjet,
    /// Postal.
    Postal = "postal" in postal,
    /// Log records of `KumoMTA`.
    KumoMta = "kumomta" in kumomta,
    /// Feedback reports (ARF, RFC 5965): one message.
    Arf = "arf" in arf,
    /// Delivery status notifications (RFC 3464): one message.
    Dsn = "dsn" in dsn,
}

/// How a provider's bodies come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// One, as the provider posts it.
    Whole,
    /// One in each line, as archives and logs have them.
    Lines,
    /// Messages in a mailbox (mbox, RFC 4155).
    Mbox,
}

/// One thing that a body tells.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and each is handed on at once")]
pub(crate) enum Item<'a> {
    /// An event, still to be accepted.
    Event(Wire<'a>),
    /// Nothing of ours: the provider's name of its type, to be counted by. At most 64 bytes.
    Ignored(Cow<'a, str>),
    /// An event of ours that lacks what an event needs; its neighbours stand.
    Wrong(Mismatch),
}

/// The body is not what the provider sends; a sentence that holds no text of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Undecodable(pub(crate) String);

impl Undecodable {
    /// Of a body that is no JSON, or JSON of another shape: says where, not what.
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        let what = if error.is_data() { "JSON of another shape" } else { "no valid JSON" };
        Self(format!("the body is {what}, at line {} column {}", error.line(), error.column()))
    }
}
