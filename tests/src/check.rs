//! The comparison of the service's answers with the count: every number, every order, and what METRICS.md says always holds.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use schema::{Basis, Dimension, Measure, Rate};

use crate::{
    harness::{Client, Group, Report, Row},
    oracle::{Counts, Interval, Key, Question, Tally, Test, rows},
};

/// Asks for a split and compares every row, the remainder and the total. Answers the number of groups.
#[expect(clippy::must_use_candidate, reason = "the comparison is the point, the number an extra")]
pub fn split(client: &Client, tally: &Tally, question: &Question) -> usize {
    let report = ask(client, "/v1/reports/split", question, &[]);
    let context = format!("{question:?}");
    let expected = sorted(tally.split(question));
    let shown = &expected[..expected.len().min(question.limit)];
    let rest = &expected[shown.len()..];

    let given: Vec<_> = report.rows.iter().map(|row| key_of(question, row)).collect();
    let wanted: Vec<_> = shown.iter().map(|(key, _)| display(key)).collect();
    assert_eq!(given, wanted, "the groups and their order: {context}");
    for (row, (key, counts)) in report.rows.iter().zip(shown) {
        same(&row.measures, &row.rates, counts, is_silent(question, key), &format!("{key:?} of {context}"));
    }
    match &report.remainder {
        None => assert!(rest.is_empty(), "{} groups are missing: {context}", rest.len()),
        Some(remainder) => {
            assert_eq!(remainder.groups, rest.len(), "the groups cut: {context}");
            let counts = sum(rest.iter().map(|(_, counts)| counts));
            same(&remainder.measures, &remainder.rates, &counts, is_silent(question, &[]), &context);
        }
    }
    let total = sum(expected.iter().map(|(_, counts)| counts));
    let silent = is_silent(question, &[]);
    same(&report.total.measures, &report.total.rates, &total, silent, &format!("the total of {context}"));
    hold(&report, &context);
    expected.len()
}

/// Asks for a summary and compares it.
pub fn summary(client: &Client, tally: &Tally, question: &Question) {
    let question = Question { by: Vec::new(), ..question.clone() };
    let report = ask(client, "/v1/reports/summary", &question, &[]);
    let total = sum(tally.split(&question).values());
    let silent = is_silent(&question, &[]);
    same(&report.total.measures, &report.total.rates, &total, silent, &format!("the summary of {question:?}"));
    hold(&report, "a summary");
}

/// Asks for a series and compares every row of every group, and those in which nothing happened.
pub fn series(client: &Client, tally: &Tally, question: &Question, tz: Tz, interval: Interval) {
    let extra = [("tz", tz.name().to_owned()), ("interval", interval.name().to_owned())];
    let report = ask(client, "/v1/reports/series", question, &extra);
    let context = format!("{question:?} by {} in {tz}", interval.name());
    let times = rows(question, tz, interval);
    let mut groups = tally.series(question, tz, interval);
    let order =
        if question.by.is_empty() { vec![(Key::new(), Counts::default())] } else { sorted(tally.split(question)) };
    let (shown, rest) = order.split_at(order.len().min(question.limit));

    let mut given = report.rows.iter();
    for (key, _) in shown {
        let known = groups.remove(key).unwrap_or_default();
        let lines = given.by_ref().take(times.len());
        assert_eq!(
            line(lines, question, Some(key), &times, &known, &context),
            times.len(),
            "rows of {key:?}: {context}"
        );
    }
    assert_eq!(given.next(), None, "rows too many: {context}");
    let mut others: BTreeMap<String, Counts> = BTreeMap::new();
    for (time, counts) in groups.into_values().flatten() {
        *others.entry(time).or_default() += &counts;
    }
    match &report.remainder {
        None => assert!(rest.is_empty(), "{} groups are missing: {context}", rest.len()),
        Some(remainder) => {
            assert_eq!(remainder.groups, rest.len(), "the groups cut: {context}");
            assert_eq!(
                line(remainder.rows.iter(), question, None, &times, &others, &context),
                times.len(),
                "{context}"
            );
            same(&remainder.measures, &remainder.rates, &sum(others.values()), is_silent(question, &[]), &context);
        }
    }
    let whole = Question { by: Vec::new(), ..question.clone() };
    let total = sum(tally.split(&whole).values());
    same(&report.total.measures, &report.total.rates, &total, is_silent(question, &[]), &context);
}

/// Compares the rows of one group; answers how many there are.
fn line<'r>(
    rows: impl Iterator<Item = &'r Row>,
    question: &Question,
    key: Option<&Key>,
    times: &[String],
    known: &BTreeMap<String, Counts>,
    context: &str,
) -> usize {
    let mut count = 0;
    for (row, time) in rows.zip(times) {
        assert_eq!(row.time.as_ref(), Some(time), "row {count} of {context}");
        if let Some(key) = key {
            assert_eq!(key_of(question, row), display(key), "row {count} of {context}");
        }
        let counts = known.get(time).cloned().unwrap_or_default();
        let silent = is_silent(question, key.map_or(&[], Vec::as_slice));
        same(&row.measures, &row.rates, &counts, silent, &format!("{time} of {context}"));
        count += 1;
    }
    let named = known.keys().filter(|time| times.contains(time)).count();
    assert_eq!(named, known.len(), "the count itself knows every row: {context}");
    count
}

