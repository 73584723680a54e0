//! Reads the groups of an export as they come.

use std::time::Duration;

use schema::{AccountId, ClickHouse, Measures, Millis};

use super::ExportSpec;
use crate::{
    QueryError, ReportSpec,
    answer::AnswerRow,
    report::{Body, Remainder, Report, Row},
    run::{Groups, Limits, Shape, hidden},
    sql,
    stream::{Bounds, Lines},
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
    lines: Lines,
    spec: ExportSpec,
    as_of: Millis,
    others: Vec<schema::Dimension>,
    /// What is true of all groups, once the first has come; what is shown is taken off the remainder.
    all: Option<Groups>,
    remainder: Remainder,
    state: State,
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
        let bounds = Bounds { longest: LONGEST, line: LONGEST_ROW };
        let lines = Lines::begin(clickhouse, &sql::groups(account, &spec.report), limits, &bounds)?;
        let (remainder, state) = (cut(0, Measures::default()), State::Reading);
        Ok(Self { lines, spec: spec.clone(), as_of, others, all: None, remainder, state })
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
            let Self { lines, spec, all, remainder, .. } = self;
            let shape = Shape::of(&spec.report);
            let more = lines.next(|line| {
                rows.extend(group(&shape, line, all, remainder)?);
                Ok(())
            });
            if !more.await? {
                self.state = State::Read;
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

/// The group of a row of the answer, if it is shown. The first tells what is true of all; what is shown is taken off the remainder.
fn group(
    shape: &Shape<'_>,
    line: &[u8],
    all: &mut Option<Groups>,
    remainder: &mut Remainder,
) -> Result<Option<Row>, QueryError> {
    let row = AnswerRow::parse(line)?;
    if all.is_none() {
        let found = shape.all(row.cells())?;
        *remainder = cut(found.count, found.total);
        *all = Some(found);
    }
    let row = shape.group(row.cells())?;
    if let Some(row) = &row {
        remainder.groups = remainder.groups.saturating_sub(1);
        remainder.measures -= &row.measures;
    }
    Ok(row)
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
