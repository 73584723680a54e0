//! The attributes of one delivery, and its value of each dimension (METRICS.md, "One delivery" and "Dimensions").

use std::collections::{BTreeMap, BTreeSet};

use fixtures::Kind;
use schema::{Dimension, MailboxProvider};

use super::event::Fact;

/// A delivery's attributes; absent ones are empty.
#[derive(Clone, Debug)]
pub(super) struct Attributes {
    recipient: String,
    subject: String,
    sender: String,
    campaign: String,
    fields: BTreeMap<String, String>,
}

impl Attributes {
    /// Of a delivery's events, which come ordered by time, then by identity.
    pub(super) fn of(facts: &[&Fact]) -> Self {
        let names: BTreeSet<&String> = facts.iter().flat_map(|fact| fact.fields.keys()).collect();
        let field =
            |name: &String| (name.clone(), choose(facts, |fact| fact.fields.get(name).map_or("", String::as_str)));
        Self {
            recipient: facts[0].recipient.clone(),
            subject: choose(facts, |fact| &fact.subject),
            sender: choose(facts, |fact| &fact.sender),
            campaign: choose(facts, |fact| &fact.campaign),
            fields: names.into_iter().map(field).collect(),
        }
    }

    /// The value of a dimension; the empty text is the empty value.
    pub(super) fn value(&self, dimension: &Dimension) -> &str {
        match dimension {
            Dimension::Subject => &self.subject,
            Dimension::Sender => &self.sender,
            Dimension::SenderDomain => domain(&self.sender),
            Dimension::RecipientDomain => domain(&self.recipient),
            Dimension::MailboxProvider => MailboxProvider::of_domain(domain(&self.recipient)).name(),
            Dimension::Campaign => &self.campaign,
            Dimension::Field(name) => self.fields.get(name.as_str()).map_or("", String::as_str),
        }
    }
}

/// From the earliest `queued` event that carries a non-empty value; without such, from the earliest other event that does.
fn choose<'f>(facts: &[&'f Fact], value: impl Fn(&'f Fact) -> &'f str) -> String {
    let carriers = || facts.iter().filter(|fact| !value(fact).is_empty());
    let source = carriers().find(|fact| fact.is(Kind::Queued)).or_else(|| carriers().next());
    source.map_or_else(String::new, |fact| value(fact).to_owned())
}

/// What follows the last `@` of `name <local@domain>` or `local@domain`.
fn domain(address: &str) -> &str {
    address.rfind('@').map_or("", |at| address[at + 1..].trim_end_matches('>'))
}
