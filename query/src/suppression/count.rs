//! What stands for a number of people: every measure, and the rests that two shown measures tell by subtraction.

use schema::{Measure, Measures};

/// A measure, or what is left of it without others that it contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// The measure, or the whole.
    pub(crate) of: Measure,
    /// The parts that are taken away.
    pub(crate) without: &'static [Measure],
}

/// The rests that no measure counts, though the difference of those that are shown does: who did not open, who opened and did not
/// click. What failed or waits needs none of its own: it is a sum of measures.
const RESTS: [Count; 8] = [
    rest(Measure::Queued, &[Measure::Secured]),
    rest(Measure::Delivered, &[Measure::Unsecured]),
    rest(Measure::Delivered, &[Measure::Opened]),
    rest(Measure::Delivered, &[Measure::MachineOpened]),
    rest(Measure::Delivered, &[Measure::Opened, Measure::MachineOpened]),
    rest(Measure::Delivered, &[Measure::Complained]),
    rest(Measure::Delivered, &[Measure::Unsubscribed]),
    rest(Measure::Opened, &[Measure::Clicked]),
];

const fn rest(of: Measure, without: &'static [Measure]) -> Count {
    Count { of, without }
}

impl Count {
    /// All of them: the measures in their order, then the rests.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Measure::ALL.iter().map(|measure| rest(*measure, &[])).chain(RESTS)
    }

    /// How many of them there are.
    pub(crate) const fn number() -> usize {
        Measure::ALL.len() + RESTS.len()
    }

    /// Its value.
    pub(crate) fn value(self, measures: &Measures) -> i64 {
        measures[self.of] - self.without.iter().map(|part| measures[*part]).sum::<i64>()
    }
}
