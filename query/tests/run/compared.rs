//! What is compared with another period is in both periods what a count by brute force says, and the same in JSON and CSV.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Days, NaiveTime, TimeZone};
use proptest::prelude::*;
use query::{Body, Report, ReportSpec, SeriesRequest, SplitRequest, SummaryRequest, TableOptions, sheet};
use schema::{Measure, Measures, Rate};
use serde_json::Value;

use crate::{
    generate::{QUARTERS, START, question, question_of_time, request, time},
    judge::Judgement,
    properties::{Given, holds, interval, order},
    support::{
        Cell,
        brute::{Question, label},
    },
};

/// With what a question is compared: a word, or so many quarters from here to there.
fn compare() -> impl Strategy<Value = Option<(i64, i64)>> {
    let quarters = i64::from(QUARTERS);
    prop_oneof![1 => Just(None), 3 => (0..quarters, 1..quarters).prop_map(Some)]
}

/// The text of `compare`, and the question that it stands for.
fn other(question: &Question, compare: Option<(i64, i64)>) -> (String, Question) {
    let (text, from, to) = match compare {
        None => ("previous".to_owned(), before(question), question.from),
        Some((first, length)) => {
            let from = START + first * 900;
            let to = from + length * 900;
            (format!("{}..{}", time(from), time(to)), from, to)
        }
    };
    (text, Question { from, to, ..question.clone() })
}

/// So many local days before, or as many seconds.
fn before(question: &Question) -> i64 {
    let local = |time: i64| question.tz.timestamp_opt(time, 0).unwrap();
    let (from, to) = (local(question.from), local(question.to));
    if from.time() != NaiveTime::MIN || to.time() != NaiveTime::MIN {
        return question.from - (question.to - question.from);
    }
    let days = (to.date_naive() - from.date_naive()).num_days().unsigned_abs();
    let midnight = (from.date_naive() - Days::new(days)).and_time(NaiveTime::MIN);
    question.tz.from_local_datetime(&midnight).earliest().unwrap().timestamp()
}

/// A question, now and then of whole local days.
fn often_of_days(questions: impl Strategy<Value = Question>) -> impl Strategy<Value = Question> {
    (questions, any::<bool>()).prop_map(|(question, days)| {
        let midnight = |time: i64, later: u64| {
            let date = question.tz.timestamp_opt(time, 0).unwrap().date_naive() + Days::new(later);
            question.tz.from_local_datetime(&date.and_time(NaiveTime::MIN)).earliest().unwrap().timestamp()
        };
        let (from, to) = (midnight(question.from, 0), midnight(question.to, 1));
        if days { Question { from, to, ..question } } else { question }
    })
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Measures>) -> Measures {
    all.into_iter().fold(Measures::default(), |mut total, measures| {
        total += measures;
        total
    })
}

