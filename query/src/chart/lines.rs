//! From a series to lines.

use schema::{Measure, Rate};

use super::{
    bars::{leading_measure, leading_rates, nothing, say_what_is_hidden, threshold},
    model::{Block, Chart, Entry, Ink, LineOf, Lines, Time},
    numbers::{count_tick, percent_tick, ticks},
    words,
};
use crate::{
    Interval, Report,
    compare::{At, Before},
    doubt::ShownRate,
    report::Line,
};

/// The most lines of one picture.
pub(super) const MOST: usize = 12;

/// What a series without groups shows when nothing is named.
const USUAL: [Measure; 4] = [Measure::Delivered, Measure::Failed, Measure::Opened, Measure::Clicked];

/// The lines of a series: one part for counts, one for a rate, if `two` fit.
pub(crate) fn series(
    report: &Report,
    interval: Interval,
    times: &[i64],
    groups: &[Line],
    cut: u64,
    two: bool,
) -> Chart {
    let spec = report.spec();
    let mut chart = Chart {
        title: String::new(),
        subtitle: words::subtitle(report.spec()),
        legend: Vec::new(),
        blocks: Vec::new(),
        note: None,
    };
    let every = every(interval);
    let named = times.iter().enumerate().map(|(place, time)| words::time(report, interval, place, *time)).collect();
    let show = Show { report, times: named, steps: words::steps(interval), two };
    if spec.by().is_empty() {
        let measures = show.everything(&mut chart, groups);
        let what = match show.rates().as_slice() {
            _ if measures => "Deliveries".to_owned(),
            [only] => words::rate(*only),
            _ => "Rates".to_owned(),
        };
        chart.title = format!("{what} {every}");
    } else {
        let what = show.each(&mut chart, groups, cut);
        chart.title = format!("{what} by {} {every}", words::dimensions(spec.by()));
    }
    chart.legend.extend(words::other_period(report).map(|label| Entry { label, ink: Ink::BeforeLine }));
    if let Some(partly) = partly(report, interval, times) {
        chart.note = Some(chart.note.map_or_else(|| partly.clone(), |note| format!("{note}. {partly}")));
    }
    if report.total().is_zero() && report.hidden.is_empty() {
        chart.blocks = vec![Block::Empty(nothing(report))];
        chart.legend.clear();
        chart.note = None;
    }
    say_what_is_hidden(report, &mut chart);
    chart
}

/// Says so when the first or the last interval reaches beyond the range: less happened in it because less of it is counted.
fn partly(report: &Report, interval: Interval, times: &[i64]) -> Option<String> {
    let spec = report.spec();
    let (from, to) = (i64::from(spec.range().from), i64::from(spec.range().to));
    let first = times.first().is_some_and(|time| *time < from);
    let last = interval.starts(spec.tz(), to, to + 1).first().is_some_and(|time| *time < to);
    let which = match (first, last) {
        (true, _) | (_, true) if times.len() == 1 => "The",
        (true, true) => "The first and the last",
        (true, false) => "The first",
        (false, true) => "The last",
        (false, false) => return None,
    };
    let (noun, verb) = (interval.name(), if first && last && times.len() > 1 { "are" } else { "is" });
    Some(format!("{which} {noun} {verb} only partly in the range"))
}

const fn every(interval: Interval) -> &'static str {
    match interval {
        Interval::Quarter => "per quarter of an hour",
        Interval::Hour => "per hour",
        Interval::Day => "per day",
        Interval::Week => "per week",
        Interval::Month => "per month",
    }
}

struct Show<'a> {
    report: &'a Report,
    times: Vec<Time>,
    steps: &'static [i64],
    two: bool,
}

