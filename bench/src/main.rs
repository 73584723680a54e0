//! `make bench`: Postlens beside the same events in a plain table of the same engine, in one run on one machine.
//!
//! Absolute times say little about another machine; the ratios are what counts. `bench/README.md` keeps the latest figures.

mod load;
mod memory;
mod plain;
mod reports;
mod traffic;

use std::time::Duration;

use postlens_tests::harness::Service;

use crate::{load::Loaded, plain::Plain, traffic::Traffic};

/// Events of a run, unless `POSTLENS_BENCH_EVENTS` says otherwise.
const EVENTS: usize = 2_000_000;

fn main() {
    let events = std::env::var("POSTLENS_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(EVENTS);
    println!("generating {events} events …");
    let traffic = Traffic::generate(events);

    println!("posting them to POST /v1/events …");
    let service = Service::start();
    let ours = load::post(&service, &traffic);
    let memory = [memory::peak(service.id()), memory::peak(service.engine())];

    println!("inserting them with FORMAT JSONEachRow …");
    let plain = Plain::start();
    let theirs = plain.load(&traffic);

    println!("asking for reports …");
    let reports = reports::compare(&service, &plain, &traffic);

    print_load(events, &ours, theirs);
    println!("\n(c) split reports, p50 / p95 over {} runs each", reports::RUNS);
    println!("{:<28} {:>19} {:>19} {:>7} {:>7}", "", "Postlens", "uniqExactIf", "p50", "p95");
    for report in reports {
        println!("{report}");
    }
    println!("\n(d) peak memory while loading: service {} MiB, engine {} MiB", memory[0] >> 20, memory[1] >> 20);
}

fn print_load(events: usize, ours: &Loaded, theirs: Duration) {
    let rate = |time: Duration| events as f64 / time.as_secs_f64();
    println!("\n{:<44} {:>12} {:>8}", "", "events/s", "ratio");
    println!("{:<44} {:>12.0} {:>8}", "INSERT … FORMAT JSONEachRow, plain MergeTree", rate(theirs), "1.00");
    for (what, time) in
        [("(a) acknowledged, durable", ours.acknowledged), ("(b) visible in reports, exact", ours.applied)]
    {
        println!("{what:<44} {:>12.0} {:>8.2}", rate(time), theirs.as_secs_f64() / time.as_secs_f64());
    }
}
