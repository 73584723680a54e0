//! `Report`: the one answer that every format and alerts are made of, so that they cannot disagree.

use std::collections::HashMap;

use schema::{Basis, Dimension, Measure, Measures, Millis, OTHER, Rate};

use crate::{
    Difference, ReportSpec, cursor::Position, doubt::NO_PROPORTION_NOTE, suppression::MeasureSet, zone::rfc3339,
};

/// On the `event` basis numerator and denominator count different deliveries (METRICS.md, "Measures").
pub const EVENT_BASIS_NOTE: &str =
    "On the event basis every measure is dated by its own clock, so a rate can exceed 100 %.";

/// Complaints are counted where they are told.
pub(crate) const SILENT_NOTE: &str = "Some mailbox providers, Gmail among them, tell nobody of single complaints: the spam rate there is not known, and not zero.";

/// A report: a spec and what was counted for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub(crate) spec: ReportSpec,
    pub(crate) as_of: Millis,
    pub(crate) total: Measures,
    /// What is hidden of the total.
    pub(crate) hidden: MeasureSet,
    pub(crate) body: Body,
    /// The dimensions of which it may hide values under `(other)`.
    pub(crate) others: Vec<Dimension>,
    /// What was counted of mail to those who tell of complaints, if that is shown or compared.
    pub(crate) reporting: Option<Reporting>,
    /// Whether the rates shown of each row of a split differ from the rest; empty when that is not asked for.
    pub(crate) differences: Vec<Vec<Option<Difference>>>,
    /// The same groups in the period that it is compared with.
    pub(crate) other: Option<Box<Report>>,
}

/// What was counted of mail to mailbox providers that tell of complaints.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reporting {
    /// By the key of a group.
    pub(crate) groups: HashMap<Vec<String>, Measures>,
    /// Of all groups.
    pub(crate) total: Measures,
}

/// A part of a split or a summary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part<'a> {
    /// The group with this key.
    Group(&'a [String]),
    /// The groups that a limit cut.
    Remainder,
    /// Everything.
    Total,
}

impl<'a> Part<'a> {
    /// The key of the group; none for several.
    pub(crate) const fn key(self) -> &'a [String] {
        match self {
            Self::Group(key) => key,
            Self::Remainder | Self::Total => &[],
        }
    }
}

/// What a report consists of besides its total.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing else.
    Summary,
    /// One row for each group.
    Split {
        /// The groups shown, in the order asked for.
        rows: Vec<Row>,
        /// The groups not shown: cut, on other pages or of too little volume; `None` when all are shown.
        remainder: Option<Remainder>,
        /// Whether the next page has groups.
        more: bool,
    },
    /// One row for each interval, for each group.
    Series {
        /// Where the intervals begin, in seconds since 1970. The first may begin before the range: it is named by its beginning.
        times: Vec<i64>,
        /// The groups shown, in the order asked for; without dimensions, everything as one group with no key.
        groups: Vec<Line>,
        /// The groups cut, together; `None` when none was.
        remainder: Option<(u64, Line)>,
    },
}

/// A group and its measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// One value for each dimension of the spec; the empty text is the empty value.
    pub key: Vec<String>,
    /// Its measures; those that were not asked for, or are hidden, are zero.
    pub measures: Measures,
    /// Which are hidden, for they stand for few people or would tell what does.
    pub(crate) hidden: MeasureSet,
}

/// The groups that are not shown, together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remainder {
    /// How many.
    pub groups: u64,
    /// Their measures.
    pub measures: Measures,
    /// Which are hidden.
    pub(crate) hidden: MeasureSet,
}

/// A group of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// One value for each dimension of the spec.
    pub key: Vec<String>,
    /// Its measures in each interval.
    pub points: Vec<Measures>,
    /// Its measures in the whole range.
    pub total: Measures,
    /// Which are hidden in each interval; empty when none is.
    pub(crate) hidden: Vec<MeasureSet>,
    /// Which are hidden in the whole range.
    pub(crate) hidden_in_total: MeasureSet,
}

/// Measures as a reader sees them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seen<'a> {
    pub(crate) measures: &'a Measures,
    pub(crate) hidden: MeasureSet,
}

impl Seen<'_> {
    /// A measure; `None` when it is hidden.
    pub(crate) fn count(self, measure: Measure) -> Option<i64> {
        (!self.hidden.contains(measure)).then(|| self.measures[measure])
    }

    /// Whether a rate is hidden: one of its measures and the rate tell the other.
    pub(crate) const fn hides(self, rate: Rate) -> bool {
        self.hidden.contains(rate.numerator()) || self.hidden.contains(rate.denominator())
    }
}

impl Row {
    pub(crate) const fn seen(&self) -> Seen<'_> {
        Seen { measures: &self.measures, hidden: self.hidden }
    }
}

impl Remainder {
    pub(crate) const fn seen(&self) -> Seen<'_> {
        Seen { measures: &self.measures, hidden: self.hidden }
    }
}

impl Line {
    /// A group of which nothing is known yet.
    pub(crate) fn empty(key: Vec<String>, rows: usize) -> Self {
        let (points, total) = (vec![Measures::default(); rows], Measures::default());
        Self { key, points, total, hidden: Vec::new(), hidden_in_total: MeasureSet::default() }
    }

