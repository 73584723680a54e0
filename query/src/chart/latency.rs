//! From latencies to marks, and from a decay curve to lines.

use std::collections::BTreeMap;

use schema::Latency;

use super::{
    lines::MOST,
    model::{Block, Chart, Entry, Ink, LineOf, Lines, Marked, Marks, Time},
    numbers::{count, percent_tick, ticks},
    words,
};
use crate::{DecayCurve, DecayReport, LatencyReport, Percentiles, report::shown};

/// Where an axis of time may have a tick, in seconds.
const TICKS: [(f64, &str); 15] = [
    (0.001, "1 ms"),
    (0.01, "10 ms"),
    (0.1, "100 ms"),
    (1.0, "1 s"),
    (10.0, "10 s"),
    (60.0, "1 min"),
    (600.0, "10 min"),
    (3_600.0, "1 h"),
    (21_600.0, "6 h"),
    (86_400.0, "1 d"),
    (604_800.0, "7 d"),
    (2_592_000.0, "30 d"),
    (31_536_000.0, "1 y"),
    (315_360_000.0, "10 y"),
    (31_536_000_000.0, "1000 y"),
];

/// What is marked, and how it is told apart.
const MARKS: [(&str, &str, Ink); 3] = [
    ("p50", "p50: half took at most", Ink::Series(0)),
    ("p90", "p90: nine of ten", Ink::Series(4)),
    ("p99", "p99: 99 of 100", Ink::Series(1)),
];

/// The marks of each latency, all on one axis: at most `most` rows.
pub(crate) fn latencies(report: &LatencyReport, most: usize) -> Chart {
    let kinds: Vec<Latency> = report.total.shown().map(|(kind, _)| kind).collect();
    let what = match kinds.as_slice() {
        [one] => name(*one),
        _ => "Latencies",
    };
    let by = words::dimensions(report.spec.by());
    let title = if by.is_empty() { what.to_owned() } else { format!("{what} by {by}") };
    let mut chart =
        Chart { title, subtitle: words::subtitle(&report.spec), legend: Vec::new(), blocks: Vec::new(), note: None };
    if report.total.shown().all(|(_, percentiles)| percentiles.count == 0) {
        chart.blocks.push(Block::Empty("No message of this range has such a latency".to_owned()));
        return chart;
    }
    chart.legend = MARKS.map(|(_, label, ink)| Entry { label: label.to_owned(), ink }).into();
    // A part takes five lines at least, its heading and axis among them.
    let parts = kinds.len().min(most / 5).max(1);
    let missing = kinds.len() - parts;
    // Each part has a heading, an axis and a row of all messages.
    let room = (most / parts).saturating_sub(if parts > 1 { 3 } else { 2 }).max(1);
    let drawn = &report.rows[..report.rows.len().min(room)];
    let values = report.rows.iter().take(drawn.len()).map(|row| row.latencies).chain([report.total]);
    let all: Vec<f64> = values
        .flat_map(|latencies| latencies.shown().flat_map(|(_, told)| seconds(told)).collect::<Vec<_>>())
        .flatten()
        .collect();
    let axis = Axis::of(&all);
    for kind in &kinds[..parts] {
        let of =
            |latencies: &crate::Latencies| latencies.shown().find(|(known, _)| known == kind).map(|(_, told)| told);
        let rows = drawn.iter().filter_map(|row| Some((label(&report.by, &row.key), of(&row.latencies)?)));
        let total = of(&report.total).map(|told| ("All messages".to_owned(), told));
        let (labels, told): (Vec<_>, Vec<_>) = rows.chain(total).unzip();
        if told.last().is_some_and(|all| all.count == 0) {
            chart.blocks.push(Block::Empty(format!("{}: no message of this range has it", name(*kind))));
            continue;
        }
        let columns =
            [("messages".to_owned(), None)].into_iter().chain(MARKS.map(|(name, _, ink)| (name.to_owned(), Some(ink))));
        chart.blocks.push(Block::Marks(Marks {
            title: if kinds.len() > 1 { name(*kind).to_owned() } else { String::new() },
            labels,
            columns: columns.collect(),
            rows: told.iter().map(|told| marked(*told, &axis)).collect(),
            widest: Vec::new(),
            ticks: axis.ticks.iter().map(|(value, text)| (axis.place(*value), (*text).to_owned())).collect(),
        }));
    }
    align(&mut chart.blocks);
    let hidden = (report.rows.len() - drawn.len()) as u64 + report.remainder.map_or(0, |rest| rest.groups);
    chart.note = words::not_shown(hidden);
    if missing > 0 {
        let what = format!("{missing} more of the latencies are not shown: make the picture higher");
        chart.note = Some(chart.note.take().map_or_else(|| what.clone(), |note| format!("{what}. {note}")));
    }
    chart
}

