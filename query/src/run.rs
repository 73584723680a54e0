//! Runs a report: spec → SQL → ClickHouse → `Report`.

use std::{collections::HashMap, time::Duration};

use schema::{AccountId, ClickHouse, Dimension, Measure, Measures, Millis};

use crate::{
    Grouping, Interval, Kind, ReportSpec,
    answer::{Answer, Cells},
    picker::MOST_FIELDS,
    report::{Body, Line, Remainder, Report, Reporting, Row},
    sql::{self, Sql},
};

/// What a query may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may run.
    pub time: Duration,
    /// How much memory it may take, in bytes.
    pub memory: u64,
    /// How many rows it may answer.
    pub rows: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(30), memory: 1 << 30, rows: 1_000_000 }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// ClickHouse cannot be reached, is starting, or has no room for one more query: try again later.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The query took more time, memory or rows than its limits: ask for less.
    #[error("the report would take more than its limits of time and memory")]
    TooExpensive(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else: a defect.
    #[error("the database refused the query")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// How much longer than its limit we wait for a query before we think that nobody is there.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Makes a report of an account. `as_of` is the time that it says it was made.
///
/// # Errors
/// Whether to try again later, to ask for less, or to look for a defect.
pub async fn run(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &ReportSpec,
    as_of: Millis,
    limits: &Limits,
) -> Result<Report, QueryError> {
    let store = Store { clickhouse, account, limits };
    let (answered, hidden) = tokio::try_join!(store.answer(spec), store.hidden(spec))?;
    let Answered { total, body, others } = answered;
    let reporting = store.reporting(spec, &body).await?;
    // In the order in which the report names them.
    let named = spec.dimensions().into_iter().filter(|name| others.contains(name) || hidden.contains(name));
    let others = named.cloned().collect();
    let report = Report { spec: spec.clone(), as_of, total, body, others, reporting, differences: Vec::new() };
    Ok(report.compared())
}

/// The dimensions that deliveries of a range of whole days have values of, with how many have one, and of custom fields one more than
/// are listed.
pub(crate) async fn volumes(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &ReportSpec,
    limits: &Limits,
) -> Result<Vec<(String, i64)>, QueryError> {
    let most = MOST_FIELDS + 1 + u32::try_from(Dimension::FIXED.len()).unwrap_or_default();
    let answer = Store { clickhouse, account, limits }.ask(&sql::volumes(account, spec, most)).await?;
    answer.rows().map(|row| Ok((row.texts(0, 1)?.concat(), row.number(1)?))).collect()
}

/// A report without what was asked.
struct Answered {
    total: Measures,
    body: Body,
    /// The dimensions of which a group stands for others.
    others: Vec<Dimension>,
}

/// What is true of all groups of a split.
#[derive(Default)]
pub(crate) struct Groups {
    /// How many there are.
    pub(crate) count: u64,
    /// How many of them may be shown.
    pub(crate) showable: u64,
    /// The measures of all of them.
    pub(crate) total: Measures,
    /// The dimensions of which one stands for others.
    pub(crate) others: Vec<Dimension>,
}

/// How the rows of the answer to `sql::groups` are made.
pub(crate) struct Shape<'s> {
    spec: &'s ReportSpec,
    needed: Vec<Measure>,
}

impl<'s> Shape<'s> {
    pub(crate) fn of(spec: &'s ReportSpec) -> Self {
        Self { spec, needed: spec.needed() }
    }

    /// Where it stands whether the group is shown.
    fn shown(&self) -> usize {
        let limited = self.spec.by.iter().filter(|by| by.is_limited()).count();
        self.spec.by.len() + 2 * self.needed.len() + 1 + limited
    }

