//! `Rule`: what is watched and when it is too much, all enums and bound values.

use chrono_tz::Tz;
use schema::{Basis, Dimension, Measure, Rate};

use super::{Confidence, Minutes};
use crate::Filter;

/// How far a firing alert must come back from its threshold before it is over, as a part of the threshold: a rate that dances on
/// the line is one alert.
pub const HYSTERESIS: f64 = 0.1;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// A rate.
    Rate(Rate),
    /// A measure.
    Measure(Measure),
    /// Everything that happened: whether there are events at all.
    Activity,
    /// The spam rate that a mailbox provider tells (Postmaster Tools), by domain of the sender.
    ObservedSpamRate,
}

/// What is compared with: the same window some days before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// One day before.
    Day,
    /// One week before.
    Week,
}

impl Before {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    /// How many days before.
    pub(crate) const fn days(self) -> u32 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
        }
    }
}

/// When it is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// Strictly greater than this.
    Above(f64),
    /// Strictly less than this.
    Below(f64),
    /// So many times the earlier one, and significantly more.
    Rises {
        /// How many times, above 1.
        factor: f64,
        /// The window compared with.
        before: Before,
    },
    /// The earlier one divided by so much, and significantly less.
    Falls {
        /// By how much, above 1.
        factor: f64,
        /// The window compared with.
        before: Before,
    },
    /// Nothing in the window, where there was something in the earlier one.
    Stops {
        /// The window that shows what is usual.
        before: Before,
    },
}

impl Condition {
    /// The earlier window that is needed, if one is.
    #[must_use]
    pub const fn before(self) -> Option<Before> {
        match self {
            Self::Above(_) | Self::Below(_) => None,
            Self::Rises { before, .. } | Self::Falls { before, .. } | Self::Stops { before } => Some(before),
        }
    }
}

/// The time that a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// The last so many minutes.
    Rolling(Minutes),
    /// The local day so far.
    Today,
}

impl Window {
    /// How sure something must be in this window, for it to be as sure as that in a day.
    pub(crate) fn confidence(self, in_a_day: Confidence) -> Confidence {
        match self {
            Self::Rolling(minutes) => in_a_day.in_part(f64::from(minutes.0) / f64::from(Minutes::days(1).0)),
            Self::Today => in_a_day,
        }
    }
}

/// How bad it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be known.
    Info,
    /// To be looked at soon.
    Warning,
    /// To be looked at now.
    Critical,
}

impl Severity {
    /// From the least.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A valid rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What is looked at.
    pub watch: Watch,
    /// When it is too much.
    pub condition: Condition,
    /// The windows: it is too much when it is in any of them. From the shortest, at least one.
    pub windows: Vec<Window>,
    /// By which clock.
    pub basis: Basis,
    /// Of which messages.
    pub filters: Vec<Filter>,
    /// The dimension each value of which is watched by itself; none: all messages together.
    pub by: Option<Dimension>,
    /// The zone of the local day.
    pub tz: Tz,
    /// The least denominator, or events of the earlier window, that says anything.
    pub minimum: i64,
    /// How long it must hold.
    pub hold: Minutes,
    /// How bad it is.
    pub severity: Severity,
    /// How sure a rate, or a change, must be in a day; none: the number itself decides.
    pub confidence: Option<Confidence>,
    /// How sure it must be in each of the windows.
    pub(crate) sure: Vec<Option<Confidence>>,
}

impl Rule {
    /// How sure a rate, or a change, must be in a window: a short one is looked at anew many times a day, and chance has as many tries.
    pub(crate) fn sure(&self, place: usize) -> Option<Confidence> {
        self.sure.get(place).copied().unwrap_or(self.confidence)
    }

    /// The measures that a report for it must have.
    #[must_use]
    pub fn measures(&self) -> &'static [Measure] {
        match self.watch {
            Watch::Rate(rate) => pair(rate),
            Watch::Measure(measure) => single(measure),
            Watch::Activity => ACTIVITY,
            Watch::ObservedSpamRate => &[],
        }
    }
}

/// Whatever happens counts in one of these, by its own clock.
pub(crate) const ACTIVITY: &[Measure] = &[
    Measure::Queued,
    Measure::Delivered,
    Measure::Failed,
    Measure::Secured,
    Measure::Complained,
    Measure::Unsubscribed,
    Measure::Opens,
    Measure::Clicks,
    Measure::MachineOpens,
    Measure::MachineClicks,
    Measure::Deferrals,
];

fn single(measure: Measure) -> &'static [Measure] {
    std::slice::from_ref(&Measure::ALL[measure as usize])
}

const fn pair(rate: Rate) -> &'static [Measure] {
    macro_rules! pairs {
        ($($rate:ident: $numerator:ident $denominator:ident;)+) => {
            match rate { $(Rate::$rate => &[Measure::$numerator, Measure::$denominator],)+ }
        };
    }
    pairs! {
        DeliveryRate: Delivered Queued;
        FailureRate: Failed Queued;
        PendingRate: Pending Queued;
        SecuredRate: Secured Queued;
        OpenRate: Opened Delivered;
        Ctr: Clicked Delivered;
        Ctor: Clicked Opened;
        SpamRate: Complained Delivered;
        UnsubscribeRate: Unsubscribed Delivered;
    }
}
