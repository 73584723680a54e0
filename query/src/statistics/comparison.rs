//! How probable it is that two proportions differ by chance alone as much as they do.
//!
//! Counts of mail are skewed: millions delivered, a handful of complaints. The normal approximation is off by orders of magnitude in
//! the tail of a small count, and when many rows are compared at once it is the tail that decides. So small counts are compared
//! exactly (R. A. Fisher, "The logic of inductive inference", J. R. Stat. Soc. 98 (1935), 39–82), and the pooled z of two
//! proportions, K. Pearson's chi-squared of one degree of freedom, serves where every cell of the table is large.

/// The exact test is used while a cell of the table is expected to be less than this. By then the skew of the distribution, about
/// 1/√1000, moves the probability of four standard deviations by less than a factor of 1.5.
const LARGE: f64 = 1_000.0;
/// Tables as probable as the one found but for rounding count as being so; R's `fisher.test` has the same tolerance.
const ROUNDING: f64 = 1.0 + 1e-7;
/// What is so much less probable than the table found adds nothing that a double can show.
const NEGLIGIBLE: f64 = 1e-17;

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proportion {
    count: i64,
    among: i64,
}

impl Proportion {
    /// `None` when it is no part of a whole: nothing to count among, or more counted than there were.
    pub(crate) fn new(count: i64, among: i64) -> Option<Self> {
        (among > 0 && (0..=among).contains(&count)).then_some(Self { count, among })
    }

    pub(crate) const fn count(self) -> i64 {
        self.count
    }

    pub(crate) const fn among(self) -> i64 {
        self.among
    }

    pub(crate) fn value(self) -> f64 {
        self.count as f64 / self.among as f64
    }

    /// The same with one more counted, or one fewer, so that it is nearer to another.
    pub(crate) fn one_towards(self, other: Self) -> Self {
        let step = if self.value() > other.value() { -1 } else { 1 };
        Self { count: (self.count + step).clamp(0, self.among), ..self }
    }
}

/// The two-sided probability of a difference as great as this, or greater, if both have one rate.
pub(crate) fn by_chance(one: Proportion, other: Proportion) -> f64 {
    let (n, m) = (one.among as f64, other.among as f64);
    let counted = one.count as f64 + other.count as f64;
    let whole = n + m;
    let least = counted.min(whole - counted) / whole * n.min(m);
    if least < LARGE { exact(one, other) } else { pooled(one, other) }
}

