//! What is told of one message, and of recipients, counted by hand.

use std::collections::{BTreeMap, BTreeSet};

use fixtures::Kind;
use schema::{Basis, Measure};

use super::{Oracle, count::Counted, event::Fact};

/// A message, as far as its search tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The message id and the recipient.
    pub name: (String, String),
    /// In milliseconds.
    pub sent_at: i64,
    /// `delivered`, `failed`, `deferred` or `queued`.
    pub outcome: &'static str,
    /// Subject, sender, campaign.
    pub attributes: [String; 3],
    /// Opened, clicked, complained, unsubscribed: when first.
    pub done: [Option<i64>; 4],
    /// The kinds and times of its distinct events, in their order.
    pub events: Vec<(Kind, i64)>,
}

/// A recipient of a list: the first and the last time, and how many messages.
pub type Listed = BTreeMap<String, (i64, i64, u64)>;

impl Oracle {
    pub(super) fn messages_of_facts(&self) -> Vec<Vec<&Fact>> {
        let mut deliveries: BTreeMap<(&str, &str), Vec<&Fact>> = BTreeMap::new();
        for fact in self.facts.values() {
            deliveries.entry((&fact.message_id, &fact.recipient)).or_default().push(fact);
        }
        let mut all: Vec<_> = deliveries.into_values().collect();
        for facts in &mut all {
            facts.sort_by_key(|fact| (fact.time, fact.id));
        }
        all
    }

    /// Every message.
    #[must_use]
    pub fn messages(&self) -> Vec<Told> {
        self.messages_of_facts().into_iter().map(|facts| told(&facts)).collect()
    }

    /// The recipients of messages that count in a measure since then, by its own time.
    #[must_use]
    pub fn listed(&self, measure: Measure, since: i64) -> Listed {
        let mut listed = Listed::new();
        for facts in self.messages_of_facts() {
            let recipient = &facts[0].recipient;
            let time = time_of(&Counted::of(facts.clone()), measure).filter(|time| *time >= since);
            if let Some(time) = time {
                let entry = listed.entry(recipient.clone()).or_insert((time, time, 0));
                *entry = (entry.0.min(time), entry.1.max(time), entry.2 + 1);
            }
        }
        listed
    }

    /// Recipients to whom at least so many messages were delivered since then, and who did nothing themselves since.
    #[must_use]
    pub fn unengaged(&self, since: i64, least: u64) -> Listed {
        let by_hand = |fact: &&Fact| matches!(fact.kind, Kind::Opened | Kind::Clicked) && !fact.machine;
        let active = self.facts.values().filter(|fact| fact.time >= since).filter(by_hand);
        let active: BTreeSet<_> = active.map(|fact| fact.recipient.as_str()).collect();
        let mut listed = self.listed(Measure::Delivered, since);
        listed.retain(|recipient, (_, _, count)| *count >= least && !active.contains(recipient.as_str()));
        listed
    }
}

pub(super) fn time_of(counted: &Counted, measure: Measure) -> Option<i64> {
    counted.entries(Basis::Event).find(|(known, _)| *known == measure).map(|(_, time)| time)
}

fn told(facts: &[&Fact]) -> Told {
    let counted = Counted::of(facts.to_vec());
    let counts = |measure| time_of(&counted, measure);
    let outcome = if counts(Measure::Delivered).is_some() {
        "delivered"
    } else if counts(Measure::Failed).is_some() {
        "failed"
    } else if counts(Measure::Deferrals).is_some() {
        "deferred"
    } else {
        "queued"
    };
    let value = |dimension| counted.attributes.value(&dimension).to_owned();
    Told {
        name: (facts[0].message_id.clone(), facts[0].recipient.clone()),
        sent_at: counts(Measure::Queued).expect("every message was queued"),
        outcome,
        attributes: [
            value(schema::Dimension::Subject),
            value(schema::Dimension::Sender),
            value(schema::Dimension::Campaign),
        ],
        done: [Measure::Opened, Measure::Clicked, Measure::Complained, Measure::Unsubscribed].map(counts),
        events: facts.iter().map(|fact| (fact.kind, fact.time)).collect(),
    }
}
