//! A report as a table of typed cells. CSV, NDJSON, XLSX and Parquet are written from it, so that they cannot disagree.

use std::borrow::Borrow;

use chrono_tz::Tz;
use schema::{Measure, Millis};

use crate::{
    Change, Difference, Grouping, Kind, ReportSpec, Side, TimePart,
    compare::At,
    doubt::ShownRate,
    parameters::parameters,
    report::{Body, Line, Part, Report, Seen, shown},
};

/// What stands in a cell that is hidden for the people it stands for.
const SUPPRESSED: &str = "suppressed";

/// A report as a table; its rows are made when they are asked for.
pub struct Table {
    /// What stands in its columns.
    pub(crate) columns: Vec<Column>,
    /// A cell for each column.
    pub(crate) rows: Box<dyn Iterator<Item = Vec<Cell>> + Send>,
    /// The time zone of its times.
    pub(crate) tz: Tz,
    /// Names and values of what was asked, in the order in which they are read.
    pub(crate) about: Vec<(&'static str, Cell)>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// What a table contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether the last row is the total.
    pub total: bool,
}

impl Report {
    /// The report as a table: one row a group (and interval), what was cut, and the total last on request.
    #[must_use]
    pub fn into_table(self, options: &TableOptions) -> Table {
        let tz = self.spec.tz;
        let columns = columns(&self.spec, self.has_other());
        let about = parameters(&self.spec, self.as_of, &self.notes());
        Table { columns, rows: Box::new(Rows::new(self, options.total)), tz, about }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, each once.
    pub(crate) name: String,
    /// What it holds. The first columns of what was cut and of the total hold a label instead.
    pub(crate) content: Content,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A time.
    Time,
    /// A day as text, `2026-11-01`.
    Day,
    /// A value of a dimension, another part of time, or a word.
    Text,
    /// A whole number.
    Count,
    /// A fraction that is read as per cent.
    Rate,
    /// A fraction that is not.
    Probability,
    /// How long something took, in seconds.
    Seconds,
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing, or not known.
    Empty,
    /// A text.
    Text(String),
    /// A time on the grid of quarters, in seconds since 1970; written in the table's zone.
    Time(i64),
    /// When something happened; written in UTC, to the millisecond.
    Instant(Millis),
    /// A whole number.
    Count(i64),
    /// A fraction.
    Fraction(f64),
}

impl From<Option<f64>> for Cell {
    fn from(fraction: Option<f64>) -> Self {
        fraction.map_or(Self::Empty, Self::Fraction)
    }
}

pub(crate) fn column(name: &str, content: Content) -> Column {
    Column { name: name.to_owned(), content }
}

/// The columns of a report; of one that is `compared` with another period, what each number was there, and how it changed, too.
pub(crate) fn columns(spec: &ReportSpec, compared: bool) -> Vec<Column> {
    let is_series = matches!(spec.kind, Kind::Series(_));
    let time = is_series.then(|| column("time", Content::Time));
    let time_before = (is_series && compared).then(|| column("time_before", Content::Time));
    let keys = spec.by.iter().map(|by| {
        let day = matches!(by, Grouping::Time(TimePart::Day));
        column(&by.to_string(), if day { Content::Day } else { Content::Text })
    });
    let with = |name: &'static str, content, doubts: &'static [(&'static str, Content)]| {
        let before = [("before", content), ("change", content), ("change_relative", Content::Rate)];
        let before = before.into_iter().filter(move |_| compared);
        let more = doubts.iter().copied().chain(before);
        let more = more.map(move |(suffix, content)| column(&format!("{name}_{suffix}"), content));
        std::iter::once(column(name, content)).chain(more)
    };
    let measures = spec.measures().iter().flat_map(|measure| with(Measure::name(*measure), Content::Count, &[]));
    let rates = spec.shown_rates().flat_map(|rate| with(ShownRate::name(rate), Content::Rate, doubts(spec)));
    time.into_iter().chain(time_before).chain(keys).chain(measures).chain(rates).collect()
}

/// What stands beside every rate.
fn doubts(spec: &ReportSpec) -> &'static [(&'static str, Content)] {
    const DOUBTS: [(&str, Content); 5] = [
        ("low", Content::Rate),
        ("high", Content::Rate),
        ("differs", Content::Text),
        ("p", Content::Probability),
        ("q", Content::Probability),
    ];
    match (spec.intervals, spec.kind) {
        (false, _) => &[],
        (true, Kind::Split) => &DOUBTS,
        (true, Kind::Summary | Kind::Series(_)) => &DOUBTS[..2],
    }
}

/// The rows of a report, each made when it is asked for.
pub(crate) struct Rows<R> {
    report: R,
    total: bool,
    place: Place,
}

/// Which row comes next.
#[derive(Clone, Copy)]
enum Place {
    /// A row of a group: the group and the interval.
    Row(usize, usize),
    /// A row of what was cut: the interval.
    Remainder(usize),
    Total,
    End,
}

impl<R: Borrow<Report>> Rows<R> {
    /// With the total as the last row, or without.
    pub(crate) const fn new(report: R, total: bool) -> Self {
        Self { report, total, place: Place::Row(0, 0) }
    }
}

impl<R: Borrow<Report>> Iterator for Rows<R> {
    type Item = Vec<Cell>;

