//! How sure a rate is: confidence intervals of proportions.
//!
//! - One rate: the score interval of E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
//!   J. Am. Stat. Assoc. 22 (1927), 209–212.
//! - The difference of two: method 10 of R. G. Newcombe, "Interval estimation for the difference between independent proportions",
//!   Statistics in Medicine 17 (1998), 873–890, which is made of two Wilson intervals.
//! - Two counts over windows of one length: given their sum, the later one is binomial with one half if nothing changed
//!   (J. Przyborowski and H. Wilenski, Biometrika 31 (1940), 313–323); its interval is Wilson's again.

/// How sure an interval is to hold the true rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    level: f64,
    /// The normal quantile that belongs to it.
    z: f64,
}

impl Confidence {
    /// The level that statistics are usually given at.
    pub(crate) const USUAL: Self = Self { level: 0.95, z: 1.959_963_984_540_054 };

    /// A level from 0.5 to 0.9999: so many of the intervals hold the true rate, and as many of the others lie above it as below.
    #[must_use]
    pub fn new(level: f64) -> Option<Self> {
        (0.5..=0.9999).contains(&level).then(|| Self { level, z: within(level) })
    }

    /// The level that each of several looks must have for all of them together to have this one (C. E. Bonferroni); a look at more
    /// than the whole is one look.
    #[must_use]
    pub(crate) fn in_part(self, part: f64) -> Self {
        let level = 1.0 - (1.0 - self.level) * part.clamp(0.0, 1.0);
        Self { level, z: within(level) }
    }

    /// The level.
    #[must_use]
    pub const fn level(self) -> f64 {
        self.level
    }
}

/// How many standard deviations around the mean hold this part of a normal distribution: the inverse of erf(z / √2), by halving.
fn within(level: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if libm::erf(middle / std::f64::consts::SQRT_2) < level { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The interval of a rate of which `count` were counted among `among`. On the `event` basis more may be counted than there were
/// to count among: that is as sure as all of them. Of nothing, everything is possible.
#[must_use]
pub(crate) fn wilson(count: i64, among: i64, confidence: Confidence) -> (f64, f64) {
    if among <= 0 {
        return (0.0, 1.0);
    }
    let n = among as f64;
    let p = count.clamp(0, among) as f64 / n;
    let zz = confidence.z * confidence.z;
    let middle = p + zz / (2.0 * n);
    let half = confidence.z * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    let whole = 1.0 + zz / n;
    // At the ends the formula is exact, and rounding need not spoil it.
    let low = if count <= 0 { 0.0 } else { (middle - half) / whole };
    let high = if count >= among { 1.0 } else { (middle + half) / whole };
    (low, high)
}

/// The interval of the rate `now` minus the rate `earlier`, each a count among a number.
#[must_use]
pub(crate) fn newcombe(now: (i64, i64), earlier: (i64, i64), confidence: Confidence) -> (f64, f64) {
    let rate = |(count, among): (i64, i64)| count.clamp(0, among.max(0)) as f64 / among.max(1) as f64;
    let (p1, p2) = (rate(now), rate(earlier));
    let ((l1, u1), (l2, u2)) = (wilson(now.0, now.1, confidence), wilson(earlier.0, earlier.1, confidence));
    let difference = p1 - p2;
    (difference - (p1 - l1).hypot(u2 - p2), difference + (u1 - p1).hypot(p2 - l2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: (f64, f64), wanted: (f64, f64)) {
        assert!((found.0 - wanted.0).abs() < 5e-5 && (found.1 - wanted.1).abs() < 5e-5, "{found:?} {wanted:?}");
    }

    #[test]
    fn the_quantiles_are_those_of_every_table() {
        for (level, z) in [(0.9, 1.644_854), (0.95, 1.959_964), (0.99, 2.575_829), (0.999, 3.290_527)] {
            assert!((Confidence::new(level).unwrap().z - z).abs() < 1e-6);
        }
        assert!((Confidence::USUAL.z - Confidence::new(0.95).unwrap().z).abs() < 1e-12);
    }

    #[test]
    fn wilson_s_interval_has_the_values_of_newcombe_s_table() {
        // R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), 857–872,
        // table I, method 3.
        let sure = Confidence::new(0.95).unwrap();
        near(wilson(81, 263, sure), (0.2553, 0.3662));
        near(wilson(15, 148, sure), (0.0624, 0.1605));
        near(wilson(0, 20, sure), (0.0, 0.1611));
        near(wilson(1, 29, sure), (0.0061, 0.1718));
    }

    #[test]
    fn newcombe_s_interval_has_the_values_of_his_table() {
        // Table II, method 10: 56/70 − 48/80, 9/10 − 3/10, 5/56 − 0/29.
        let sure = Confidence::new(0.95).unwrap();
        near(newcombe((56, 70), (48, 80), sure), (0.0524, 0.3339));
        near(newcombe((9, 10), (3, 10), sure), (0.1705, 0.8090));
        near(newcombe((5, 56), (0, 29), sure), (-0.0381, 0.1926));
    }

    #[test]
    fn the_interval_of_nothing_is_everything_and_more_than_all_is_all() {
        let sure = Confidence::new(0.99).unwrap();
        near(wilson(0, 0, sure), (0.0, 1.0));
        near(wilson(9, 3, sure), wilson(3, 3, sure));
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        for level in [0.0, 0.49, 1.0, f64::NAN, -1.0] {
            assert_eq!(Confidence::new(level), None);
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_rate_grows_with_the_count_and_narrows_with_the_number(
            (among, count) in (1_i64..1 << 40).prop_flat_map(|among| (Just(among), 0..=among)),
        ) {
            let sure = Confidence::USUAL;
            let rate = count as f64 / among as f64;
            let (low, high) = wilson(count, among, sure);
            prop_assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0, "{low} {rate} {high}");
            let (more_low, more_high) = wilson((count + 1).min(among), among, sure);
            prop_assert!(low <= more_low && high <= more_high);
            let (surer_low, surer_high) = wilson(count * 4, among * 4, sure);
            prop_assert!(surer_high - surer_low <= high - low);
        }
    }
}
