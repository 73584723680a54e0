//! What one delivery counts, and how each count is dated (METRICS.md, "One delivery" and "Measures").

use std::ops::{AddAssign, Index};

use fixtures::{Class, Kind};
use schema::{Basis, Measure, Rate};

use super::{attributes::Attributes, event::Fact, latency};

/// A number for every measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Measure::ALL.len()]);

impl Counts {
    /// Whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }

    /// Counts one more of a measure.
    pub(super) fn add_one(&mut self, measure: Measure) {
        self.0[measure as usize] += 1;
    }

    /// A rate as a fraction; `None` when its denominator is 0 (METRICS.md, "Rates").
    #[must_use]
    pub fn rate(&self, rate: Rate) -> Option<f64> {
        use Measure::{Clicked, Complained, Delivered, Failed, Opened, Pending, Queued, Secured, Unsubscribed};
        let (above, below) = match rate {
            Rate::DeliveryRate => (Delivered, Queued),
            Rate::FailureRate => (Failed, Queued),
            Rate::PendingRate => (Pending, Queued),
            Rate::SecuredRate => (Secured, Queued),
            Rate::OpenRate => (Opened, Delivered),
            Rate::Ctr => (Clicked, Delivered),
            Rate::Ctor => (Clicked, Opened),
            Rate::SpamRate => (Complained, Delivered),
            Rate::UnsubscribeRate => (Unsubscribed, Delivered),
        };
        (self[below] > 0).then(|| self[above] as f64 / self[below] as f64)
    }
}

impl Index<Measure> for Counts {
    type Output = u64;

    fn index(&self, measure: Measure) -> &u64 {
        &self.0[measure as usize]
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// A delivery that was counted.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    /// To whom.
    pub(super) recipient: String,
    pub(super) attributes: Attributes,
    sent_at: i64,
    /// Each measure that it counts in, with its time on the `event` basis; a total stands once per event.
    entries: Vec<(Measure, i64)>,
    /// How long it took until it arrived, was opened and clicked in.
    latencies: [Option<i64>; 3],
}

impl Counted {
    /// Counts the delivery that these are the distinct events of.
    pub(super) fn of(mut facts: Vec<&Fact>) -> Self {
        facts.sort_by_key(|fact| (fact.time, fact.id));
        let sent_at = sent_at(&facts);
        let mut entries = vec![(Measure::Queued, sent_at)];
        outcome(&facts, sent_at, &mut entries);
        entries.extend(engagement(&facts));
        entries.extend(facts.iter().filter_map(|fact| Some((total(fact)?, fact.time))));
        let recipient = facts[0].recipient.clone();
        let arrived = entries.iter().any(|(measure, _)| *measure == Measure::Delivered);
        let latencies = latency::of(&facts, arrived);
        Self { recipient, attributes: Attributes::of(&facts), sent_at, entries, latencies }
    }

    /// When it was sent, and how long it took from then until it arrived, was opened and clicked in.
    pub(super) fn latencies(&self) -> (i64, [Option<i64>; 3]) {
        (self.sent_at, self.latencies)
    }

    /// Each measure that it counts in, with its time on that basis in milliseconds.
    pub(super) fn entries(&self, basis: Basis) -> impl Iterator<Item = (Measure, i64)> {
        self.entries.iter().map(move |(measure, time)| match basis {
            Basis::Sent => (*measure, self.sent_at),
            Basis::Event => (*measure, *time),
        })
    }
}

/// The time of the earliest event of which something holds.
pub(super) fn earliest(facts: &[&Fact], holds: impl Fn(&Fact) -> bool) -> Option<i64> {
    facts.iter().find(|fact| holds(fact)).map(|fact| fact.time)
}

/// The time of its earliest `queued` event; without one, the time of its earliest event.
pub(super) fn sent_at(facts: &[&Fact]) -> i64 {
    earliest(facts, |fact| fact.is(Kind::Queued)).unwrap_or(facts[0].time)
}

/// Delivered, failed or pending; and what depends on it.
fn outcome(facts: &[&Fact], sent_at: i64, entries: &mut Vec<(Measure, i64)>) {
    let engaged = earliest(facts, Fact::is_engagement);
    let secured = earliest(facts, Fact::is_secured);
    let last = |kind| facts.iter().rfind(|fact| fact.is(kind));
    let (delivered, failed) = (last(Kind::Delivered), last(Kind::Failed));
    let later = match (delivered, failed) {
        (Some(delivered), Some(failed)) => delivered.time > failed.time,
        (delivered, _) => delivered.is_some(),
    };
    if engaged.is_some() || later {
        let time = earliest(facts, |fact| fact.is(Kind::Delivered)).or(engaged).expect("one of the two made it so");
        entries.push((Measure::Delivered, time));
        if secured.is_none() {
            entries.push((Measure::Unsecured, time));
        }
    } else if let Some(failed) = failed {
        entries.push((Measure::Failed, failed.time));
        let class = match failed.class.expect("every failure has a class") {
            Class::Hard => Measure::FailedHard,
            Class::Soft => Measure::FailedSoft,
            Class::Block => Measure::FailedBlock,
            Class::Suppressed => Measure::FailedSuppressed,
            Class::Other => Measure::FailedOther,
        };
        entries.push((class, failed.time));
    } else {
        entries.push((Measure::Pending, sent_at));
    }
    entries.extend(secured.map(|time| (Measure::Secured, time)));
}

/// What recipients and machines did.
fn engagement(facts: &[&Fact]) -> impl Iterator<Item = (Measure, i64)> {
    let seen = |fact: &Fact| fact.is(Kind::Opened) || fact.is(Kind::Clicked);
    let opened = earliest(facts, |fact| seen(fact) && !fact.machine);
    let by_machine = earliest(facts, |fact| seen(fact) && fact.machine);
    [
        (Measure::Opened, opened),
        (Measure::MachineOpened, by_machine.filter(|_| opened.is_none())),
        (Measure::Clicked, earliest(facts, |fact| fact.is(Kind::Clicked) && !fact.machine)),
        (Measure::Complained, earliest(facts, |fact| fact.is(Kind::Complained))),
        (Measure::Unsubscribed, earliest(facts, |fact| fact.is(Kind::Unsubscribed))),
    ]
    .into_iter()
    .filter_map(|(measure, time)| Some((measure, time?)))
}

/// What is counted per distinct event.
fn total(fact: &Fact) -> Option<Measure> {
    match (fact.kind, fact.machine) {
        (Kind::Opened, false) => Some(Measure::Opens),
        (Kind::Opened, true) => Some(Measure::MachineOpens),
        (Kind::Clicked, false) => Some(Measure::Clicks),
        (Kind::Clicked, true) => Some(Measure::MachineClicks),
        (Kind::Deferred, _) => Some(Measure::Deferrals),
        _ => None,
    }
}