    fn next(&mut self) -> Option<Vec<Cell>> {
        let report = self.report.borrow();
        loop {
            let cells = match self.place {
                Place::Row(group, time) => row(report, group, time),
                Place::Remainder(time) => remainder(report, time),
                Place::Total => (self.total || report.spec.kind == Kind::Summary).then(|| total(report)),
                Place::End => return None,
            };
            self.place = after(report, self.place, cells.is_some());
            if cells.is_some() {
                return cells;
            }
        }
    }
}

/// The place after one; when nothing was `found` there, the kind of row is at its end.
fn after(report: &Report, place: Place, found: bool) -> Place {
    match place {
        Place::Row(group, time) if found => match &report.body {
            Body::Series { times, .. } if time + 1 < times.len() => Place::Row(group, time + 1),
            _ => Place::Row(group + 1, 0),
        },
        Place::Row(..) => Place::Remainder(0),
        Place::Remainder(time) if found => Place::Remainder(time + 1),
        Place::Remainder(_) => Place::Total,
        Place::Total | Place::End => Place::End,
    }
}

fn row(report: &Report, group: usize, time: usize) -> Option<Vec<Cell>> {
    match &report.body {
        Body::Summary => None,
        Body::Split { rows, .. } => {
            let row = rows.get(group)?;
            let differences = report.differences.get(group).map_or(&[][..], Vec::as_slice);
            Some(cells(report, names(&row.key), (At::Row(group), Part::Group(&row.key)), row.seen(), differences))
        }
        Body::Series { times, groups, .. } => {
            let line = groups.get(group)?;
            Some(point(report, (times, line), (At::Point(group, time), time), names(&line.key)))
        }
    }
}

/// The values of a key.
fn names(key: &[String]) -> Vec<Cell> {
    key.iter().map(|value| Cell::Text(shown(value).to_owned())).collect()
}

fn remainder(report: &Report, time: usize) -> Option<Vec<Cell>> {
    let label = |groups: u64| labels(report.spec.by.len(), &others(groups));
    match &report.body {
        Body::Split { remainder: Some(cut), .. } if time == 0 => {
            Some(cells(report, label(cut.groups), (At::Cut, Part::Remainder), cut.seen(), &[]))
        }
        Body::Series { times, remainder: Some((groups, line)), .. } if time < times.len() => {
            Some(point(report, (times, line), (At::CutPoint(time), time), label(*groups)))
        }
        _ => None,
    }
}

fn total(report: &Report) -> Vec<Cell> {
    let times = match report.spec.kind {
        Kind::Series(_) => 1 + usize::from(report.has_other()),
        Kind::Summary | Kind::Split => 0,
    };
    let first = labels(times + report.spec.by.len(), "(total)");
    cells(report, first, (At::Total, Part::Total), report.seen(), &[])
}

fn point(report: &Report, (times, line): (&[i64], &Line), (at, place): (At, usize), key: Vec<Cell>) -> Vec<Cell> {
    let before = report.before(at).and_then(|before| before.time);
    let before = report.has_other().then(|| before.map_or(Cell::Empty, Cell::Time));
    let first = std::iter::once(Cell::Time(times[place])).chain(before).chain(key).collect();
    cells(report, first, (at, Part::Group(&line.key)), line.seen(place), &[])
}

/// What the row of groups that are not shown is called.
pub(crate) fn others(groups: u64) -> String {
    let noun = if groups == 1 { "group" } else { "groups" };
    format!("(other: {groups} {noun})")
}

/// The first of the key's cells says what the row is; the others are empty.
pub(crate) fn labels(cells: usize, label: &str) -> Vec<Cell> {
    (0..cells).map(|place| if place == 0 { Cell::Text(label.to_owned()) } else { Cell::Empty }).collect()
}

/// The cells of a row: what it begins with, the numbers of this part, and how its rates differ from the rest.
fn cells(
    report: &Report,
    first: Vec<Cell>,
    (at, part): (At, Part<'_>),
    seen: Seen<'_>,
    differences: &[Option<Difference>],
) -> Vec<Cell> {
    let spec = &report.spec;
    let mut cells = first;
    let suppressed = || Cell::Text(SUPPRESSED.to_owned());
    let before = report.before(at);
    for measure in spec.measures() {
        cells.push(seen.count(*measure).map_or_else(suppressed, Cell::Count));
        if report.has_other() {
            let before = before.map(|before| before.measures[*measure]);
            let change = before.map(|before| Change::of_counts(seen.measures[*measure], before));
            let whole = |number: Option<i64>| number.map_or(Cell::Empty, Cell::Count);
            cells.extend([whole(before), whole(change.map(|change| change.absolute))]);
            cells.push(change.and_then(|change| change.relative).into());
        }
    }
    for (place, rate) in spec.shown_rates().enumerate() {
        let hidden = matches!(rate, ShownRate::Of(rate) if seen.hides(rate));
        let now = report.shown_rate(rate, part, seen);
        cells.push(if hidden { suppressed() } else { now.into() });
        if spec.intervals {
            let bounds = report.bounds(rate, part, seen);
            cells.extend([bounds.map(|bounds| bounds.low).into(), bounds.map(|bounds| bounds.high).into()]);
        }
        if spec.intervals && spec.kind == Kind::Split {
            let difference = differences.get(place).copied().flatten();
            let side = difference.and_then(|difference| difference.differs);
            cells.push(side.map_or(Cell::Empty, |side| Cell::Text(Side::name(side).to_owned())));
            cells.extend([difference.map(|found| found.p).into(), difference.map(|found| found.q).into()]);
        }
        if report.has_other() {
            let before = before.and_then(|before| before.rate(rate));
            let change = Change::of_rates(now, before);
            cells.extend([before.into(), change.map(|change| change.absolute).into()]);
            cells.push(change.and_then(|change| change.relative).into());
        }
    }
    cells
}
