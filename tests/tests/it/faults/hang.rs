//! An engine that hangs: events are accepted until the queue is full, reports say that they cannot be made, and everything catches up.

use std::{thread, time::Duration};

use postlens_tests::harness::{Body, Encoding, Service, is_alive, signal, until};

use super::Account;
use crate::{budget::FAULTY_RUN, refusals::refused, traffic::Work};

/// How long a report may take here.
const REPORT: &str = "5s";
/// Longer than the supervisor watches an engine that does not answer.
const REPLACED: Duration = Duration::from_mins(3);

#[test]
fn a_hanging_engine_stops_reports_but_not_acceptance_and_everything_catches_up() {
    let service = Service::with(&[("POSTLENS_SPOOL_LIMIT", "1MiB"), ("POSTLENS_REPORTS_TIMEOUT", REPORT)]);
    let account = Account::of(&service, 61, FAULTY_RUN);
    let (before, during) = account.events.split_at(FAULTY_RUN / 10);
    account.client.report_plainly(before);
    account.compare_with(before);

    let engine = service.engine();
    signal(engine, "STOP");
    let mut kept = before.len();
    let refusal = during.chunks(500).find_map(|batch| {
        let body = Body::Ndjson.write(batch);
        let reply = account.client.try_post("", body, Body::Ndjson, Encoding::Identity).unwrap();
        kept += if reply.status == 202 { batch.len() } else { 0 };
        (reply.status != 202).then_some(reply)
    });
    let refusal = refusal.expect("a mebibyte does not hold all of it");
    refused(&refusal, 503, "spool-full", "a full queue");
    assert!(refusal.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert!(kept > before.len(), "the queue took events while the engine hung");
    unavailable(&account);

    signal(engine, "CONT");
    account.compare_with(&account.events[..kept]);
    assert!(is_alive(engine) && service.engine() == engine, "it was given time");
    Work::cut(&account.events[kept..], 2_000, 61).run(&account.client, 2);
    account.compare();
}

/// Every kind of report is refused in time, and says when to ask again.
fn unavailable(account: &Account) {
    let question = account.everything();
    for path in ["/v1/reports/summary", "/v1/reports/split?by=subject", "/v1/reports/series?interval=day&by=subject"] {
        let reply = account.client.get(path, &question.parameters());
        refused(&reply, 503, "reports-unavailable", path);
        assert!(reply.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0), "{path}");
        assert!(reply.text().contains("in the time that a report may take"), "{path}: {}", reply.text());
    }
}

#[test]
fn an_engine_that_hangs_for_good_is_replaced() {
    let service = Service::start();
    let account = Account::of(&service, 62, FAULTY_RUN);
    let work = Work::cut(&account.events, 1_000, 62);
    let engine = service.engine();
    thread::scope(|scope| {
        scope.spawn(|| work.run(&account.client, 2));
        signal(engine, "STOP");
        until("the engine is replaced", REPLACED, || (!is_alive(engine)).then_some(()));
    });
    account.compare();
}
