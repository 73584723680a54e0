//! From a split or a summary to bars.

use schema::{Measure, Rate};

use super::{
    model::{Bar, Bars, Block, Chart, Entry, Ink, Panel, Threshold},
    numbers::{count, percent},
    words,
};
use crate::{
    Change, Kind, Report, ReportSpec, SortKey,
    compare::At,
    doubt::ShownRate,
    report::{Part, Remainder, Row, Seen, shown},
};

/// The outcomes that every queued message has exactly one of, as the parts of a bar.
const OUTCOMES: [(Measure, Ink); 3] =
    [(Measure::Delivered, Ink::Series(0)), (Measure::Failed, Ink::Series(1)), (Measure::Pending, Ink::Neutral)];

/// What stands in the place of a bar that is hidden.
const HIDDEN: &str = "hidden";

/// What a summary shows when nothing is named.
const FUNNEL: [Measure; 9] = [
    Measure::Queued,
    Measure::Delivered,
    Measure::Failed,
    Measure::Pending,
    Measure::Secured,
    Measure::Opened,
    Measure::Clicked,
    Measure::Complained,
    Measure::Unsubscribed,
];

/// The bars of a split: at most `most` rows, `panels` columns of rates.
pub(crate) fn split(report: &Report, rows: &[Row], cut: Option<&Remainder>, most: usize, panels: usize) -> Chart {
    let spec = report.spec();
    let measure = leading_measure(report);
    let by = words::dimensions(spec.by());
    let stacked = measure == Measure::Queued && OUTCOMES.iter().all(|(part, _)| spec.told().contains(part));
    let what = if stacked { "Deliveries".to_owned() } else { words::measure(measure) };
    let mut chart = Chart {
        title: format!("{what} by {by}"),
        subtitle: words::subtitle(report.spec()),
        legend: Vec::new(),
        blocks: Vec::new(),
        note: None,
    };
    if rows.is_empty() {
        let hidden = "No group to show: all are of less volume, or on earlier pages".to_owned();
        chart.blocks.push(Block::Empty(if cut.is_some_and(|cut| cut.groups > 0) { hidden } else { nothing(report) }));
        return chart;
    }
    if stacked {
        chart.legend = OUTCOMES.map(|(part, ink)| Entry { label: words::measure(part), ink }).into();
    }
    chart.legend.extend(other_period(report));
    let drawn = &rows[..rows.len().min(most)];
    let count = |(place, row): (usize, &Row)| {
        compared(report, count_bar(measure, stacked, row.seen()), (measure, row.measures[measure]), At::Row(place))
    };
    let mut columns = vec![panel(&what, drawn.iter().enumerate().map(count).collect(), 2.2)];
    columns.extend(
        leading_rates(report, panels)
            .into_iter()
            .map(|rate| rates(rate, drawn.iter().zip(0..).map(|(row, place)| rate_bar_of(report, rate, row, place)))),
    );
    let labels = drawn.iter().map(|row| words::key(&row.key)).collect();
    chart.blocks.push(Block::Bars(Bars { labels, panels: columns }));
    let hidden = (rows.len() - drawn.len()) as u64 + cut.map_or(0, |cut| cut.groups);
    if hidden > 0 {
        let undrawn = rows[drawn.len()..].iter().map(Row::seen).chain(cut.map(Remainder::seen));
        let rest: Option<i64> = undrawn.map(|seen| seen.count(measure)).sum();
        chart.note = Some(not_shown(hidden, rest, measure.name()));
    }
    say_what_is_hidden(report, &mut chart);
    chart
}

/// The bars of a summary: the measures, then the rates.
pub(crate) fn summary(report: &Report, most: usize) -> Chart {
    let spec = report.spec();
    let mut chart = Chart {
        title: "Deliveries".to_owned(),
        subtitle: words::subtitle(report.spec()),
        legend: Vec::new(),
        blocks: Vec::new(),
        note: None,
    };
    if report.total().is_zero() && report.hidden.is_empty() {
        chart.blocks.push(Block::Empty(nothing(report)));
        return chart;
    }
    chart.legend.extend(other_period(report));
    let measures: Vec<_> = spec.measures.named.clone().unwrap_or_else(|| FUNNEL.to_vec());
    let mut rates = spec.rates.named.clone().unwrap_or_else(|| spec.rates().to_vec());
    let first = measures.len().min(most.saturating_sub(rates.len()).max(most.div_ceil(2)));
    let second = rates.len().min(most.saturating_sub(first));
    keep_spam_rate(&mut rates, second);
    if first > 0 {
        let bar = |measure: &Measure| {
            let now = (*measure, report.total()[*measure]);
            compared(report, plain(report.seen().count(*measure)), now, At::Total)
        };
        let bars: Vec<_> = measures[..first].iter().map(bar).collect();
        let labels = measures[..first].iter().map(|measure| words::measure(*measure)).collect();
        chart.blocks.push(Block::Bars(Bars { labels, panels: vec![panel("Messages", bars, 1.0)] }));
    }
    if second > 0 {
        let bars: Vec<_> = rates[..second].iter().map(|rate| marked(report, *rate)).collect();
        let labels = rates[..second].iter().map(|rate| words::rate(*rate)).collect();
        chart.blocks.push(Block::Bars(Bars { labels, panels: vec![panel("Rates", bars, 1.0)] }));
    }
    let hidden = measures.len() - first + rates.len() - second;
    if hidden > 0 {
        chart.note = Some(format!("{hidden} more are not shown: make the picture higher"));
    }
    say_what_is_hidden(report, &mut chart);
    chart
}

