//! Latencies and methods against a count by brute force over the distinct events: whatever order they come in, however often, in whatever batches, and
//! whatever is taken back.

use std::collections::BTreeSet;

use proptest::prelude::*;
use schema::{Basis, Event, EventKind, FailureClass, Latency, Millis, SecureMethod, Step};

use crate::{
    ledger::{Memory, Rules},
    limits::Limits,
    record::RecordBuilder,
    testing::{Sums, World, event, named},
};

/// 2026-11-01T23:50:00Z: deliveries are sent on two days.
const START: i64 = 1_793_577_000_000;
const RULES: Rules = Rules {
    limits: Limits { subjects: 9, senders: 9, campaigns: 9, field_values: 9 },
    memory: Memory { days: 180, trace_days: 1826 },
};

/// A distinct event: who got it, what it is, and when.
type Fact = (usize, EventKind, i64);

const KINDS: [EventKind; 9] = [
    EventKind::Queued,
    EventKind::Queued,
    EventKind::Delivered,
    EventKind::Delivered,
    EventKind::Failed,
    EventKind::Opened,
    EventKind::Clicked,
    EventKind::Complained,
    EventKind::Secured,
];

fn fact() -> impl Strategy<Value = Fact> {
    let times = prop_oneof![0..4_i64, Just(59_999), Just(60_000), 0..2_000_000_i64];
    (0..4_usize, proptest::sample::select(&KINDS[..]), times)
}

/// Machines open and click at odd times.
fn is_machine((_, kind, time): &Fact) -> bool {
    matches!(kind, EventKind::Opened | EventKind::Clicked) && time % 2 == 1
}

/// Encryption always has a method, a delivery sometimes.
fn method((_, kind, time): &Fact) -> Option<SecureMethod> {
    let named = *kind == EventKind::Secured || *kind == EventKind::Delivered && time % 3 == 0;
    named.then(|| SecureMethod::ALL[usize::try_from(time % 5).expect("a place")])
}

fn frames(facts: &[Fact]) -> Vec<u8> {
    let mut record = RecordBuilder::default();
    for fact in facts {
        let (message, kind, time) = *fact;
        record.push(&Event {
            message_id: &format!("m{message}"),
            campaign: if message < 2 { "autumn" } else { "" },
            fields: if message % 2 == 0 { vec![("f", "x")] } else { Vec::new() },
            machine: is_machine(fact),
            class: (kind == EventKind::Failed).then_some(FailureClass::Soft),
            method: method(fact),
            ..event(kind, "", START + time)
        });
    }
    record.finish(&"a".parse().expect("a name"), Millis(START))
}

/// By which methods messages were secured first.
fn brute_methods(facts: &BTreeSet<Fact>) -> Sums {
    let mut sums = Sums::new();
    for message in 0..4 {
        let own = facts.iter().filter(|fact| fact.0 == message);
        let first = own.filter_map(|fact| Some((fact.2, method(fact)?))).min();
        if let Some((_, method)) = first {
            *sums.entry(named(Step::of_method(method))).or_default() += 1;
        }
    }
    sums
}

/// METRICS.md, "Latencies", once more: of the messages that are asked for.
fn brute(facts: &BTreeSet<Fact>, holds: impl Fn(usize) -> bool) -> Sums {
    let mut sums = Sums::new();
    for message in (0..4).filter(|message| holds(*message)) {
        let times = |wanted: &[EventKind], machines: bool| -> Vec<i64> {
            let own = facts.iter().filter(|fact| fact.0 == message && wanted.contains(&fact.1));
            own.filter(|fact| machines || !is_machine(fact)).map(|fact| fact.2).collect()
        };
        let queued = times(&[EventKind::Queued], true).into_iter().min();
        let Some(sent) = queued.or(times(&KINDS, true).into_iter().min()) else { continue };
        let delivered = times(&[EventKind::Delivered], true);
        let failed = times(&[EventKind::Failed], true).into_iter().max();
        let engaged = !times(&[EventKind::Opened, EventKind::Clicked, EventKind::Complained], true).is_empty();
        let arrived = engaged || delivered.iter().max() > failed.as_ref();
        let ends = [
            (Latency::Delivery, delivered.into_iter().min().filter(|_| arrived && queued.is_some())),
            (Latency::Open, times(&[EventKind::Opened, EventKind::Clicked], false).into_iter().min()),
            (Latency::Click, times(&[EventKind::Clicked], false).into_iter().min()),
        ];
        for (kind, end) in ends {
            if let Some(end) = end {
                *sums.entry(named(kind.step((end - sent).max(0)))).or_default() += 1;
            }
        }
    }
    sums
}

