//! Reports that are compared with another period, against the count of both periods: every number, every change, in JSON and CSV.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use schema::{Measure, Rate};

use crate::{
    check::{ask, display, is_silent, key_of, same, sorted, sum},
    harness::{Change, Client, Comparison, Report},
    oracle::{Counts, Interval, Key, Question, Tally, rows},
};

/// What a row of an answer says of both periods.
struct Entry<'r> {
    measures: &'r BTreeMap<String, i64>,
    rates: &'r BTreeMap<String, Option<f64>>,
    compare: Option<&'r Comparison>,
}

macro_rules! entry {
    ($row:expr) => {
        Entry { measures: &$row.measures, rates: &$row.rates, compare: $row.compare.as_ref() }
    };
}

impl Entry<'_> {
    /// It says what was counted in both.
    fn is(&self, now: &Counts, before: &Counts, silent: bool, context: &str) {
        same(self.measures, self.rates, now, silent, context);
        let compare = self.compare.unwrap_or_else(|| panic!("nothing of the other period: {context}"));
        same(&compare.measures, &compare.rates, before, silent, &format!("the other period of {context}"));
        for measure in Measure::ALL {
            let [now, before] = [now, before].map(|counts| counts[*measure] as f64);
            let relative = (before > 0.0).then(|| (now - before) / before);
            let expected = Some(Change { absolute: now - before, relative });
            close(Some(&compare.change.measures[measure.name()]), expected, &format!("{measure:?} of {context}"));
        }
        for rate in Rate::ALL {
            let known = !silent || *rate != Rate::SpamRate;
            let rates = now.rate(*rate).zip(before.rate(*rate)).filter(|_| known);
            let expected = rates.map(|(now, before)| Change {
                absolute: now - before,
                relative: (before > 0.0).then(|| (now - before) / before),
            });
            close(compare.change.rates[rate.name()].as_ref(), expected, &format!("{rate:?} of {context}"));
        }
    }
}

fn close(given: Option<&Change>, expected: Option<Change>, context: &str) {
    let near = |given: Option<f64>, expected: Option<f64>| match (given, expected) {
        (Some(given), Some(expected)) => (given - expected).abs() <= 1e-12 * expected.abs().max(1.0),
        (given, expected) => given.is_none() && expected.is_none(),
    };
    let absolute = near(given.map(|change| change.absolute), expected.map(|change| change.absolute));
    let relative = near(given.and_then(|change| change.relative), expected.and_then(|change| change.relative));
    assert!(absolute && relative, "a change of {given:?}, counted {expected:?}: {context}");
}

/// Asks for a split that is compared with that other period, and checks every number of both.
pub fn split(client: &Client, tally: &Tally, question: &Question, compare: &str, other: &Question) {
    let extra = [("compare", compare.to_owned())];
    let report = ask(client, "/v1/reports/split", question, &extra);
    let context = format!("{question:?} compared with {compare}");
    period(&report, other, &context);
    let before = tally.split(other);
    let of = |key: &Key| before.get(key).cloned().unwrap_or_default();
    let groups = sorted(tally.split(question));
    let (shown, cut) = groups.split_at(groups.len().min(question.limit));
    assert_eq!(report.rows.len(), shown.len(), "{context}");
    for (row, (key, now)) in report.rows.iter().zip(shown) {
        assert_eq!(key_of(question, row), display(key), "{context}");
        entry!(row).is(now, &of(key), is_silent(question, key), &format!("{key:?} of {context}"));
    }
    let rest = before.iter().filter(|(key, _)| shown.iter().all(|(other, _)| other != *key));
    let rest = sum(rest.map(|(_, counts)| counts));
    match &report.remainder {
        Some(remainder) => {
            assert_eq!(remainder.groups, cut.len(), "{context}");
            let now = sum(cut.iter().map(|(_, counts)| counts));
            entry!(remainder).is(&now, &rest, is_silent(question, &[]), &format!("the remainder of {context}"));
        }
        None => assert!(cut.is_empty() && rest.is_zero(), "what was counted is missing: {context}"),
    }
    let now = sum(groups.iter().map(|(_, counts)| counts));
    let total = format!("the total of {context}");
    entry!(report.total).is(&now, &sum(before.values()), is_silent(question, &[]), &total);
    sheet(client, "/v1/reports/split", question, &extra, &report);
}

