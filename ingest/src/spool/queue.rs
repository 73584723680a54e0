//! What waits in the spool: which records, and in which segments.

use std::collections::VecDeque;

use schema::Millis;

use super::{Range, segment::Segment};

/// A record that waits to be applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) events: u32,
    pub(super) accepted_at: Millis,
}

impl Entry {
    /// The bytes of its frame.
    pub(super) fn length(&self) -> usize {
        usize::try_from(self.end - self.start).expect("a record was in memory once")
    }
}

/// The records that wait, and where they lie.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) entries: VecDeque<Entry>,
    pub(super) events: u64,
    pub(super) applied: u64,
    pub(super) segments: VecDeque<Segment>,
}

impl Queue {
    pub(super) fn new(segments: VecDeque<Segment>, entries: VecDeque<Entry>) -> Self {
        let events = entries.iter().map(|entry| u64::from(entry.events)).sum();
        Self { entries, events, applied: 0, segments }
    }

    /// The records that end in the range, and the segments that they may lie in.
    pub(super) fn within(&self, range: Range) -> (Vec<Entry>, Vec<Segment>) {
        let first = self.entries.partition_point(|entry| entry.end <= range.first);
        let last = self.entries.partition_point(|entry| entry.end <= range.last);
        let entries: Vec<Entry> = self.entries.range(first..last.max(first)).copied().collect();
        let start = entries.first().map_or(range.last, |entry| entry.start);
        let range = Range { first: start, ..range };
        (entries, self.segments.iter().filter(|segment| segment.overlaps(range)).cloned().collect())
    }

    /// Forgets the records up to `position`; returns the segments that are not needed any more.
    pub(super) fn advance(&mut self, position: u64) -> Vec<Segment> {
        while let Some(entry) = self.entries.front().filter(|entry| entry.end <= position) {
            self.events -= u64::from(entry.events);
            self.entries.pop_front();
        }
        self.applied = self.applied.max(position);
        if self.entries.is_empty() {
            // Whatever lies behind the last record is damaged, and waits for nothing.
            self.applied = self.applied.max(self.segments.back().map_or(0, |segment| segment.end));
        }
        let mut done = Vec::new();
        // The last segment is being written to; it stays.
        while self.segments.len() > 1 && self.segments.front().is_some_and(|segment| segment.end <= self.applied) {
            done.extend(self.segments.pop_front());
        }
        done
    }
}
