//! Events in: how fast they are acknowledged, and how fast reports show them.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fixtures::Options;
use postlens_tests::harness::Service;
use reqwest::blocking::Client;
use serde_json::Value;

use crate::{
    plain::Plain,
    traffic::{self, Taker},
};

/// Clients that send at once, to us and to the plain table alike.
const CLIENTS: usize = 4;

/// Bodies that wait for a client while the traffic is made.
const AHEAD: usize = 4;

/// Bodies that are one `INSERT` of the plain table while the traffic is made.
const AN_INSERT: usize = 10;

/// How long a load took.
pub(crate) struct Loaded {
    /// Until the last answer.
    pub(crate) acknowledged: Duration,
    /// Until reports showed all of it.
    pub(crate) applied: Duration,
}

/// Where events go.
pub(crate) struct Target {
    url: String,
    key: String,
}

impl Target {
    /// The way in of the service.
    pub(crate) fn new(service: &Service) -> Self {
        Self { url: service.url(), key: service.bootstrap().key().to_owned() }
    }

    /// Posts a body, again while the service asks for patience.
    pub(crate) fn post(&self, http: &Client, body: &Bytes) {
        let url = format!("{}/v1/events", self.url);
        loop {
            let request = http.post(&url).bearer_auth(&self.key).header("content-type", "application/x-ndjson");
            let answer = request.body(body.clone()).send().expect("the service answers");
            match answer.status().as_u16() {
                202 => return,
                429 | 503 => thread::sleep(Duration::from_millis(200)),
                _ => panic!("every event is accepted: {}", answer.text().unwrap_or_default()),
            }
        }
    }

    /// Events that are acknowledged and not in the reports yet.
    pub(crate) fn waiting(&self, http: &Client) -> u64 {
        let answer = http.get(format!("{}/v1/ingest/status", self.url)).bearer_auth(&self.key).send();
        let text = answer.and_then(reqwest::blocking::Response::text).expect("the service answers");
        let status: Value = serde_json::from_str(&text).expect("a status is JSON");
        status["events_waiting"].as_u64().expect("a status tells how many events wait")
    }

    /// Waits until reports show everything.
    pub(crate) fn wait_applied(&self) {
        let (http, mut told) = (http(), Instant::now());
        loop {
            let waiting = self.waiting(&http);
            if waiting == 0 {
                return;
            }
            if told.elapsed() >= Duration::from_secs(15) {
                told = Instant::now();
                println!("  {waiting} events wait to be applied");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A client that waits as long as it takes.
pub(crate) fn http() -> Client {
    Client::builder().timeout(None).build().expect("a client needs nothing")
}

/// Posts all bodies and waits until they are applied.
pub(crate) fn post(service: &Service, bodies: &[Bytes]) -> Loaded {
    let target = Target::new(service);
    let started = Instant::now();
    send_all(bodies, |http, body| target.post(http, body));
    let acknowledged = started.elapsed();
    target.wait_applied();
    Loaded { acknowledged, applied: started.elapsed() }
}

/// Has the clients take the bodies from the pile, each its next when it has an answer.
pub(crate) fn send_all(bodies: &[Bytes], send: impl Fn(&Client, &Bytes) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let http = http();
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    send(&http, body);
                }
            });
        }
    });
}

/// Posts traffic while it is made, and inserts the same into the plain table if there is one. How long ours took: as it shares
/// the machine with the generator and with the other load, that is no measure of its speed.
pub(crate) fn stream(service: &Service, plain: Option<&Plain>, options: &Options) -> Duration {
    let (target, started) = (Target::new(service), Instant::now());
    let (to_us, ours) = sync_channel(AHEAD);
    let (mut takers, ours) = (vec![Taker::new(to_us, 1)], Mutex::new(ours));
    thread::scope(|scope| {
        let (target, ours) = (&target, &ours);
        if let Some(plain) = plain {
            let (to_them, theirs) = sync_channel(1);
            takers.push(Taker::new(to_them, AN_INSERT));
            scope.spawn(move || theirs.iter().for_each(|body| plain.insert(&http(), &body.into())));
        }
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                let http = http();
                while let Some(body) = next(ours) {
                    target.post(&http, &body);
                }
            });
        }
        traffic::stream(options, takers);
    });
    target.wait_applied();
    started.elapsed()
}

fn next(bodies: &Mutex<Receiver<Vec<u8>>>) -> Option<Bytes> {
    bodies.lock().unwrap_or_else(PoisonError::into_inner).recv().ok().map(Bytes::from)
}