/// The same of a series of everything.
pub fn series(
    client: &Client,
    tally: &Tally,
    question: &Question,
    (tz, interval): (Tz, Interval),
    compare: &str,
    other: &Question,
) {
    let extra =
        [("tz", tz.name().to_owned()), ("interval", interval.name().to_owned()), ("compare", compare.to_owned())];
    let report = ask(client, "/v1/reports/series", question, &extra);
    let context = format!("{question:?} by {} in {tz} compared with {compare}", interval.name());
    let [times, others] = [question, other].map(|question| rows(question, tz, interval));
    let counted = |question| tally.series(question, tz, interval).remove(&Key::new()).unwrap_or_default();
    let [now, before] = [question, other].map(counted);
    assert_eq!(report.rows.len(), times.len(), "{context}");
    for (place, (row, time)) in report.rows.iter().zip(&times).enumerate() {
        let Some(there) = others.get(place) else {
            assert_eq!(row.compare, None, "{time} of {context}");
            continue;
        };
        assert_eq!(row.compare.as_ref().and_then(|compare| compare.time.as_ref()), Some(there), "{context}");
        let of = |counts: &BTreeMap<String, Counts>, time: &String| counts.get(time).cloned().unwrap_or_default();
        entry!(row).is(&of(&now, time), &of(&before, there), is_silent(question, &[]), &format!("{time} of {context}"));
    }
    entry!(report.total).is(&sum(now.values()), &sum(before.values()), is_silent(question, &[]), &context);
    sheet(client, "/v1/reports/series", question, &extra, &report);
}

/// The report says which period it is compared with.
fn period(report: &Report, other: &Question, context: &str) {
    let period = report.compare.as_ref().unwrap_or_else(|| panic!("no other period: {context}"));
    let time = |text: &String| chrono::DateTime::parse_from_rfc3339(text).expect("a time").to_utc();
    assert_eq!((time(&period.from), time(&period.to)), (other.from, other.to), "{context}");
}

/// The same as CSV, which holds the same numbers to the last digit. The values of these keys need no quotes.
fn sheet(client: &Client, path: &str, question: &Question, extra: &[(&'static str, String)], report: &Report) {
    let mut parameters = question.parameters();
    parameters.extend_from_slice(extra);
    parameters.extend([("format", "csv".to_owned()), ("total", "true".to_owned())]);
    let text = client.get(path, &parameters).text();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let entries = report.rows.iter().map(|row| entry!(row));
    let rest = report.remainder.iter().filter(|rest| rest.rows.is_empty()).map(|rest| entry!(rest));
    let entries: Vec<_> = entries.chain(rest).chain([entry!(report.total)]).collect();
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), entries.len(), "{text}");
    for (line, entry) in lines.iter().zip(entries) {
        assert_eq!(line.len(), header.len(), "{line:?}");
        let is = |column: String, value: Option<f64>| {
            let place = header.iter().position(|name| *name == column).unwrap_or_else(|| panic!("no {column}"));
            // Read as the document was, whose reader may be wrong in the last digit.
            let read = |cell| serde_json::from_str(cell).expect("a number");
            let cell: Option<f64> = Some(line[place]).filter(|cell| !cell.is_empty()).map(read);
            assert_eq!(cell, value, "{column} of {line:?}");
        };
        let change = |name: &str, change: Option<&Change>| {
            is(format!("{name}_change"), change.map(|change| change.absolute));
            is(format!("{name}_change_relative"), change.and_then(|change| change.relative));
        };
        for (name, now) in entry.measures {
            is(name.clone(), Some(*now as f64));
            is(format!("{name}_before"), entry.compare.map(|compare| compare.measures[name] as f64));
            change(name, entry.compare.map(|compare| &compare.change.measures[name]));
        }
        for (name, now) in entry.rates {
            is(name.clone(), *now);
            is(format!("{name}_before"), entry.compare.and_then(|compare| compare.rates[name]));
            change(name, entry.compare.and_then(|compare| compare.change.rates[name].as_ref()));
        }
    }
}
