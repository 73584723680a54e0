//! Against a count without limits: totals and all other dimensions stay exact, values that were admitted are exact too, and neither
//! the cut of batches nor a replay changes any of that.

use std::collections::BTreeMap;

use proptest::prelude::*;
use schema::{Basis, Bucket, Event, EventKind, Millis, OTHER};

use super::Limits;
use crate::{
    ledger::{Changes, Memory, Rules},
    record::RecordBuilder,
    testing::{Counts, Sums, World, event},
};

/// 2026-11-01T00:00:00Z.
const START: i64 = 1_793_491_200_000;
const HOUR: i64 = 3_600_000;
const FEW: Limits = Limits { subjects: 2, senders: 1, campaigns: 2, field_values: 1 };
const MANY: Limits = Limits { subjects: 1000, senders: 1000, campaigns: 1000, field_values: 1000 };

fn within(limits: Limits) -> Rules {
    Rules { limits, memory: Memory { days: 180, trace_days: 1826 } }
}

/// An event in numbers: what it is, when, and the words that it carries.
#[derive(Clone, Debug)]
struct Sketch {
    kind: EventKind,
    hour: i64,
    message: usize,
    words: [usize; 4],
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let kinds = proptest::sample::select(vec![EventKind::Queued, EventKind::Delivered, EventKind::Opened]);
    (kinds, 0..60_i64, 0..9_usize, proptest::array::uniform4(0..5_usize))
        .prop_map(|(kind, hour, message, words)| Sketch { kind, hour, message, words })
}

fn frames(sketches: &[(usize, Sketch)]) -> Vec<u8> {
    let mut record = RecordBuilder::default();
    for (number, Sketch { kind, hour, message, words: [subject, sender, campaign, field] }) in sketches {
        let word = |kind: &str, number: &usize| if *number == 0 { String::new() } else { format!("{kind}{number}") };
        let sender = if *sender == 0 { String::new() } else { format!("s{sender}@d{}.example", sender % 3) };
        let value = word("v", field);
        record.push(&Event {
            message_id: &format!("m{message}"),
            recipient: &format!("pat@r{}.example", message % 2),
            event_id: &format!("e{number}"),
            sender: &sender,
            subject: &word("subject ", subject),
            campaign: &word("c", campaign),
            fields: if value.is_empty() { Vec::new() } else { vec![("f", &value)] },
            ..event(*kind, "", START + hour * HOUR)
        });
    }
    record.finish(&"a".parse().expect("a name"), Millis(START))
}

fn add(into: &mut Sums, measures: &Sums) {
    for (measure, count) in measures {
        *into.entry(measure.clone()).or_default() += count;
    }
    into.retain(|_, count| *count != 0);
}

/// What is shown of a limited dimension against what there is: values as they are or among the others, at most `limit` on a day.
fn judge(shown: &Counts, exact: &Counts, limit: usize) -> Result<(), TestCaseError> {
    let mut others: BTreeMap<Bucket, Sums> = BTreeMap::new();
    for ((dimension, basis, bucket, value), measures) in exact {
        match shown.get(&(dimension.clone(), *basis, *bucket, value.clone())) {
            Some(found) => prop_assert_eq!(found, measures, "{} on {:?}", value, bucket),
            None => add(others.entry(*bucket).or_default(), measures),
        }
    }
    others.retain(|_, measures| !measures.is_empty());
    let other = |((_, _, bucket, value), measures): (&(_, _, Bucket, String), &BTreeMap<_, _>)| {
        (value == OTHER).then(|| (*bucket, measures.clone()))
    };
    prop_assert_eq!(shown.iter().filter_map(other).collect::<BTreeMap<_, _>>(), others);
    let mut told_apart: BTreeMap<Bucket, usize> = BTreeMap::new();
    for (_, _, bucket, value) in shown.keys().filter(|(_, _, _, value)| !value.is_empty() && value != OTHER) {
        prop_assert!(exact.keys().any(|(_, _, known, same)| (known, same) == (bucket, value)));
        *told_apart.entry(*bucket).or_default() += 1;
    }
    prop_assert!(told_apart.values().all(|values| *values <= limit), "{:?}", told_apart);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn only_values_beyond_the_limit_are_other_and_nothing_else_changes(
        sketches in proptest::collection::vec(sketch(), 1..40),
        cuts in proptest::collection::vec((1..9_usize, 0..4_u8), 40),
    ) {
        let numbered: Vec<_> = sketches.into_iter().enumerate().collect();
        let mut exact = World::new(within(MANY));
        let (counts, changes) = exact.compute(&frames(&numbered), None);
        exact.apply(counts, &changes);

        let mut limited = World::new(within(FEW));
        let (mut rest, mut waiting) = (numbered.as_slice(), None::<(Counts, Changes)>);
        for (length, fate) in cuts {
            let (batch, left) = rest.split_at(length.min(rest.len()));
            rest = left;
            // Some batches are computed upon the one before, while that one is still being written.
            let body = frames(batch);
            let mut next = limited.compute(&body, waiting.as_ref().map(|(_, changes)| changes));
            if let Some((counts, changes)) = waiting.take() {
                limited.apply(counts, &changes);
            }
            if fate == 0 {
                limited.reopen();
            }
            if fate <= 1 {
                let again = limited.compute(&body, None);
                prop_assert_eq!(&again.0, &next.0, "a replay computes the same rows");
                next = again;
            }
            waiting = Some(next);
        }
        if let Some((counts, changes)) = waiting {
            limited.apply(counts, &changes);
        }

        for basis in Basis::ALL {
            for dimension in ["", "sender_domain", "recipient_domain", "mailbox_provider"] {
                prop_assert_eq!(limited.by(dimension, basis), exact.by(dimension, basis), "{}", dimension);
            }
        }
        for (dimension, limit) in [("subject", 2), ("sender", 1), ("campaign", 2), ("field:f", 1)] {
            judge(&limited.by(dimension, Basis::Sent), &exact.by(dimension, Basis::Sent), limit)?;
        }
    }
}

#[test]
fn a_value_beyond_the_limit_stays_other_and_one_within_it_stays_itself() {
    let mut world = World::new(within(FEW));
    let queued = |number, message, subject| {
        (number, Sketch { kind: EventKind::Queued, hour: 1, message, words: [subject, 0, 0, 0] })
    };
    for number in 0..8 {
        let body = frames(&[queued(number, number, 1 + number % 4)]);
        let (counts, changes) = world.compute(&body, None);
        world.apply(counts, &changes);
        world.reopen();
    }
    let by = world.by("subject", Basis::Sent);
    let queued: Vec<_> = by.iter().map(|((.., value), measures)| (value.as_str(), measures["queued"])).collect();
    assert_eq!(queued, [("subject 1", 2), ("subject 2", 2), (OTHER, 4)]);
}
