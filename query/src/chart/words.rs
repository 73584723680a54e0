//! The words of a picture: title, subtitle, names of measures, rates and times.

use chrono::DateTime;
use chrono_tz::Tz;
use schema::{Basis, Dimension, Measure, Rate};

use super::{
    model::Time,
    numbers::{count, percent},
};
use crate::{Bounds, Change, Filter, Grouping, Interval, Range, Report, ReportSpec, Test, Tree, report::shown};

/// The line that mailbox providers draw (METRICS.md, "Rates").
pub(crate) const SPAM_LINE: f64 = 0.003;

/// The name of a measure, for a reader.
pub(crate) fn measure(measure: Measure) -> String {
    capital(&measure.name().replace('_', " "))
}

/// The name of a rate, for a reader.
pub(crate) fn rate(rate: Rate) -> String {
    match rate {
        Rate::Ctr => "CTR".to_owned(),
        Rate::Ctor => "CTOR".to_owned(),
        other => capital(&other.name().replace('_', " ")),
    }
}

/// `recipient domain and campaign`.
pub(crate) fn dimensions(by: &[Grouping]) -> String {
    let name = |by: &Grouping| match by {
        Grouping::Dimension(of) => dimension(of),
        Grouping::Time(part) => part.name().replace('_', " "),
    };
    by.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn dimension(dimension: &Dimension) -> String {
    match dimension {
        Dimension::Field(field) => field.as_str().to_owned(),
        fixed => fixed.column().replace('_', " "),
    }
}

/// A rate and its interval, `4.0 % (2.9–5.4)`: what is behind a bar is short, for the bar has the room that is left.
pub(crate) fn with_bounds(rate: &str, bounds: Bounds) -> String {
    let [low, high] = [bounds.low, bounds.high].map(percent);
    format!("{rate} ({}–{})", low.trim_end_matches(" %"), high.trim_end_matches(" %"))
}

/// A key as one text.
pub(crate) fn key(key: &[String]) -> String {
    key.iter().map(|value| shown(value)).collect::<Vec<_>>().join(" · ")
}

/// That so many groups are left out; nothing where none is.
pub(crate) fn not_shown(groups: u64) -> Option<String> {
    let noun = if groups == 1 { "group is" } else { "groups are" };
    (groups > 0).then(|| format!("{} more {noun} not shown", count(i64::try_from(groups).unwrap_or(i64::MAX))))
}

/// `+12.5 %`, the change of a count as a part of what it was; `new` of what was not.
pub(crate) fn change_of_count(change: Change<i64>) -> String {
    match change.relative {
        Some(relative) => signed(relative, " %"),
        None if change.absolute == 0 => "±0".to_owned(),
        None => "new".to_owned(),
    }
}

/// `+0.2 pp`, the change of a rate in percentage points; a dash where there is none.
pub(crate) fn change_of_rate(change: Option<Change<f64>>) -> String {
    change.map_or_else(|| "–".to_owned(), |change| signed(change.absolute, " pp"))
}

/// Two digits or so: what is behind a bar is short.
fn signed(fraction: f64, unit: &str) -> String {
    let hundredths = fraction * 100.0;
    let decimals = match hundredths.abs() {
        much if much >= 10.0 => 0,
        some if some >= 1.0 => 1,
        little if little >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{hundredths:+.decimals$}");
    let number = if decimals == 0 { text.as_str() } else { text.trim_end_matches('0').trim_end_matches('.') };
    if matches!(number, "+0" | "-0" | "+" | "-") { format!("±0{unit}") } else { format!("{number}{unit}") }
}

/// The period that the report is compared with.
pub(crate) fn other_period(report: &Report) -> Option<String> {
    report.spec().compare().filter(|_| report.has_other()).map(|range| period(range, report.spec().tz()))
}

/// The days of a period, or its ends where they are none of a day.
fn period(range: Range, tz: Tz) -> String {
    let local = |seconds: u32| DateTime::from_timestamp(seconds.into(), 0).unwrap_or_default().with_timezone(&tz);
    let (from, to) = (local(range.from), local(range.to));
    let last = local(range.to - 1);
    let midnight = |time: &DateTime<chrono_tz::Tz>| time.time() == chrono::NaiveTime::MIN;
    if !(midnight(&from) && midnight(&to)) {
        format!("{} to {}", from.format("%Y-%m-%d %H:%M"), to.format("%Y-%m-%d %H:%M"))
    } else if from.date_naive() == last.date_naive() {
        from.format("%Y-%m-%d").to_string()
    } else {
        format!("{} to {}", from.format("%Y-%m-%d"), last.format("%Y-%m-%d"))
    }
}

/// The range, the zone, the clock, and what is filtered.
pub(crate) fn subtitle(spec: &ReportSpec) -> String {
    let clock = match spec.basis() {
        Basis::Sent => "by time sent",
        Basis::Event => "by time of each event: rates can exceed 100 %",
    };
    let mut parts = vec![period(spec.range(), spec.tz()), spec.tz().name().to_owned(), clock.to_owned()];
    parts.extend(spec.filters.iter().map(tree));
    parts.join("  ·  ")
}

fn tree(all: &Tree) -> String {
    let list = |trees: &[Tree], word| {
        let parts: Vec<_> = trees.iter().map(tree).collect();
        if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(word)) }
    };
    match all {
        Tree::Test(test) => filter(test),
        Tree::All(trees) => list(trees, " and "),
        Tree::Any(trees) => list(trees, " or "),
        Tree::Not(inner) => format!("not {}", tree(inner)),
    }
}

