//! The documents that the service answers with; a key that is not known here fails the test.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The answer to `POST /v1/events`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Events accepted.
    pub accepted: usize,
    /// Events rejected.
    pub rejected: usize,
    /// The first 100 rejections.
    pub errors: Vec<Rejection>,
}

/// One rejected event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// Its place in the body.
    pub index: usize,
    /// A word for programs.
    pub code: String,
    /// The key that it is about.
    pub field: Option<String>,
    /// A sentence for people.
    pub detail: String,
}

/// A summary, a split or a series.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Series: the interval.
    pub interval: Option<String>,
    /// The dimensions; absent in a summary.
    pub by: Option<Vec<String>>,
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// With which period it is compared.
    pub compare: Option<Period>,
    /// In which time zone.
    pub tz: String,
    /// By which clock.
    pub basis: String,
    /// Up to which moment everything acknowledged is counted.
    pub as_of: String,
    /// What a reader should know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Groups, or intervals.
    #[serde(default)]
    pub rows: Vec<Row>,
    /// What is not shown.
    pub remainder: Option<Remainder>,
    /// Splits: the cursor of the next page.
    pub next: Option<String>,
    /// Everything.
    pub total: Group,
}

/// Measures and rates.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Measures by name.
    pub measures: BTreeMap<String, i64>,
    /// Rates by name.
    pub rates: BTreeMap<String, Option<f64>>,
    /// The same in another period.
    pub compare: Option<Comparison>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Series: where its interval begins.
    pub time: Option<String>,
    /// The values of the dimensions, in their order.
    #[serde(default)]
    pub key: BTreeMap<String, String>,
    /// Measures by name.
    pub measures: BTreeMap<String, i64>,
    /// Rates by name.
    pub rates: BTreeMap<String, Option<f64>>,
    /// The same in another period.
    pub compare: Option<Comparison>,
}

/// What a limit cut.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remainder {
    /// How many groups.
    pub groups: usize,
    /// Measures by name.
    pub measures: BTreeMap<String, i64>,
    /// Rates by name.
    pub rates: BTreeMap<String, Option<f64>>,
    /// The same in another period.
    pub compare: Option<Comparison>,
    /// Series: the intervals.
    #[serde(default)]
    pub rows: Vec<Row>,
}

/// The period that a report is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
}

/// What was counted in another period, and what changed since.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Series: where its interval begins.
    pub time: Option<String>,
    /// Measures by name.
    pub measures: BTreeMap<String, i64>,
    /// Rates by name.
    pub rates: BTreeMap<String, Option<f64>>,
    /// What changed.
    pub change: Changes,
}

/// Changes by name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Of measures.
    pub measures: BTreeMap<String, Change>,
    /// Of rates.
    pub rates: BTreeMap<String, Option<Change>>,
}

/// How a number changed.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The number less what it was.
    pub absolute: f64,
    /// The same as a part of what it was.
    pub relative: Option<f64>,
}
