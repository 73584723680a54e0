//! Everything that can fail around the service, made to fail: whatever happened, in the end the numbers are the count.
//!
//! ARCHITECTURE.md, "What a crash does" and "What other faults do", says what is expected of each scenario.

mod clock;
mod disk;
mod extremes;
mod hang;
mod kills;
mod ledger;
mod lost_answers;
mod recount;
mod second;
mod spool;

use fixtures::{Event, Options};
use postlens_tests::{
    check,
    harness::{Client, Service},
    oracle::{Question, Tally},
};
use schema::Basis;

use crate::traffic;

/// An account, the traffic that it reports, and what it must be told of it in the end.
struct Account {
    name: String,
    client: Client,
    options: Options,
    events: Vec<Event>,
}

impl Account {
    fn of(service: &Service, seed: u64, events: usize) -> Self {
        let (name, client) = service.account();
        let options = traffic::options(seed, events);
        let events = fixtures::events(&options).collect();
        Self { name, client, options, events }
    }

    fn everything(&self) -> Question {
        traffic::everything(&self.options)
    }

    /// Waits until all is applied and compares every dimension on both bases.
    fn compare(&self) -> Tally {
        self.compare_with(&self.events)
    }

    /// The same when these of its events are what was accepted.
    fn compare_with(&self, accepted: &[Event]) -> Tally {
        self.client.wait_applied(&accepted[0]);
        let tally = traffic::count(&self.name, accepted);
        for basis in Basis::ALL {
            for dimension in traffic::dimensions() {
                check::split(&self.client, &tally, &Question { by: vec![dimension], basis, ..self.everything() });
            }
        }
        tally
    }
}
