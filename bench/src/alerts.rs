//! What a pass over ten thousand alerts costs: rules that watch each of three thousand recipient domains, on traffic of the last days.

use std::{
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

use chrono::Utc;
use fixtures::Options;
use postlens_tests::harness::{Client, Service};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    disk, load, memory,
    table::{Table, Wanted},
    traffic,
};

/// How long passes are watched.
const WATCHED: Duration = Duration::from_secs(30);
/// How often the service evaluates meanwhile.
const INTERVAL: &str = "1s";
/// What each recipient domain is watched for. Nobody's mail passes it, so no alert is written.
const WATCHES: [(&str, f64); 4] =
    [("failure_rate", 0.99), ("spam_rate", 0.99), ("unsubscribe_rate", 0.99), ("delivery_rate", 1.0)];

/// What the passes took so far.
#[derive(Clone, Copy)]
struct Passes {
    count: f64,
    /// From the first to the last moment of each, in all.
    seconds: f64,
    /// Of the processors, by service and engine.
    processor: f64,
}

/// Measures, and adds to the table.
pub(crate) fn measure(events: usize, table: &mut Table) {
    println!("posting {events} events of the last two weeks to POST /v1/events");
    let service = Service::with(&[("POSTLENS_ALERTS_INTERVAL", INTERVAL)]);
    let days = Options::default().days;
    let start = Utc::now() - chrono::Duration::days(i64::from(days));
    load::stream(&service, None, &Options { start, ..traffic::options(events) });
    println!("waiting for merges");
    let _ = disk::ours(&service);
    println!("watching what evaluating alerts takes");
    let client = service.bootstrap();
    let idle = watch(&service, &client);
    for (number, (watch, above)) in WATCHES.into_iter().enumerate() {
        let rule = json!({"name": format!("Bench {number}"), "watch": watch, "when": {"above": above},
            "window": ["24h", "7d", "30d"], "by": "recipient_domain", "minimum": 1, "severity": "info"});
        let reply = Client::send(client.request(Method::POST, "/v1/alerts/rules").json(&rule));
        let reply = reply.expect("the service answers");
        assert_eq!(reply.status, 201, "{}", reply.text());
    }
    let instances = domains(&client) * WATCHES.len();
    let busy = watch(&service, &client);

    table.heading(format!("{events} events of the last {days} days, {instances} alerts of {} rules", WATCHES.len()));
    let each = |passes: Passes| (passes.seconds / passes.count, passes.processor / passes.count);
    let (time, processor) = each(busy);
    // What else the processes do meanwhile is in what they use, so the bound is every core, all the while.
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get) as f64;
    table.figure("  a pass over all alerts, time of one core, at most", time * cores, "s", Wanted::AtMost(1.0));
    table.figure("  processor time from pass to pass, with these rules", processor, "s", Wanted::Nothing);
    table.figure("  processor time from pass to pass, without", each(idle).1, "s", Wanted::Nothing);
}

/// What the passes of a while take.
fn watch(service: &Service, client: &Client) -> Passes {
    // The first pass after a change asks what the caches do not hold yet.
    thread::sleep(Duration::from_secs(5));
    let before = look(service, client);
    let started = Instant::now();
    while started.elapsed() < WATCHED {
        thread::sleep(Duration::from_secs(1));
    }
    let after = look(service, client);
    let passes = Passes {
        count: after.count - before.count,
        seconds: after.seconds - before.seconds,
        processor: after.processor - before.processor,
    };
    assert!(passes.count >= 2.0, "the service evaluates");
    passes
}

fn look(service: &Service, client: &Client) -> Passes {
    let text = client.get("/metrics", &[]).text();
    let number = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("/metrics tells {name}"))
    };
    Passes {
        count: number("postlens_alert_pass_seconds_count"),
        seconds: number("postlens_alert_pass_seconds_sum"),
        processor: [service.id(), service.engine()].map(memory::processor_seconds).iter().sum(),
    }
}

/// How many recipient domains had mail in the longest window.
fn domains(client: &Client) -> usize {
    let from = (Utc::now() - chrono::Duration::days(30)).date_naive().to_string();
    let to = (Utc::now() + chrono::Duration::days(1)).date_naive().to_string();
    let question =
        [("by", "recipient_domain"), ("limit", "10000"), ("measures", "queued"), ("from", &from), ("to", &to)]
            .map(|(name, value)| (name, value.to_owned()));
    let report: Value = client.get("/v1/reports/split", &question).json();
    report["rows"].as_array().map_or(0, Vec::len)
}
