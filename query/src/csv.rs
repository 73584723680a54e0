//! The report as CSV (RFC 4180): a header, one row a group (and interval), what was cut, and the total last on request.
//!
//! Texts that a spreadsheet would take for a formula get an apostrophe in front. Our own numbers stay as they are: at most a
//! minus is in front. A rate is a fraction; where it does not exist the cell is empty. With `intervals`, what is known of a rate's
//! certainty stands beside it; with `compare`, what each number was in the other period, and how it changed. A cell that is hidden for
//! the few people that it stands for, or would tell, is `suppressed`.

use std::borrow::{Borrow, Cow};

use csv::{Terminator, Writer, WriterBuilder};
use schema::Measure;

use crate::{
    Change, Difference, Kind, Side,
    compare::At,
    doubt::ShownRate,
    report::{Body, Line, Part, Report, Seen, shown},
};

/// Chunks are about this long, in bytes.
const CHUNK: usize = 16 * 1024;

/// What stands in a cell that is hidden for the people it stands for.
const SUPPRESSED: &str = "suppressed";

/// What a CSV document contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the last row is the total.
    pub total: bool,
}

/// The document in chunks of a few kilobytes, each made when it is asked for.
pub fn write<R: Borrow<Report>>(report: R, options: &CsvOptions) -> impl Iterator<Item = String> + use<R> {
    let mut sheet = Sheet { report, total: options.total, place: Place::Header };
    std::iter::from_fn(move || sheet.chunk())
}

/// Which row comes next.
#[derive(Clone, Copy)]
enum Place {
    Header,
    /// A row of a group: the group and the interval.
    Row(usize, usize),
    /// A row of what was cut: the interval.
    Remainder(usize),
    Total,
    End,
}

struct Sheet<R> {
    report: R,
    total: bool,
    place: Place,
}

impl<R: Borrow<Report>> Sheet<R> {
    fn chunk(&mut self) -> Option<String> {
        let mut writer =
            WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::with_capacity(CHUNK + 1024));
        let report = self.report.borrow();
        while writer.get_ref().len() < CHUNK {
            let cells = match self.place {
                Place::Header => Some(header(report)),
                Place::Row(group, time) => row(report, group, time),
                Place::Remainder(time) => remainder(report, time),
                Place::Total => (self.total || report.spec.kind == Kind::Summary).then(|| total(report)),
                Place::End => break,
            };
            self.place = after(report, self.place, cells.is_some());
            if let Some(cells) = cells {
                record(&mut writer, cells);
            }
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
    }
}

/// The place after one; when nothing was `found` there, the kind of row is at its end.
fn after(report: &Report, place: Place, found: bool) -> Place {
    match place {
        Place::Header => Place::Row(0, 0),
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

fn header(report: &Report) -> Vec<String> {
    let spec = &report.spec;
    let times = times(report).iter().map(|name| (*name).to_owned());
    let keys = spec.by.iter().map(|dimension| safe(&dimension.to_string()).into_owned());
    let with = |name: &'static str, doubts: &'static [&'static str]| {
        let more = doubts.iter().chain(before(report)).map(move |suffix| format!("{name}_{suffix}"));
        std::iter::once(name.to_owned()).chain(more)
    };
    let measures = spec.measures().iter().copied().flat_map(|measure| with(Measure::name(measure), &[]));
    let rates = report.shown_rates().flat_map(|rate| with(rate.name(), doubts(report)));
    times.chain(keys).chain(measures).chain(rates).collect()
}

/// The columns of a series' times.
fn times(report: &Report) -> &'static [&'static str] {
    match (report.spec.kind, report.has_other()) {
        (Kind::Series(_), true) => &["time", "time_before"],
        (Kind::Series(_), false) => &["time"],
        (Kind::Summary | Kind::Split, _) => &[],
    }
}

/// What stands beside every number that is compared with another period.
fn before(report: &Report) -> &'static [&'static str] {
    if report.has_other() { &["before", "change", "change_relative"] } else { &[] }
}

/// What stands beside every rate.
fn doubts(report: &Report) -> &'static [&'static str] {
    match (report.spec.intervals, report.spec.kind) {
        (false, _) => &[],
        (true, Kind::Split) => &["low", "high", "differs", "p", "q"],
        (true, Kind::Summary | Kind::Series(_)) => &["low", "high"],
    }
}

