//! Events in: how fast they are acknowledged, and how fast reports show them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use postlens_tests::harness::Service;
use reqwest::blocking::Client;

use crate::traffic::Traffic;

/// Clients that send at once, to us and to the plain table alike.
const CLIENTS: usize = 4;

/// How long a load took.
pub(crate) struct Loaded {
    /// Until the last answer.
    pub(crate) acknowledged: Duration,
    /// Until reports showed all of it.
    pub(crate) applied: Duration,
}

/// Posts all bodies and waits until they are applied.
pub(crate) fn post(service: &Service, traffic: &Traffic) -> Loaded {
    let client = service.bootstrap();
    let (url, key) = (format!("{}/v1/events", service.url()), client.key().to_owned());
    let started = Instant::now();
    send_all(traffic, |http, body| {
        let request = http.post(&url).bearer_auth(&key).header("content-type", "application/x-ndjson");
        let answer = request.body(body).send().expect("the service answers");
        assert_eq!(answer.status(), 202, "every event is accepted");
    });
    let acknowledged = started.elapsed();
    let status = format!("{}/v1/ingest/status", service.url());
    let http = Client::new();
    loop {
        let answer = http.get(&status).bearer_auth(&key).send().expect("the service answers");
        let text = answer.text().expect("a status is text");
        let json: serde_json::Value = serde_json::from_str(&text).expect("a status is JSON");
        if json["events_waiting"] == 0 {
            return Loaded { acknowledged, applied: started.elapsed() };
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Has the clients take the bodies from the pile, each its next when it has an answer.
pub(crate) fn send_all(traffic: &Traffic, send: impl Fn(&Client, Vec<u8>) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let http = Client::builder().timeout(None).build().expect("a client needs nothing");
                while let Some(body) = traffic.bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    send(&http, body.clone());
                }
            });
        }
    });
}
