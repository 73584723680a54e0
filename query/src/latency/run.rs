//! Asks ClickHouse: which groups there are, as a split does, and then the steps of those shown and of the rest together.

use std::collections::HashMap;

use schema::{AccountId, ClickHouse, Millis};

use super::{
    histogram::Histogram,
    report::{DecayReport, LatencyReport},
    request::LatencySpec,
};
use crate::{
    Body, Grouping, Limits, QueryError, Report,
    answer::Cells,
    run::{ask, malformed, run},
    sql::{self, Steps},
};

/// The groups and their steps.
pub(super) struct Found {
    pub(super) report: Report,
    /// The groups shown, in their order.
    pub(super) rows: Vec<(Vec<String>, Histogram)>,
    /// The others, and how many they are; `None` when all are shown.
    pub(super) remainder: Option<(u64, Histogram)>,
    pub(super) total: Histogram,
}

/// The latencies of an account's messages. `as_of` is the time that the answer says it was made.
///
/// # Errors
/// Whether to try again later, to ask for less, or to look for a defect.
pub async fn latencies(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &LatencySpec,
    as_of: Millis,
    limits: &Limits,
) -> Result<LatencyReport, QueryError> {
    Ok(LatencyReport::of(spec, &find(clickhouse, account, spec, as_of, limits).await?))
}

/// The decay curves of an account's messages; `spec` is made by [`LatencySpec::decay`].
///
/// # Errors
/// Whether to try again later, to ask for less, or to look for a defect.
pub async fn decay(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &LatencySpec,
    as_of: Millis,
    limits: &Limits,
) -> Result<DecayReport, QueryError> {
    Ok(DecayReport::of(spec, &find(clickhouse, account, spec, as_of, limits).await?))
}

async fn find(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &LatencySpec,
    as_of: Millis,
    limits: &Limits,
) -> Result<Found, QueryError> {
    let report = run(clickhouse, account, &spec.groups, as_of, limits).await?;
    let (top, cut): (Vec<&[String]>, u64) = match report.body() {
        Body::Split { rows, remainder, .. } => {
            (rows.iter().map(|row| row.key.as_slice()).collect(), remainder.map_or(0, |rest| rest.groups))
        }
        Body::Summary | Body::Series { .. } => (Vec::new(), 0),
    };
    let answer = ask(clickhouse, limits, &sql::latencies(account, &spec.groups, Steps::Latencies, &top)).await?;
    let keys = spec.groups.by.len();
    let (mut groups, mut rest, mut total) = (HashMap::new(), Histogram::default(), Histogram::default());
    for row in answer.rows() {
        let histogram = histogram(row, if keys == 0 { 0 } else { keys + 1 })?;
        total.merge(&histogram);
        if keys > 0 && row.number(0)? != 0 {
            groups.insert(key(&spec.groups.by, row)?, histogram);
        } else {
            rest.merge(&histogram);
        }
    }
    let rows = top.iter().map(|key| (key.to_vec(), groups.remove(*key).unwrap_or_default())).collect();
    // A group that appeared between the two statements is in the rest, too.
    let cut = if keys > 0 && rest != Histogram::default() { cut.max(1) } else { cut };
    let remainder = (cut > 0).then_some((cut, rest));
    Ok(Found { report, rows, remainder, total })
}

fn histogram(row: Cells<'_>, from: usize) -> Result<Histogram, QueryError> {
    let mut histogram = Histogram::default();
    for (step, count) in row.list(from)?.iter().zip(row.list(from + 1)?) {
        let step = u16::try_from(*step).map_err(|_| malformed("no step"))?;
        histogram.add(step, *count);
    }
    Ok(histogram)
}

/// The key of a group that is shown: texts, those of parts of time numbers in digits.
fn key(by: &[Grouping], row: Cells<'_>) -> Result<Vec<String>, QueryError> {
    let texts = row.texts(1, by.len())?;
    let value = |(by, text): (&Grouping, String)| match by {
        Grouping::Dimension(_) => Ok(text),
        Grouping::Time(part) => {
            text.parse().ok().and_then(|number| part.value(number)).ok_or_else(|| malformed("no part of time"))
        }
    };
    by.iter().zip(texts).map(value).collect()
}
