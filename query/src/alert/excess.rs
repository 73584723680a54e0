//! Who contributes most to what is too much.

use schema::Dimension;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Condition, Evidence, Rule, Watch};
use crate::{Body, Report};

/// A campaign, subject or domain, and what it adds to the excess.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Contributor {
    /// Which dimension.
    pub dimension: String,
    /// Which value; `(none)` is the empty one.
    pub value: String,
    /// What was counted of it.
    pub count: i64,
    /// What it was counted among; null for counts.
    #[schema(required)]
    pub among: Option<i64>,
    /// How much more it was (or less, for `below` and `falls`) than the threshold allows for its mail.
    pub excess: f64,
}

/// The `most` values of these splits whose excess over the threshold is greatest.
#[must_use]
pub fn contributors(rule: &Rule, evidence: &Evidence, splits: &[Report], most: usize) -> Vec<Contributor> {
    let (line, sign) = match rule.condition {
        Condition::Above(threshold) => (threshold, 1.0),
        Condition::Below(threshold) => (threshold, -1.0),
        Condition::Rises { .. } => (evidence.numbers.earlier.and_then(|earlier| earlier.value).unwrap_or(0.0), 1.0),
        Condition::Falls { .. } => (evidence.numbers.earlier.and_then(|earlier| earlier.value).unwrap_or(0.0), -1.0),
        Condition::Stops { .. } => return Vec::new(),
    };
    let mut found = Vec::new();
    for split in splits {
        let ([dimension], Body::Split { rows, .. }) = (split.spec().by(), split.body()) else { continue };
        for row in rows {
            let (count, among) = match rule.watch {
                Watch::Rate(rate) => (row.measures[rate.numerator()], Some(row.measures[rate.denominator()])),
                Watch::Measure(measure) => (row.measures[measure], None),
                Watch::Activity | Watch::ObservedSpamRate => return Vec::new(),
            };
            let excess = sign * (count as f64 - among.map_or(0.0, |among| line * among as f64));
            if excess > 0.0 {
                let value = row.key.first().map_or("", String::as_str);
                let value = if value.is_empty() { Dimension::NONE } else { value }.to_owned();
                found.push(Contributor { dimension: dimension.to_string(), value, count, among, excess });
            }
        }
    }
    found.sort_by(|a, b| b.excess.total_cmp(&a.excess).then_with(|| a.value.cmp(&b.value)));
    found.truncate(most);
    found
}
