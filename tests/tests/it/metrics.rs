//! `/metrics` as Prometheus reads it: every line is of the format, the values move with what happens, and nobody is named.

#![expect(clippy::float_cmp, reason = "counts are whole numbers, and as such exact")]

use std::collections::{BTreeMap, BTreeSet};

use fixtures::Event;
use postlens_tests::harness::{Body, Client, Encoding, Service, until};
use schema::metrics::{ALL, Kind, Outcome, Stage};

use crate::traffic;

/// One value: its name, its labels in their order, and how much.
#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// A metric with all its values.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    samples: Vec<Sample>,
}

/// Everything that a scrape tells, by the metric's name.
type Scrape = BTreeMap<String, Family>;

/// Reads the text as the format wants it, and fails at the first line that is not of it.
fn parse(text: &str) -> Scrape {
    assert!(text.ends_with('\n'));
    let (mut families, mut current) = (Scrape::new(), String::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            let family = Family { help: help.to_owned(), ..Family::default() };
            assert!(families.insert(name.to_owned(), family).is_none(), "described once: {line}");
            name.clone_into(&mut current);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, current, "described before its type is told: {line}");
            kind.clone_into(&mut families.get_mut(name).unwrap().kind);
        } else {
            let family = families.get_mut(&current).unwrap();
            let sample = sample(line);
            let suffix = sample.name.strip_prefix(&current).unwrap_or_else(|| panic!("not of {current}: {line}"));
            let allowed: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(allowed.contains(&suffix), "{line}");
            family.samples.push(sample);
        }
    }
    families
}

/// Reads `name{label="value",…} number`.
fn sample(line: &str) -> Sample {
    let (left, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let (name, labels) = match left.split_once('{') {
        Some((name, rest)) => (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("labels do not end: {line}"))),
        None => (left, ""),
    };
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(word(name), "{line}");
    let mut pairs = BTreeMap::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no value of a label: {line}"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("a label does not end: {line}"));
        assert!(word(label) && !value.contains('\\'), "{line}");
        assert!(pairs.insert(label.to_owned(), value.to_owned()).is_none(), "twice the same label: {line}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Sample { name: name.to_owned(), labels: pairs, value }
}

fn scrape(service: &Service) -> (String, Scrape) {
    let reply = service.client("").get("/metrics", &[]);
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    (reply.text(), parse(&reply.text()))
}

/// The sum of the values of that name that have all these labels.
fn total(scrape: &Scrape, metric: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let family = scrape.get(metric).unwrap_or_else(|| panic!("no {metric}"));
    let has = |sample: &&Sample| {
        labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|known| known == value))
    };
    family.samples.iter().filter(|sample| sample.name == name).filter(has).map(|sample| sample.value).sum()
}

fn value(scrape: &Scrape, metric: &str, labels: &[(&str, &str)]) -> f64 {
    total(scrape, metric, metric, labels)
}

fn count(scrape: &Scrape, metric: &str, labels: &[(&str, &str)]) -> f64 {
    total(scrape, metric, &format!("{metric}_count"), labels)
}

/// What every scrape must be: metrics of the table, as it says.
fn check(scrape: &Scrape) {
    for (name, family) in scrape {
        let metric =
            ALL.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("not in the table: {name}"));
        let (kind, extra) = match metric.kind {
            Kind::Counter => ("counter", None),
            Kind::Gauge => ("gauge", None),
            Kind::Histogram(_) => ("histogram", Some("le")),
        };
        assert_eq!((family.kind.as_str(), family.help.as_str()), (kind, metric.help), "{name}");
        let known: BTreeSet<&str> = metric.labels.iter().copied().chain(extra).collect();
        let mut seen = BTreeSet::new();
        for sample in &family.samples {
            assert!(sample.labels.keys().all(|label| known.contains(label.as_str())), "{sample:?}");
            assert!(sample.value.is_finite() && sample.value >= 0.0, "{sample:?}");
            assert!(seen.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
        }
        if kind == "histogram" {
            check_buckets(family);
        }
    }
}

/// Buckets grow with their bounds, and the last one holds as many as were counted.
fn check_buckets(family: &Family) {
    let mut last: Option<(BTreeMap<String, String>, f64, f64)> = None;
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        if let Some(bound) = labels.remove("le") {
            let bound: f64 = bound.parse().unwrap();
            if let Some((_, below, fewer)) = last.as_ref().filter(|(known, ..)| *known == labels) {
                assert!(bound > *below && sample.value >= *fewer, "{sample:?}");
            }
            last = Some((labels, bound, sample.value));
        } else if sample.name.ends_with("_count") {
            assert_eq!(last.as_ref(), Some(&(labels, f64::INFINITY, sample.value)), "{sample:?}");
        }
    }
}

