//! Exports of a million rows in each form: how long one takes, and how much memory the service takes for it beyond what it has idle.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use postlens_tests::harness::{Client, Service};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    disk, load, memory,
    table::{Table, Wanted},
    traffic::{self, BODY_EVENTS},
};

/// Groups are subjects by domains by days.
const SUBJECTS: usize = 25;
const DAYS: usize = 10;
/// How long one export may take before the measuring is given up.
const PATIENCE: Duration = Duration::from_mins(30);
/// From one look at the export to the next.
const LOOK: Duration = Duration::from_millis(200);
const MIB: f64 = (1 << 20) as f64;

/// Loads messages of as many groups as there are rows, and exports them in each form.
pub(crate) fn measure(rows: usize, table: &mut Table) {
    let domains = rows / SUBJECTS / DAYS;
    let rows = SUBJECTS * domains * DAYS;
    println!("posting {rows} messages of as many groups");
    let service = Service::start();
    let _ = load::post(&service, &bodies(domains));
    println!("waiting for merges");
    let _ = disk::ours(&service);
    table.heading(format!("Exports of {rows} rows"));
    let client = service.bootstrap();
    for format in ["csv", "ndjson", "xlsx", "parquet"] {
        println!("exporting as {format}");
        let processes = [service.id(), service.engine()];
        let idle = processes.map(memory::now);
        processes.map(memory::forget_peak);
        let started = Instant::now();
        let export = export(&client, format);
        let took = started.elapsed();
        assert_eq!(export["rows"].as_u64(), Some(rows as u64), "a row for each group");
        let beyond = |place: usize| (memory::peak(processes[place]).saturating_sub(idle[place])) as f64 / MIB;
        table.figure(format!("  {format}"), took.as_secs_f64(), "s", Wanted::Nothing);
        table.figure("    file".to_owned(), export["bytes"].as_u64().unwrap_or(0) as f64 / MIB, "MiB", Wanted::Nothing);
        table.figure("    service's memory above idle".to_owned(), beyond(0), "MiB", Wanted::AtMost(256.0));
        table.figure("    engine's memory above idle".to_owned(), beyond(1), "MiB", Wanted::Nothing);
    }
}

/// Every subject to every domain, once each day.
fn bodies(domains: usize) -> Vec<Bytes> {
    let (start, _) = traffic::span();
    let (mut bodies, mut body, mut held) = (Vec::new(), String::new(), 0);
    for day in 0..DAYS {
        let time = start + chrono::Duration::days(i64::try_from(day).unwrap_or_default());
        let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
        for domain in 0..domains {
            for subject in 0..SUBJECTS {
                let line = format!(
                    r#"{{"event":"queued","time":"{time}","message_id":"<{day}-{domain}-{subject}@bench.example>","recipient":"p@clinic-{domain}.example","subject":"Your visit on ward {subject}"}}"#
                );
                writeln!(body, "{line}").expect("writing to a String does not fail");
                held += 1;
                if held == BODY_EVENTS {
                    bodies.push(std::mem::take(&mut body).into());
                    held = 0;
                }
            }
        }
    }
    if held > 0 {
        bodies.push(body.into());
    }
    bodies
}

/// Orders an export and waits until it is done.
fn export(client: &Client, format: &str) -> Value {
    let (from, to): (DateTime<Utc>, DateTime<Utc>) = traffic::span();
    let report =
        json!({"by": ["subject", "recipient_domain", "day"], "from": from.to_rfc3339(), "to": to.to_rfc3339()});
    let request = client.request(Method::POST, "/v1/exports").json(&json!({"format": format, "report": report}));
    let ordered: Value = Client::send(request).expect("the service answers").json();
    let path = format!("/v1/exports/{}", ordered["id"].as_str().expect("an order has an id"));
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let export: Value = client.get(&path, &[]).json();
        match export["state"].as_str() {
            Some("done") => return export,
            Some("failed") => panic!("an export fails: {export}"),
            _ => thread::sleep(LOOK),
        }
    }
    panic!("an export takes longer than {PATIENCE:?}");
}