fn filter(filter: &Filter) -> String {
    let name = dimension(&filter.dimension);
    let list = |texts: &[String]| texts.iter().map(|text| shown(text)).collect::<Vec<_>>().join(", ");
    match &filter.test {
        Test::Is(text) => format!("{name} is {}", shown(text)),
        Test::IsNot(text) => format!("{name} is not {}", shown(text)),
        Test::In(texts) => format!("{name} in {}", list(texts)),
        Test::NotIn(texts) => format!("{name} not in {}", list(texts)),
        Test::Contains(text) => format!("{name} contains {text}"),
        Test::StartsWith(text) => format!("{name} starts with {text}"),
    }
}

/// A point of the time axis: hours of the day, and the date at midnight.
pub(crate) fn time(report: &Report, interval: Interval, place: usize, seconds: i64) -> Time {
    let time = DateTime::from_timestamp(seconds, 0).unwrap_or_default().with_timezone(&report.spec().tz());
    let midnight = time.time() == chrono::NaiveTime::MIN;
    let form = match interval {
        Interval::Quarter | Interval::Hour if midnight => "%b %-d",
        Interval::Quarter | Interval::Hour => "%H:%M",
        Interval::Day | Interval::Week => "%b %-d",
        Interval::Month => "%b %Y",
    };
    let grid = match interval {
        Interval::Quarter | Interval::Hour => time.naive_local().and_utc().timestamp().div_euclid(interval.seconds()),
        Interval::Day | Interval::Week | Interval::Month => i64::try_from(place).unwrap_or(i64::MAX),
    };
    Time { text: time.format(form).to_string(), grid }
}

/// How far apart texts may stand on the time axis.
pub(crate) const fn steps(interval: Interval) -> &'static [i64] {
    match interval {
        Interval::Quarter => &[1, 2, 4, 8, 12, 24, 48, 96, 192, 672, 1_344, 2_688],
        Interval::Hour => &[1, 2, 3, 6, 12, 24, 48, 168, 336, 672, 1_344, 2_688],
        Interval::Day => &[1, 2, 7, 14, 28, 56, 112, 224, 448, 896],
        Interval::Week => &[1, 2, 4, 8, 13, 26, 52, 104, 208],
        Interval::Month => &[1, 2, 3, 6, 12, 24, 60],
    }
}

pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_short_and_small_ones_of_a_rate_are_not_rounded_away() {
        let points = |absolute| change_of_rate(Some(Change { absolute, relative: None }));
        assert_eq!(
            [0.004_7, -0.0151, 0.3, 0.0, -0.000_05, 0.000_000_1, -0.000_001_9].map(points),
            ["+0.47 pp", "-1.5 pp", "+30 pp", "±0 pp", "-0.005 pp", "±0 pp", "±0 pp"]
        );
        assert_eq!(change_of_rate(None), "–");
        let count = |now, before| change_of_count(Change::of_counts(now, before));
        assert_eq!([count(4, 3), count(0, 3), count(1, 0), count(0, 0)], ["+33 %", "-100 %", "new", "±0"]);
        assert_eq!([count(3, 3), count(1_091, 1_000), count(90, 1)], ["±0 %", "+9.1 %", "+8900 %"]);
    }
}
