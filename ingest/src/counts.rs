//! Measures as a batch changes them: 32 bits each, for the memory of millions of rows is what summing them waits for.

use std::ops::Index;

use schema::Measure;

const COUNT: usize = Measure::ALL.len();

/// How much more of each measure there is. A batch has far fewer than 2^31 events, and adds a few to a row for each of them: so the difference of two
/// states fits, and is exact even where the states themselves count more, for sums wrap around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([i32; COUNT]);

impl Counts {
    /// Nothing more of any measure.
    pub(crate) const NONE: Self = Self([0; COUNT]);

    pub(crate) fn is_zero(&self) -> bool {
        *self == Self::NONE
    }

    /// The sum of all measures.
    pub(crate) fn weight(&self) -> i32 {
        self.0.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// Each measure's, in the order of [`Measure::ALL`].
    pub(crate) fn all(&self) -> [i32; COUNT] {
        self.0
    }

    pub(crate) fn count(&mut self, measure: Measure, more: i32) {
        let count = &mut self.0[measure as usize];
        *count = count.wrapping_add(more);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = mine.wrapping_add(*theirs);
        }
    }

    pub(crate) fn negated(&self) -> Self {
        Self(self.0.map(i32::wrapping_neg))
    }
}

impl Index<Measure> for Counts {
    type Output = i32;

    fn index(&self, measure: Measure) -> &i32 {
        &self.0[measure as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_of_two_states_is_exact_whatever_they_count() {
        let mut change = Counts::default();
        change.count(Measure::Opens, 3_000_000_000_u32.cast_signed().wrapping_neg());
        change.count(Measure::Opens, 3_000_000_002_u32.cast_signed());
        assert_eq!((change[Measure::Opens], change.weight(), change.is_zero()), (2, 2, false));
        let mut none = change.negated();
        none.add(&change);
        assert!(none.is_zero());
    }
}