/// Asks for a report, which must be given.
#[must_use]
pub fn ask(client: &Client, path: &str, question: &Question, extra: &[(&'static str, String)]) -> Report {
    let mut parameters = question.parameters();
    parameters.extend_from_slice(extra);
    let reply = client.get(path, &parameters);
    assert_eq!(reply.status, 200, "{path} {parameters:?}: {}", reply.text());
    let report: Report = reply.json();
    assert_eq!(report.basis, question.basis.name());
    let names: Vec<_> = question.by.iter().map(Dimension::to_string).collect();
    assert_eq!(report.by.clone().unwrap_or_default(), names);
    report
}

/// The default order: most queued first, equals by their keys.
pub(crate) fn sorted(groups: BTreeMap<Key, Counts>) -> Vec<(Key, Counts)> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(a, m), (b, n)| n[Measure::Queued].cmp(&m[Measure::Queued]).then_with(|| a.cmp(b)));
    groups
}

pub(crate) fn key_of(question: &Question, row: &Row) -> Key {
    assert_eq!(row.key.len(), question.by.len(), "a key names every dimension and nothing else");
    question.by.iter().map(|dimension| row.key[&dimension.to_string()].clone()).collect()
}

/// A key as it is shown.
pub(crate) fn display(key: &Key) -> Key {
    key.iter().map(|value| if value.is_empty() { Dimension::NONE.to_owned() } else { value.clone() }).collect()
}

pub(crate) fn sum<'c>(counts: impl Iterator<Item = &'c Counts>) -> Counts {
    counts.fold(Counts::default(), |mut sum, counts| {
        sum += counts;
        sum
    })
}

/// Mailbox providers that tell nobody of complaints.
const SILENT: [&str; 6] = ["gmail", "apple", "proton", "qq", "netease", "naver"];

/// Whether the spam rate of a group is unknown: all of its mail went to such providers.
pub(crate) fn is_silent(question: &Question, key: &[String]) -> bool {
    let silent = |name: &String| SILENT.contains(&name.as_str());
    let mut keys = question.by.iter().zip(key);
    let mut filters = question.filters.iter().filter(|filter| filter.dimension == Dimension::MailboxProvider);
    keys.any(|(dimension, value)| *dimension == Dimension::MailboxProvider && silent(value))
        || filters.any(|filter| match &filter.test {
            Test::Is(name) => silent(name),
            Test::In(names) => names.iter().all(silent),
            Test::IsNot(_) | Test::Contains(_) | Test::StartsWith(_) => false,
        })
}

/// All measures and all rates are those counted; the spam rate only where it is known.
pub(crate) fn same(
    measures: &BTreeMap<String, i64>,
    rates: &BTreeMap<String, Option<f64>>,
    counts: &Counts,
    silent: bool,
    context: &str,
) {
    let counted = |measure: &Measure| (measure.name().to_owned(), i64::try_from(counts[*measure]).expect("a few"));
    let expected: BTreeMap<_, _> = Measure::ALL.iter().map(counted).collect();
    assert_eq!(*measures, expected, "{context}");
    assert_eq!(rates.len(), Rate::ALL.len(), "{context}");
    for rate in Rate::ALL {
        let known = !silent || *rate != Rate::SpamRate;
        let (given, expected) = (rates[rate.name()], counts.rate(*rate).filter(|_| known));
        let close = match (given, expected) {
            (Some(given), Some(expected)) => (given - expected).abs() <= 1e-12 * expected.abs(),
            (given, expected) => given.is_none() && expected.is_none(),
        };
        assert!(close, "{} is {given:?}, counted {expected:?}: {context}", rate.name());
    }
}

/// METRICS.md, "What always holds", 1 to 5, of an answer. What speaks of the `sent` basis is asked of it alone.
pub fn hold(report: &Report, context: &str) {
    let groups = report.rows.iter().map(|row| &row.measures).chain(report.remainder.iter().map(|rest| &rest.measures));
    for measures in groups.clone().chain([&report.total.measures]) {
        let value = |measure: Measure| measures[measure.name()];
        let failed = [
            Measure::FailedHard,
            Measure::FailedSoft,
            Measure::FailedBlock,
            Measure::FailedSuppressed,
            Measure::FailedOther,
        ];
        assert_eq!(value(Measure::Failed), failed.into_iter().map(value).sum::<i64>(), "{context}");
        assert!(value(Measure::Delivered) >= value(Measure::Unsecured), "{context}");
        assert!(measures.values().all(|value| *value >= 0), "{context}");
        if report.basis == Basis::Sent.name() {
            let outcomes = value(Measure::Pending) + value(Measure::Delivered) + value(Measure::Failed);
            assert_eq!(value(Measure::Queued), outcomes, "{context}");
            let chain = [Measure::Queued, Measure::Delivered, Measure::Opened, Measure::Clicked].map(value);
            assert!(chain.is_sorted_by(|more, less| more >= less), "{context}");
            let seen = value(Measure::Opened) + value(Measure::MachineOpened);
            assert!(value(Measure::Delivered) >= seen, "{context}");
        }
    }
    if report.by.is_some() {
        for (name, total) in &report.total.measures {
            assert_eq!(groups.clone().map(|measures| measures[name]).sum::<i64>(), *total, "{name}: {context}");
        }
    }
}

/// The numbers of a group by name, for a test that names the ones it expects.
#[must_use]
pub fn counted(group: &Group) -> BTreeMap<&str, i64> {
    group.measures.iter().filter(|(_, count)| **count != 0).map(|(name, count)| (name.as_str(), *count)).collect()
}
