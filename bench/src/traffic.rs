//! The events of a run, cut into bodies as a client would send them: all at hand, or made while they are sent.

use std::{
    env,
    sync::mpsc::SyncSender,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use fixtures::Options;

/// Events in a body.
pub(crate) const BODY_EVENTS: usize = 10_000;

/// The number that an environment variable gives.
pub(crate) fn size(variable: &str, default: usize) -> usize {
    let Ok(text) = env::var(variable) else { return default };
    let number = text.replace('_', "").parse().ok().filter(|number| *number > 0);
    number.unwrap_or_else(|| panic!("{variable} must be a number of events, like 2_000_000"))
}

/// The traffic of a size: believable, and without repetitions, so that every line is an event that counts.
pub(crate) fn options(events: usize) -> Options {
    Options { seed: 1, events, repeat: 0.0, ..Options::default() }
}

/// The time that the traffic spans, whatever its size.
pub(crate) fn span() -> (DateTime<Utc>, DateTime<Utc>) {
    let Options { start, days, .. } = Options::default();
    (start, start + chrono::Duration::days(i64::from(days)))
}

/// Bodies of NDJSON, all at hand, so that making them takes no time from what is measured.
pub(crate) fn bodies(options: &Options, body_events: usize) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    each_body(options, body_events, |body| bodies.push(body.into()));
    bodies
}

/// Makes the bodies one after another; of events to come only 16 bytes are held.
pub(crate) fn each_body(options: &Options, body_events: usize, mut take: impl FnMut(Vec<u8>)) {
    let (mut body, mut held) = (Vec::new(), 0);
    for event in fixtures::events(options) {
        serde_json::to_writer(&mut body, &event).expect("events are plain data");
        body.push(b'\n');
        held += 1;
        if held == body_events {
            take(std::mem::take(&mut body));
            held = 0;
        }
    }
    if held > 0 {
        take(body);
    }
}

/// Somebody who takes the traffic while it is made, so many bodies at once.
pub(crate) struct Taker {
    bodies: SyncSender<Vec<u8>>,
    at_once: usize,
    held: Vec<u8>,
    count: usize,
}

impl Taker {
    /// Takes `at_once` bodies as one.
    pub(crate) fn new(bodies: SyncSender<Vec<u8>>, at_once: usize) -> Self {
        Self { bodies, at_once, held: Vec::new(), count: 0 }
    }

    fn take(&mut self, body: &[u8]) {
        self.held.extend_from_slice(body);
        self.count += 1;
        if self.count == self.at_once {
            self.pass_on();
        }
    }

    fn pass_on(&mut self) {
        self.count = 0;
        if !self.held.is_empty() {
            self.bodies
                .send(std::mem::take(&mut self.held))
                .expect("the other end takes bodies until this one is gone");
        }
    }
}

/// Makes the traffic, gives every body to all who take it, and tells now and then how far it is. As fast as the slowest of them.
pub(crate) fn stream(options: &Options, mut takers: Vec<Taker>) {
    let (started, mut made, mut told) = (Instant::now(), 0, Instant::now());
    each_body(options, BODY_EVENTS, |body| {
        for taker in &mut takers {
            taker.take(&body);
        }
        made = (made + BODY_EVENTS).min(options.events);
        if told.elapsed() >= Duration::from_secs(15) {
            told = Instant::now();
            let rate = made as f64 / started.elapsed().as_secs_f64();
            println!("  {:>5.1} %, {rate:.0} events/s", 100.0 * made as f64 / options.events as f64);
        }
    });
    for taker in &mut takers {
        taker.pass_on();
    }
}
