//! Limits against runaway cardinality: how many distinct values of an attribute reports tell apart, per account and UTC day of
//! sending. Which attributes of a delivery are beyond them is part of its state, so its contribution stays a function of that.

mod admission;
mod others;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    admission::{Admission, DayHash, Registered, day},
    others::{Judged, Others},
};
use crate::texts::{TextId, Texts};

/// How many distinct values of an attribute the deliveries of one account, sent on one UTC day, may have in reports. The values that
/// come later count together, under `(other)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Subjects.
    pub subjects: u32,
    /// Senders; their domains are not limited.
    pub senders: u32,
    /// Campaigns.
    pub campaigns: u32,
    /// Values of one custom field.
    pub field_values: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { subjects: 100_000, senders: 100_000, campaigns: 100_000, field_values: 100_000 }
    }
}

impl Limits {
    /// None at all.
    const NONE: Self = Self { subjects: u32::MAX, senders: u32::MAX, campaigns: u32::MAX, field_values: u32::MAX };

    const fn of(self, attribute: Attribute) -> u32 {
        match attribute {
            Attribute::Subject => self.subjects,
            Attribute::Sender => self.senders,
            Attribute::Campaign => self.campaigns,
            Attribute::Field(_) => self.field_values,
        }
    }
}

/// An attribute whose values are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Attribute {
    Subject,
    Sender,
    Campaign,
    /// The custom field of this name.
    Field(TextId),
}

impl Attribute {
    /// The name of its dimension.
    fn name(self, texts: &Texts<'_>) -> String {
        match self {
            Self::Subject => "subject".to_owned(),
            Self::Sender => "sender".to_owned(),
            Self::Campaign => "campaign".to_owned(),
            Self::Field(name) => format!("field:{}", texts.text(name)),
        }
    }
}