/// Bars of one number and one rate of each group.
pub(crate) struct BarsOf<'a> {
    pub(crate) title: String,
    /// The range, and what is filtered.
    pub(crate) spec: &'a ReportSpec,
    /// What the number counts.
    pub(crate) counted: &'a str,
    /// What the rate is called.
    pub(crate) rate: &'a str,
    /// The key of each group, its number and its rate.
    pub(crate) rows: Vec<(&'a str, i64, Option<f64>)>,
    /// How many groups there are beside these.
    pub(crate) cut: u64,
    /// The number of all groups.
    pub(crate) total: i64,
    /// What is counted, in a sentence.
    pub(crate) unit: &'a str,
}

/// These bars, at most `most`.
pub(crate) fn plain_split(bars: &BarsOf<'_>, most: usize) -> Chart {
    let BarsOf { title, spec, counted, rate, rows, cut, total, unit } = bars;
    let drawn = &rows[..rows.len().min(most)];
    let labels = drawn.iter().map(|(key, ..)| shown(key).to_owned()).collect();
    let mut counts = panel(counted, drawn.iter().map(|(_, number, _)| plain(Some(*number))).collect(), 2.2);
    counts.max = counts.max.max(1.0);
    let rates = panel(rate, drawn.iter().map(|(.., rate)| fraction(*rate)).collect(), 1.0);
    let blocks = match drawn {
        [] => vec![Block::Empty("Nothing of this was counted in this range".to_owned())],
        _ => vec![Block::Bars(Bars { labels, panels: vec![counts, rates] })],
    };
    let hidden = (rows.len() - drawn.len()) as u64 + cut;
    let rest = total - drawn.iter().map(|(_, number, _)| number).sum::<i64>();
    let note = (hidden > 0).then(|| not_shown(hidden, Some(rest), unit));
    Chart { title: title.clone(), subtitle: words::subtitle(spec), legend: Vec::new(), blocks, note }
}

/// Why there is nothing to draw: without `queued` we cannot say that there were no deliveries.
pub(crate) fn nothing(report: &Report) -> String {
    if report.spec().told().contains(&Measure::Queued) {
        "No deliveries in this range".to_owned()
    } else {
        "Nothing of this was counted in this range".to_owned()
    }
}

/// The measure that bars are as long as: the one sorted by, else the first named, else `queued`.
pub(crate) fn leading_measure(report: &Report) -> Measure {
    let spec = report.spec();
    let named = spec.measures.named.as_deref().and_then(|named| named.first().copied());
    match (spec.sort.key, named) {
        (SortKey::Measure(measure), _) if measure != Measure::Queued || spec.kind == Kind::Split && named.is_none() => {
            measure
        }
        (_, Some(named)) => named,
        _ if spec.told().contains(&Measure::Queued) => Measure::Queued,
        _ => spec.told().first().copied().unwrap_or(Measure::Queued),
    }
}

/// The rates that have a column: those named, in their order; else how much arrived, and the spam rate. The spam rate is never
/// the one that is left out.
pub(crate) fn leading_rates(report: &Report, most: usize) -> Vec<Rate> {
    let spec = report.spec();
    let mut rates = spec.rates.named.clone().unwrap_or_else(|| vec![Rate::DeliveryRate, Rate::SpamRate]);
    if let SortKey::Rate(sorted) = spec.sort.key {
        rates.retain(|rate| *rate != sorted);
        rates.insert(0, sorted);
    }
    if spec.rates.named.is_some() {
        keep_spam_rate(&mut rates, most);
    }
    rates.truncate(most);
    rates
}

/// Moves the spam rate to the last place that is shown if it would be cut.
fn keep_spam_rate(rates: &mut [Rate], most: usize) {
    let place = rates.iter().position(|rate| *rate == Rate::SpamRate);
    if let Some(place) = place.filter(|place| *place >= most && most > 0) {
        rates[most - 1..=place].rotate_right(1);
    }
}

/// The line that is drawn for a rate.
pub(crate) fn threshold(rate: Rate) -> Option<Threshold> {
    (rate == Rate::SpamRate).then(|| Threshold { value: words::SPAM_LINE, label: percent(words::SPAM_LINE) })
}

fn not_shown(hidden: u64, rest: Option<i64>, unit: &str) -> String {
    let rest = rest.map(|rest| format!(": {} {}", count(rest), unit.replace('_', " ")));
    words::not_shown(hidden).unwrap_or_default() + &rest.unwrap_or_default()
}

/// Says why bars or points are missing, where small numbers are hidden.
pub(crate) fn say_what_is_hidden(report: &Report, chart: &mut Chart) {
    let Some(least) = report.spec().suppress_below() else { return };
    let why = format!("Hidden: fewer than {least} people, or needed to protect them");
    chart.note = Some(chart.note.take().map_or_else(|| why.clone(), |note| format!("{note}. {why}")));
}

