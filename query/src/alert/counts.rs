//! A report by the value of the dimension that is watched; made once, read by every rule that asks for it.

use std::collections::HashMap;

use schema::Measures;

use crate::{Body, Range, Report};

/// What was counted in a range, by value.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts<'a> {
    range: Range,
    rows: HashMap<&'a str, &'a Measures>,
}

impl<'a> Counts<'a> {
    /// Of a report; without a dimension, its total is of the empty value.
    #[must_use]
    pub fn of(report: &'a Report) -> Self {
        let range = report.spec().range();
        match report.body() {
            Body::Split { rows, .. } => {
                let rows = rows.iter().filter_map(|row| Some((row.key.first()?.as_str(), &row.measures)));
                Self::new(range, rows)
            }
            Body::Summary | Body::Series { .. } => Self::new(range, [("", report.total())]),
        }
    }

    /// Of these values.
    pub fn new(range: Range, rows: impl IntoIterator<Item = (&'a str, &'a Measures)>) -> Self {
        Self { range, rows: rows.into_iter().collect() }
    }

    /// From when to when.
    #[must_use]
    pub const fn range(&self) -> Range {
        self.range
    }

    /// What was counted of a value; `None` when nothing was.
    #[must_use]
    pub fn of_value(&self, value: &str) -> Option<&'a Measures> {
        self.rows.get(value).copied()
    }

    /// Every value of which something was counted.
    pub(crate) fn values(&self) -> impl Iterator<Item = &'a str> {
        self.rows.keys().copied()
    }
}
