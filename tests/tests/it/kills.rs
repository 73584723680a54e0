//! kill -9, of the service and of its engine alone, at random moments of a run: what was acknowledged stays, what was not is sent
//! again, and in the end the numbers are the count.

use std::{process::Command, thread, time::Duration};

use fixtures::Event;
use postlens_tests::{
    check,
    harness::{Service, children_of, is_alive, until},
    oracle::Question,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use schema::Basis;

use crate::{
    budget::{KILLED_RUN, KILLS},
    traffic::{self, Work},
};

/// How long something may take that happens by itself after a kill.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reports traffic with four clients, calls `kill` at random moments between the first batch and the last, and compares.
fn survive(service: &Service, seed: u64, kill: impl Fn(&Service)) {
    let options = traffic::options(seed, KILLED_RUN);
    let events: Vec<Event> = fixtures::events(&options).collect();
    let (account, client) = service.account();
    let work = Work::cut(&events, 600, seed);
    let mut random = StdRng::seed_from_u64(seed);
    let mut moments: Vec<usize> = (0..KILLS).map(|_| random.random_range(0..work.batches())).collect();
    moments.sort_unstable();
    thread::scope(|scope| {
        scope.spawn(|| work.run(&client, 4));
        for moment in moments {
            until("the run goes on", PATIENCE, || (work.acknowledged() >= moment).then_some(()));
            // The moment within a batch is left to chance.
            thread::sleep(Duration::from_millis(random.random_range(0..300)));
            kill(service);
        }
    });
    client.wait_applied(&events[0]);
    let tally = traffic::count(&account, &events);
    for basis in Basis::ALL {
        for dimension in traffic::dimensions() {
            let question = Question { by: vec![dimension], basis, ..traffic::everything(&options) };
            check::split(&client, &tally, &question);
        }
    }
}

#[test]
fn the_service_can_be_killed_at_any_moment_and_leaves_no_engine_behind() {
    let service = Service::start();
    survive(&service, 11, |service| {
        let engine = service.engine();
        service.kill();
        until("the engine of a killed service ends", PATIENCE, || (!is_alive(engine)).then_some(()));
        service.restart();
    });
}

#[test]
fn the_engine_can_be_killed_at_any_moment_and_is_started_again() {
    let service = Service::start();
    let (_, reader) = service.account();
    let whole = traffic::everything(&traffic::options(0, 1));
    survive(&service, 12, |service| {
        let engine = service.engine();
        let killed = Command::new("kill").args(["-9", &engine.to_string()]).status().unwrap();
        assert!(killed.success());
        let reply = reader.get("/v1/reports/summary", &whole.parameters());
        assert!(matches!(reply.status, 200 | 503), "{}: {}", reply.status, reply.text());
        until("another engine is started", PATIENCE, || {
            children_of(service.id()).into_iter().find(|(id, command)| *id != engine && command.contains(" engine "))
        });
    });
    service.wait_ready();
}
