//! Connections to ClickHouse that die with an answer or a body in them, for each table: nothing is doubled, nothing is missing.

use std::time::Duration;

use fixtures::Event;
use postlens_tests::{
    harness::{Engine, Fault, Proxy, Service, until},
    oracle::Oracle,
};

use super::Account;
use crate::budget::FAULTY_RUN;

const TABLES: [&str; 5] = ["cube", "coarse", "rollup", "deliveries", "events"];

/// How long until a planned fault happens.
const PATIENCE: Duration = Duration::from_mins(1);

struct Bench {
    engine: Engine,
    proxy: Proxy,
    service: Service,
}

impl Bench {
    fn start() -> Self {
        let engine = Engine::start();
        let proxy = Proxy::before(engine.address());
        let service = Service::with(&[("POSTLENS_CLICKHOUSE_URL", &proxy.url())]);
        Self { engine, proxy, service }
    }

    /// Reports a part of the traffic for each fault, which hits it, and compares everything.
    fn survive(&self, seed: u64, faults: &[(&str, Fault)]) {
        let account = Account::of(&self.service, seed, FAULTY_RUN);
        let part = account.events.len().div_ceil(faults.len());
        for (events, (table, fault)) in account.events.chunks(part).zip(faults) {
            self.proxy.plan(table, *fault);
            account.client.report_plainly(events);
            until("the fault happens", PATIENCE, || (self.proxy.to_come() == 0).then_some(()));
            account.client.wait_applied(&events[0]);
        }
        let tally = account.compare();
        let rows = |what: &str| self.engine.number(&format!("{what} WHERE account = '{}'", account.name));
        assert_eq!(rows("SELECT count() FROM postlens.events"), distinct(&account.name, &account.events));
        assert_eq!(rows("SELECT count() FROM postlens.deliveries FINAL"), tally.deliveries() as u64);
    }
}

fn distinct(account: &str, events: &[Event]) -> u64 {
    let mut oracle = Oracle::new(account, postlens_tests::harness::SECRET);
    for event in events {
        oracle.accept(event);
    }
    oracle.distinct() as u64
}

#[test]
fn an_insert_whose_answer_is_lost_is_there_once() {
    let bench = Bench::start();
    let faults = TABLES.map(|table| (table, Fault::LoseAnswer));
    bench.survive(71, &faults);
    assert_eq!(bench.proxy.lost(), TABLES.len(), "every insert was taken before its answer was lost");
}

#[test]
fn an_insert_that_breaks_off_is_there_once() {
    let bench = Bench::start();
    bench.survive(72, &TABLES.map(|table| (table, Fault::CutBody)));
}

#[test]
fn an_insert_whose_answer_is_slow_is_there_once_also_when_the_service_is_killed_before_it_comes() {
    let bench = Bench::start();
    bench.survive(73, &TABLES.map(|table| (table, Fault::Delay(Duration::from_secs(2)))));
    let account = Account::of(&bench.service, 74, FAULTY_RUN);
    let part = account.events.len().div_ceil(TABLES.len());
    for (events, table) in account.events.chunks(part).zip(TABLES) {
        bench.proxy.plan(table, Fault::Delay(PATIENCE));
        account.client.report_plainly(events);
        until("the insert is on its way", PATIENCE, || (bench.proxy.to_come() == 0).then_some(()));
        bench.service.kill();
        bench.service.restart();
    }
    account.compare();
}
