//! kill -9, of the service, of its engine and of both, at random moments of a run, of a start and of an end: what was acknowledged
//! stays, what was not is sent again, and in the end the numbers are the count.

use std::{thread, time::Duration};

use postlens_tests::harness::{Service, children_of, is_alive, signal, until};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::Account;
use crate::{
    budget::{FAULTY_RUN, kill_rounds, killed_run, kills, short_starts},
    traffic::{self, Work},
};

/// How long something may take that happens by itself after a kill.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Reports traffic with four clients, calls `kill` at random moments between the first batch and the last, and compares.
fn survive(service: &Service, seed: u64, events: usize, mut kill: impl FnMut(&Service, &mut StdRng)) -> Account {
    let account = Account::of(service, seed, events);
    let work = Work::cut(&account.events, 600, seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut moments: Vec<usize> = (0..kills()).map(|_| random.random_range(0..work.batches())).collect();
    moments.sort_unstable();
    thread::scope(|scope| {
        scope.spawn(|| work.run(&account.client, 4));
        for moment in moments {
            until("the run goes on", PATIENCE, || (work.acknowledged() >= moment).then_some(()));
            // The moment within a batch is left to chance.
            pause(&mut random, 300);
            kill(service, &mut random);
        }
    });
    account.compare();
    assert!(!service.log().contains("ledger are rebuilt"), "no kill makes the ledger forget anything");
    account
}

fn pause(random: &mut StdRng, most: u64) {
    thread::sleep(millis(random, most));
}

fn millis(random: &mut StdRng, most: u64) -> Duration {
    Duration::from_millis(random.random_range(0..most))
}

fn kill_service(service: &Service) {
    let engine = service.engine();
    service.kill();
    until("the engine of a killed service ends", PATIENCE, || (!is_alive(engine)).then_some(()));
}

fn kill_engine(service: &Service) -> u32 {
    let engine = service.engine();
    signal(engine, "KILL");
    engine
}

fn wait_for_another_engine(service: &Service, engine: u32) {
    until("another engine is started", PATIENCE, || {
        children_of(service.id()).into_iter().find(|(id, command)| *id != engine && command.contains(" engine "))
    });
}

/// Kills something in one of the ways there are.
fn strike(service: &Service, random: &mut StdRng) {
    match random.random_range(0..5) {
        0 => kill_service(service),
        1 => {
            let engine = kill_engine(service);
            return wait_for_another_engine(service, engine);
        }
        2 => {
            kill_engine(service);
            service.kill();
        }
        3 => service.terminate_and_kill(millis(random, 500)),
        _ => {
            kill_service(service);
            // In the midst of the start, or of replaying what waits.
            service.start_and_kill(millis(random, 2500));
        }
    }
    service.restart();
}

#[test]
fn the_service_can_be_killed_at_any_moment_and_leaves_no_engine_behind() {
    let service = Service::start();
    survive(&service, 11, killed_run(), |service, _| {
        kill_service(service);
        service.restart();
    });
}

#[test]
fn the_engine_can_be_killed_at_any_moment_and_is_started_again() {
    let service = Service::start();
    let (_, reader) = service.account();
    let whole = traffic::everything(&traffic::options(0, 1));
    survive(&service, 12, killed_run(), |service, _| {
        let engine = kill_engine(service);
        let reply = reader.get("/v1/reports/summary", &whole.parameters());
        assert!(matches!(reply.status, 200 | 503), "{}: {}", reply.status, reply.text());
        wait_for_another_engine(service, engine);
    });
    service.wait_ready();
}

#[test]
fn both_can_be_killed_at_any_moment_also_of_a_start_and_of_an_end() {
    let service = Service::start();
    let mut first = None;
    for round in 0..kill_rounds() {
        let account = survive(&service, 100 + round as u64, killed_run(), strike);
        eprintln!("round {} of {}: {} kills, the numbers are the count", round + 1, kill_rounds(), kills());
        first.get_or_insert(account);
    }
    first.expect("there is a first round").compare();
}

#[test]
fn the_first_start_can_be_killed_at_any_moment() {
    let service = Service::prepared_with(&[]);
    let mut random = StdRng::seed_from_u64(13);
    for _ in 0..short_starts() {
        service.start_and_kill(millis(&mut random, 3000));
    }
    service.restart();
    let account = Account::of(&service, 13, FAULTY_RUN);
    Work::cut(&account.events, 2_000, 13).run(&account.client, 2);
    account.compare();
}

#[test]
fn replaying_a_full_queue_can_be_killed_at_any_moment() {
    let service = Service::starting_with(&[("POSTLENS_CLICKHOUSE_URL", NOWHERE)]);
    let account = Account::of(&service, 14, killed_run());
    Work::cut(&account.events, 600, 14).run(&account.client, 2);
    service.kill();
    service.set("POSTLENS_CLICKHOUSE_URL", "");
    let mut random = StdRng::seed_from_u64(14);
    for _ in 0..short_starts() {
        service.start_and_kill(millis(&mut random, 4000));
    }
    service.restart();
    account.compare();
}
