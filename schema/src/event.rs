//! One fact that a mail system reported about one delivery.

use serde::{Deserialize, Serialize};

use crate::Millis;

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All of them, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the API and in the tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

vocabulary! {
    /// What happened.
    EventKind {
        /// The message was accepted for this recipient.
        Queued = "queued",
        /// The recipient's server took it.
        Delivered = "delivered",
        /// The recipient's server asked to try again later.
        Deferred = "deferred",
        /// It will not be delivered.
        Failed = "failed",
        /// It travelled, or was kept, encrypted.
        Secured = "secured",
        /// It was displayed.
        Opened = "opened",
        /// A link in it was followed.
        Clicked = "clicked",
        /// The recipient reported it as spam.
        Complained = "complained",
        /// The recipient does not want more of it.
        Unsubscribed = "unsubscribed",
    }
}

vocabulary! {
    /// Why a delivery failed.
    FailureClass {
        /// The address is bad.
        Hard = "hard",
        /// Gave up after temporary failures.
        Soft = "soft",
        /// Refused for policy or reputation.
        Block = "block",
        /// Never attempted: the address was on a suppression list.
        Suppressed = "suppressed",
        /// Anything else.
        Other = "other",
    }
}

vocabulary! {
    /// How a message was kept from being read on its way.
    SecureMethod {
        /// Transport encryption.
        Tls = "tls",
        /// Picked up from a portal.
        Portal = "portal",
        /// OpenPGP.
        Pgp = "pgp",
        /// S/MIME.
        Smime = "smime",
        /// Anything else.
        Other = "other",
    }
}

/// One event, normalised and within the limits. Absent texts are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// When it happened.
    pub time: Millis,
    /// The message, without `<>`.
    pub message_id: &'a str,
    /// The recipient in its normal form. PHI.
    pub recipient: &'a str,
    /// The source's stable id of this event; empty when it has none.
    pub event_id: &'a str,
    /// The From address, lower-cased.
    pub sender: &'a str,
    /// The subject. May be PHI.
    pub subject: &'a str,
    /// The campaign.
    pub campaign: &'a str,
    /// Custom fields, sorted by name, each name once, no value empty.
    #[serde(borrow)]
    pub fields: Vec<(&'a str, &'a str)>,
    /// `opened` and `clicked`: fetched by a machine, not by a person.
    pub machine: bool,
    /// `failed`: why.
    pub class: Option<FailureClass>,
    /// `secured` and `delivered`: how it was encrypted.
    pub method: Option<SecureMethod>,
    /// `opened` and `clicked`: the link.
    pub url: &'a str,
    /// `failed`, `deferred`, `complained`, `unsubscribed`: what the other side said.
    pub reason: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_kind() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(EventKind::from_name("Opened"), None);
    }
}
