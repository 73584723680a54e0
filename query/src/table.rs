//! The report as a table of typed cells: one row a group (and interval), what was cut, and the total last on request. CSV, NDJSON,
//! XLSX and Parquet are written from it, so that they cannot disagree.

use std::borrow::Borrow;

use schema::{Measure, Measures};

use crate::{
    Difference, Grouping, Kind, ReportSpec, Side, TimePart,
    doubt::ShownRate,
    report::{Body, Line, Part, Report, shown},
};

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
    /// Where an interval begins.
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
}

/// A cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing, or not known.
    Empty,
    /// A text.
    Text(String),
    /// Seconds since 1970.
    Time(i64),
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

/// The columns of a report.
pub(crate) fn columns(spec: &ReportSpec) -> Vec<Column> {
    let column = |name: String, content| Column { name, content };
    let time = matches!(spec.kind, Kind::Series(_)).then(|| column("time".to_owned(), Content::Time));
    let keys = spec.by.iter().map(|by| {
        let day = matches!(by, Grouping::Time(TimePart::Day));
        column(by.to_string(), if day { Content::Day } else { Content::Text })
    });
    let measures = spec.measures().iter().map(|measure| column(Measure::name(*measure).to_owned(), Content::Count));
    let rates = spec.shown_rates().flat_map(|rate| {
        let name = ShownRate::name(rate);
        let more = doubts(spec).iter().map(move |(suffix, content)| column(format!("{name}_{suffix}"), *content));
        std::iter::once(column(name.to_owned(), Content::Rate)).chain(more)
    });
    time.into_iter().chain(keys).chain(measures).chain(rates).collect()
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

    /// The report.
    pub(crate) fn report(&self) -> &Report {
        self.report.borrow()
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
            Some(cells(report, names(&row.key), Part::Group(&row.key), &row.measures, differences))
        }
        Body::Series { times, groups, .. } => {
            let line = groups.get(group)?;
            Some(point(report, times, line, time, names(&line.key)))
        }
    }
}

/// The values of a key.
fn names(key: &[String]) -> Vec<Cell> {
    key.iter().map(|value| Cell::Text(shown(value).to_owned())).collect()
}

fn remainder(report: &Report, time: usize) -> Option<Vec<Cell>> {
    let label = |groups: u64| {
        let noun = if groups == 1 { "group" } else { "groups" };
        labels(report.spec.by.len(), &format!("(other: {groups} {noun})"))
    };
    match &report.body {
        Body::Split { remainder: Some(cut), .. } if time == 0 => {
            Some(cells(report, label(cut.groups), Part::Remainder, &cut.measures, &[]))
        }
        Body::Series { times, remainder: Some((groups, line)), .. } if time < times.len() => {
            Some(point(report, times, line, time, label(*groups)))
        }
        _ => None,
    }
}

fn total(report: &Report) -> Vec<Cell> {
    let time = usize::from(matches!(report.spec.kind, Kind::Series(_)));
    cells(report, labels(time + report.spec.by.len(), "(total)"), Part::Total, &report.total, &[])
}

fn point(report: &Report, times: &[i64], line: &Line, place: usize, key: Vec<Cell>) -> Vec<Cell> {
    let time = std::iter::once(Cell::Time(times[place]));
    cells(report, time.chain(key).collect(), Part::Group(&line.key), &line.points[place], &[])
}

/// The first of the key's cells says what the row is; the others are empty.
fn labels(cells: usize, label: &str) -> Vec<Cell> {
    (0..cells).map(|place| if place == 0 { Cell::Text(label.to_owned()) } else { Cell::Empty }).collect()
}

/// The cells of a row: what it begins with, the numbers of this part, and how its rates differ from the rest.
fn cells(
    report: &Report,
    first: Vec<Cell>,
    part: Part<'_>,
    measures: &Measures,
    differences: &[Option<Difference>],
) -> Vec<Cell> {
    let spec = &report.spec;
    let counts = spec.measures().iter().map(|measure| Cell::Count(measures[*measure]));
    let rates = spec.shown_rates().enumerate().flat_map(|(place, rate)| {
        let mut cells = vec![Cell::from(report.shown_rate(rate, part, measures))];
        if spec.intervals {
            let bounds = report.bounds(rate, part, measures);
            cells.extend([bounds.map(|bounds| bounds.low).into(), bounds.map(|bounds| bounds.high).into()]);
        }
        if spec.intervals && spec.kind == Kind::Split {
            let difference = differences.get(place).copied().flatten();
            let side = difference.and_then(|difference| difference.differs);
            cells.push(side.map_or(Cell::Empty, |side| Cell::Text(Side::name(side).to_owned())));
            cells.extend([difference.map(|found| found.p).into(), difference.map(|found| found.q).into()]);
        }
        cells
    });
    first.into_iter().chain(counts).chain(rates).collect()
}