/// A report of each kind in each format.
fn ask_for_reports(client: &Client) {
    let range = "from=2026-11-01&to=2026-11-15";
    for question in ["summary?", "split?by=subject&", "series?interval=day&"] {
        for format in ["json", "csv", "png"] {
            let path = format!("/v1/reports/{question}{range}&format={format}");
            assert_eq!(client.get(&path, &[]).status, 200, "{path}");
        }
    }
}

#[test]
fn what_happens_shows_in_the_metrics_and_nobody_is_named() {
    let service = Service::start();
    let (account, client) = service.account();
    let (_, before) = scrape(&service);
    check(&before);
    for stage in Stage::ALL {
        count(&before, "postlens_stage_seconds", &[("stage", stage.label())]);
    }
    for outcome in Outcome::ALL {
        assert_eq!(value(&before, "postlens_events_total", &[("outcome", outcome.label())]), 0.0);
    }

    let events: Vec<Event> = fixtures::events(&traffic::options(61, 3_000)).collect();
    client.report(&events, "?wait=applied", Body::Ndjson, Encoding::Identity);
    let wrong = b"{\"event\":\"opened\"}\n".to_vec();
    assert_eq!(client.try_post("", wrong, Body::Ndjson, Encoding::Identity).unwrap().status, 202);
    ask_for_reports(&client);
    assert_eq!(client.get("/nothing/here/pat@example.com", &[]).status, 404);
    let (text, after) = scrape(&service);
    check(&after);

    for metric in ALL {
        assert!(after.get(metric.name).is_some_and(|family| !family.samples.is_empty()), "{} is told", metric.name);
    }
    assert_eq!(value(&after, "postlens_events_total", &[("outcome", "accepted")]), events.len() as f64);
    assert_eq!(value(&after, "postlens_events_total", &[("outcome", "rejected")]), 1.0);
    let applied = |outcome| value(&after, "postlens_events_total", &[("outcome", outcome)]);
    assert_eq!(applied("applied") + applied("duplicate"), events.len() as f64);
    for stage in Stage::ALL {
        assert!(count(&after, "postlens_stage_seconds", &[("stage", stage.label())]) > 0.0, "{}", stage.label());
    }
    for kind in ["summary", "split", "series"] {
        for format in ["json", "csv", "png"] {
            assert_eq!(count(&after, "postlens_report_seconds", &[("kind", kind), ("format", format)]), 1.0);
        }
    }
    let requests = |route, method, status| {
        value(&after, "postlens_http_requests_total", &[("route", route), ("method", method), ("status", status)])
    };
    assert_eq!(requests("/v1/events", "POST", "200"), 1.0);
    assert_eq!(requests("/v1/events", "POST", "202"), 1.0);
    assert_eq!(requests("/v1/reports/split", "GET", "200"), 3.0);
    assert_eq!(requests("(none)", "GET", "404"), 1.0);
    assert_eq!(value(&after, "postlens_spool_events", &[]), 0.0);
    assert_eq!(value(&after, "postlens_engine_up", &[]), 1.0);
    for process in ["service", "engine"] {
        assert!(value(&after, "postlens_process_resident_bytes", &[("process", process)]) > 1e6, "{process}");
        assert!(value(&after, "postlens_process_cpu_seconds_total", &[("process", process)]) > 0.0, "{process}");
    }

    let event = &events[0];
    let texts = [Some(account), Some(event.recipient.clone()), event.subject.clone(), event.campaign.clone()];
    for word in texts.into_iter().flatten().chain(["@".to_owned(), client.key().to_owned()]) {
        assert!(!text.contains(&word), "the metrics have {word}");
    }
}

#[test]
fn an_engine_that_dies_shows_as_a_restart_and_is_up_again() {
    let service = Service::start();
    assert_eq!(value(&scrape(&service).1, "postlens_engine_restarts_total", &[]), 0.0);
    let killed = std::process::Command::new("kill").args(["-9", &service.engine().to_string()]).status().unwrap();
    assert!(killed.success());
    until("the engine was started again", std::time::Duration::from_mins(2), || {
        let (_, scrape) = scrape(&service);
        let restarts = value(&scrape, "postlens_engine_restarts_total", &[]);
        (restarts >= 1.0 && value(&scrape, "postlens_engine_up", &[]) == 1.0).then_some(())
    });
}

#[test]
fn metrics_with_a_key_of_their_own_are_told_to_whoever_has_it() {
    let service = Service::with(&[("POSTLENS_METRICS_KEY", "a-key-of-the-operators-own-making")]);
    assert_eq!(service.client("").get("/metrics", &[]).status, 401);
    assert_eq!(service.bootstrap().get("/metrics", &[]).status, 401, "an API key does not open it");
    let reply = service.client("a-key-of-the-operators-own-making").get("/metrics", &[]);
    check(&parse(&reply.text()));
}
