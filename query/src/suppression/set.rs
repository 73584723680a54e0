//! A set of measures.

use schema::Measure;

/// Some of the measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MeasureSet(u32);

impl MeasureSet {
    /// Whether the measure is one of them.
    pub(crate) const fn contains(self, measure: Measure) -> bool {
        self.0 & (1 << measure as u32) != 0
    }

    pub(crate) const fn insert(&mut self, measure: Measure) {
        self.0 |= 1 << measure as u32;
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Measure> for MeasureSet {
    fn from_iter<I: IntoIterator<Item = Measure>>(measures: I) -> Self {
        let mut set = Self::default();
        measures.into_iter().for_each(|measure| set.insert(measure));
        set
    }
}
