//! Why deliveries failed, which links were followed, and how deliveries were secured, counted by hand.

use std::collections::{BTreeMap, BTreeSet};

use fixtures::Kind;
use schema::{Basis, Dimension, Measure};

use super::{Oracle, count::Counted, event::Fact, message::time_of, question::Question};

/// Failed deliveries of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub failed: i64,
    /// The domains of their recipients.
    pub domains: BTreeSet<String>,
    /// When they failed, in milliseconds.
    pub times: BTreeSet<i64>,
}

/// What was clicked of one URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// By persons.
    pub clicks: i64,
    /// By machines.
    pub machine_clicks: i64,
    /// The deliveries that persons clicked in: message id and recipient.
    pub clicked: BTreeSet<(String, String)>,
}

/// How many deliveries were secured by a method, by its name.
pub type Methods = BTreeMap<String, i64>;

impl Oracle {
    /// The deliveries that pass the question's filters, each with its events in their order.
    fn passing(&self, question: &Question) -> Vec<(Counted, Vec<&Fact>)> {
        let counted = self.messages_of_facts().into_iter().map(|facts| (Counted::of(facts.clone()), facts));
        let passes = |counted: &Counted| {
            question.filters.iter().all(|filter| filter.holds(counted.attributes.value(&filter.dimension)))
        };
        counted.filter(|(counted, _)| passes(counted)).collect()
    }

    /// Failed deliveries by what `key` makes of the class, the domain and the reason of each.
    #[must_use]
    pub fn failures(
        &self,
        question: &Question,
        key: impl Fn(&str, &str, &str) -> String,
    ) -> BTreeMap<String, Failures> {
        let mut groups: BTreeMap<String, Failures> = BTreeMap::new();
        for (counted, facts) in self.passing(question) {
            let mut dated = counted.entries(question.basis);
            if !dated.any(|(measure, time)| measure == Measure::Failed && question.covers(time)) {
                continue;
            }
            let failed = facts.iter().rfind(|fact| fact.is(Kind::Failed)).expect("it failed");
            let class = format!("{:?}", failed.class.expect("every failure has a class")).to_lowercase();
            let domain = counted.attributes.value(&Dimension::RecipientDomain);
            let group = groups.entry(key(&class, domain, &failed.reason)).or_default();
            group.failed += 1;
            group.domains.insert(domain.to_owned());
            group.times.insert(time_of(&counted, Measure::Failed).expect("it failed"));
        }
        groups
    }

    /// Clicks by what `key` makes of their URL.
    #[must_use]
    pub fn links(&self, question: &Question, key: impl Fn(&str) -> String) -> BTreeMap<String, Links> {
        let mut groups: BTreeMap<String, Links> = BTreeMap::new();
        for (counted, facts) in self.passing(question) {
            let sent_at = counted.entries(Basis::Sent).next().map(|(_, time)| time).expect("every delivery was sent");
            for fact in facts.into_iter().filter(|fact| fact.is(Kind::Clicked)) {
                let time = if question.basis == Basis::Sent { sent_at } else { fact.time };
                if !question.covers(time) {
                    continue;
                }
                let group = groups.entry(key(&fact.url)).or_default();
                if fact.machine {
                    group.machine_clicks += 1;
                } else {
                    group.clicks += 1;
                    group.clicked.insert((fact.message_id.clone(), fact.recipient.clone()));
                }
            }
        }
        groups
    }

    /// Secured deliveries by a dimension, and by the method of their earliest evidence.
    #[must_use]
    pub fn methods(&self, question: &Question, by: &Dimension) -> BTreeMap<String, Methods> {
        let mut groups: BTreeMap<String, Methods> = BTreeMap::new();
        for (counted, facts) in self.passing(question) {
            let mut dated = counted.entries(question.basis);
            if !dated.any(|(measure, time)| measure == Measure::Secured && question.covers(time)) {
                continue;
            }
            // Of several at once it is the first in the order of methods.
            let evidence = facts.iter().filter(|fact| fact.is_secured()).min_by_key(|fact| (fact.time, fact.method));
            let evidence = evidence.expect("it was secured");
            let method = format!("{:?}", evidence.method.expect("evidence names a method")).to_lowercase();
            let group = groups.entry(counted.attributes.value(by).to_owned()).or_default();
            *group.entry(method).or_default() += 1;
        }
        groups
    }
}