    /// What every row says of all groups.
    pub(crate) fn all(&self, row: Cells<'_>) -> Result<Groups, QueryError> {
        let limited = || self.spec.by.iter().filter(|by| by.is_limited());
        let after = self.spec.by.len() + self.needed.len();
        let count = row.number(after)?.unsigned_abs();
        let total = measures(&self.needed, row.numbers(after + 1, self.needed.len())?);
        let others = row.numbers(after + 1 + self.needed.len(), limited().count())?;
        let others = limited().zip(others).filter(|(_, other)| *other != 0);
        let others = others.filter_map(|(by, _)| by.dimension().cloned()).collect();
        let showable = if self.spec.shows_all() { count } else { row.number(self.shown() + 1)?.unsigned_abs() };
        Ok(Groups { count, showable, total, others })
    }

    /// The group of a row, if it is shown.
    pub(crate) fn group(&self, row: Cells<'_>) -> Result<Option<Row>, QueryError> {
        if !self.spec.shows_all() && row.number(self.shown())? == 0 {
            return Ok(None);
        }
        let measures = measures(&self.needed, row.numbers(self.spec.by.len(), self.needed.len())?);
        Ok(Some(Row { key: key(self.spec, row)?, measures }))
    }
}

/// The filtered dimensions that went beyond their limits.
pub(crate) async fn hidden(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &ReportSpec,
    limits: &Limits,
) -> Result<Vec<Dimension>, QueryError> {
    Store { clickhouse, account, limits }.hidden(spec).await
}

struct Store<'a> {
    clickhouse: &'a ClickHouse,
    account: &'a AccountId,
    limits: &'a Limits,
}

