//! Which clock a measure is dated by.

use serde::{Deserialize, Serialize};

/// The clock of a report (METRICS.md, "Words").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Every measure of a delivery is dated by when it was sent.
    #[default]
    Sent,
    /// Every measure is dated by when the thing happened.
    Event,
}

impl Basis {
    /// Both clocks.
    pub const ALL: [Self; 2] = [Self::Sent, Self::Event];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Event => "event",
        }
    }

    /// The value of the cube's column `basis`.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Sent => 0,
            Self::Event => 1,
        }
    }
}