fn row(report: &Report, group: usize, time: usize) -> Option<Vec<String>> {
    let key = |key: &[String]| key.iter().map(|value| safe(shown(value)).into_owned()).collect::<Vec<_>>();
    match &report.body {
        Body::Summary => None,
        Body::Split { rows, .. } => {
            let row = rows.get(group)?;
            let differences = report.differences.get(group).map_or(&[][..], Vec::as_slice);
            Some(cells(report, key(&row.key), (At::Row(group), Part::Group(&row.key)), row.seen(), differences))
        }
        Body::Series { times, groups, .. } => {
            let line = groups.get(group)?;
            Some(point(report, (times, line), (At::Point(group, time), time), key(&line.key)))
        }
    }
}

fn remainder(report: &Report, time: usize) -> Option<Vec<String>> {
    let label = |groups: u64| {
        let noun = if groups == 1 { "group" } else { "groups" };
        labels(report.spec.by.len(), &format!("(other: {groups} {noun})"))
    };
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

fn total(report: &Report) -> Vec<String> {
    let first = labels(times(report).len() + report.spec.by.len(), "(total)");
    cells(report, first, (At::Total, Part::Total), report.seen(), &[])
}

fn point(report: &Report, (times, line): (&[i64], &Line), (at, place): (At, usize), key: Vec<String>) -> Vec<String> {
    let before = report.has_other().then(|| report.before(at).and_then(|before| before.begins()).unwrap_or_default());
    let first = std::iter::once(report.time(times[place])).chain(before).chain(key).collect();
    cells(report, first, (at, Part::Group(&line.key)), line.seen(place), &[])
}

/// The first of the key's cells says what the row is; the others are empty.
fn labels(cells: usize, label: &str) -> Vec<String> {
    (0..cells).map(|place| if place == 0 { label.to_owned() } else { String::new() }).collect()
}

/// The cells of a row: what it begins with, the numbers of this part, and how its rates differ from the rest.
fn cells(
    report: &Report,
    first: Vec<String>,
    (at, part): (At, Part<'_>),
    seen: Seen<'_>,
    differences: &[Option<Difference>],
) -> Vec<String> {
    let spec = &report.spec;
    let text = |number: Option<f64>| number.map_or_else(String::new, |number| number.to_string());
    let before = report.before(at);
    let counts = spec.measures().iter().flat_map(|measure| {
        let mut cells = vec![seen.count(*measure).map_or_else(|| SUPPRESSED.to_owned(), |count| count.to_string())];
        if report.has_other() {
            let before = before.map(|before| before.measures[*measure]);
            let change = before.map(|before| Change::of_counts(seen.measures[*measure], before));
            let whole = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
            cells.extend([whole(before), whole(change.map(|change| change.absolute))]);
            cells.push(text(change.and_then(|change| change.relative)));
        }
        cells
    });
    let rates = report.shown_rates().enumerate().flat_map(|(place, rate)| {
        let hidden = matches!(rate, ShownRate::Of(rate) if seen.hides(rate));
        let now = report.shown_rate(rate, part, seen);
        let mut cells = vec![if hidden { SUPPRESSED.to_owned() } else { text(now) }];
        if spec.intervals {
            let bounds = report.bounds(rate, part, seen);
            cells.extend([text(bounds.map(|bounds| bounds.low)), text(bounds.map(|bounds| bounds.high))]);
        }
        if spec.intervals && spec.kind == Kind::Split {
            let difference = differences.get(place).copied().flatten();
            let side = difference.and_then(|difference| difference.differs);
            cells.push(side.map_or("", Side::name).to_owned());
            cells.extend([text(difference.map(|found| found.p)), text(difference.map(|found| found.q))]);
        }
        if report.has_other() {
            let before = before.and_then(|before| before.rate(rate));
            let change = Change::of_rates(now, before);
            cells.extend([text(before), text(change.map(|change| change.absolute))]);
            cells.push(text(change.and_then(|change| change.relative)));
        }
        cells
    });
    first.into_iter().chain(counts).chain(rates).collect()
}

pub(crate) fn record(writer: &mut Writer<Vec<u8>>, cells: Vec<String>) {
    writer.write_record(cells).and_then(|()| Ok(writer.flush()?)).expect("writing to a Vec does not fail");
}

/// A text that no spreadsheet takes for a formula.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    let blank = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
    };
    let starts = |letter: char| matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '−');
    let dangerous = text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(blank).starts_with(starts);
    if dangerous { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}