/// The pooled z of two proportions.
fn pooled(one: Proportion, other: Proportion) -> f64 {
    let (n, m) = (one.among as f64, other.among as f64);
    let rate = (one.count as f64 + other.count as f64) / (n + m);
    let error = (rate * (1.0 - rate) * (1.0 / n + 1.0 / m)).sqrt();
    if error == 0.0 {
        return 1.0;
    }
    let z = (one.value() - other.value()) / error;
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Fisher's exact test: all tables of the same margins that are no more probable than the one found. Probabilities are taken relative
/// to the most probable table, from one neighbour to the next, so that numbers of any size cost no accuracy. The walk is short: the
/// variance is at most about the least expected cell.
fn exact(one: Proportion, other: Proportion) -> f64 {
    let margins = Margins::of(one, other);
    let found = one.count as f64;
    let mode = margins.mode();
    let towards = found >= mode;
    let mut near = Vec::new();
    let mut last = 1.0;
    for weight in margins.walk(mode, towards).take_while(|(at, _)| if towards { *at <= found } else { *at >= found }) {
        near.push(weight.1);
        last = weight.1;
    }
    // Less probable than any number that a double holds.
    let Some(limit) = (last > 0.0).then_some(last * ROUNDING) else { return 0.0 };
    let relevant = |(_, weight): &(f64, f64)| *weight > last * NEGLIGIBLE;
    let steps = near.len();
    let beyond = margins.walk(mode, towards).skip(steps).take_while(relevant).map(|(_, weight)| weight);
    let opposite = margins.walk(mode, !towards).skip(1).take_while(relevant).map(|(_, weight)| weight);
    let (mut all, mut extreme) = (0.0, 0.0);
    for weight in near.into_iter().chain(beyond).chain(opposite) {
        all += weight;
        if weight <= limit {
            extreme += weight;
        }
    }
    (extreme / all).min(1.0)
}

/// The sums of the table's rows and columns.
#[derive(Clone, Copy)]
struct Margins {
    /// Of how many the first is counted.
    n: f64,
    /// How many are counted in both.
    counted: f64,
    /// How many there are in both.
    whole: f64,
}

impl Margins {
    fn of(one: Proportion, other: Proportion) -> Self {
        let sum = |a: i64, b: i64| a as f64 + b as f64;
        Self { n: one.among as f64, counted: sum(one.count, other.count), whole: sum(one.among, other.among) }
    }

    /// The most probable count of the first.
    fn mode(self) -> f64 {
        let mode = ((self.n + 1.0) * (self.counted + 1.0) / (self.whole + 2.0)).floor();
        mode.clamp((self.n + self.counted - self.whole).max(0.0), self.n.min(self.counted))
    }

    /// How probable a count is relative to the one before.
    fn ratio(self, count: f64) -> f64 {
        let before = count - 1.0;
        let uncounted = self.whole - self.counted - self.n + count;
        (self.counted - before) / count * ((self.n - before) / uncounted)
    }

    /// Counts from a place on, upwards or downwards, as far as there are tables, with how probable they are relative to the first.
    fn walk(self, from: f64, upwards: bool) -> impl Iterator<Item = (f64, f64)> {
        let (least, most) = ((self.n + self.counted - self.whole).max(0.0), self.n.min(self.counted));
        std::iter::successors(Some((from, 1.0)), move |(count, weight)| {
            if upwards {
                let next = count + 1.0;
                (next <= most && *weight > 0.0).then(|| (next, weight * self.ratio(next)))
            } else {
                let next = count - 1.0;
                (next >= least && *weight > 0.0).then(|| (next, weight / self.ratio(*count)))
            }
        })
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the bounds of a probability are exact")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(count: i64, among: i64) -> Proportion {
        Proportion::new(count, among).unwrap()
    }

    fn near(found: f64, wanted: f64) {
        assert!((found / wanted - 1.0).abs() < 1e-6, "{found} {wanted}");
    }

    #[test]
    fn fisher_s_test_has_the_values_of_scipy() {
        // scipy 1.17.1, scipy.stats.fisher_exact; the first is Fisher's lady tasting tea.
        for (one, other, wanted) in [
            (of(3, 4), of(1, 4), 0.485_714_285_714_285_65),
            (of(1, 3), of(3, 100), 0.113_100_858_915_131_94),
            (of(1, 3), of(100, 10_000), 0.029_989_063_468_941_71),
            (of(8, 10), of(1, 6), 0.034_965_034_965_034_975),
            (of(0, 10), of(5, 10), 0.032_507_739_938_080_496),
            (of(10, 12), of(3, 18), 0.000_536_724_179_143_435_7),
            (of(40, 1_000), of(2_000, 99_000), 6.978_110_489_925_504e-5),
            (of(2, 10_000), of(10, 990_000), 0.006_174_006_531_897_54),
            (of(5, 5), of(1, 5), 0.047_619_047_619_047_616),
        ] {
            near(exact(one, other), wanted);
        }
    }

    #[test]
    fn the_pooled_z_has_the_values_of_scipy() {
        // scipy 1.17.1, 2 · scipy.stats.norm.sf(|z|) of the pooled z.
        near(pooled(of(15_000, 100_000), of(148_000, 1_000_000)), 0.089_636_907_733_342_6);
        near(pooled(of(5_200, 20_000), of(4_900, 20_000)), 0.000_555_069_263_130_273_8);
    }

    #[test]
    fn where_the_one_test_takes_over_from_the_other_both_say_the_same() {
        for count in [880, 940, 1_000, 1_060, 1_120] {
            let (one, other) = (of(count, 100_000), of(100_000, 10_000_000));
            let (exact, pooled) = (exact(one, other), pooled(one, other));
            assert!((exact / pooled).ln().abs() < 0.5, "{count}: {exact} {pooled}");
        }
    }

    #[test]
    fn what_is_beyond_all_chance_is_zero_and_takes_no_time() {
        assert_eq!(by_chance(of(500_000, 1_000_000), of(1, 1_000_000_000_000)), 0.0);
        assert_eq!(by_chance(of(0, 7), of(0, 1_000_000_000_000)), 1.0);
        assert_eq!(by_chance(of(7, 7), of(5, 5)), 1.0);
    }

    /// The definition, with all tables' probabilities as quotients of binomial coefficients.
    fn defined(one: Proportion, other: Proportion) -> f64 {
        let choose = |n: i64, k: i64| {
            if (0..=n).contains(&k) { (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product() } else { 0.0 }
        };
        let counted = one.count + other.count;
        let ways = |count: i64| -> f64 { choose(one.among, count) * choose(other.among, counted - count) };
        let all: f64 = (0..=counted).map(ways).sum();
        let limit = ways(one.count) * ROUNDING;
        (0..=counted).map(ways).filter(|ways| *ways <= limit).sum::<f64>() / all
    }

    fn proportion(most: i64) -> impl Strategy<Value = Proportion> {
        (1..=most).prop_flat_map(|among| (0..=among, Just(among))).prop_map(|(count, among)| of(count, among))
    }

    proptest! {
        #[test]
        fn the_exact_test_is_what_its_definition_says(one in proportion(40), other in proportion(200)) {
            let (found, wanted) = (exact(one, other), defined(one, other));
            prop_assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
        }

        #[test]
        fn a_probability_is_one_whatever_the_counts(one in proportion(1 << 40), other in proportion(1 << 40)) {
            let found = by_chance(one, other);
            prop_assert!((0.0..=1.0).contains(&found));
            let back = by_chance(other, one);
            prop_assert!((found - back).abs() <= 1e-6 * found.max(1e-300), "{found} {back}");
        }
    }
}
