//! How an alert lives: inactive → pending → firing → resolved, and what is told about it.

use std::collections::HashMap;

use schema::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Numbers;
use crate::Range;

/// The alerts of a rule that are not inactive, by the value that is watched.
pub type State = HashMap<String, Alert>;

/// Where an alert is in its life. One that is not there is inactive; one that was resolved is inactive again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It passes its threshold, but not for long enough yet.
    Pending,
    /// It passes its threshold.
    Firing,
}

/// An alert: one rule and one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alert {
    /// Where it is in its life.
    pub phase: Phase,
    /// Since when it passes its threshold.
    pub since: Millis,
    /// What it passed it with, when it became pending or fired.
    pub evidence: Evidence,
    /// When it was told last; none when nobody knows of it.
    pub told: Option<Millis>,
    /// Whether somebody takes care of it: then nobody is reminded.
    pub acknowledged: bool,
    /// Until when nobody wants to hear of it.
    pub muted_until: Option<Millis>,
}

/// The numbers of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The window.
    pub range: Range,
    /// Its numbers.
    pub numbers: Numbers,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It passes, and has to do so for a while before it fires.
    Pending,
    /// It came back before it fired.
    Withdrawn,
    /// It fires.
    Fired,
    /// It fires on, and a mute or a maintenance window that kept it quiet is over.
    Told,
    /// It fires on, and it is a day since that was told.
    Reminded,
    /// It is over.
    Resolved(Reason),
}

impl Change {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Withdrawn => "withdrawn",
            Self::Fired => "fired",
            Self::Told => "told",
            Self::Reminded => "reminded",
            Self::Resolved(_) => "resolved",
        }
    }
}

/// Why an alert is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The numbers came back.
    Recovered,
    /// There is too little in the window to say anything.
    NoData,
    /// Late events changed the past: counted again, the window that it fired for does not pass.
    Revised,
    /// The rule was deleted or disabled.
    RuleGone,
}

impl Reason {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::NoData => "no_data",
            Self::Revised => "revised",
            Self::RuleGone => "rule_gone",
        }
    }
}

/// A change of one alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The value that is watched; empty without a dimension.
    pub value: String,
    /// What became of it.
    pub change: Change,
    /// When.
    pub at: Millis,
    /// Since when it passes its threshold.
    pub since: Millis,
    /// The numbers at this change; none when there are none any more.
    pub evidence: Option<Evidence>,
    /// Whether the channels are to be told.
    pub notify: bool,
}
