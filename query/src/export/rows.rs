//! Reads the groups of an export as they come.

use std::time::Duration;

use clickhouse::query::BytesCursor;
use schema::{AccountId, ClickHouse, Measures, Millis};

use super::ExportSpec;
use crate::{
    QueryError, ReportSpec,
    answer::AnswerRow,
    report::{Body, Remainder, Report, Row},
    run::{GRACE, Groups, Limits, Shape, hidden, judge, malformed, prepared, settings},
    sql,
    suppression::MeasureSet,
};

/// How many groups are told at a time.
const PIECE: usize = 2_000;
/// The longest row of an answer, in bytes.
const LONGEST_ROW: usize = 1024 * 1024;
/// How long an export may take.
const LONGEST: Duration = Duration::from_hours(2);

/// An export while it is read.
pub struct Export {
    cursor: BytesCursor,
    spec: ExportSpec,
    as_of: Millis,
    others: Vec<schema::Dimension>,
    /// What has come of a row whose end has not.
    begun: Vec<u8>,
    /// What is true of all groups, once the first has come; what is shown is taken off the remainder.
    all: Option<Groups>,
    remainder: Remainder,
    state: State,
    patience: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// All groups were told, what was cut was not.
    Read,
    Done,
}

impl Export {
    /// Begins an export. `as_of` is the time that it says it was made.
    ///
    /// # Errors
    /// Whether to try again later, to ask for less, or to look for a defect.
    pub async fn begin(
        clickhouse: &ClickHouse,
        account: &AccountId,
        spec: &ExportSpec,
        as_of: Millis,
        limits: &Limits,
    ) -> Result<Self, QueryError> {
        let others = hidden(clickhouse, account, &spec.report, limits).await?;
        let mut query = prepared(clickhouse, &sql::groups(account, &spec.report));
        for (name, value) in settings(limits) {
            query = query.with_setting(name, value);
        }
        // The rows are many, and none is held here; a slow disk is waited for.
        for (name, value) in [
            ("max_result_rows", "0".to_owned()),
            ("max_execution_time", LONGEST.as_secs().to_string()),
            ("max_bytes_before_external_sort", (limits.memory / 2).to_string()),
        ] {
            query = query.with_setting(name, value);
        }
        let cursor = query.fetch_bytes("JSONCompactEachRow").map_err(judge)?;
        let (begun, remainder) = (Vec::new(), cut(0, Measures::default()));
        // The first row comes when all is counted.
        let patience = limits.time.max(Duration::from_mins(10)) + GRACE;
        let (spec, state) = (spec.clone(), State::Reading);
        Ok(Self { cursor, spec, as_of, others, begun, all: None, remainder, state, patience })
    }

    /// How many groups there are, once the first has come; with groups that are not shown.
    #[must_use]
    pub fn groups(&self) -> u64 {
        self.all.as_ref().map_or(0, |all| all.count)
    }

    /// Whether there are more groups than an export may have, and nobody said that some may be left out.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        let shown =
            if self.spec.report.shows_all() { self.groups() } else { self.all.as_ref().map_or(0, |all| all.showable) };
        !self.spec.cuts && shown > u64::from(self.spec.report.limit)
    }

    /// The next groups, as a report of these alone; after all groups one of none, which has the remainder, the total and all notes.
    ///
    /// # Errors
    /// Whether to try again later, to ask for less, or to look for a defect. What was told before is then not the whole export.
    pub async fn next(&mut self) -> Result<Option<Report>, QueryError> {
        let mut rows = Vec::new();
        while self.state == State::Reading && rows.len() < PIECE {
            let came = tokio::time::timeout(self.patience, self.cursor.next()).await;
            let came = came.map_err(|elapsed| QueryError::Unavailable(Box::new(elapsed)))?.map_err(judge)?;
            match came {
                Some(bytes) => self.read(&bytes, &mut rows)?,
                None if self.begun.is_empty() => self.state = State::Read,
                None => return Err(malformed("a row without an end")),
            }
        }
        if !rows.is_empty() {
            return Ok(Some(self.report(rows, None)));
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Done => Ok(None),
            State::Reading | State::Read => {
                let remainder = Some(self.remainder).filter(|cut| cut.groups > 0);
                Ok(Some(self.report(Vec::new(), remainder)))
            }
        }
    }

    fn read(&mut self, bytes: &[u8], rows: &mut Vec<Row>) -> Result<(), QueryError> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.begun);
            rows.extend(self.line(&line)?);
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > LONGEST_ROW { Err(malformed("a row without an end")) } else { Ok(()) }
    }

    /// The group of a row of the answer, if it is shown.
    fn line(&mut self, line: &[u8]) -> Result<Option<Row>, QueryError> {
        let row = AnswerRow::parse(line)?;
        let shape = Shape::of(&self.spec.report);
        if self.all.is_none() {
            let all = shape.all(row.cells())?;
            self.remainder = cut(all.count, all.total);
            self.all = Some(all);
        }
        let row = shape.group(row.cells())?;
        if let Some(row) = &row {
            self.remainder.groups = self.remainder.groups.saturating_sub(1);
            self.remainder.measures -= &row.measures;
        }
        Ok(row)
    }

    fn report(&self, rows: Vec<Row>, remainder: Option<Remainder>) -> Report {
        let spec: &ReportSpec = &self.spec.report;
        let found = self.all.as_ref().map_or(&[][..], |all| all.others.as_slice());
        let named = spec.dimensions().into_iter().filter(|name| found.contains(name) || self.others.contains(name));
        Report {
            spec: spec.clone(),
            as_of: self.as_of,
            hidden: MeasureSet::default(),
            other: None,
            total: self.all.as_ref().map(|all| all.total).unwrap_or_default(),
            others: named.cloned().collect(),
            body: Body::Split { rows, remainder, more: false },
            reporting: None,
            differences: Vec::new(),
        }
    }
}

/// Groups that are not shown, or not yet. Nothing is hidden of an export.
fn cut(groups: u64, measures: Measures) -> Remainder {
    Remainder { groups, measures, hidden: MeasureSet::default() }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("format", &self.spec.format).finish_non_exhaustive()
    }
}
