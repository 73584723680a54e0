//! Failures, links and security, out of random events in any order, compared with what was counted by hand: in JSON and in CSV, on both
//! bases, with filters and limits; and with the summary and the split of the same question.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use postlens_tests::{
    harness::{Client, SECRET, Service},
    oracle::{Failures, Filter, Links, Oracle, Question, Test},
};
use proptest::prelude::*;
use schema::{Basis, Dimension};
use serde_json::{Value, json};

use crate::{budget, properties};

/// A group as it is told: its measures by their names, and when it was, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    key: String,
    measures: Vec<(&'static str, i64)>,
    times: Option<(i64, i64)>,
}

fn questions() -> Vec<Question> {
    let at = |quarters: i64| properties::beginning() + TimeDelta::minutes(15 * quarters);
    let filter = |dimension: &str, test| Filter { dimension: dimension.parse().unwrap(), test };
    let filters = [
        Vec::new(),
        vec![filter("campaign", Test::Is("c".to_owned()))],
        vec![
            filter("field:payer", Test::IsNot("p1".to_owned())),
            filter("sender_domain", Test::In(vec!["one.example".to_owned(), String::new()])),
            filter("mailbox_provider", Test::Is("gmail".to_owned())),
        ],
    ];
    let ranges = [(-1, 3 * 96), (1, 96)];
    let of = |basis| {
        filters.iter().zip(ranges.into_iter().cycle()).map(move |(filters, (from, to))| Question {
            by: Vec::new(),
            basis,
            from: at(from),
            to: at(to),
            filters: filters.clone(),
            limit: 2,
        })
    };
    Basis::ALL.into_iter().flat_map(of).collect()
}

