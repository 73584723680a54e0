//! What is counted of sources: in memory at once, in the store every few seconds.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ingest::Ingest;
use schema::Millis;

use super::Sources;
use crate::metadata::{MetadataError, sources::Delta};

/// How many labels of a counter wait in memory; what is beyond counts as the last one.
const LABELS: usize = 64;
/// The last one.
const OTHER: &str = "other";
/// The longest label, in characters.
const LONGEST: usize = 64;

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Counter { $($(#[$doc])* $variant,)+ }

        impl Counter {
            /// The name in the store.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

counters! {
    /// Bodies that came with a valid token.
    Bodies = "bodies",
    /// Their bytes.
    Bytes = "bytes",
    /// Events that are on disk.
    Accepted = "accepted",
    /// Of these, those that repeated a known one.
    Duplicate = "duplicate",
    /// Events that were not accepted, by reason.
    Rejected = "rejected",
    /// What is none of our events, by the provider's type.
    Ignored = "ignored",
    /// Bodies that were taken before.
    Repeated = "repeated",
    /// Bodies that could not be decoded.
    Undecodable = "undecodable",
    /// Bodies that were not verified, by reason.
    Refused = "refused",
}

/// Counts of sources that wait to be stored.
#[derive(Default)]
pub(super) struct Counts(Mutex<BTreeMap<String, Delta>>);

impl Counts {
    /// Counts.
    pub(super) fn add(&self, source: &str, counter: Counter, label: &str, by: u64) {
        if by > 0 {
            add(self.lock().entry(source.to_owned()).or_default(), counter.name(), &sane(label), by);
        }
    }

    /// Notes that a body was taken.
    pub(super) fn seen(&self, source: &str, now: Millis) {
        let mut waiting = self.lock();
        let delta = waiting.entry(source.to_owned()).or_default();
        delta.seen_at = delta.seen_at.max(Some(now));
    }

    /// What waits, which the caller stores or puts back.
    fn take(&self) -> BTreeMap<String, Delta> {
        std::mem::take(&mut *self.lock())
    }

    fn put_back(&self, deltas: BTreeMap<String, Delta>) {
        let mut waiting = self.lock();
        for (source, delta) in deltas {
            let kept = waiting.entry(source).or_default();
            kept.seen_at = kept.seen_at.max(delta.seen_at);
            for ((counter, label), by) in delta.counts {
                add(kept, counter, &label, by);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Delta>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(delta: &mut Delta, counter: &'static str, label: &str, by: u64) {
    let known = delta.counts.keys().filter(|(name, _)| *name == counter).count();
    let key = (counter, label.to_owned());
    let key = if known < LABELS || delta.counts.contains_key(&key) { key } else { (counter, OTHER.to_owned()) };
    *delta.counts.entry(key).or_default() += by;
}

/// A label as it may be stored and shown.
fn sane(label: &str) -> String {
    label.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

/// What was counted of a source since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats(BTreeMap<String, BTreeMap<String, u64>>);

impl Stats {
    /// A number.
    pub(crate) fn total(&self, counter: Counter) -> u64 {
        self.0.get(counter.name()).map_or(0, |labels| labels.values().sum())
    }

    /// A number by its labels.
    pub(crate) fn by_label(&self, counter: Counter) -> BTreeMap<String, u64> {
        self.0.get(counter.name()).cloned().unwrap_or_default()
    }
}

impl Sources {
    /// Stores what was counted before this call, by the pipeline too: one at a time, so that what another one has taken is stored before
    /// this one ends, and in a task of its own, so that nothing is lost when a request that asks for it is given up.
    ///
    /// # Errors
    /// When the store does not answer: then it waits on.
    pub(crate) async fn flush(&self, ingest: &Ingest) -> Result<(), MetadataError> {
        let turn = self.0.storing.clone().lock_owned().await;
        let (sources, ingest) = (self.clone(), ingest.clone());
        let storing = tokio::spawn(async move {
            let _turn = turn;
            sources.store(&ingest).await
        });
        storing.await.expect("storing counts does not panic")
    }

    async fn store(&self, ingest: &Ingest) -> Result<(), MetadataError> {
        for (source, count) in ingest.take_duplicates() {
            self.0.counts.add(&source, Counter::Duplicate, "", count);
        }
        let deltas = self.0.counts.take();
        if deltas.is_empty() {
            return Ok(());
        }
        let stored = self.0.metadata.add_counts(&deltas).await;
        if stored.is_err() {
            self.0.counts.put_back(deltas);
        }
        stored
    }

    /// What was counted of a source.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn stats(&self, ingest: &Ingest, source: &str) -> Result<Stats, MetadataError> {
        self.flush(ingest).await?;
        let mut stats = Stats::default();
        for (counter, label, value) in self.0.metadata.counts(source).await? {
            stats.0.entry(counter).or_default().insert(label, value);
        }
        Ok(stats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_in_number_and_length_and_have_no_control_characters() {
        let counts = Counts::default();
        for label in 0..100 {
            counts.add("s", Counter::Ignored, &format!("type\0{label}{}", "x".repeat(100)), 2);
        }
        let delta = counts.take().remove("s").unwrap();
        assert_eq!(delta.counts.len(), LABELS + 1);
        assert_eq!(delta.counts[&("ignored", OTHER.to_owned())], 2 * (100 - LABELS as u64));
        assert!(delta.counts.keys().all(|(_, label)| label.chars().count() <= LONGEST && !label.contains('\0')));
    }

    #[test]
    fn what_could_not_be_stored_waits_on() {
        let counts = Counts::default();
        counts.add("s", Counter::Accepted, "", 2);
        counts.seen("s", Millis(9));
        let taken = counts.take();
        counts.add("s", Counter::Accepted, "", 3);
        counts.seen("s", Millis(7));
        counts.put_back(taken);
        let delta = counts.take().remove("s").unwrap();
        assert_eq!((delta.counts[&("accepted", String::new())], delta.seen_at), (5, Some(Millis(9))));
    }
}
