//! Measures and latencies summed up by a key, as a batch changes them.

use std::hash::Hash;

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use schema::{Basis, Bucket, Step};

use crate::{counts::Counts, texts::number};

/// In so many deliveries more of a row, named by its place, something took so long.
pub(crate) type RowLatency = (u32, Step, i32);

/// What a row of a table of sums counts: the place of what it tells apart, a clock and a time. Packed, in this order, for millions are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cell(u64);

impl Cell {
    /// Places are far fewer than 2^31: each is of an event.
    pub(crate) fn new(place: u32, basis: Basis, bucket: Bucket) -> Self {
        Self(u64::from(place) << 33 | u64::from(basis.code()) << 32 | u64::from(bucket.0))
    }

    pub(crate) fn place(self) -> u32 {
        u32::try_from(self.0 >> 33).unwrap_or_default()
    }

    pub(crate) fn basis(self) -> Basis {
        if self.0 >> 32 & 1 == u64::from(Basis::Event.code()) { Basis::Event } else { Basis::Sent }
    }

    pub(crate) fn bucket(self) -> Bucket {
        Bucket(u32::try_from(self.0 & u64::from(u32::MAX)).unwrap_or_default())
    }
}

/// What a row changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'c> {
    pub(crate) measures: &'c Counts,
    /// Sorted by step, each once.
    pub(crate) latencies: &'c [RowLatency],
}

/// Rows by their keys.
#[derive(Debug)]
pub(crate) struct Sums<K> {
    rows: IndexMap<K, Counts, RandomState>,
    /// As they come; sorted, each once, when the rows are settled.
    latencies: Vec<RowLatency>,
}

impl<K> Default for Sums<K> {
    fn default() -> Self {
        Self { rows: IndexMap::default(), latencies: Vec::new() }
    }
}

impl<K: Copy + Hash + Eq> Sums<K> {
    /// Adds to a row.
    pub(crate) fn add(&mut self, key: K, measures: &Counts, latencies: impl Iterator<Item = (Step, i32)>) {
        let row = self.rows.entry(key);
        let place = number(row.index());
        row.or_default().add(measures);
        self.latencies.extend(latencies.map(|(step, count)| (place, step, count)));
    }

    /// Adds a change to a row.
    pub(crate) fn count(&mut self, key: K, change: Change<'_>) {
        self.add(key, change.measures, change.latencies.iter().map(|(_, step, count)| (*step, *count)));
    }

    /// Takes a change from a row.
    pub(crate) fn discount(&mut self, key: K, change: Change<'_>) {
        self.add(key, &change.measures.negated(), change.latencies.iter().map(|(_, step, count)| (*step, -count)));
    }

    /// Puts the latencies in order, and leaves out what has cancelled itself out.
    pub(crate) fn settle(&mut self) {
        self.sort_latencies();
        self.latencies.dedup_by(|(row, step, count), (first, same, sum)| {
            let equal = (*row, *step) == (*first, *same);
            if equal {
                *sum += *count;
            }
            equal
        });
        self.latencies.retain(|(.., count)| *count != 0);
        let has_empty = self.rows().any(|(_, change)| change.measures.is_zero() && change.latencies.is_empty());
        // Nearly always all rows say something.
        if has_empty {
            self.leave_out_empty();
        }
    }

    /// By row and step. The rows are numbers without gaps, so that each latency's place can be counted out.
    fn sort_latencies(&mut self) {
        let mut ends = vec![0; self.rows.len() + 1];
        for (row, ..) in &self.latencies {
            ends[*row as usize + 1] += 1;
        }
        for row in 1..ends.len() {
            ends[row] += ends[row - 1];
        }
        // From here on each is where the next latency of the row goes: in the end, where those of the row end.
        let mut sorted = vec![(0, Step(0), 0); self.latencies.len()];
        for latency in &self.latencies {
            let end = &mut ends[latency.0 as usize];
            sorted[*end] = *latency;
            *end += 1;
        }
        for row in sorted.chunk_by_mut(|(row, ..), (next, ..)| row == next) {
            row.sort_unstable_by_key(|(_, step, _)| *step);
        }
        self.latencies = sorted;
    }

    fn leave_out_empty(&mut self) {
        let (mut row, mut kept) = (0, 0);
        let mut from = self.latencies.iter_mut().peekable();
        self.rows.retain(|_, measures| {
            let mut stays = !measures.is_zero();
            while let Some((place, ..)) = from.next_if(|(place, ..)| *place == row) {
                *place = kept;
                stays = true;
            }
            row += 1;
            kept += u32::from(stays);
            stays
        });
    }
}

impl<K: Copy> Sums<K> {
    /// The rows, settled, with their latencies.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (K, Change<'_>)> {
        let mut rest = &self.latencies[..];
        (0..).zip(&self.rows).map(move |(place, (key, measures))| {
            let length = rest.iter().take_while(|(row, ..)| *row == place).count();
            let (latencies, after) = rest.split_at(length);
            rest = after;
            (*key, Change { measures, latencies })
        })
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Forgets everything but the memory it took.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.latencies.clear();
    }
}

#[cfg(test)]
mod tests {
    use schema::Measure;

    use super::*;

    #[test]
    fn a_cell_gives_back_what_it_was_made_of() {
        for (place, basis, bucket) in
            [(0, Basis::Sent, 0), (7, Basis::Event, 900), (u32::MAX >> 1, Basis::Sent, u32::MAX)]
        {
            let cell = Cell::new(place, basis, Bucket(bucket));
            assert_eq!((cell.place(), cell.basis(), cell.bucket()), (place, basis, Bucket(bucket)));
        }
    }

    #[test]
    fn what_has_cancelled_itself_out_is_left_out_and_nothing_else() {
        let mut one = Counts::default();
        one.count(Measure::Queued, 1);
        let none = Counts::NONE;
        let change = |measures, latencies| Change { measures, latencies };
        let mut sums = Sums::default();
        sums.count("stays", change(&one, &[(0, Step(3), 1)]));
        sums.count("goes", change(&one, &[(0, Step(3), 1), (0, Step(4), 2)]));
        sums.count("has latencies alone", change(&none, &[(0, Step(9), 2), (0, Step(5), 1)]));
        sums.count("stays, too", change(&one, &[]));
        sums.discount("goes", change(&one, &[(0, Step(3), 1), (0, Step(4), 2)]));
        sums.count("has latencies alone", change(&none, &[(0, Step(5), 1)]));
        sums.settle();
        let told = |(key, change): (&'static str, Change<'_>)| {
            let latencies: Vec<_> = change.latencies.iter().map(|(_, step, count)| (step.0, *count)).collect();
            (key, change.measures[Measure::Queued], latencies)
        };
        let rows: Vec<_> = sums.rows().map(told).collect();
        let expected =
            [("stays", 1, vec![(3, 1)]), ("has latencies alone", 0, vec![(5, 2), (9, 2)]), ("stays, too", 1, vec![])];
        assert_eq!(rows, expected);
    }
}
