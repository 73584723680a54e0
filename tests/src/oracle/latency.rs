//! How long things took after each delivery was sent (METRICS.md, "Latencies").

use std::collections::BTreeMap;

use fixtures::Kind;

use super::{
    count::{earliest, sent_at},
    event::Fact,
    question::{Key, Question, Tally},
};

/// Milliseconds until deliveries arrived, were opened first and clicked in first: every single one, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Until they arrived.
    pub delivery: Vec<i64>,
    /// Until a person opened them.
    pub open: Vec<i64>,
    /// Until a person clicked in them.
    pub click: Vec<i64>,
}

/// The same of one delivery, whose events come ordered by time; `arrived` when its outcome is so.
pub(super) fn of(facts: &[&Fact], arrived: bool) -> [Option<i64>; 3] {
    let seen = |fact: &Fact| (fact.is(Kind::Opened) || fact.is(Kind::Clicked)) && !fact.machine;
    let queued = earliest(facts, |fact| fact.is(Kind::Queued));
    let delivered = earliest(facts, |fact| fact.is(Kind::Delivered)).filter(|_| arrived && queued.is_some());
    let clicked = earliest(facts, |fact| fact.is(Kind::Clicked) && seen(fact));
    let after = |time: i64| (time - sent_at(facts)).max(0);
    [delivered, earliest(facts, seen), clicked].map(|time| time.map(after))
}

impl Tally {
    /// Every group of the split, whatever the question's limit: dated by when the deliveries were sent.
    #[must_use]
    pub fn times(&self, question: &Question) -> BTreeMap<Key, Times> {
        let mut groups: BTreeMap<Key, Times> = BTreeMap::new();
        for (key, [delivery, open, click]) in self.latencies(question) {
            let times = groups.entry(key).or_default();
            times.delivery.extend(delivery);
            times.open.extend(open);
            times.click.extend(click);
        }
        for times in groups.values_mut() {
            for list in [&mut times.delivery, &mut times.open, &mut times.click] {
                list.sort_unstable();
            }
        }
        groups
    }
}
