//! A clock that jumps, forwards and back, while the service runs and across its restarts: no number changes.

use std::{fs, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use postlens_tests::harness::{Engine, Service};

use super::Account;
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

#[test]
fn a_clock_that_jumps_back_and_forth_changes_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock(folder.path().join("clock"));
    clock.jump(TimeDelta::zero());
    // The engine's clock is left alone, so that it is the service's that is tried.
    let engine = Engine::start();
    let service = Service::with(&[
        ("POSTLENS_CLICKHOUSE_URL", &format!("http://{}", engine.address())),
        ("LD_PRELOAD", library().to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.0.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]);
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
    let report: postlens_tests::harness::Report =
        account.client.get("/v1/reports/summary", &account.everything().parameters()).json();
    report.as_of.parse().unwrap()
}
