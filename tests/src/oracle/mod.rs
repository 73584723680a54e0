//! A brute-force count over the distinct events, written from METRICS.md alone: slow, and simple enough to be believed.
//!
//! It shares names with the product (measures, dimensions, providers) and the order of identities, which is a keyed hash; it shares
//! no logic of counting.

mod attributes;
mod breakdown;
mod count;
mod event;
mod latency;
mod message;
mod question;
mod time;

use std::collections::{BTreeMap, HashMap};

use schema::{AccountId, Identifier, Secret};

pub use breakdown::{Failures, Links, Methods};
pub use count::Counts;
pub use latency::Times;
pub use message::{Listed, Told};
pub use question::{Filter, Key, Question, Tally, Test, rows};
pub use time::{Interval, last_change_of_offset};

use count::Counted;
use event::{Fact, Identity};

/// Collects the events of one account in the order of their acceptance.
#[derive(Debug)]
pub struct Oracle {
    account: AccountId,
    identifier: Identifier,
    facts: HashMap<Identity, Fact>,
    conflicts: usize,
}

impl Oracle {
    /// For the account, in an installation with that secret.
    #[must_use]
    pub fn new(account: &str, secret: [u8; 32]) -> Self {
        Self {
            account: account.parse().expect("the name of an account"),
            identifier: Identifier::new(&Secret::new(secret)),
            facts: HashMap::new(),
            conflicts: 0,
        }
    }

    /// Takes an accepted event. Of two events of one identity, the first one stands.
    pub fn accept(&mut self, event: &fixtures::Event) {
        let (identity, fact) = event::read(&self.account, &self.identifier, event);
        match self.facts.get(&identity) {
            Some(known) if *known != fact => self.conflicts += 1,
            Some(_) => {}
            None => {
                self.facts.insert(identity, fact);
            }
        }
    }

    /// How many distinct events there are.
    #[must_use]
    pub fn distinct(&self) -> usize {
        self.facts.len()
    }

    /// How many accepted events had the identity of an earlier one and other contents: with several clients at once nobody
    /// knows which of them came first.
    #[must_use]
    pub const fn conflicts(&self) -> usize {
        self.conflicts
    }

    /// Counts every delivery.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut deliveries: BTreeMap<(&str, &str), Vec<&Fact>> = BTreeMap::new();
        for fact in self.facts.values() {
            deliveries.entry((&fact.message_id, &fact.recipient)).or_default().push(fact);
        }
        Tally::of(deliveries.into_values().map(Counted::of).collect())
    }
}

#[cfg(test)]
mod tests;
