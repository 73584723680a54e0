//! What is real of a report and what is noise: how sure its rates are, and which rows differ from the rest beyond chance
//! (docs/reports.md, "What is real, what is noise").
//!
//! All of it rests on rates being proportions, a part of the deliveries counted among. On the `sent` basis every rate is one. On the
//! `event` basis numerator and denominator count different deliveries (METRICS.md, "Measures"): nothing can be said.

use schema::{Basis, Measures, Rate};
use serde::Serialize;

use crate::{
    Report, ReportSpec,
    alert::FBL_SPAM_RATE,
    report::{Body, Part, Seen},
    statistics::{Confidence, Proportion, adjusted, by_chance, wilson},
};

/// Of the differences that are told, so many are none, on average.
const FALSE_DISCOVERIES: f64 = 0.05;

/// Why there are no intervals.
pub(crate) const NO_PROPORTION_NOTE: &str = "On the event basis a rate is no part of the deliveries that it is counted among: it has no interval, and is compared with none.";

/// The 95 % interval of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bounds {
    /// From here …
    pub low: f64,
    /// … to here.
    pub high: f64,
}

/// On which side of the rest a rate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Greater.
    Above,
    /// Less.
    Below,
}

impl Side {
    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
        }
    }
}

/// How the rate of a row compares with that of the rest of the report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// On which side it is beyond chance; `None` when chance explains it.
    pub differs: Option<Side>,
    /// How probable so great a difference is if there is none.
    pub p: f64,
    /// The same, adjusted for how many rows are compared.
    pub q: f64,
}

/// A rate that a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShownRate {
    /// One of METRICS.md.
    Of(Rate),
    /// The spam rate among mail to those who tell of complaints.
    Told,
}

impl ShownRate {
    /// The name in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Of(rate) => rate.name(),
            Self::Told => FBL_SPAM_RATE,
        }
    }
}

impl ReportSpec {
    /// The rates shown, in their order.
    pub(crate) fn shown_rates(&self) -> impl Iterator<Item = ShownRate> + Clone + '_ {
        let told = self.fbl.then_some(ShownRate::Told);
        self.rates().iter().copied().map(ShownRate::Of).chain(told)
    }
}

impl Report {
    /// The rates shown, in their order.
    pub(crate) fn shown_rates(&self) -> impl Iterator<Item = ShownRate> + Clone + '_ {
        self.spec.shown_rates()
    }

    /// A rate of a part, whose measures these are.
    pub(crate) fn shown_rate(&self, rate: ShownRate, part: Part<'_>, seen: Seen<'_>) -> Option<f64> {
        match rate {
            ShownRate::Of(rate) => self.rate_of(rate, part.key(), seen),
            ShownRate::Told => self.fbl_spam_rate(part),
        }
    }

    /// The 95 % interval of a rate of a part; `None` where there is no rate, or it is no proportion.
    pub(crate) fn bounds(&self, rate: ShownRate, part: Part<'_>, seen: Seen<'_>) -> Option<Bounds> {
        self.shown_rate(rate, part, seen)?;
        if self.spec.basis == Basis::Event {
            return None;
        }
        let proportion = match rate {
            ShownRate::Of(rate) => proportion(rate, seen.measures),
            ShownRate::Told => proportion(Rate::SpamRate, &self.told(part)?),
        }?;
        let (low, high) = wilson(proportion.count(), proportion.among(), Confidence::USUAL);
        Some(Bounds { low, high })
    }

    /// The same if it is asked for.
    pub(crate) fn bounds_shown(&self, rate: Rate, part: Part<'_>, seen: Seen<'_>) -> Option<Bounds> {
        self.spec.intervals.then(|| self.bounds(ShownRate::Of(rate), part, seen)).flatten()
    }

    /// On which side of the rest a rate of the row in this place is, if that is asked for, shown and beyond chance.
    pub(crate) fn side(&self, rate: Rate, row: usize) -> Option<Side> {
        let column = self.spec.rates().iter().position(|shown| *shown == rate)?;
        self.differences.get(row)?.get(column)?.and_then(|difference| difference.differs)
    }

    /// The same with what its rows say of their differences from the rest, if that is asked for.
    pub(crate) fn compared(mut self) -> Self {
        if let (true, Body::Split { rows, .. }) = (self.spec.compares(), &self.body) {
            let columns: Vec<_> = self.shown_rates().map(|rate| self.differences_by(rate)).collect();
            let row = |place: usize| columns.iter().map(|column| column[place]).collect();
            self.differences = (0..rows.len()).map(row).collect();
        }
        self
    }

    /// How each row differs from the rest by a rate.
    fn differences_by(&self, rate: ShownRate) -> Vec<Option<Difference>> {
        let Body::Split { rows, .. } = &self.body else { return Vec::new() };
        let pairs = rows.iter().map(|row| {
            let part = Part::Group(&row.key);
            self.shown_rate(rate, part, row.seen())?;
            // The rest is the total without the row: what is not shown of the total would be told by the comparison.
            self.shown_rate(rate, Part::Total, self.seen())?;
            // Complaints are compared where they are told: the rest would seem better for those who are silent.
            let (rate, of_row, total) = match rate {
                ShownRate::Of(rate) if rate != Rate::SpamRate => (rate, row.measures, self.total),
                ShownRate::Of(_) | ShownRate::Told => (Rate::SpamRate, self.told(part)?, self.told(Part::Total)?),
            };
            let mut rest = total;
            rest -= &of_row;
            Some((proportion(rate, &of_row)?, proportion(rate, &rest)?))
        });
        differences(&pairs.collect::<Vec<_>>())
    }
}

