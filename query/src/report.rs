//! `Report`: the one answer that JSON, CSV, PNG and alerts are made of, so that they cannot disagree.

use schema::{Basis, Dimension, Measures, Millis, OTHER, Rate};

use crate::{ReportSpec, zone::rfc3339};

/// On the `event` basis numerator and denominator count different deliveries (METRICS.md, "Measures").
pub const EVENT_BASIS_NOTE: &str =
    "On the event basis every measure is dated by its own clock, so a rate can exceed 100 %.";

/// A report: a spec and what was counted for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub(crate) spec: ReportSpec,
    pub(crate) as_of: Millis,
    pub(crate) total: Measures,
    pub(crate) body: Body,
    /// The dimensions of which it may hide values under `(other)`.
    pub(crate) others: Vec<Dimension>,
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
        /// The groups cut; `None` when none was.
        remainder: Option<Remainder>,
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
    /// Its measures; those that were not asked for are zero.
    pub measures: Measures,
}

/// The groups that a limit cut, together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remainder {
    /// How many.
    pub groups: u64,
    /// Their measures.
    pub measures: Measures,
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
}

impl Line {
    /// A group of which nothing is known yet.
    pub(crate) fn empty(key: Vec<String>, rows: usize) -> Self {
        Self { key, points: vec![Measures::default(); rows], total: Measures::default() }
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

    /// A rate of the total; `None` when its denominator is 0.
    #[must_use]
    pub fn rate(&self, rate: Rate) -> Option<f64> {
        rate.of(&self.total)
    }

    /// Rows, groups and what was cut.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// What a reader should know about the numbers.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let basis = match self.spec.basis {
            Basis::Sent => None,
            Basis::Event => Some(EVENT_BASIS_NOTE.to_owned()),
        };
        basis.into_iter().chain(self.others.iter().map(others_note)).collect()
    }

    /// A time in the report's zone, RFC 3339.
    pub(crate) fn time(&self, seconds: i64) -> String {
        rfc3339(self.spec.tz, seconds)
    }
}

/// What is said of a dimension that went beyond its limit (METRICS.md, "Dimensions").
fn others_note(dimension: &Dimension) -> String {
    format!(
        "On a day of this range {dimension} had more distinct values than are told apart: those that came later count under {}.",
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
