//! How long things took, as steps of a logarithmic scale that add up: how many deliveries took so long, by kind and step, stand in a map
//! of the tables. METRICS.md, "Latencies", defines the kinds. By which method deliveries were secured stands there, too, as the steps of one
//! more kind.
//!
//! The tables keep numbers of steps, and what is taken back must find the step that it was written under: neither the edges nor the
//! kinds' places may ever change. So the edges are whole numbers, made without floating point.

use std::{collections::BTreeSet, sync::LazyLock};

use crate::SecureMethod;

/// The columns of the tables' map from steps to numbers of deliveries. The table engine sums the counts of equal steps up, as it does for all
/// nested columns whose name ends with `Map`, whatever columns it was told to sum.
pub const LATENCY_STEPS: &str = "latencyMap.step";
/// The numbers beside [`LATENCY_STEPS`].
pub const LATENCY_COUNTS: &str = "latencyMap.count";

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The ages that decay curves are told at, with their lengths in milliseconds. Each is the edge of a step, so that what is younger is
/// counted exactly.
pub const AGES: [(&str, u64); 13] = [
    ("1m", MINUTE),
    ("5m", 5 * MINUTE),
    ("15m", 15 * MINUTE),
    ("1h", HOUR),
    ("3h", 3 * HOUR),
    ("6h", 6 * HOUR),
    ("12h", 12 * HOUR),
    ("1d", DAY),
    ("2d", 2 * DAY),
    ("3d", 3 * DAY),
    ("7d", 7 * DAY),
    ("14d", 14 * DAY),
    ("30d", 30 * DAY),
];

/// 2^63 · 2^(n/8), rounded up.
const EIGHTHS: [u64; 8] = [
    9_223_372_036_854_775_808,
    10_058_158_527_438_640_871,
    10_968_499_650_544_839_024,
    11_961_233_684_655_323_371,
    13_043_817_825_332_782_213,
    14_224_384_202_002_324_190,
    15_511_800_964_685_064_949,
    16_915_738_899_553_466_671,
];
/// The scale ends at 2^42 milliseconds, 139 years: what takes longer is in the last step.
const OCTAVES: usize = 42;
/// Steps of one kind have their numbers within so many.
const KIND: u16 = 512;
/// The first number of methods, which come after the latencies.
pub const METHODS: u16 = (Latency::Click as u16 + 1) * KIND;

/// Where steps begin, in milliseconds: the eighths of each octave that hold a whole number, and the ages. What takes no millisecond is in
/// the step before the first edge.
static EDGES: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let eighths = (0..=OCTAVES).flat_map(|octave| EIGHTHS.map(|eighth| eighth.div_ceil(1 << (63 - octave))));
    let ages = AGES.iter().map(|(_, length)| *length);
    let edges: BTreeSet<u64> = eighths.filter(|edge| *edge <= 1 << OCTAVES).chain(ages).collect();
    edges.into_iter().collect()
});

/// What takes its time, from when a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Latency {
    /// Until it was delivered.
    Delivery,
    /// Until a person opened it first.
    Open,
    /// Until a person clicked in it first.
    Click,
}

impl Latency {
    /// All kinds, in the order in which reports show them.
    pub const ALL: [Self; 3] = [Self::Delivery, Self::Open, Self::Click];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Open => "open",
            Self::Click => "click",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The step of so many milliseconds; negative ones, of clocks that disagree, are none.
    #[must_use]
    pub fn step(self, millis: i64) -> Step {
        let millis = u64::try_from(millis).unwrap_or(0);
        let place = EDGES.partition_point(|edge| *edge <= millis);
        Step(self as u16 * KIND + u16::try_from(place).unwrap_or(KIND - 1))
    }
}

/// A step of a kind, or a method, as the tables keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Step(pub u16);

impl Step {
    /// What stands for a method.
    #[must_use]
    pub const fn of_method(method: SecureMethod) -> Self {
        Self(METHODS + method as u16)
    }

    /// Whose step it is; `None` for a number that is no latency.
    #[must_use]
    pub fn kind(self) -> Option<Latency> {
        Latency::ALL.into_iter().find(|kind| *kind as u16 == self.0 / KIND)
    }

    /// The shortest time in it, in milliseconds.
    #[must_use]
    pub fn from(self) -> u64 {
        let place = usize::from(self.0 % KIND);
        place.checked_sub(1).map_or(0, |place| EDGES.get(place).or(EDGES.last()).copied().unwrap_or_default())
    }

    /// The time that stands for all in it, in milliseconds: the geometric middle of the shortest and the longest, less than 4.5 % off each,
    /// and exact where these are one.
    #[must_use]
    pub fn middle(self) -> f64 {
        let first = self.from();
        let last = EDGES.get(usize::from(self.0 % KIND)).map_or(first, |next| next - 1);
        if first == last { first as f64 } else { (first as f64 * last as f64).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Times of every magnitude.
    fn millis() -> impl Strategy<Value = i64> {
        (0..42_u32, any::<u32>()).prop_map(|(octave, part)| (1 << octave) + (i64::from(part) << octave >> 32))
    }

    proptest! {
        #[test]
        fn a_step_s_middle_is_less_than_five_percent_off(millis in millis()) {
            let step = Latency::Open.step(millis);
            let (exact, middle) = (millis as f64, step.middle());
            prop_assert!((middle - exact).abs() < 0.045 * exact, "{middle} for {exact}");
            prop_assert!(step.from() <= millis.unsigned_abs());
            prop_assert_eq!(step.kind(), Some(Latency::Open));
        }

        #[test]
        fn longer_times_have_no_lower_steps(one in millis(), other in millis()) {
            let (shorter, longer) = (one.min(other), one.max(other));
            prop_assert!(Latency::Click.step(shorter) <= Latency::Click.step(longer));
            prop_assert!(Latency::Open.step(longer) < Latency::Click.step(shorter));
        }
    }

    #[test]
    fn a_few_milliseconds_are_exact_and_less_than_none_is_none() {
        for millis in 0..=15_i64 {
            assert_eq!(Latency::Delivery.step(millis).middle().to_string(), millis.to_string());
        }
        for (millis, middle) in [(-1, 0), (i64::MIN, 0), (i64::MAX, 1_u64 << OCTAVES)] {
            assert_eq!(Latency::Delivery.step(millis).middle().to_string(), middle.to_string(), "{millis}");
        }
    }

    #[test]
    fn an_age_is_an_edge() {
        for (name, length) in AGES {
            let length = i64::try_from(length).expect("it is some days");
            let (before, at) = (Latency::Open.step(length - 1), Latency::Open.step(length));
            assert_eq!((before.0 + 1, at.from()), (at.0, length.unsigned_abs()), "{name}");
        }
    }

    /// What is stored names its steps by number: whoever changes one loses what was counted.
    #[test]
    fn steps_are_what_they_have_always_been() {
        assert_eq!(EDGES.len(), 333);
        let sum = EDGES.iter().zip(1..).fold(0_u64, |sum, (edge, place)| sum.wrapping_add(edge.wrapping_mul(place)));
        assert_eq!(sum, 17_061_678_467_789_956);
        let number = |kind: Latency, millis| kind.step(millis).0;
        assert_eq!(
            [0, 1, 1_000, 60_000, 86_400_000].map(|millis| number(Latency::Delivery, millis)),
            [0, 1, 63, 111, 202]
        );
        assert_eq!([0, 1, 1_000].map(|millis| number(Latency::Click, millis)), [1024, 1025, 1087]);
    }
}
