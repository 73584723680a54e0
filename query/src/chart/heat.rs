//! From a split by weekday and hour of the day to a heat map: seven rows of twenty-four cells.

use schema::{Measure, Rate};

use super::{
    bars,
    model::{Block, Cell, Chart, Heat},
    numbers::{percent, short},
    words,
};
use crate::{
    Grouping, Report, SortKey, TimePart,
    report::{Remainder, Row},
};

/// The cells of a week.
pub(crate) const CELLS: u32 = 7 * 24;

/// What a cell is as dark as.
#[derive(Clone, Copy)]
enum Tint {
    Measure(Measure),
    Rate(Rate),
}

/// The places of weekday and hour in the key, if the report is split by these two and nothing else.
pub(crate) fn places(by: &[Grouping]) -> Option<(usize, usize)> {
    let place = |part| by.iter().position(|by| *by == Grouping::Time(part));
    (by.len() == 2).then(|| place(TimePart::Weekday).zip(place(TimePart::HourOfDay))).flatten()
}

/// The heat map of these rows.
pub(crate) fn week(report: &Report, rows: &[Row], cut: Option<&Remainder>, places: (usize, usize)) -> Chart {
    let tint = tint(report);
    let what = match tint {
        Tint::Measure(measure) => words::measure(measure),
        Tint::Rate(rate) => format!("{} in %", words::rate(rate)),
    };
    let mut chart = Chart {
        title: format!("{what} by weekday and hour of day"),
        subtitle: words::subtitle(report.spec()),
        legend: Vec::new(),
        blocks: Vec::new(),
        note: None,
    };
    let values: Vec<_> = rows.iter().map(|row| value(report, tint, row)).collect();
    let known = values.iter().flatten().copied();
    let (least, greatest) = known.clone().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(value), b.max(value)));
    if known.count() == 0 {
        chart.blocks.push(Block::Empty(bars::nothing(report)));
        return chart;
    }
    let mut cells = vec![vec![None; 24]; 7];
    for (row, value) in rows.iter().zip(values) {
        let number = |place: usize, part: TimePart| part.number(&row.key[place]).and_then(|n| usize::try_from(n).ok());
        let at = number(places.0, TimePart::Weekday).zip(number(places.1, TimePart::HourOfDay));
        let Some(((weekday, hour), value)) = at.zip(value) else { continue };
        let share = if greatest > least { (value - least) / (greatest - least) } else { 0.5 };
        // Weekdays are numbered from Monday, which is 1.
        if let Some(cell) = cells.get_mut(weekday.wrapping_sub(1)).and_then(|row| row.get_mut(hour)) {
            *cell = Some(Cell { share, text: text(tint, value) });
        }
    }
    let weekdays = (1..=7).filter_map(|number| TimePart::Weekday.value(number));
    chart.blocks.push(Block::Heat(Heat {
        rows: weekdays.map(|name| words::capital(&name)).collect(),
        columns: (0..24).map(|hour| format!("{hour:02}")).collect(),
        cells,
        ends: [least, greatest].map(|value| match tint {
            Tint::Measure(_) => text(tint, value),
            Tint::Rate(_) => percent(value),
        }),
    }));
    chart.note = cut.filter(|cut| cut.groups > 0).map(|cut| {
        let hours = if cut.groups == 1 { "hour of the week is" } else { "hours of the week are" };
        format!("{} more {hours} not shown", cut.groups)
    });
    bars::say_what_is_hidden(report, &mut chart);
    chart
}

/// The rate that is sorted by or named first, else the measure that bars would be as long as.
fn tint(report: &Report) -> Tint {
    let spec = report.spec();
    let named = spec.rates.named.as_deref().and_then(|named| named.first().copied());
    match (spec.sort.key, named) {
        (SortKey::Rate(rate), _) | (SortKey::Measure(_) | SortKey::Dimension(_), Some(rate)) => Tint::Rate(rate),
        _ => Tint::Measure(bars::leading_measure(report)),
    }
}

fn value(report: &Report, tint: Tint, row: &Row) -> Option<f64> {
    match tint {
        Tint::Measure(measure) => row.seen().count(measure).map(|count| count as f64),
        Tint::Rate(rate) => report.rate_of(rate, &row.key, row.seen()),
    }
}

/// What stands in a cell: short, for it is narrow.
fn text(tint: Tint, value: f64) -> String {
    match tint {
        Tint::Measure(_) => short(value),
        Tint::Rate(_) => percent(value).trim_end_matches(" %").to_owned(),
    }
}