fn ask(client: &Client, path: &str, question: &Question, more: &[(&'static str, &str)]) -> Value {
    let mut parameters = question.parameters();
    parameters.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let reply = client.get(path, &parameters);
    assert_eq!(reply.status, 200, "{parameters:?}: {}", reply.text());
    reply.json()
}

fn millis(value: &Value) -> Option<i64> {
    Some(value.as_str()?.parse::<DateTime<Utc>>().unwrap().timestamp_millis())
}

fn shown(key: &str) -> &str {
    if key.is_empty() { "(none)" } else { key }
}

/// Compares a report with its groups, the greatest by their first measure first, in JSON and in CSV. `sum` puts groups together.
fn compare(
    client: &Client,
    path: &str,
    (question, more): (&Question, &[(&'static str, &str)]),
    mut groups: Vec<Told>,
    sum: impl Fn(&[Told]) -> Told,
) {
    groups.sort_by(|one, other| other.measures[0].1.cmp(&one.measures[0].1).then_with(|| one.key.cmp(&other.key)));
    let same = |given: &Value, told: &Told, context: &str| {
        let measures: BTreeMap<_, _> = told.measures.iter().copied().collect();
        assert_eq!(given["measures"], json!(measures), "{context}: {given}");
        if let Some((first, last)) = told.times {
            assert_eq!((millis(&given["first_at"]), millis(&given["last_at"])), (Some(first), Some(last)), "{context}");
        }
    };
    for limit in [question.limit, 10_000] {
        let limit_text = limit.to_string();
        let more: Vec<_> = more.iter().copied().chain([("limit", limit_text.as_str())]).collect();
        let context = format!("{path} {more:?} of {question:?}");
        let report = ask(client, path, question, &more);
        let by = report["by"][0].as_str().unwrap().to_owned();
        let (kept, cut) = groups.split_at(groups.len().min(limit));
        let rows = report["rows"].as_array().unwrap();
        let keys: Vec<_> = rows.iter().map(|row| row["key"][&by].as_str().unwrap()).collect();
        assert_eq!(keys, kept.iter().map(|told| shown(&told.key)).collect::<Vec<_>>(), "{context}");
        rows.iter().zip(kept).for_each(|(row, told)| same(row, told, &context));
        if cut.is_empty() {
            assert_eq!(report["remainder"], Value::Null, "{context}");
        } else {
            assert_eq!(report["remainder"]["groups"], json!(cut.len()), "{context}");
            same(&report["remainder"], &sum(cut), &context);
        }
        same(&report["total"], &sum(&groups), &context);
        sheet(client, path, (question, &more), &report);
    }
}

/// The CSV of a report has the cells of its JSON.
fn sheet(client: &Client, path: &str, (question, more): (&Question, &[(&'static str, &str)]), report: &Value) {
    let mut parameters = question.parameters();
    parameters.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    parameters.extend([("format", "csv".to_owned()), ("total", "true".to_owned())]);
    let text = client.get(path, &parameters).text();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let parts = report["rows"].as_array().unwrap().iter().chain([&report["remainder"], &report["total"]]);
    let parts: Vec<_> = parts.filter(|part| !part.is_null()).collect();
    assert_eq!(lines.len(), parts.len() + 1, "{text}");
    for (line, part) in lines[1..].iter().zip(parts) {
        assert_eq!(line.len(), lines[0].len(), "{text}");
        for (name, cell) in lines[0].iter().zip(line).skip(1) {
            let value = [&part["measures"], &part["rates"], part].into_iter().find_map(|object| object.get(*name));
            let value = match value.unwrap() {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                number => {
                    number.as_i64().map_or_else(|| number.as_f64().unwrap().to_string(), |whole| whole.to_string())
                }
            };
            assert_eq!(*cell, value, "{name} of {text}");
        }
    }
}

fn of_failures(key: &str, failures: &Failures) -> Told {
    let (failed, domains) = (failures.failed, i64::try_from(failures.domains.len()).unwrap());
    let times = failures.times.first().copied().zip(failures.times.last().copied());
    Told { key: key.to_owned(), measures: vec![("failed", failed), ("domains", domains)], times }
}

fn of_links(key: &str, links: &Links) -> Told {
    let clicked = i64::try_from(links.clicked.len()).unwrap();
    let measures = vec![("clicks", links.clicks), ("clicked", clicked), ("machine_clicks", links.machine_clicks)];
    Told { key: key.to_owned(), measures, times: None }
}

/// The measure of a summary of the same question.
fn of_summary(client: &Client, question: &Question, measure: &str) -> Value {
    ask(client, "/v1/reports/summary", question, &[])["total"]["measures"][measure].clone()
}

/// What a failed delivery is grouped by, out of its class, its domain and its reason.
type Key<'a> = &'a dyn Fn(&str, &str, &str) -> String;

fn failures(client: &Client, oracle: &Oracle, question: &Question) {
    let told =
        |reason: &str| properties::REASONS.iter().find(|(text, ..)| *text == reason).copied().unwrap_or_default();
    let keys: [(&str, Key<'_>); 4] = [
        ("class", &|class, _, _| class.to_owned()),
        ("domain", &|_, domain, _| domain.to_owned()),
        ("status", &|_, _, reason| told(reason).1.to_owned()),
        ("reason", &|_, _, reason| told(reason).2.to_owned()),
    ];
    for (by, key) in keys {
        let counted = oracle.failures(question, key);
        let groups: Vec<_> = counted.iter().map(|(key, failures)| of_failures(key, failures)).collect();
        let sum = |told: &[Told]| {
            let mut all = Failures::default();
            for failures in told.iter().map(|told| &counted[&told.key]) {
                all.failed += failures.failed;
                all.domains.extend(failures.domains.iter().cloned());
                all.times.extend(&failures.times);
            }
            of_failures("", &all)
        };
        compare(client, "/v1/reports/failures", (question, &[("by", by)]), groups, sum);
        let report = ask(client, "/v1/reports/failures", question, &[("by", by)]);
        assert_eq!(report["total"]["measures"]["failed"], of_summary(client, question, "failed"), "{question:?}");
    }
}

fn links(client: &Client, oracle: &Oracle, question: &Question) {
    let stripped = |url: &str| url.split(['?', '#']).next().unwrap().to_owned();
    for (strip, key) in [("true", &stripped as &dyn Fn(&str) -> String), ("false", &|url: &str| url.to_owned())] {
        let counted = oracle.links(question, key);
        let groups: Vec<_> = counted.iter().map(|(key, links)| of_links(key, links)).collect();
        let sum = |told: &[Told]| {
            let mut all = Links::default();
            for links in told.iter().map(|told| &counted[&told.key]) {
                all.clicks += links.clicks;
                all.machine_clicks += links.machine_clicks;
                all.clicked.extend(links.clicked.iter().cloned());
            }
            of_links("", &all)
        };
        compare(client, "/v1/reports/links", (question, &[("strip_query", strip)]), groups, sum);
    }
    let total = &ask(client, "/v1/reports/links", question, &[])["total"]["measures"];
    for measure in ["clicks", "machine_clicks"] {
        assert_eq!(total[measure], of_summary(client, question, measure), "{question:?}");
    }
    if question.basis == Basis::Sent {
        assert_eq!(total["clicked"], of_summary(client, question, "clicked"), "{question:?}");
    }
}

fn security(client: &Client, oracle: &Oracle, question: &Question) {
    for by in [Dimension::RecipientDomain, Dimension::MailboxProvider] {
        let (name, counted) = (by.to_string(), oracle.methods(question, &by));
        let more =
            [("by", name.as_str()), ("measures", "queued,delivered,secured,unsecured"), ("rates", "secured_rate")];
        for limit in ["1", "100"] {
            let limit = ("limit", limit);
            let split =
                ask(client, "/v1/reports/split", question, &[&more[..], &[("sort", "-unsecured"), limit]].concat());
            let plain = ask(client, "/v1/reports/security", question, &[("by", &name), limit]);
            for part in ["rows", "remainder", "total", "by", "from", "to", "basis"] {
                assert_eq!(plain[part], split[part], "{part} of {question:?}");
            }
            let told = ask(client, "/v1/reports/security", question, &[("by", &name), ("methods", "true"), limit]);
            let parts = told["rows"].as_array().unwrap().iter().chain([&told["remainder"], &told["total"]]);
            let keys: BTreeSet<_> =
                told["rows"].as_array().unwrap().iter().map(|row| row["key"][&name].as_str()).collect();
            for part in parts.filter(|part| !part.is_null()) {
                let holds = |group: &str| match (part.get("key"), part.get("groups")) {
                    (Some(key), _) => key[&name] == *group,
                    (None, Some(_)) => !keys.contains(&Some(group)),
                    (None, None) => true,
                };
                for method in ["tls", "portal", "pgp", "smime", "other"] {
                    let groups = counted.iter().filter(|(group, _)| holds(group));
                    let wanted: i64 = groups.filter_map(|(_, methods)| methods.get(method)).sum();
                    assert_eq!(part["measures"][method], json!(wanted), "{method} of {part} of {question:?}");
                }
            }
            sheet(client, "/v1/reports/security", (question, &[("by", &name), ("methods", "true"), limit]), &told);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: budget::RANDOM_CASES / 8,
        max_shrink_time: u32::try_from(budget::SHRINKING.as_millis()).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn failures_links_and_security_are_what_events_say((events, cuts) in properties::reports(), (others, _) in properties::reports()) {
        let (account, client) = Service::shared().account();
        let (_, stranger) = Service::shared().account();
        stranger.report_plainly(&others);
        stranger.wait_applied(&others[0]);
        let mut oracle = Oracle::new(&account, SECRET);
        properties::report(&client, &mut oracle, &events, &cuts);
        for question in questions() {
            failures(&client, &oracle, &question);
            links(&client, &oracle, &question);
            security(&client, &oracle, &question);
        }
    }
}

#[test]
fn a_key_for_reports_opens_patterns_and_no_whole_urls() {
    let (account, _) = Service::shared().account();
    let reader = Service::shared().client(&Service::shared().key(&account, "read"));
    let range = "from=2026-11-01&to=2026-11-08";
    for (path, status) in [
        ("failures?by=reason", 200),
        ("links?campaign=c", 200),
        ("links?strip_query=false", 403),
        ("security?methods=true", 200),
        ("failures?by=subject", 422),
    ] {
        let reply = reader.get(&format!("/v1/reports/{path}&{range}"), &[]);
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    let picture = reader.get(&format!("/v1/reports/failures?by=class&{range}&format=png"), &[]);
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/png"));
}