impl Store<'_> {
    async fn answer(&self, spec: &ReportSpec) -> Result<Answered, QueryError> {
        match spec.kind {
            Kind::Summary => Ok(Answered { total: self.total(spec).await?, body: Body::Summary, others: Vec::new() }),
            Kind::Split => self.split(spec).await,
            Kind::Series(interval) => self.series(spec, interval).await,
        }
    }

    /// The filtered dimensions that went beyond their limits: what passes the filter may be among the others.
    async fn hidden(&self, spec: &ReportSpec) -> Result<Vec<Dimension>, QueryError> {
        let filtered = spec.tests().into_iter().map(|filter| &filter.dimension);
        let filtered: Vec<_> = filtered.filter(|dimension| dimension.is_limited()).cloned().collect();
        if filtered.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.ask(&sql::others(self.account, spec, &filtered)).await?;
        let name = |row: Cells<'_>| row.texts(0, 1)?.concat().parse().map_err(|_| malformed("no dimension"));
        answer.rows().map(name).collect()
    }

    /// What was counted of mail to those who tell of complaints, of all and of the groups shown, if that is needed.
    async fn reporting(&self, spec: &ReportSpec, body: &Body) -> Result<Option<Reporting>, QueryError> {
        if !spec.asks_who_reports() {
            return Ok(None);
        }
        let shown: Vec<_> = match body {
            Body::Split { rows, .. } => rows.iter().map(|row| row.key.as_slice()).collect(),
            Body::Summary | Body::Series { .. } => Vec::new(),
        };
        let spec = spec.reporting();
        let all = spec.of_all();
        let (groups, total) = tokio::try_join!(self.chosen(&spec, &shown), self.total(&all))?;
        Ok(Some(Reporting { groups, total }))
    }

    async fn chosen(
        &self,
        spec: &ReportSpec,
        groups: &[&[String]],
    ) -> Result<HashMap<Vec<String>, Measures>, QueryError> {
        if groups.is_empty() {
            return Ok(HashMap::new());
        }
        let (keys, needed) = (spec.by.len(), spec.needed());
        let answer = self.ask(&sql::chosen(self.account, spec, groups)).await?;
        let group = |row: Cells<'_>| Ok((key(spec, row)?, measures(&needed, row.numbers(keys, needed.len())?)));
        answer.rows().map(group).collect()
    }

    async fn total(&self, spec: &ReportSpec) -> Result<Measures, QueryError> {
        let needed = spec.needed();
        if needed.is_empty() {
            return Ok(Measures::default());
        }
        let answer = self.ask(&sql::total(self.account, spec)).await?;
        let row = answer.rows().next().ok_or_else(|| malformed("no row"))?;
        Ok(measures(&needed, row.numbers(0, needed.len())?))
    }

    /// The groups of a page, and what is true of all.
    async fn groups(&self, spec: &ReportSpec) -> Result<(Vec<Row>, Groups), QueryError> {
        let answer = self.ask(&sql::groups(self.account, spec)).await?;
        let Some(first) = answer.rows().next() else { return Ok((Vec::new(), Groups::default())) };
        let shape = Shape::of(spec);
        let all = shape.all(first)?;
        let rows = answer.rows().filter_map(|row| shape.group(row).transpose()).collect::<Result<_, _>>()?;
        Ok((rows, all))
    }

    async fn split(&self, spec: &ReportSpec) -> Result<Answered, QueryError> {
        let (rows, Groups { count, showable, total, others }) = self.groups(spec).await?;
        let more = showable > rows.len() as u64;
        let cut = count.saturating_sub(rows.len() as u64);
        let remainder = (cut > 0).then(|| {
            let mut measures = total;
            for row in &rows {
                measures -= &row.measures;
            }
            Remainder { groups: cut, measures }
        });
        Ok(Answered { total, body: Body::Split { rows, remainder, more }, others })
    }

    async fn series(&self, spec: &ReportSpec, interval: Interval) -> Result<Answered, QueryError> {
        let (keys, needed) = (spec.by.len(), spec.needed());
        let times = interval.starts(spec.tz, spec.range.from.into(), spec.range.to.into());
        let (top, count, others) = if keys == 0 {
            (vec![Vec::new()], 1, Vec::new())
        } else {
            let (rows, groups) = self.groups(spec).await?;
            (rows.into_iter().map(|row| row.key).collect(), groups.count, groups.others)
        };
        let answer = self.ask(&sql::steps(self.account, spec, interval, &top)).await?;

        let places: HashMap<Vec<String>, usize> = top.iter().cloned().zip(0..).collect();
        let cut = count.saturating_sub(top.len() as u64);
        let mut groups: Vec<_> = top.into_iter().map(|key| Line::empty(key, times.len())).collect();
        let mut rest = Line::empty(Vec::new(), times.len());
        let mut total = Measures::default();
        for row in answer.rows() {
            let named = if keys == 0 { 0 } else { 1 + keys };
            let key = if keys == 0 { Vec::new() } else { row.texts(1, keys)? };
            let shown = keys == 0 || row.number(0)? != 0;
            let quarter = row.number(named)?;
            let place = times.partition_point(|time| *time <= quarter).saturating_sub(1);
            let measures = measures(&needed, row.numbers(named + 1, needed.len())?);
            total += &measures;
            match places.get(&key).filter(|_| shown) {
                Some(group) => groups[*group].add(place, &measures),
                None => rest.add(place, &measures),
            }
        }
        // A group that appeared between the two queries is in the rest, too.
        let cut = if rest.total.is_zero() { cut } else { cut.max(1) };
        let remainder = (cut > 0).then_some((cut, rest));
        Ok(Answered { total, body: Body::Series { times, groups, remainder }, others })
    }

    async fn ask(&self, sql: &Sql) -> Result<Answer, QueryError> {
        ask(self.clickhouse, self.limits, sql).await
    }
}

/// Asks one thing, and reads all of the answer.
pub(crate) async fn ask(clickhouse: &ClickHouse, limits: &Limits, sql: &Sql) -> Result<Answer, QueryError> {
    let mut query = prepared(clickhouse, sql);
    for (name, value) in settings(limits) {
        query = query.with_setting(name, value);
    }
    let mut cursor = query.fetch_bytes("JSONCompact").map_err(judge)?;
    let answer = tokio::time::timeout(limits.time + GRACE, cursor.collect()).await;
    let bytes = answer.map_err(|elapsed| QueryError::Unavailable(Box::new(elapsed)))?.map_err(judge)?;
    Answer::parse(&bytes).map_err(|error| QueryError::Failed(Box::new(error)))
}