    /// Its measures in an interval.
    pub(crate) fn seen(&self, place: usize) -> Seen<'_> {
        Seen { measures: &self.points[place], hidden: self.hidden.get(place).copied().unwrap_or_default() }
    }

    /// Its measures in the whole range.
    pub(crate) const fn seen_in_total(&self) -> Seen<'_> {
        Seen { measures: &self.total, hidden: self.hidden_in_total }
    }

    /// Counts what happened in an interval.
    pub(crate) fn add(&mut self, row: usize, measures: &Measures) {
        self.points[row] += measures;
        self.total += measures;
    }
}

impl Report {
    /// What was asked.
    #[must_use]
    pub const fn spec(&self) -> &ReportSpec {
        &self.spec
    }

    /// When the report was made.
    #[must_use]
    pub const fn as_of(&self) -> Millis {
        self.as_of
    }

    /// The measures of all messages in the range that pass the filters; those that were not asked for are zero.
    #[must_use]
    pub const fn total(&self) -> &Measures {
        &self.total
    }

    /// A rate of the total; `None` when its denominator is 0, or nobody knows it.
    #[must_use]
    pub fn rate(&self, rate: Rate) -> Option<f64> {
        self.rate_of(rate, &[], self.seen())
    }

    /// The total as a reader sees it.
    pub(crate) const fn seen(&self) -> Seen<'_> {
        Seen { measures: &self.total, hidden: self.hidden }
    }

    /// A rate of the group with this key (none: of all groups); `None` when its denominator is 0, or nobody knows it: complaints of
    /// mailbox providers that do not tell of them are unknown, and not zero.
    pub(crate) fn rate_of(&self, rate: Rate, key: &[String], seen: Seen<'_>) -> Option<f64> {
        let unknown = rate == Rate::SpamRate && self.spec.is_silent(key);
        if unknown || seen.hides(rate) { None } else { rate.of(seen.measures) }
    }

    /// The spam rate of a part among mail to those who tell of complaints; `None` when there was no such mail, or it is not shown.
    pub(crate) fn fbl_spam_rate(&self, part: Part<'_>) -> Option<f64> {
        self.told(part).and_then(|measures| Rate::SpamRate.of(&measures))
    }

    /// What was counted of a part among mail to those who tell of complaints, if that is known.
    pub(crate) fn told(&self, part: Part<'_>) -> Option<Measures> {
        let reporting = self.reporting.as_ref()?;
        let of = |key: &[String]| reporting.groups.get(key).copied().unwrap_or_default();
        Some(match (part, &self.body) {
            (Part::Group(key), _) => of(key),
            (Part::Remainder, Body::Split { rows, .. }) => rows.iter().fold(reporting.total, |mut rest, row| {
                rest -= &of(&row.key);
                rest
            }),
            (Part::Remainder | Part::Total, _) => reporting.total,
        })
    }

    fn shows_rates(&self) -> bool {
        self.spec.fbl || !self.spec.rates().is_empty()
    }

    /// Whether a spam rate is shown that nobody knows.
    fn hides_a_spam_rate(&self) -> bool {
        let keys: Vec<&[String]> = match &self.body {
            Body::Summary => Vec::new(),
            Body::Split { rows, .. } => rows.iter().map(|row| row.key.as_slice()).collect(),
            Body::Series { groups, .. } => groups.iter().map(|line| line.key.as_slice()).collect(),
        };
        self.spec.rates().contains(&Rate::SpamRate)
            && (self.spec.is_silent(&[]) || keys.iter().any(|key| self.spec.is_silent(key)))
    }

    /// What shows the next page of a split when it is given as `cursor`; `None` on the last.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        match &self.body {
            // Pages would tell what each hides.
            Body::Split { rows, more: true, .. } if self.spec.suppress_below.is_none() => {
                rows.last().map(|row| Position::of(&self.spec, row).write(&self.spec))
            }
            Body::Summary | Body::Split { .. } | Body::Series { .. } => None,
        }
    }

    /// Rows, groups and what was cut.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// What a reader should know about the numbers.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let event = (self.spec.basis == Basis::Event).then_some(EVENT_BASIS_NOTE);
        let silent = self.hides_a_spam_rate().then_some(SILENT_NOTE);
        let unsure = event.filter(|_| self.spec.intervals && self.shows_rates()).map(|_| NO_PROPORTION_NOTE);
        let few = self.spec.suppress_below.map(suppressed_note);
        let fixed = event.into_iter().chain(unsure).chain(silent).map(str::to_owned).chain(few);
        let others = self.others.iter().map(|dimension| others_note("this range", dimension));
        fixed.chain(others).chain(self.notes_of_comparison()).collect()
    }

    /// A time in the report's zone, RFC 3339.
    pub(crate) fn time(&self, seconds: i64) -> String {
        rfc3339(self.spec.tz, seconds)
    }
}

/// What is said where small numbers are hidden.
fn suppressed_note(least: u32) -> String {
    format!(
        "Numbers that stand for fewer than {least} recipients are hidden, and others that would tell them; zeros are shown. Rows with a hidden number to sort by come last."
    )
}

/// What is said of a dimension that went beyond its limit (METRICS.md, "Dimensions").
pub(crate) fn others_note(range: &str, dimension: &Dimension) -> String {
    format!(
        "On a day of {range} {dimension} had more distinct values than are told apart: those that came later count under {}.",
        Dimension::OTHER
    )
}

/// A value of a dimension as it is shown.
pub(crate) fn shown(value: &str) -> &str {
    match value {
        "" => Dimension::NONE,
        OTHER => Dimension::OTHER,
        value => value,
    }
}
