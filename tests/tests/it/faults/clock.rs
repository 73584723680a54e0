//! A clock that jumps, forwards and back, while the service runs and across its restarts: no number changes. And one that runs for days,
//! until the ledger forgets.

use std::{fs, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use fixtures::{Event, Kind};
use postlens_tests::harness::{Body, Encoding, Engine, Receipt, Report, Service};

use super::{Account, extremes};
use crate::budget::FAULTY_RUN;

/// Moves the clock of a process that it is loaded into.
fn library() -> PathBuf {
    let folders =
        fs::read_dir("/usr/lib").unwrap().map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    folders.into_iter().find(|path| path.exists()).expect("`make setup` installs libfaketime")
}

/// The clock of a service, set by a file that it reads again and again.
struct Clock(PathBuf);

impl Clock {
    fn jump(&self, by: TimeDelta) {
        fs::write(&self.0, format!("{:+}\n", by.num_seconds())).unwrap();
    }
}

/// A service with further settings whose clock can be moved. The engine's clock is left alone, so that it is the service's that is tried.
fn service(engine: &Engine, clock: &Clock, more: &[(&str, &str)]) -> Service {
    clock.jump(TimeDelta::zero());
    let (url, library) = (format!("http://{}", engine.address()), library());
    let mut settings = vec![
        ("POSTLENS_CLICKHOUSE_URL", url.as_str()),
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.0.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    settings.extend_from_slice(more);
    Service::with(&settings)
}

#[test]
fn a_clock_that_jumps_back_and_forth_changes_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock(folder.path().join("clock"));
    let engine = Engine::start();
    let service = service(&engine, &clock, &[]);
    let account = Account::of(&service, 85, FAULTY_RUN);
    let jumps = [0, 3600, -3600, 86_400, -2 * 86_400, 40 * 86_400, -1, 0].map(TimeDelta::seconds);
    let part = account.events.len().div_ceil(jumps.len());
    for (number, (events, jump)) in account.events.chunks(part).zip(jumps).enumerate() {
        clock.jump(jump);
        let as_of = as_of(&account);
        assert!((as_of - Utc::now() - jump).abs() < TimeDelta::minutes(5), "the service's clock jumped: {as_of}");
        account.client.report_plainly(events);
        if number % 3 == 2 {
            service.kill();
            service.restart();
        }
    }
    account.compare();
}

fn as_of(account: &Account) -> DateTime<Utc> {
    account.client.wait_applied(&account.events[0]);
    let report: Report = account.client.get("/v1/reports/summary", &account.everything().parameters()).json();
    report.as_of.parse().unwrap()
}

#[test]
fn a_delivery_that_was_forgotten_is_not_counted_again_and_its_events_are_not_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock(folder.path().join("clock"));
    let engine = Engine::start();
    let service = service(&engine, &clock, &[("POSTLENS_LEDGER_FORGET_AFTER_DAYS", "1")]);
    let (_, client) = service.account();
    let start = Utc::now();
    let event = |kind, message, days| Event {
        time: start + TimeDelta::days(days),
        ..extremes::event(kind, message, usize::try_from(days).unwrap() * 10 + kind as usize)
    };
    client.report_plainly(&[event(Kind::Queued, 0, 0), event(Kind::Delivered, 0, 0), event(Kind::Opened, 0, 0)]);
    for day in 1..=10_u8 {
        clock.jump(TimeDelta::days(day.into()));
        client.wait_applied(&event(Kind::Queued, day.into(), day.into()));
    }
    client.wait_applied(&event(Kind::Clicked, 0, 10));

    let question = extremes::question(TimeDelta::days(1), TimeDelta::days(20), "", schema::Basis::Event);
    let counted = || {
        let report: Report = client.get("/v1/reports/summary", &question.parameters()).json();
        ["queued", "delivered", "opened", "clicked", "opens", "clicks"].map(|name| report.total.measures[name])
    };
    assert_eq!(counted(), [11, 1, 1, 0, 1, 1], "the late click is one, and not a delivery");

    let again = Body::Ndjson.write(&[event(Kind::Opened, 0, 0)]);
    let reply = client.try_post("", again, Body::Ndjson, Encoding::Identity).unwrap();
    let receipt: Receipt = reply.json();
    assert_eq!((receipt.rejected, receipt.errors[0].code.as_str()), (1, "time_too_old"), "{}", reply.text());

    let status: serde_json::Value = client.get("/v1/ingest/status", &[]).json();
    assert_eq!(status["last_batch"]["late"], 1, "{status}");
    assert!(status["ledger_bytes"].as_u64() > Some(0) && status["ledger_memory_bytes"].is_u64(), "{status}");
    let metrics = client.get("/metrics", &[]).text();
    assert!(metrics.lines().any(|line| line == "postlens_late_events_total 1"), "{metrics}");

    // Who counts anew knows which events were late.
    for command in ["verify", "rebuild", "verify"] {
        let (code, said) = service.attempt(&[command]);
        assert_eq!(code, Some(0), "{command}: {said}");
    }
    assert_eq!(counted(), [11, 1, 1, 0, 1, 1]);
}
