//! From an event to a report that shows it, while events come in at a steady rate.
//!
//! The load is open: every body has the moment at which it is due, whether or not the one before has been answered, and times are
//! taken from that moment. A service that stalls is charged for all that should have come meanwhile.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::SecondsFormat;
use fixtures::Options;
use postlens_tests::harness::{Body, Client, Encoding, Report, Service};

use crate::{
    disk,
    load::{self, Target, http},
    reports::percentile,
    stages::{Stages, Took},
    table::{Table, Wanted},
    traffic,
};

/// How long events come in.
const LOAD: Duration = Duration::from_secs(30);
/// The first samples are not counted: what was loaded before may still be merging.
const WARM_UP: Duration = Duration::from_secs(5);
/// From one body to the next.
const PACE: Duration = Duration::from_millis(10);
/// From one sample to the next.
const SAMPLING: Duration = Duration::from_millis(100);
/// Threads that post; an answer may take this many times the pace before one is late.
const SENDERS: usize = 16;

/// How late reports were.
pub(crate) struct Lag {
    /// Events a second that came in.
    pub(crate) rate: f64,
    /// Events that were watched.
    pub(crate) samples: usize,
    /// Half of them showed within.
    pub(crate) p50: Duration,
    /// 99 of a hundred of them showed within.
    pub(crate) p99: Duration,
    /// Half of them, and 99 of a hundred of them, were said to be applied within.
    pub(crate) applied: [Duration; 2],
    /// Events that waited when no more came in.
    pub(crate) waiting: u64,
    /// What the stages of ingestion took meanwhile.
    pub(crate) stages: Vec<Took>,
}

/// Measures alone: loads events, waits for merges, and watches at half the rate at which they were applied.
pub(crate) fn alone(events: usize, table: &mut Table) {
    println!("posting {events} events to POST /v1/events");
    let service = Service::start();
    let loaded = load::post(&service, &traffic::bodies(&traffic::options(events), traffic::BODY_EVENTS));
    println!("waiting for merges");
    let _ = disk::ours(&service);
    println!("posting at half that rate, and watching single events");
    let lag = measure(&service, events as f64 / loaded.applied.as_secs_f64() / 2.0);
    table.heading(format!("{events} events, then {:.0} a second", lag.rate));
    lag.tell(table);
    for Took { stage, times, mean, longest } in &lag.stages {
        table.figure(
            format!("  {stage}, {times:.0} times, each within {longest} s; mean"),
            *mean,
            "s",
            Wanted::Nothing,
        );
    }
}

impl Lag {
    /// Adds what a reader of reports notices.
    pub(crate) fn tell(&self, table: &mut Table) {
        let at = format!("  event to report, {:.0} events/s, {} watched", self.rate, self.samples);
        for (name, time) in ["p50", "p99"].iter().zip(self.applied) {
            table.figure(format!("{at}, applied, {name}"), time.as_secs_f64(), "s", Wanted::Nothing);
        }
        table.figure(format!("{at}, p50"), self.p50.as_secs_f64(), "s", Wanted::Nothing);
        table.figure(format!("{at}, p99"), self.p99.as_secs_f64(), "s", Wanted::AtMost(2.0));
        table.figure("  events that waited when these had come in", self.waiting as f64, "", Wanted::Nothing);
    }
}

/// Sends events at this rate and watches single ones on their way.
pub(crate) fn measure(service: &Service, rate: f64) -> Lag {
    let ticks = whole(LOAD.as_secs_f64() / PACE.as_secs_f64());
    let body_events = whole(rate * PACE.as_secs_f64()).max(1);
    let options = Options { seed: 2, ..traffic::options(ticks * body_events) };
    let (bodies, target) = (traffic::bodies(&options, body_events), Target::new(service));
    let (next, times, watcher) = (AtomicUsize::new(0), Mutex::new(Vec::new()), service.account().1);
    let before = Stages::of(service);
    let start = Instant::now();
    let waiting = thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(|| send(&bodies, &next, &target, start))).collect();
        for number in 0..whole(LOAD.as_secs_f64() / SAMPLING.as_secs_f64()) {
            let due = at(start, SAMPLING, number);
            let (watcher, times) = (&watcher, &times);
            scope.spawn(move || {
                let late = watch(watcher, number, due);
                if due.duration_since(start) >= WARM_UP {
                    times.lock().unwrap_or_else(PoisonError::into_inner).push(late);
                }
            });
        }
        for sender in senders {
            sender.join().expect("a sender posts all that is due");
        }
        target.waiting(&http())
    });
    let times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (mut applied, mut times): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    applied.sort_unstable();
    times.sort_unstable();
    let applied = [50, 99].map(|share| percentile(&applied, share));
    let rate = body_events as f64 / PACE.as_secs_f64();
    let stages = Stages::of(service).since(&before);
    Lag {
        rate,
        samples: times.len(),
        p50: percentile(&times, 50),
        p99: percentile(&times, 99),
        applied,
        waiting,
        stages,
    }
}

fn send(bodies: &[Bytes], next: &AtomicUsize, target: &Target, start: Instant) {
    let http = http();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(body) = bodies.get(number) else { return };
        sleep_until(at(start, PACE, number));
        target.post(&http, body);
    }
}

/// Reports one event when it is due, and asks until a report shows it: how late the service said that reports do, and how late one did.
fn watch(client: &Client, number: usize, due: Instant) -> (Duration, Duration) {
    sleep_until(due);
    let (time, _) = traffic::span();
    let campaign = format!("watched-{number}");
    let event = format!(
        r#"{{"event":"queued","time":"{}","message_id":"<{campaign}@bench.example>","recipient":"watched@bench.example","campaign":"{campaign}"}}"#,
        time.to_rfc3339_opts(SecondsFormat::Millis, true)
    );
    // 504 comes after half a minute: the event is accepted all the same. 429 and 503 ask for patience.
    while !matches!(
        client.try_post("?wait=applied", event.clone().into_bytes(), Body::Ndjson, Encoding::Identity),
        Ok(reply) if matches!(reply.status, 200 | 504)
    ) {
        thread::sleep(Duration::from_millis(50));
    }
    let applied = due.elapsed();
    let question = [
        ("from", time.to_rfc3339()),
        ("to", (time + chrono::Duration::minutes(15)).to_rfc3339()),
        ("filter", format!("campaign:is:{campaign}")),
        ("measures", "queued".to_owned()),
    ];
    loop {
        let reply = client.get("/v1/reports/summary", &question);
        if reply.status == 200 && reply.json::<Report>().total.measures["queued"] == 1 {
            return (applied, due.elapsed());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn at(start: Instant, pace: Duration, number: usize) -> Instant {
    start + pace.mul_f64(number as f64)
}

fn sleep_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not negative, and far below 2^52"
)]
fn whole(number: f64) -> usize {
    number.round() as usize
}