fn proportion(rate: Rate, measures: &Measures) -> Option<Proportion> {
    Proportion::new(measures[rate.numerator()], measures[rate.denominator()])
}

/// How the first of each pair differs from the second, of all pairs that there are.
fn differences(pairs: &[Option<(Proportion, Proportion)>]) -> Vec<Option<Difference>> {
    let known: Vec<f64> = pairs.iter().flatten().map(|(row, rest)| by_chance(*row, *rest)).collect();
    let mut found = known.iter().copied().zip(adjusted(&known));
    let mut difference = |(row, rest): (Proportion, Proportion)| {
        let (p, q) = found.next()?;
        let differs = (q <= FALSE_DISCOVERIES && outlasts_one(row, rest)).then(|| side(row, rest));
        Some(Difference { differs, p, q })
    };
    pairs.iter().map(|pair| pair.and_then(&mut difference)).collect()
}

/// Whether a difference would be one if a single delivery had gone the other way. One click in three is most improbable where one in
/// ten thousand is usual, and yet it is one click. M. Walsh et al., "The statistical significance of randomized controlled trial
/// results is frequently fragile: a case for a fragility index", J. Clin. Epidemiol. 67 (2014), 622–628.
fn outlasts_one(row: Proportion, rest: Proportion) -> bool {
    let nearer = row.one_towards(rest);
    side(nearer, rest) == side(row, rest) && by_chance(nearer, rest) <= FALSE_DISCOVERIES
}

fn side(row: Proportion, rest: Proportion) -> Side {
    if row.value() > rest.value() { Side::Above } else { Side::Below }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "equal by definition")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(row: (i64, i64), rest: (i64, i64)) -> Option<(Proportion, Proportion)> {
        Proportion::new(row.0, row.1).zip(Proportion::new(rest.0, rest.1))
    }

    fn sides(pairs: &[Option<(Proportion, Proportion)>]) -> Vec<Option<Side>> {
        differences(pairs).into_iter().map(|found| found.and_then(|found| found.differs)).collect()
    }

    #[test]
    fn one_click_in_three_is_no_winner_however_rare_clicks_are() {
        for rest in [(3, 100), (100, 10_000), (1_000, 10_000_000), (0, 1_000_000_000)] {
            assert_eq!(sides(&[pair((1, 3), rest)]), [None], "{rest:?}");
        }
    }

    #[test]
    fn what_is_many_times_the_rest_is_above_and_what_is_none_of_it_below() {
        let pairs = [pair((30, 300), (100, 10_000)), pair((0, 3_000), (300, 30_000)), pair((10, 1_000), (100, 10_000))];
        assert_eq!(sides(&pairs), [Some(Side::Above), Some(Side::Below), None]);
    }

    #[test]
    fn what_convinces_alone_does_not_among_a_hundred_that_are_alike() {
        let doubtful = pair((20, 1_000), (1_000, 90_000));
        let mut pairs = vec![pair((11, 1_000), (1_100, 100_000)); 100];
        pairs[0] = doubtful;
        assert_eq!(sides(&[doubtful]), [Some(Side::Above)]);
        assert_eq!(sides(&pairs), [None; 100]);
    }

    #[test]
    fn what_is_no_proportion_or_has_no_rest_is_not_compared() {
        let pairs =
            [pair((3, 2), (1, 10)), pair((3, 10), (0, 0)), pair((0, 0), (1, 10)), pair((30, 300), (100, 10_000))];
        let found = differences(&pairs);
        assert_eq!(found[..3], [None; 3]);
        assert!(found[3].is_some_and(|found| found.p == found.q), "of one alone there is nothing to adjust");
    }

    proptest! {
        #[test]
        fn the_order_of_the_rows_does_not_matter(
            counts in prop::collection::vec((0_i64..50, 0_i64..200), 1..12),
        ) {
            let pairs: Vec<_> = counts.iter().map(|(count, more)| pair((*count, count + more), (50, 1_000))).collect();
            let mut backwards = differences(&pairs.iter().rev().copied().collect::<Vec<_>>());
            backwards.reverse();
            prop_assert_eq!(differences(&pairs), backwards);
        }
    }
}