/// The legend's entry of the other period.
fn other_period(report: &Report) -> Option<Entry> {
    words::other_period(report).map(|label| Entry { label, ink: Ink::Before })
}

fn count_bar(measure: Measure, stacked: bool, seen: Seen<'_>) -> Bar {
    let part = |(part, ink): (Measure, Ink)| Some((ink, seen.count(part)? as f64));
    let measures = if stacked { OUTCOMES.to_vec() } else { vec![(measure, Ink::Series(0))] };
    Bar { parts: measures.into_iter().filter_map(part).collect(), ..plain(seen.count(measure)) }
}

/// The bar of a measure with what it was in the other period, and how it changed.
fn compared(report: &Report, bar: Bar, (measure, now): (Measure, i64), at: At) -> Bar {
    let Some(before) = report.before(at).map(|before| before.measures[measure]) else { return bar };
    let text = format!("{}  {}", bar.text, words::change_of_count(Change::of_counts(now, before)));
    Bar { text, before: Some(before as f64), ..bar }
}

/// The same of a rate.
fn compared_rate(report: &Report, bar: Bar, (rate, now): (Rate, Option<f64>), at: At) -> Bar {
    let Some(before) = report.before(at).map(|before| before.rate(ShownRate::Of(rate))) else { return bar };
    let text = format!("{}  {}", bar.text, words::change_of_rate(Change::of_rates(now, before)));
    Bar { text, before, ..bar }
}

fn rates(rate: Rate, bars: impl Iterator<Item = Bar>) -> Panel {
    let mut panel = panel(&words::rate(rate), bars.collect(), 1.0);
    panel.threshold = threshold(rate);
    if let Some(threshold) = &panel.threshold {
        panel.max = panel.max.max(threshold.value * 1.4);
    }
    panel
}

fn rate_bar(rate: Rate, value: Option<f64>) -> Bar {
    let Some(value) = value else { return Bar { parts: Vec::new(), text: "–".to_owned(), mark: None, before: None } };
    let passed = threshold(rate).is_some_and(|threshold| value > threshold.value);
    let ink = if passed { Ink::Alert } else { Ink::Rate };
    Bar { parts: vec![(ink, value)], text: percent(value), mark: None, before: None }
}

/// A bar of a rate that no line belongs to.
fn fraction(value: Option<f64>) -> Bar {
    let Some(value) = value else { return Bar { parts: Vec::new(), text: "–".to_owned(), mark: None, before: None } };
    Bar { parts: vec![(Ink::Rate, value)], text: percent(value), mark: None, before: None }
}

/// The rate of a row of a split. What differs from the rest says so; the others are grey, unless they pass a line.
fn rate_bar_of(report: &Report, rate: Rate, row: &Row, place: usize) -> Bar {
    let part = Part::Group(&row.key);
    let now = report.rate_of(rate, &row.key, row.seen());
    let mut bar = compared_rate(report, rate_bar(rate, now), (rate, now), At::Row(place));
    if row.seen().hides(rate) {
        HIDDEN.clone_into(&mut bar.text);
    }
    let Some(bounds) = report.bounds_shown(rate, part, row.seen()) else { return bar };
    // There is no room for both: the change shows in the bars.
    bar.text = words::with_bounds(&rate_bar(rate, now).text, bounds);
    match report.side(rate, place) {
        Some(side) => bar.text = format!("{} {}", bar.text, side.name()),
        None => bar.parts.iter_mut().filter(|(ink, _)| *ink == Ink::Rate).for_each(|(ink, _)| *ink = Ink::Neutral),
    }
    bar
}

/// A bar among bars of other rates: the line belongs to it alone and is named behind it.
fn marked(report: &Report, rate: Rate) -> Bar {
    let now = report.rate(rate);
    let mut bar = compared_rate(report, rate_bar(rate, now), (rate, now), At::Total);
    if report.seen().hides(rate) {
        HIDDEN.clone_into(&mut bar.text);
    }
    if let Some(bounds) = report.bounds_shown(rate, Part::Total, report.seen()) {
        bar.text = words::with_bounds(&rate_bar(rate, now).text, bounds);
    }
    if let Some(threshold) = threshold(rate) {
        bar.text = format!("{}  (the line is at {})", bar.text, threshold.label);
        bar.mark = Some(threshold.value);
    }
    bar
}

fn plain(value: Option<i64>) -> Bar {
    let parts = value.map(|value| (Ink::Series(0), value as f64)).into_iter().collect();
    Bar { parts, text: value.map_or_else(|| HIDDEN.to_owned(), count), mark: None, before: None }
}

fn panel(title: &str, bars: Vec<Bar>, share: f32) -> Panel {
    let length = |bar: &Bar| bar.parts.iter().map(|(_, value)| value).sum::<f64>().max(bar.before.unwrap_or_default());
    let max = bars.iter().map(length).fold(0.0, f64::max);
    Panel { title: title.to_owned(), max, share, bars, threshold: None }
}
