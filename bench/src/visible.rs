//! How fast events become visible, beside one `INSERT` of the same NDJSON: a few rounds of both in turn, for a machine's speed varies.

use bytes::Bytes;
use postlens_tests::harness::Service;

use crate::{
    load, memory,
    plain::Plain,
    stages::{Stages, Took},
    standard,
    table::{Table, Wanted},
    traffic,
};

/// Measures so many rounds and adds each of them, and the median ratio.
pub(crate) fn alone(events: usize, rounds: usize, table: &mut Table) {
    println!("making {events} events");
    let bodies = traffic::bodies(&traffic::options(events), traffic::BODY_EVENTS);
    table.heading(format!(
        "{events} events, {rounds} rounds in turn: plain MergeTree table of the same engine, one INSERT"
    ));
    let mut ratios: Vec<f64> = (1..=rounds).map(|round| measure(&bodies, events, round, table)).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    table.figure("  visible in reports, against one INSERT, median", ratios[rounds / 2], "×", Wanted::AtLeast(0.5));
}

fn measure(bodies: &[Bytes], events: usize, round: usize, table: &mut Table) -> f64 {
    println!("round {round}");
    let service = Service::start();
    let before = Stages::of(&service);
    let loaded = load::post(&service, bodies);
    let seconds = [service.id(), service.engine()].map(memory::processor_seconds);
    let stages = Stages::of(&service).since(&before);
    let peak = memory::peak(service.id());
    drop(service);
    let plain = Plain::start().load_at_once(bodies);
    let rate = |time: std::time::Duration| events as f64 / time.as_secs_f64();
    let (visible, theirs) = (rate(loaded.applied), rate(plain));
    table.speed(format!("  {round}: visible in reports"), visible, theirs, Wanted::Nothing);
    table.speed(format!("  {round}: acknowledged"), rate(loaded.acknowledged), theirs, Wanted::Nothing);
    standard::processor_time(table, &format!("  {round}: "), events, seconds);
    table.figure(format!("  {round}: peak memory, service"), (peak >> 20) as f64, "MiB", Wanted::Nothing);
    for Took { stage, times, mean, .. } in &stages {
        table.figure(format!("  {round}: {stage}, {times:.0} times, in all"), mean * times, "s", Wanted::Nothing);
    }
    visible / theirs
}
