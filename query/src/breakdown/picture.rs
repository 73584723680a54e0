//! The report as a picture: bars of what it is sorted for, and the rate beside them.

use super::{Breakdown, BreakdownKind, Row};
use crate::chart::{self, BarsOf, ChartError, ChartOptions, Picture};

impl Breakdown {
    /// Draws the report. Takes some 10 to 200 ms of computing and up to 150 MB of memory, by the picture's size.
    ///
    /// # Errors
    /// When the picture cannot be encoded.
    pub fn draw(&self, options: &ChartOptions, picture: Picture) -> Result<Vec<u8>, ChartError> {
        chart::draw_bars(&self.bars(), options, picture)
    }

    /// What the picture shows.
    pub(super) fn bars(&self) -> BarsOf<'_> {
        let (title, measure, rate) = match self.spec.kind {
            BreakdownKind::Failures { .. } => ("Failed deliveries", "failed", "Share"),
            BreakdownKind::Links { .. } => ("Clicks", "clicks", "Share"),
            BreakdownKind::Security { .. } => ("Unsecured deliveries", "unsecured", "Secured rate"),
        };
        let place = self.spec.measures().position(|name| name == measure).unwrap_or_default();
        let value = |row: &Row| row.measures.get(place).copied().unwrap_or_default();
        BarsOf {
            title: format!("{title} by {}", self.spec.by().replace('_', " ")),
            spec: &self.spec.frame,
            counted: title,
            rate,
            rows: self.rows.iter().map(|row| (row.key.as_str(), value(row), self.rate(row))).collect(),
            cut: self.remainder.as_ref().map_or(0, |(groups, _)| *groups),
            total: value(&self.total),
            unit: measure,
        }
    }
}