/// What an entry says of this period and of the other one is this, and so is what it says of the change.
fn entry(entry: &Value, now: &Measures, before: &Measures) -> Judgement {
    let compare = &entry["compare"];
    let change = &compare["change"];
    for measure in Measure::ALL {
        let (name, now, before) = (measure.name(), now[*measure], before[*measure]);
        prop_assert_eq!(&entry["measures"][name], now);
        prop_assert_eq!(&compare["measures"][name], before, "{}", name);
        prop_assert_eq!(&change["measures"][name]["absolute"], now - before);
        let relative = (before != 0).then(|| (now - before) as f64 / before as f64);
        prop_assert_eq!(change["measures"][name]["relative"].as_f64(), relative);
    }
    for rate in Rate::ALL {
        let (name, now, before) = (rate.name(), rate.of(now), rate.of(before));
        let (shown, was) = (entry["rates"][name].as_f64(), compare["rates"][name].as_f64());
        // Where nobody knows it, nobody knew it.
        let silent = *rate == Rate::SpamRate && (shown.is_none() && now.is_some() || was.is_none() && before.is_some());
        let (now, before) = if silent { (None, None) } else { (now, before) };
        prop_assert_eq!((shown, was), (now, before), "{}", name);
        let Some((now, before)) = now.zip(before) else {
            prop_assert!(change["rates"][name].is_null(), "{}", name);
            continue;
        };
        prop_assert_eq!(change["rates"][name]["absolute"].as_f64(), Some(now - before));
        prop_assert_eq!(change["rates"][name]["relative"].as_f64(), (before != 0.0).then(|| (now - before) / before));
    }
    Ok(())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Every number of the document stands in the sheet, to the last digit.
fn in_csv(report: &Report, document: &Value) -> Judgement {
    let sheet: String = sheet::csv(report.clone().into_table(&TableOptions { total: true })).collect();
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    let rows: Vec<HashMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let rest = &document["remainder"];
    let cut = if rest["rows"].is_array() { list(&rest["rows"]) } else { std::slice::from_ref(rest) };
    let cut = cut.iter().filter(|rest| !rest.is_null());
    let entries: Vec<_> = list(&document["rows"]).iter().chain(cut).chain([&document["total"]]).collect();
    prop_assert_eq!(rows.len(), entries.len());
    for (row, entry) in rows.iter().zip(entries) {
        if document["interval"].is_string() {
            prop_assert_eq!(&row["time_before"], entry["compare"]["time"].as_str().unwrap_or_default());
        }
        for kind in ["measures", "rates"] {
            for (name, now) in entry[kind].as_object().unwrap() {
                let compare = &entry["compare"];
                let change = &compare["change"][kind][name];
                for (suffix, value) in [
                    ("", now),
                    ("_before", &compare[kind][name]),
                    ("_change", &change["absolute"]),
                    ("_change_relative", &change["relative"]),
                ] {
                    let cell = row[&format!("{name}{suffix}")].as_str();
                    let cell = (!cell.is_empty()).then(|| cell.parse::<f64>().unwrap());
                    prop_assert_eq!(cell, value.as_f64(), "{}{}", name, suffix);
                }
            }
        }
    }
    Ok(())
}

/// The document of a report, whose ends are those of the question, and which is the same as CSV.
fn document(report: &Report, other: &Question) -> Result<Value, TestCaseError> {
    let document = serde_json::to_value(report).unwrap();
    let ends = ["from", "to"].map(|end| {
        let text = document["compare"][end].as_str().unwrap();
        DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    });
    prop_assert_eq!(ends, [other.from, other.to]);
    in_csv(report, &document)?;
    Ok(document)
}

fn split(report: &Report, (question, other): (&Question, &Question), cells: &[Cell]) -> Judgement {
    let document = document(report, other)?;
    let (groups, before) = (question.groups(cells), other.groups(cells));
    let Body::Split { rows, .. } = report.body() else { panic!("a split") };
    let of = |all: &BTreeMap<Vec<String>, Measures>, key: &Vec<String>| all.get(key).copied().unwrap_or_default();
    let shown = list(&document["rows"]);
    prop_assert_eq!(rows.len(), shown.len());
    let mut rest = [sum(groups.values()), sum(before.values())];
    entry(&document["total"], &rest[0], &rest[1])?;
    for (row, found) in rows.iter().zip(shown) {
        let [now, then] = [of(&groups, &row.key), of(&before, &row.key)];
        entry(found, &now, &then)?;
        rest[0] -= &now;
        rest[1] -= &then;
    }
    if document["remainder"].is_null() {
        prop_assert_eq!(rest, [Measures::default(); 2]);
    } else {
        entry(&document["remainder"], &rest[0], &rest[1])?;
        prop_assert_eq!(&document["remainder"]["groups"], groups.len() - rows.len());
    }
    Ok(())
}

/// The labels of the intervals of a question, in their order.
fn labels(question: &Question, interval: &str) -> Vec<String> {
    let mut labels: Vec<_> =
        (question.from..question.to).step_by(900).map(|time| label(question.tz, interval, time)).collect();
    labels.dedup();
    labels
}

/// The points of a line, each compared with that of its place.
fn line(
    found: &[Value],
    interval: &str,
    (question, other): (&Question, &Question),
    [now, then]: [&dyn Fn(&str) -> Measures; 2],
) -> Judgement {
    let (here, there) = (labels(question, interval), labels(other, interval));
    prop_assert_eq!(found.len(), here.len());
    for (place, point) in found.iter().enumerate() {
        let Some(label_there) = there.get(place) else {
            prop_assert!(point["compare"].is_null());
            continue;
        };
        let time = DateTime::parse_from_rfc3339(point["compare"]["time"].as_str().unwrap()).unwrap().timestamp();
        prop_assert_eq!(&label(question.tz, interval, time.max(other.from)), label_there);
        entry(point, &now(&here[place]), &then(label_there))?;
    }
    Ok(())
}

fn series(report: &Report, both: (&Question, &Question), cells: &[Cell], interval: &str) -> Judgement {
    let document = document(report, both.1)?;
    let Body::Series { times, groups, remainder } = report.body() else { panic!("a series") };
    let points = [both.0.series(cells, interval), both.1.series(cells, interval)];
    let of = |period: usize, key: Vec<String>| {
        let points = &points[period];
        move |label: &str| points.get(&(key.clone(), label.to_owned())).copied().unwrap_or_default()
    };
    for (group, found) in groups.iter().zip(list(&document["rows"]).chunks(times.len())) {
        line(found, interval, both, [&of(0, group.key.clone()), &of(1, group.key.clone())])?;
    }
    let shown: Vec<_> = groups.iter().map(|line| &line.key).collect();
    let hidden = |period: usize, chosen: Option<&str>| {
        let points = points[period]
            .iter()
            .filter(|((key, label), _)| !shown.contains(&key) && chosen.is_none_or(|chosen| label == chosen));
        sum(points.map(|(_, measures)| measures))
    };
    if remainder.is_some() {
        let rest = &document["remainder"];
        let of = |period: usize| move |label: &str| hidden(period, Some(label));
        line(list(&rest["rows"]), interval, both, [&of(0), &of(1)])?;
        entry(rest, &hidden(0, None), &hidden(1, None))?;
    } else {
        prop_assert_eq!([hidden(0, None), hidden(1, None)], [Measures::default(); 2]);
    }
    entry(&document["total"], &sum(both.0.groups(cells).values()), &sum(both.1.groups(cells).values()))
}

#[test]
fn splits_and_summaries_compare_what_a_count_by_brute_force_says_of_both_periods() {
    let given = Given::new("compared_splits");
    holds(150, &(often_of_days(question_of_time()), order(), compare()), |(mut question, order, compare)| {
        question.by.retain(|by| *by != "day");
        let (text, other) = other(&question, compare);
        if question.by.is_empty() {
            let request: SummaryRequest = request(&question, &[("compare", text)]);
            let report = given.report(&ReportSpec::summary(&request).unwrap());
            let totals = [&question, &other].map(|question| sum(question.groups(&given.cells).values()));
            return entry(&document(&report, &other)?["total"], &totals[0], &totals[1]);
        }
        let more = [
            ("by", question.by.join(",")),
            ("compare", text),
            ("limit", order.limit.to_string()),
            ("min_volume", order.min_volume.to_string()),
            ("sort", order.by.to_owned()),
        ];
        let request: SplitRequest = request(&question, &more);
        split(&given.report(&ReportSpec::split(&request).unwrap()), (&question, &other), &given.cells)
    });
}

#[test]
fn series_compare_what_a_count_by_brute_force_says_interval_by_interval() {
    let given = Given::new("compared_series");
    let asked = (often_of_days(question()), interval(), any::<bool>(), 1..4usize, compare());
    holds(150, &asked, |(mut question, interval, grouped, limit, compare)| {
        question.by.truncate(if grouped { 2 } else { 0 });
        let (text, other) = other(&question, compare);
        let mut more = vec![("interval", interval.to_owned()), ("compare", text)];
        if grouped {
            more.extend([("by", question.by.join(",")), ("limit", limit.to_string())]);
        }
        let request: SeriesRequest = request(&question, &more);
        let report = given.report(&ReportSpec::series(&request).unwrap());
        series(&report, (&question, &other), &given.cells, interval)
    });
}
