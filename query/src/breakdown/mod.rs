//! Reports that the cube cannot answer: why mail failed, which links were followed, how mail was secured. They are asked, filtered and shown
//! as all reports are (**request**, **spec**), read single deliveries and events (**run**), and become one [`Breakdown`], which JSON
//! (**json**), a **table** for CSV, NDJSON and XLSX, and a **picture** are made of. What holds an address is folded before it leaves the database
//! (`crate::pattern`), so that they open no more to a reader than any report does.

mod json;
mod picture;
mod request;
mod run;
mod spec;
mod table;
#[cfg(test)]
mod tests;

use schema::{Dimension, Millis};

pub(crate) use self::spec::Column;
pub use self::{
    request::{FailuresRequest, LinksRequest, SecurityRequest},
    run::breakdown,
    spec::{BreakdownKind, BreakdownSpec, FailuresBy},
};
use crate::report::others_note;

/// A report and what was counted for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdown {
    spec: BreakdownSpec,
    as_of: Millis,
    /// The groups shown, in the order asked for.
    rows: Vec<Row>,
    /// The groups that the limit cut: how many, and together.
    remainder: Option<(u64, Row)>,
    total: Row,
    /// The dimensions of which a filter may hide values under `(other)`.
    others: Vec<Dimension>,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    /// What they have in common; the empty text is the empty value.
    key: String,
    /// A number for each measure of the spec.
    measures: Vec<i64>,
    /// When it happened first and last, in milliseconds, if the report tells.
    seen: Option<(i64, i64)>,
}

impl Breakdown {
    /// What was asked.
    #[must_use]
    pub const fn spec(&self) -> &BreakdownSpec {
        &self.spec
    }

    /// What a reader should know about the numbers.
    fn notes(&self) -> Vec<String> {
        let own = self.spec.note().map(str::to_owned);
        own.into_iter().chain(self.others.iter().map(|dimension| others_note("this range", dimension))).collect()
    }

    /// The rate of a group; `None` when its denominator is 0.
    fn rate(&self, row: &Row) -> Option<f64> {
        let measure = |row: &Row, name| {
            let place = self.spec.measures().position(|known| known == name);
            place.and_then(|place| row.measures.get(place).copied()).unwrap_or_default()
        };
        let (above, below) = match self.spec.kind {
            BreakdownKind::Failures { .. } => (measure(row, "failed"), measure(&self.total, "failed")),
            BreakdownKind::Links { .. } => (measure(row, "clicks"), measure(&self.total, "clicks")),
            BreakdownKind::Security { .. } => (measure(row, "secured"), measure(row, "queued")),
        };
        (below > 0).then(|| above as f64 / below as f64)
    }
}
