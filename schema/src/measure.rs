//! Measures: whole numbers that add up over deliveries (METRICS.md, "Measures").

use std::ops::{AddAssign, Index, IndexMut, SubAssign};

macro_rules! measures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A whole number that adds up over deliveries. Its name is the cube's column, too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Measure { $($(#[$doc])* $variant,)+ }

        impl Measure {
            /// All measures, in the order in which reports show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the API and of the column.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The measure of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

measures! {
    /// Deliveries.
    Queued = "queued",
    /// Deliveries that are in the queue still.
    Pending = "pending",
    /// Deliveries that arrived.
    Delivered = "delivered",
    /// Deliveries that failed.
    Failed = "failed",
    /// … because the address is bad.
    FailedHard = "failed_hard",
    /// … after temporary failures.
    FailedSoft = "failed_soft",
    /// … for policy or reputation.
    FailedBlock = "failed_block",
    /// … for being on a suppression list.
    FailedSuppressed = "failed_suppressed",
    /// … for anything else.
    FailedOther = "failed_other",
    /// Deliveries with evidence of encryption.
    Secured = "secured",
    /// Deliveries that arrived without such evidence.
    Unsecured = "unsecured",
    /// Deliveries that a person opened.
    Opened = "opened",
    /// Deliveries that only machines opened.
    MachineOpened = "machine_opened",
    /// Deliveries in which a person clicked.
    Clicked = "clicked",
    /// Deliveries reported as spam.
    Complained = "complained",
    /// Deliveries whose recipient unsubscribed.
    Unsubscribed = "unsubscribed",
    /// Openings by persons.
    Opens = "opens",
    /// Clicks by persons.
    Clicks = "clicks",
    /// Openings by machines.
    MachineOpens = "machine_opens",
    /// Clicks by machines.
    MachineClicks = "machine_clicks",
    /// Temporary refusals.
    Deferrals = "deferrals",
}

/// The number of measures.
const COUNT: usize = Measure::ALL.len();

/// A value of every measure: signed, for one may be taken from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures([i64; COUNT]);

impl Measures {
    /// Whether every measure is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|value| *value == 0)
    }

    /// The sum of all measures: of a whole cell it is zero exactly when every measure is, for none is negative.
    #[must_use]
    pub fn weight(&self) -> i64 {
        self.0.iter().sum()
    }
}

impl Index<Measure> for Measures {
    type Output = i64;

    fn index(&self, measure: Measure) -> &i64 {
        &self.0[measure as usize]
    }
}

impl IndexMut<Measure> for Measures {
    fn index_mut(&mut self, measure: Measure) -> &mut i64 {
        &mut self.0[measure as usize]
    }
}

impl AddAssign<&Self> for Measures {
    fn add_assign(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

impl SubAssign<&Self> for Measures {
    fn sub_assign(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine -= theirs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_has_a_place_of_its_own_and_a_name_that_leads_back() {
        for (place, measure) in Measure::ALL.iter().enumerate() {
            assert_eq!(*measure as usize, place);
            assert_eq!(Measure::from_name(measure.name()), Some(*measure));
        }
    }
}