/// Gives all parts the same columns.
fn align(blocks: &mut [Block]) {
    let mut widest: Vec<String> = Vec::new();
    for block in &mut *blocks {
        let Block::Marks(marks) = block else { continue };
        widest.resize(widest.len().max(marks.columns.len()), String::new());
        for row in &marks.rows {
            for (widest, text) in widest.iter_mut().zip(&row.texts) {
                if text.chars().count() > widest.chars().count() {
                    widest.clone_from(text);
                }
            }
        }
    }
    for block in blocks {
        if let Block::Marks(marks) = block {
            marks.widest.clone_from(&widest);
        }
    }
}

/// The curves of openings and clicks, of all messages or of each group. Ages stand as far apart as they come, not as they are long. One part
/// for openings, one below for clicks, if `two` fit, or both of all messages in one.
pub(crate) fn decay(report: &DecayReport, two: bool) -> Chart {
    let by = words::dimensions(report.spec.by());
    let mut chart = Chart {
        title: if by.is_empty() { "Opens and clicks by age".to_owned() } else { format!("Opens by {by} and age") },
        subtitle: words::subtitle(&report.spec),
        legend: Vec::new(),
        blocks: Vec::new(),
        note: None,
    };
    let all = &report.total;
    if all.delivered <= 0 {
        chart.blocks.push(Block::Empty("No message of this range was delivered".to_owned()));
        return chart;
    }
    let mut note = "When messages were younger than that; ages are not to scale".to_owned();
    if by.is_empty() {
        let curves = [opened(all), clicked(all)];
        let label = |(name, values): (&str, &Vec<_>)| match values.last().copied().flatten() {
            Some(end) => format!("{name}: {} in the end", super::numbers::percent(end)),
            None => name.to_owned(),
        };
        chart.legend = legend(["Opened", "Clicked"].into_iter().zip(&curves).map(label));
        let title = format!("Share of {} delivered messages", count(all.delivered));
        chart.blocks.push(shares(title, report, curves.into()));
    } else {
        let delivered = || report.groups.iter().filter(|group| group.curve.delivered > 0);
        let drawn: Vec<_> = delivered().take(MOST).collect();
        chart.legend = legend(drawn.iter().map(|group| label(&report.by, &group.key)));
        let part = |of: fn(&DecayCurve) -> Vec<Option<f64>>| drawn.iter().map(|group| of(&group.curve)).collect();
        chart.blocks.push(shares("Opened, of those delivered".to_owned(), report, part(opened)));
        if two {
            chart.title = format!("Opens and clicks by {by} and age");
            chart.blocks.push(shares("Clicked, of those delivered".to_owned(), report, part(clicked)));
        }
        let cut = report.remainder.as_ref().map_or(0, |rest| rest.groups);
        if let Some(hidden) = words::not_shown((delivered().count() - drawn.len()) as u64 + cut) {
            note = format!("{hidden}. {note}");
        }
        if !two {
            note = format!("Clicks are not shown: make the picture higher. {note}");
        }
    }
    chart.note = Some(note);
    chart
}

fn opened(curve: &DecayCurve) -> Vec<Option<f64>> {
    curve.rows.iter().map(|row| row.opened_share).collect()
}

fn clicked(curve: &DecayCurve) -> Vec<Option<f64>> {
    curve.rows.iter().map(|row| row.clicked_share).collect()
}

fn legend(labels: impl Iterator<Item = String>) -> Vec<Entry> {
    labels.enumerate().map(|(place, label)| Entry { label, ink: Ink::Series(place) }).collect()
}

