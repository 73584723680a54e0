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
    let processes = [service.id(), service.engine()];
    let (memory, seconds) = (processes.map(memory::peak), processes.map(memory::processor_seconds));

    println!("inserting them with FORMAT JSONEachRow …");
    let plain = Plain::start();
    let theirs = [plain.load_at_once(&traffic), plain.load(&traffic)];

    println!("asking for reports …");
    let reports = reports::compare(&service, &plain, &traffic);

    print_load(events, &ours, theirs);
    println!("\n(c) split reports, p50 / p95 over {} runs each", reports::RUNS);
    println!("{:<28} {:>19} {:>19} {:>7} {:>7}", "", "Postlens", "uniqExactIf", "p50", "p95");
    for report in reports {
        println!("{report}");
    }
    println!("\n(d) while loading{:>24} {:>12}", "service", "engine");
    println!("{:<28} {:>9} MiB {:>8} MiB", "peak memory", memory[0] >> 20, memory[1] >> 20);
    println!("{:<28} {:>11.1} s {:>10.1} s", "processor time", seconds[0], seconds[1]);
}

fn print_load(events: usize, ours: &Loaded, theirs: [Duration; 2]) {
    let [one, four] = theirs;
    let rows = [
        ("plain MergeTree, one INSERT of the whole NDJSON", one),
        ("plain MergeTree, an INSERT a body, 4 clients", four),
        ("(a) Postlens, acknowledged, durable, 4 clients", ours.acknowledged),
        ("(b) Postlens, visible in reports, exact", ours.applied),
    ];
    println!("\n{:<48} {:>10} {:>14} {:>14}", "", "events/s", "to one INSERT", "to 4 clients");
    for (what, time) in rows {
        let ratio = |other: Duration| other.as_secs_f64() / time.as_secs_f64();
        let rate = events as f64 / time.as_secs_f64();
        println!("{what:<48} {rate:>10.0} {:>13.2}× {:>13.2}×", ratio(one), ratio(four));
    }
}