impl Show<'_> {
    /// One line for each measure, and below one for each rate. Tells whether there are measures.
    fn everything(&self, chart: &mut Chart, groups: &[Line]) -> bool {
        let Some(all) = groups.first() else { return true };
        let mut measures = self.measures();
        let mut rates = self.rates();
        let hidden = measures.len().saturating_sub(MOST);
        measures.truncate(MOST);
        if !measures.is_empty() && !rates.is_empty() && !self.two {
            rates.clear();
        }
        let of = |(place, measure): (usize, &Measure)| self.of_measure(*measure, (0, all), Ink::Series(place));
        let lines: Vec<_> = measures.iter().enumerate().flat_map(of).collect();
        let entry = |place: usize, label: String| Entry { label, ink: Ink::Series(place) };
        if !measures.is_empty() {
            chart.legend = measures.iter().enumerate().map(|(place, one)| entry(place, words::measure(*one))).collect();
            chart.blocks.push(Block::Lines(self.counts("", lines)));
        }
        let no_measures = measures.is_empty();
        // The spam rate is so much smaller than the others that it needs a part of its own, as any rate does below counts.
        let apart = match rates.iter().position(|rate| *rate == Rate::SpamRate) {
            Some(place) if no_measures && rates.len() > 1 && self.two => Some(rates.remove(place)),
            _ if no_measures => None,
            _ => rates.first().copied(),
        };
        if no_measures {
            chart.legend = rates.iter().enumerate().map(|(place, one)| entry(place, words::rate(*one))).collect();
            let line = |(place, rate): (usize, &Rate)| self.of_rate(*rate, (0, all), Ink::Series(place));
            let spam = rates.contains(&Rate::SpamRate).then_some(Rate::SpamRate);
            chart.blocks.push(Block::Lines(self.percents("", rates.iter().enumerate().flat_map(line).collect(), spam)));
        }
        if let Some(rate) = apart {
            let lines = self.of_rate(rate, (0, all), Ink::Rate);
            chart.blocks.push(Block::Lines(self.percents(&words::rate(rate), lines, Some(rate))));
        }
        if hidden > 0 {
            chart.note = Some(format!("{hidden} more measures are not shown"));
        }
        !no_measures
    }

    /// One line for each group: a measure, and below a rate. Tells what is shown.
    fn each(&self, chart: &mut Chart, groups: &[Line], cut: u64) -> String {
        let spec = self.report.spec();
        let drawn = &groups[..groups.len().min(MOST)];
        chart.legend = drawn
            .iter()
            .enumerate()
            .map(|(place, line)| Entry { label: words::key(&line.key), ink: Ink::Series(place) })
            .collect();
        let measure = leading_measure(self.report);
        let rate = self.rates().first().copied();
        let only_rate = spec.measures.named.is_none() && spec.rates.named.is_some() && rate.is_some();
        let title = match rate {
            Some(rate) if only_rate => words::rate(rate),
            _ => words::measure(measure),
        };
        if !only_rate {
            let line = |(place, line)| self.of_measure(measure, (place, line), Ink::Series(place));
            chart.blocks.push(Block::Lines(self.counts("", drawn.iter().enumerate().flat_map(line).collect())));
        }
        if let Some(rate) = rate.filter(|_| only_rate || self.two) {
            let line = |(place, line)| self.of_rate(rate, (place, line), Ink::Series(place));
            let heading = if only_rate { String::new() } else { words::rate(rate) };
            let lines = drawn.iter().enumerate().flat_map(line).collect();
            chart.blocks.push(Block::Lines(self.percents(&heading, lines, Some(rate))));
        }
        chart.note = words::not_shown((groups.len() - drawn.len()) as u64 + cut);
        title
    }

    /// The line of a measure of a group, behind it that of the other period.
    fn of_measure(&self, measure: Measure, (group, line): (usize, &Line), ink: Ink) -> Vec<LineOf> {
        let count = |place| line.seen(place).count(measure).map(|count| count as f64);
        let values = (0..line.points.len()).map(count).collect();
        self.both(values, |before| Some(before.measures[measure] as f64), group, ink)
    }

    /// The same of a rate.
    fn of_rate(&self, rate: Rate, (group, line): (usize, &Line), ink: Ink) -> Vec<LineOf> {
        let of = |place| self.report.rate_of(rate, &line.key, line.seen(place));
        let values = (0..line.points.len()).map(of).collect();
        self.both(values, |before| before.rate(ShownRate::Of(rate)), group, ink)
    }

    fn both(
        &self,
        values: Vec<Option<f64>>,
        of: impl Fn(Before<'_>) -> Option<f64>,
        group: usize,
        ink: Ink,
    ) -> Vec<LineOf> {
        let before = self.report.has_other().then(|| {
            let values = (0..values.len()).map(|point| self.report.before(At::Point(group, point)).and_then(&of));
            LineOf { ink, before: true, values: values.collect() }
        });
        before.into_iter().chain([LineOf { ink, before: false, values }]).collect()
    }

    fn measures(&self) -> Vec<Measure> {
        let spec = self.report.spec();
        match (&spec.measures.named, &spec.rates.named) {
            (Some(named), _) => named.clone(),
            (None, Some(rates)) if !rates.is_empty() => Vec::new(),
            (None, _) => USUAL.to_vec(),
        }
    }

    /// The rates named; else the spam rate, which is watched most.
    fn rates(&self) -> Vec<Rate> {
        let spec = self.report.spec();
        let named = spec.rates.named.is_some();
        if named { leading_rates(self.report, MOST) } else { vec![Rate::SpamRate] }
    }

    fn counts(&self, title: &str, lines: Vec<LineOf>) -> Lines {
        let ticks = ticks(greatest(&lines), 4, true).into_iter().map(|tick| (tick, count_tick(tick))).collect();
        Lines {
            title: title.to_owned(),
            ticks,
            times: self.times.clone(),
            steps: self.steps,
            curves: lines,
            threshold: None,
        }
    }

    fn percents(&self, title: &str, lines: Vec<LineOf>, rate: Option<Rate>) -> Lines {
        let threshold = rate.and_then(threshold);
        let least = threshold.as_ref().map_or(0.001, |threshold| threshold.value * 1.4);
        let ticks = ticks(greatest(&lines).max(least), 4, false).into_iter().map(|tick| (tick, percent_tick(tick)));
        Lines {
            title: title.to_owned(),
            ticks: ticks.collect(),
            times: self.times.clone(),
            steps: self.steps,
            curves: lines,
            threshold,
        }
    }
}

fn greatest(lines: &[LineOf]) -> f64 {
    lines.iter().flat_map(|line| line.values.iter().flatten()).copied().fold(0.0, f64::max)
}