/// A part with a line for each curve.
fn shares(title: String, report: &DecayReport, curves: Vec<Vec<Option<f64>>>) -> Block {
    let max = curves.iter().flatten().flatten().copied().fold(0.0, f64::max);
    let max = if max > 0.0 { max } else { 0.01 };
    let line = |(place, values)| LineOf { ink: Ink::Series(place), before: false, values };
    Block::Lines(Lines {
        title,
        ticks: ticks(max, 5, false).into_iter().map(|value| (value, percent_tick(value))).collect(),
        times: report.total.rows.iter().zip(0..).map(|(row, grid)| Time { text: age(row.age), grid }).collect(),
        steps: &[1, 2, 3, 4, 6],
        curves: curves.into_iter().enumerate().map(line).collect(),
        threshold: None,
    })
}

/// An axis that ends at ticks.
struct Axis {
    ticks: Vec<(f64, &'static str)>,
}

impl Axis {
    fn of(values: &[f64]) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let first = TICKS.iter().rposition(|(tick, _)| *tick <= least).unwrap_or(0).min(TICKS.len() - 2);
        let end = TICKS.iter().position(|(tick, _)| *tick >= most).unwrap_or(TICKS.len() - 1).max(first + 1);
        Self { ticks: TICKS[first..=end].to_vec() }
    }

    /// From 0 to 1; what is less than the axis stands where it begins.
    fn place(&self, seconds: f64) -> f64 {
        let ends = self.ticks.first().zip(self.ticks.last());
        let Some(((least, _), (most, _))) = ends else { return 0.0 };
        ((seconds.max(*least) / least).ln() / (most / least).ln()).clamp(0.0, 1.0)
    }
}

fn seconds(told: Percentiles) -> [Option<f64>; 3] {
    [told.p50, told.p90, told.p99]
}

fn marked(told: Percentiles, axis: &Axis) -> Marked {
    let values = seconds(told);
    let texts = values.map(|value| value.map_or_else(|| "–".to_owned(), duration));
    Marked {
        places: values.iter().map(|value| value.map(|value| axis.place(value))).collect(),
        texts: [count(told.count)].into_iter().chain(texts).collect(),
    }
}

fn label(by: &[String], key: &BTreeMap<String, String>) -> String {
    let values = by.iter().map(|name| key.get(name).map_or("", String::as_str));
    values.map(shown).collect::<Vec<_>>().join(" · ")
}

fn name(kind: Latency) -> &'static str {
    match kind {
        Latency::Delivery => "Time to delivery",
        Latency::Open => "Time to first opening",
        Latency::Click => "Time to first click",
    }
}

/// `1m` as `1 min`.
fn age(name: &str) -> String {
    let digits = name.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    match &name[digits.len()..] {
        _ if digits.is_empty() => name.to_owned(),
        "m" => format!("{digits} min"),
        unit => format!("{digits} {unit}"),
    }
}

/// A length of time in two or three digits.
fn duration(seconds: f64) -> String {
    let two = |value: f64, unit: &str| {
        if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
    };
    match seconds {
        short if short < 0.9995 => format!("{:.0} ms", short * 1e3),
        short if short < 59.5 => two(short, "s"),
        short if short < 3_570.0 => two(short / 60.0, "min"),
        short if short < 86_400.0 => two(short / 3_600.0, "h"),
        long => two(long / 86_400.0, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_the_unit_that_a_reader_expects() {
        assert_eq!(
            [0.0, 0.34, 0.9999, 1.42, 12.4, 59.6, 318.2, 3_599.0, 4_310.0, 86_399.0, 361_004.0].map(duration),
            ["0 ms", "340 ms", "1.0 s", "1.4 s", "12 s", "1.0 min", "5.3 min", "1.0 h", "1.2 h", "24 h", "4.2 d"]
        );
        assert_eq!(["1m", "15m", "3h", "30d", "later"].map(age), ["1 min", "15 min", "3 h", "30 d", "later"]);
    }

    #[test]
    fn an_axis_ends_at_ticks_and_is_logarithmic() {
        let axis = Axis::of(&[2.0, 400.0]);
        assert_eq!(axis.ticks.iter().map(|(_, text)| *text).collect::<Vec<_>>(), ["1 s", "10 s", "1 min", "10 min"]);
        assert!((axis.place(600.0) - 1.0).abs() < 1e-9 && axis.place(0.0) == 0.0);
        assert!((axis.place(600f64.sqrt()) - 0.5).abs() < 1e-9);
        assert_eq!(Axis::of(&[0.0]).ticks.len(), 2);
        assert_eq!(Axis::of(&[5e9]).ticks.len(), 2);
    }
}
