//! Whether a report is what a count by brute force says.

use proptest::{prelude::*, test_runner::TestCaseError};
use query::{Body, Dimensions, Report, Values};
use schema::{Measure, Measures, Rate};

use crate::{
    generate::{DIMENSIONS, PARTS},
    support::{
        Cell,
        brute::{Check, Question, Tree, label},
    },
};

pub(crate) type Judgement = Result<(), TestCaseError>;

/// In which order a report shows its groups, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// A measure or a rate.
    pub(crate) by: &'static str,
    pub(crate) descending: bool,
    pub(crate) limit: usize,
    /// How much a group must have queued to be shown.
    pub(crate) min_volume: i64,
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Measures>) -> Measures {
    all.into_iter().fold(Measures::default(), |mut total, measures| {
        total += measures;
        total
    })
}

/// Providers that tell nobody of complaints, so that nobody knows their spam rate.
const SILENT: [&str; 6] = ["gmail", "apple", "proton", "qq", "netease", "naver"];

/// The groups in the order asked for: by a measure or a rate, rates that are absent or unknown last, equals by their keys. `unknown`: nobody
/// knows the spam rate of any of them.
fn sorted(
    question: &Question,
    cells: &[Cell],
    (name, descending): (&str, bool),
    unknown: bool,
) -> Vec<(Vec<String>, Measures)> {
    let is_silent = |key: &[String]| {
        let mut parts = question.by.iter().zip(key);
        unknown || parts.any(|(by, value)| *by == "mailbox_provider" && SILENT.contains(&value.as_str()))
    };
    let value = |key: &[String], measures: &Measures| match Measure::from_name(name) {
        Some(measure) => Some(measures[measure] as f64),
        None if name == "spam_rate" && is_silent(key) => None,
        None => Rate::from_name(name).unwrap().of(measures),
    };
    let mut groups: Vec<_> = question.groups(cells).into_iter().collect();
    groups.sort_by_key(|(key, _)| question.rank(key));
    groups.sort_by(|(one_key, one), (other_key, other)| match (value(one_key, one), value(other_key, other)) {
        (Some(one), Some(other)) if descending => other.total_cmp(&one),
        (Some(one), Some(other)) => one.total_cmp(&other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    });
    groups
}

pub(crate) fn summary(report: &Report, question: &Question, cells: &[Cell]) -> Judgement {
    prop_assert_eq!(*report.total(), sum(question.groups(cells).values()));
    Ok(())
}

pub(crate) fn split(report: &Report, question: &Question, cells: &[Cell], order: Order) -> Judgement {
    page(report, question, cells, (order, 0))
}

/// The page of a split before which so many groups stood on others.
pub(crate) fn page(report: &Report, question: &Question, cells: &[Cell], (order, before): (Order, usize)) -> Judgement {
    // Filters that leave silent providers alone are tested where filters are.
    let unknown = report.rate(Rate::SpamRate).is_none() && report.total()[Measure::Delivered] != 0;
    let all = sorted(question, cells, (order.by, order.descending), unknown);
    let total = sum(all.iter().map(|(_, measures)| measures));
    prop_assert_eq!(*report.total(), total);
    let showable = all.iter().filter(|(_, measures)| measures[Measure::Queued] >= order.min_volume);
    let shown: Vec<_> = showable.clone().skip(before).take(order.limit).cloned().collect();
    let Body::Split { rows, remainder, .. } = report.body() else { panic!("a split") };
    prop_assert_eq!(&rows.iter().map(|row| (row.key.clone(), row.measures)).collect::<Vec<_>>(), &shown);
    prop_assert_eq!(report.next().is_some(), showable.count() > before + shown.len());
    let hidden = all.iter().filter(|group| !shown.contains(group));
    prop_assert_eq!(remainder.map_or(0, |rest| rest.groups), hidden.clone().count() as u64);
    let rest = remainder.map(|rest| rest.measures).unwrap_or_default();
    prop_assert_eq!(rest, sum(hidden.map(|(_, measures)| measures)));
    Ok(())
}

pub(crate) fn values(values: &Values, question: &Question, cells: &[Cell], limit: usize) -> Judgement {
    let all = sorted(question, cells, ("queued", true), false);
    let volume = |(_, measures): &(Vec<String>, Measures)| measures[Measure::Queued];
    let (listed, hidden) = all.split_at(limit.min(all.len()));
    let shown = |(key, measures): &(Vec<String>, Measures)| {
        let value = if key[0].is_empty() { "(none)".to_owned() } else { key[0].clone() };
        (value, measures[Measure::Queued])
    };
    let given: Vec<_> = values.values.iter().map(|value| (value.value.clone(), value.volume)).collect();
    prop_assert_eq!(given, listed.iter().map(shown).collect::<Vec<_>>());
    let rest = values.remainder.map_or((0, 0), |rest| (rest.values, rest.volume));
    prop_assert_eq!(rest, (hidden.len() as u64, hidden.iter().map(volume).sum()));
    prop_assert_eq!(values.next.is_some(), !hidden.is_empty());
    Ok(())
}

/// Of each dimension, the messages with a value, on the whole UTC days of the range.
pub(crate) fn dimensions(dimensions: &Dimensions, question: &Question, cells: &[Cell]) -> Judgement {
    let from = question.from - question.from.rem_euclid(86_400);
    let to = question.to + (-question.to).rem_euclid(86_400);
    let mut names = Vec::new();
    for named in &dimensions.dimensions {
        names.push(named.name.as_str());
        let Some(name) = DIMENSIONS.into_iter().find(|name| *name == named.name) else {
            prop_assert_eq!(named.volume, None);
            continue;
        };
        let tree = Some(Tree::Check(Check::IsNot(name, String::new())));
        let question = Question { from, to, by: Vec::new(), tree, ..question.clone() };
        prop_assert_eq!(named.volume, Some(sum(question.groups(cells).values())[Measure::Queued]), "{}", name);
    }
    prop_assert!(DIMENSIONS[..6].iter().chain(&PARTS).all(|name| names.contains(name)));
    Ok(())
}

/// The groups of a series are the `limit` that have the most queued.
pub(crate) fn series(report: &Report, question: &Question, cells: &[Cell], interval: &str, limit: usize) -> Judgement {
    let split = !question.by.is_empty();
    let (tz, points) = (question.tz, question.series(cells, interval));
    let Body::Series { times, groups, remainder } = report.body() else { panic!("a series") };
    let labels: Vec<_> = times.iter().map(|time| label(tz, interval, *time)).collect();
    // Every interval of the range has exactly one row, whether something happened in it or not.
    let mut every: Vec<_> = (question.from..question.to).step_by(900).map(|time| label(tz, interval, time)).collect();
    every.dedup();
    prop_assert_eq!(&labels, &every);

    let by_key = question.groups(cells);
    let top: Vec<_> = sorted(question, cells, ("queued", true), false).into_iter().map(|(key, _)| key).collect();
    let shown = if split { limit.min(top.len()) } else { 1 };
    prop_assert_eq!(groups.len(), shown);
    for (place, line) in groups.iter().enumerate() {
        prop_assert!(!split || line.key == top[place]);
        for (label, measures) in labels.iter().zip(&line.points) {
            let expected = points.get(&(line.key.clone(), label.clone())).copied().unwrap_or_default();
            prop_assert_eq!(*measures, expected);
        }
    }
    let lines = groups.iter().chain(remainder.iter().map(|(_, line)| line));
    prop_assert_eq!(sum(lines.clone().map(|line| &line.total)), *report.total());
    prop_assert_eq!(sum(lines.flat_map(|line| &line.points)), *report.total());
    prop_assert_eq!(*report.total(), sum(by_key.values()));
    let cut = remainder.as_ref().map_or(0, |(count, _)| *count);
    prop_assert_eq!(cut, if split { (top.len() - shown) as u64 } else { 0 });
    Ok(())
}