/// The latencies of a dimension's value, whatever they are dated by.
fn told(world: &World, dimension: &str, wanted: &str) -> Sums {
    let mut sums = steps(world, dimension, wanted, Basis::Sent);
    sums.retain(|name, _| !is_method(name));
    sums
}

/// Whether a step is a method.
fn is_method(name: &str) -> bool {
    SecureMethod::ALL.iter().any(|method| named(Step::of_method(*method)) == name)
}

fn steps(world: &World, dimension: &str, wanted: &str, basis: Basis) -> Sums {
    let mut sums = Sums::new();
    for ((.., value), row) in world.by(dimension, basis) {
        for (name, count) in row.into_iter().filter(|(name, _)| value == wanted && name.starts_with("latency")) {
            *sums.entry(name).or_default() += count;
        }
    }
    sums.retain(|_, count| *count != 0);
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_batches_give_the_latencies_of_the_distinct_events(
        facts in proptest::collection::vec(fact(), 1..24),
        repeats in proptest::collection::vec(any::<proptest::sample::Index>(), 0..6),
        cuts in proptest::collection::vec((1..7_usize, any::<bool>()), 1..6),
    ) {
        let distinct: BTreeSet<Fact> = facts.iter().copied().collect();
        let repeated: Vec<Fact> = repeats.iter().map(|index| *index.get(&facts)).collect();
        let facts = [facts, repeated].concat();
        let mut world = World::new(RULES);
        let (mut rest, mut cuts) = (facts.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (length, reopens) = cuts.next().copied().unwrap_or((1, false));
            let (batch, left) = rest.split_at(length.min(rest.len()));
            rest = left;
            let (counts, changes) = world.compute(&frames(batch), None);
            world.apply(counts, &changes);
            if reopens {
                world.reopen();
            }
        }
        prop_assert_eq!(told(&world, "", ""), brute(&distinct, |_| true));
        let mut methods = steps(&world, "", "", Basis::Sent);
        methods.retain(|name, _| is_method(name));
        prop_assert_eq!(methods, brute_methods(&distinct));
        prop_assert_eq!(steps(&world, "", "", Basis::Event), brute_methods(&distinct), "no latency is on this clock");
        prop_assert_eq!(told(&world, "campaign", "autumn"), brute(&distinct, |message| message < 2));
        prop_assert_eq!(told(&world, "campaign", ""), brute(&distinct, |message| message >= 2));
        prop_assert_eq!(told(&world, "field:f", "x"), brute(&distinct, |message| message % 2 == 0));
        let without = brute(&distinct, |message| message % 2 == 0).into_iter().map(|(name, count)| (name, -count)).collect::<Sums>();
        prop_assert_eq!(told(&world, "field:f", ""), without, "with the total it is what has no such field");
    }
}

/// The latencies of a message with these events, in milliseconds.
fn latencies(events: &[(EventKind, i64)]) -> Vec<(Latency, u64)> {
    let mut world = World::new(RULES);
    // An event at a time, and the latest first: everything is taken back.
    for (kind, time) in events.iter().rev() {
        let (counts, changes) = world.compute(&frames(&[(0, *kind, *time)]), None);
        world.apply(counts, &changes);
    }
    let number = |name: &str| name.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a step");
    let steps = told(&world, "", "").into_iter().map(|(name, count)| (schema::Step(number(&name)), count));
    let steps = steps.inspect(|(_, count)| assert_eq!(*count, 1));
    let found: BTreeSet<_> = steps.filter_map(|(step, _)| Some((step.kind()?, step.from()))).collect();
    found.into_iter().collect()
}

#[test]
fn what_is_taken_back_leaves_no_latency() {
    use EventKind::{Clicked, Delivered, Failed, Opened, Queued};
    assert_eq!(latencies(&[(Queued, 0), (Delivered, 8), (Failed, 9)]), []);
    assert_eq!(latencies(&[(Queued, 0), (Failed, 2), (Delivered, 8)]), [(Latency::Delivery, 8)]);
    let opened = [(Latency::Delivery, 8), (Latency::Open, 10)];
    assert_eq!(latencies(&[(Queued, 0), (Delivered, 8), (Failed, 9), (Opened, 10), (Opened, 12)]), opened);
    assert_eq!(latencies(&[(Queued, 2), (Clicked, 0)]), [(Latency::Open, 0), (Latency::Click, 0)], "a clock is behind");
    assert_eq!(latencies(&[(Delivered, 2), (Opened, 8)]), [(Latency::Open, 6)], "nobody knows when it was queued");
}
