//! Measures and latencies summed up by a key, as a batch changes them.

use std::hash::Hash;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use schema::{Measures, Step};

/// In so many deliveries more of a row, named by its place, something took so long.
pub(crate) type RowLatency = (u32, Step, i64);

/// What a row changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'c> {
    pub(crate) measures: &'c Measures,
    /// Sorted by step, each once.
    pub(crate) latencies: &'c [RowLatency],
}

impl Change<'_> {
    fn is_nothing(&self) -> bool {
        self.measures.is_zero() && self.latencies.is_empty()
    }
}

/// Sums that are being made.
#[derive(Debug)]
pub(crate) struct Sums<K> {
    rows: IndexMap<K, Measures, FxBuildHasher>,
    latencies: FxHashMap<(u32, Step), i64>,
}

/// Sums that are made.
#[derive(Debug)]
pub(crate) struct Summed<K> {
    rows: IndexMap<K, Measures, FxBuildHasher>,
    /// Sorted.
    latencies: Vec<RowLatency>,
}

impl<K> Default for Sums<K> {
    fn default() -> Self {
        Self { rows: IndexMap::default(), latencies: FxHashMap::default() }
    }
}

impl<K: Hash + Eq> Sums<K> {
    /// Adds `sign` times the change to a row.
    pub(crate) fn count(&mut self, key: K, change: Change<'_>, sign: i64) {
        let row = self.rows.entry(key);
        let place = u32::try_from(row.index()).unwrap_or(u32::MAX);
        let measures = row.or_default();
        if sign > 0 {
            *measures += change.measures;
        } else {
            *measures -= change.measures;
        }
        for (_, step, count) in change.latencies {
            *self.latencies.entry((place, *step)).or_default() += sign * count;
        }
    }

    /// Puts the latencies in order.
    pub(crate) fn done(self) -> Summed<K> {
        let latencies = self.latencies.into_iter().filter(|(_, count)| *count != 0);
        let mut latencies: Vec<_> = latencies.map(|((row, step), count)| (row, step, count)).collect();
        latencies.sort_unstable();
        Summed { rows: self.rows, latencies }
    }
}

impl<K> Summed<K> {
    /// The rows that change.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&K, Change<'_>)> {
        rows(&self.rows, &self.latencies).filter(|(_, change)| !change.is_nothing())
    }
}

/// Rows with their latencies, which are sorted.
pub(crate) fn rows<'s, K>(
    rows: &'s IndexMap<K, Measures, FxBuildHasher>,
    latencies: &'s [RowLatency],
) -> impl Iterator<Item = (&'s K, Change<'s>)> {
    let mut rest = latencies;
    (0..).zip(rows).map(move |(place, (key, measures))| {
        let length = rest.iter().take_while(|(row, ..)| *row == place).count();
        let (latencies, after) = rest.split_at(length);
        rest = after;
        (key, Change { measures, latencies })
    })
}
