//! How many deliveries of a group took how long, step by step, and what follows from it.

use std::collections::BTreeMap;

use schema::{Latency, Step};

use super::{DELIVERED, OPENED};

/// The steps of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Histogram {
    steps: BTreeMap<Step, i64>,
    delivered: i64,
    opened: i64,
}

impl Histogram {
    /// Counts deliveries of a step, or of what stands among the steps.
    pub(super) fn add(&mut self, number: u16, count: i64) {
        match number {
            DELIVERED => self.delivered += count,
            OPENED => self.opened += count,
            number => *self.steps.entry(Step(number)).or_default() += count,
        }
    }

    /// Counts those of another group, too.
    pub(super) fn merge(&mut self, other: &Self) {
        for (step, count) in &other.steps {
            *self.steps.entry(*step).or_default() += count;
        }
        self.delivered += other.delivered;
        self.opened += other.opened;
    }

    /// How many were delivered.
    pub(super) const fn delivered(&self) -> i64 {
        self.delivered
    }

    /// Whether deliveries are counted without their latencies: every one that was opened has one of its opening.
    pub(super) fn lacks_some(&self) -> bool {
        self.opened != self.of(Latency::Open).map(|(_, count)| count).sum::<i64>()
    }

    fn of(&self, kind: Latency) -> impl Iterator<Item = (Step, i64)> {
        self.steps.iter().filter(move |(step, _)| step.kind() == Some(kind)).map(|(step, count)| (*step, *count))
    }

    /// The same without steps from which more was taken back than was ever counted, which only deliveries without latencies do.
    fn counted(&self, kind: Latency) -> impl Iterator<Item = (Step, i64)> {
        self.of(kind).filter(|(_, count)| *count > 0)
    }

    /// How many have a latency.
    pub(super) fn count(&self, kind: Latency) -> i64 {
        self.counted(kind).map(|(_, count)| count).sum()
    }

    /// The time that so many percent of them took at most, in milliseconds: of the least that is long enough, the middle of its step.
    pub(super) fn percentile(&self, kind: Latency, percent: i64) -> Option<f64> {
        // The first has the rank 1.
        let rank = (self.count(kind) * percent + 99) / 100;
        let mut before = 0;
        let step = self.counted(kind).find(|(_, count)| {
            before += count;
            before >= rank
        });
        step.map(|(step, _)| step.middle())
    }

    /// How many took less than so many milliseconds. It is exact where a step begins.
    pub(super) fn younger(&self, kind: Latency, age: u64) -> i64 {
        self.counted(kind).filter(|(step, _)| step.from() < age).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::AGES;

    use super::*;

    fn of(latencies: &[i64]) -> Histogram {
        let mut histogram = Histogram::default();
        for millis in latencies {
            histogram.add(Latency::Open.step(*millis).0, 1);
        }
        histogram
    }

    proptest! {
        #[test]
        fn percentiles_are_less_than_five_percent_off_and_ages_exact(
            mut latencies in proptest::collection::vec((0..36_u32, 0..1_000_i64).prop_map(|(octave, part)| ((1 << octave) * (1000 + part)) / 1000), 1..200),
        ) {
            let histogram = of(&latencies);
            latencies.sort_unstable();
            let length = |list: &[i64]| i64::try_from(list.len()).unwrap();
            prop_assert_eq!(histogram.count(Latency::Open), length(&latencies));
            for percent in [1_u8, 50, 90, 99, 100] {
                let rank = (latencies.len() * usize::from(percent)).div_ceil(100);
                let exact = latencies[rank - 1] as f64;
                let told = histogram.percentile(Latency::Open, percent.into()).unwrap();
                prop_assert!((told - exact).abs() <= 0.05 * exact, "p{percent}: {told} for {exact}");
            }
            for (name, age) in AGES {
                let younger: Vec<_> = latencies.iter().copied().filter(|millis| millis.unsigned_abs() < age).collect();
                prop_assert_eq!(histogram.younger(Latency::Open, age), length(&younger), "{}", name);
            }
        }
    }

    #[test]
    fn nothing_has_no_percentile_and_kinds_are_kept_apart() {
        let histogram = of(&[5, 7]);
        assert_eq!((histogram.percentile(Latency::Click, 50), histogram.count(Latency::Click)), (None, 0));
        assert_eq!(
            (histogram.percentile(Latency::Open, 50), histogram.percentile(Latency::Open, 51)),
            (Some(5.0), Some(7.0))
        );
    }

    #[test]
    fn what_was_counted_before_latencies_were_is_noticed() {
        let mut histogram = of(&[5]);
        assert!(histogram.lacks_some(), "an opening without being opened");
        histogram.add(OPENED, 1);
        assert!(!histogram.lacks_some());
        histogram.add(Latency::Open.step(900).0, -1);
        assert!(histogram.lacks_some());
        assert_eq!((histogram.count(Latency::Open), histogram.percentile(Latency::Open, 99)), (1, Some(5.0)));
    }
}