/// A statement with its values bound.
pub(crate) fn prepared(clickhouse: &ClickHouse, sql: &Sql) -> clickhouse::query::Query {
    let query = clickhouse.client().query_raw(&sql.text);
    sql.params.iter().fold(query, |query, (name, value)| query.param(name, value))
}

/// The settings of every query: its limits, and the form of the answer.
pub(crate) fn settings(limits: &Limits) -> [(&'static str, String); 7] {
    [
        ("max_execution_time", limits.time.as_secs().max(1).to_string()),
        ("max_memory_usage", limits.memory.to_string()),
        // Half of the memory may hold groups; more of them go to disk, and the answer is as exact.
        ("max_bytes_before_external_group_by", (limits.memory / 2).to_string()),
        ("max_result_rows", limits.rows.to_string()),
        ("result_overflow_mode", "throw".to_owned()),
        ("output_format_json_quote_64bit_integers", "0".to_owned()),
        ("output_format_json_validate_utf8", "1".to_owned()),
    ]
}

/// The key of a group: texts, and numbers for parts of time.
fn key(spec: &ReportSpec, row: Cells<'_>) -> Result<Vec<String>, QueryError> {
    let value = |(place, by): (usize, &Grouping)| match by {
        Grouping::Dimension(_) => Ok(row.texts(place, 1)?.concat()),
        Grouping::Time(part) => part.value(row.number(place)?).ok_or_else(|| malformed("no part of time")),
    };
    spec.by.iter().enumerate().map(value).collect()
}

fn measures(needed: &[Measure], values: impl Iterator<Item = i64>) -> Measures {
    let mut measures = Measures::default();
    for (measure, value) in needed.iter().zip(values) {
        measures[*measure] = value;
    }
    measures
}

pub(crate) fn malformed(what: &str) -> QueryError {
    QueryError::Failed(format!("malformed answer: {what}").into())
}

impl From<crate::answer::Malformed> for QueryError {
    fn from(error: crate::answer::Malformed) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// Which of the three an error of the client is. ClickHouse's codes: 159 `TIMEOUT_EXCEEDED`, 160 `TOO_SLOW`, 158 `TOO_MANY_ROWS`,
/// 307 `TOO_MANY_BYTES`, 396 `TOO_MANY_ROWS_OR_BYTES`, 241 `MEMORY_LIMIT_EXCEEDED`; 202 `TOO_MANY_SIMULTANEOUS_QUERIES`,
/// 209/210 network, 236 `ABORTED`, 394 `QUERY_WAS_CANCELLED`, 745 `SERVER_OVERLOADED`.
pub(crate) fn judge(error: clickhouse::error::Error) -> QueryError {
    use clickhouse::error::Error;
    match &error {
        Error::Network(_) | Error::TimedOut => QueryError::Unavailable(Box::new(error)),
        Error::BadResponse(text) => match code(text) {
            Some(158..=160 | 241 | 307 | 396) => QueryError::TooExpensive(Box::new(error)),
            Some(202 | 209 | 210 | 236 | 394 | 745) => QueryError::Unavailable(Box::new(error)),
            _ => QueryError::Failed(Box::new(error)),
        },
        _ => QueryError::Failed(Box::new(error)),
    }
}

/// The number in `Code: 159. DB::Exception: …`.
fn code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_tell_whether_to_wait_to_ask_for_less_or_to_look_for_a_defect() {
        let error = |text: &str| judge(clickhouse::error::Error::BadResponse(text.to_owned()));
        assert!(matches!(error("Code: 159. DB::Exception: Timeout exceeded"), QueryError::TooExpensive(_)));
        assert!(matches!(error("Code: 241. DB::Exception: Memory limit"), QueryError::TooExpensive(_)));
        assert!(matches!(error("Code: 202. DB::Exception: Too many"), QueryError::Unavailable(_)));
        assert!(matches!(error("Code: 62. DB::Exception: Syntax error"), QueryError::Failed(_)));
        assert!(matches!(error("what?"), QueryError::Failed(_)));
        assert!(matches!(judge(clickhouse::error::Error::TimedOut), QueryError::Unavailable(_)));
    }
}
