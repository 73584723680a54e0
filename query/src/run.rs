//! Runs a report: spec → SQL → ClickHouse → `Report`.

use std::{collections::HashMap, time::Duration};

use schema::{AccountId, ClickHouse, Dimension, Measure, Measures, Millis};

use crate::{
    Grouping, Interval, Kind, ReportSpec,
    answer::{Answer, Cells},
    picker::MOST_FIELDS,
    report::{Body, Line, Remainder, Report, Reporting, Row},
    sql::{self, PeopleOf, Sql},
    suppression::{Count, MeasureSet, People, PeopleOfGroups},
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
    let other = spec.other();
    // Without groups to choose first, both periods are asked at once.
    let alone = async {
        match &other {
            Some(other) if other.by.is_empty() => Ok(Some(store.answer(other).await?)),
            _ => Ok(None),
        }
    };
    let filtered = spec.tests().into_iter().map(|filter| &filter.dimension);
    let (answered, hidden, alone) = tokio::try_join!(store.answer(spec), store.hidden(spec, filtered), alone)?;
    let Answered { total, body, others } = answered;
    let (reporting, other) =
        tokio::try_join!(store.reporting(spec, &body), store.other(other.as_ref(), alone, &body, as_of))?;
    // In the order in which the report names them.
    let named = spec.dimensions().into_iter().filter(|name| others.contains(name) || hidden.contains(name));
    let others = named.cloned().collect();
    let (differences, hidden) = (Vec::new(), MeasureSet::default());
    let mut report =
        Report { spec: spec.clone(), as_of, total, hidden, body, others, reporting, differences, other: None };
    if let Some(least) = spec.suppress_below {
        let people = store.people(&report, least).await?;
        report.suppress(&people, least);
    }
    Ok(report.compared().with_other(other))
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
        Ok(Some(Row { key: key(self.spec, row, 0)?, measures, hidden: MeasureSet::default() }))
    }
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

    /// Which of these dimensions went beyond their limits: what is asked for may be among the others.
    async fn hidden<'d>(
        &self,
        spec: &ReportSpec,
        dimensions: impl IntoIterator<Item = &'d Dimension>,
    ) -> Result<Vec<Dimension>, QueryError> {
        let limited = dimensions.into_iter().filter(|dimension| dimension.is_limited());
        let limited: Vec<_> = limited.cloned().collect();
        if limited.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.ask(&sql::others(self.account, spec, &limited)).await?;
        let name = |row: Cells<'_>| row.texts(0, 1)?.concat().parse().map_err(|_| malformed("no dimension"));
        answer.rows().map(name).collect()
    }

    /// The report of the other period, with the groups of `body` in their places; `alone` is what was answered of one without groups.
    async fn other(
        &self,
        spec: Option<&ReportSpec>,
        alone: Option<Answered>,
        body: &Body,
        as_of: Millis,
    ) -> Result<Option<Box<Report>>, QueryError> {
        let Some(spec) = spec else { return Ok(None) };
        let answer = async {
            match (alone, body, spec.kind) {
                (Some(answered), ..) => Ok(answered),
                (None, Body::Split { rows, .. }, _) => self.rows(spec, rows).await,
                (None, Body::Series { groups, .. }, Kind::Series(interval)) => {
                    let top = groups.iter().map(|line| line.key.clone()).collect();
                    self.lines(spec, interval, (top, 0)).await
                }
                (None, ..) => self.answer(spec).await,
            }
        };
        let (answered, others) = tokio::try_join!(answer, self.hidden(spec, spec.dimensions()))?;
        let Answered { total, mut body, .. } = answered;
        if let Body::Series { times, remainder, .. } = &mut body {
            remainder.get_or_insert_with(|| (0, Line::empty(Vec::new(), times.len())));
        }
        let reporting = self.reporting(spec, &body).await?;
        let (spec, differences, hidden) = (spec.clone(), Vec::new(), MeasureSet::default());
        Ok(Some(Box::new(Report { spec, as_of, total, hidden, body, others, reporting, differences, other: None })))
    }

    /// The groups of these rows, and all others as the remainder.
    async fn rows(&self, spec: &ReportSpec, rows: &[Row]) -> Result<Answered, QueryError> {
        let (keys, needed) = (spec.by.len(), spec.needed());
        let mut found = HashMap::new();
        let mut rest = Measures::default();
        if rows.is_empty() || needed.is_empty() {
            rest = self.total(spec).await?;
        } else {
            let groups: Vec<_> = rows.iter().map(|row| row.key.as_slice()).collect();
            let answer = self.ask(&sql::apart(self.account, spec, &groups)).await?;
            for row in answer.rows() {
                let measures = measures(&needed, row.numbers(1 + keys, needed.len())?);
                if row.number(0)? != 0 {
                    found.insert(key(spec, row, 1)?, measures);
                } else {
                    rest += &measures;
                }
            }
        }
        let hidden = MeasureSet::default();
        let row = |row: &Row| {
            let measures = found.get(&row.key).copied().unwrap_or_default();
            Row { key: row.key.clone(), measures, hidden }
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        let mut total = rest;
        for row in &rows {
            total += &row.measures;
        }
        let remainder = Some(Remainder { groups: 0, measures: rest, hidden });
        Ok(Answered { total, body: Body::Split { rows, remainder, more: false }, others: Vec::new() })
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
        let group = |row: Cells<'_>| Ok((key(spec, row, 0)?, measures(&needed, row.numbers(keys, needed.len())?)));
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
            Remainder { groups: cut, measures, hidden: MeasureSet::default() }
        });
        Ok(Answered { total, body: Body::Split { rows, remainder, more }, others })
    }

    async fn series(&self, spec: &ReportSpec, interval: Interval) -> Result<Answered, QueryError> {
        if spec.by.is_empty() {
            return self.lines(spec, interval, (vec![Vec::new()], 1)).await;
        }
        let (rows, Groups { count, others, .. }) = self.groups(spec).await?;
        let top = rows.into_iter().map(|row| row.key).collect();
        Ok(Answered { others, ..self.lines(spec, interval, (top, count)).await? })
    }

    /// These groups of so many, interval by interval.
    async fn lines(
        &self,
        spec: &ReportSpec,
        interval: Interval,
        (top, count): (Vec<Vec<String>>, u64),
    ) -> Result<Answered, QueryError> {
        let (keys, needed) = (spec.by.len(), spec.needed());
        let times = interval.starts(spec.tz, spec.range.from.into(), spec.range.to.into());
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
        Ok(Answered { total, body: Body::Series { times, groups, remainder }, others: Vec::new() })
    }

    /// For how many people the numbers of a report stand, as far as it matters below `least`.
    async fn people(&self, report: &Report, least: u32) -> Result<People, QueryError> {
        let of = async |of| self.people_of(report, of, least).await;
        match (&report.body, report.spec.kind) {
            (Body::Series { remainder, .. }, Kind::Series(interval)) => {
                let rest = async { if remainder.is_some() { of(PeopleOf::Shown).await } else { Ok(HashMap::new()) } };
                let (whole, groups, rest) = tokio::try_join!(of(PeopleOf::All), of(PeopleOf::Steps(interval)), rest)?;
                Ok(People { groups, rest, whole })
            }
            (Body::Split { .. }, _) => {
                let (whole, groups) = tokio::try_join!(of(PeopleOf::All), of(PeopleOf::Groups))?;
                Ok(People { groups, whole, ..People::default() })
            }
            _ => Ok(People { whole: of(PeopleOf::All).await?, ..People::default() }),
        }
    }

    async fn people_of(&self, report: &Report, of: PeopleOf, least: u32) -> Result<PeopleOfGroups, QueryError> {
        let spec = &report.spec;
        let answer = self.ask(&sql::people(self.account, spec, of, &report.keys(), least)).await?;
        let mut people = PeopleOfGroups::new();
        for row in answer.rows() {
            let mut column = 0;
            let key = match of {
                PeopleOf::All => None,
                PeopleOf::Groups | PeopleOf::Shown | PeopleOf::Steps(_) if spec.by.is_empty() => Some(Vec::new()),
                PeopleOf::Shown => {
                    column += 1;
                    // Nothing is told of the groups shown together.
                    if row.number(0)? != 0 {
                        continue;
                    }
                    None
                }
                PeopleOf::Groups | PeopleOf::Steps(_) => {
                    column += 1 + spec.by.len();
                    if row.number(0)? == 0 { None } else { Some(key(spec, row, 1)?) }
                }
            };
            let mut place = 0;
            if let (PeopleOf::Steps(_), Body::Series { times, .. }) = (of, &report.body) {
                let quarter = row.number(column)?;
                place = times.partition_point(|time| *time <= quarter).saturating_sub(1);
                column += 1;
            }
            // Steps lie inside one interval; those of one interval may be of the same people, so at least the most of them.
            let known = people.entry((key, place)).or_insert_with(|| vec![0; Count::number()]);
            let numbers = row.numbers(column, Count::number())?;
            known.iter_mut().zip(numbers).for_each(|(known, number)| *known = (*known).max(number));
        }
        Ok(people)
    }

    async fn ask(&self, sql: &Sql) -> Result<Answer, QueryError> {
        ask(self.clickhouse, self.limits, sql).await
    }
}

/// Which of the filtered dimensions went beyond their limits: what passes the filter may be among the others.
pub(crate) async fn hidden(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &ReportSpec,
    limits: &Limits,
) -> Result<Vec<Dimension>, QueryError> {
    let filtered = spec.tests().into_iter().map(|filter| &filter.dimension);
    Store { clickhouse, account, limits }.hidden(spec, filtered).await
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

/// The key of a group, whose columns begin at `first`: texts, and numbers for parts of time.
fn key(spec: &ReportSpec, row: Cells<'_>, first: usize) -> Result<Vec<String>, QueryError> {
    let value = |(place, by): (usize, &Grouping)| match by {
        Grouping::Dimension(_) => Ok(row.texts(place, 1)?.concat()),
        Grouping::Time(part) => part.value(row.number(place)?).ok_or_else(|| malformed("no part of time")),
    };
    (first..).zip(&spec.by).map(value).collect()
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
