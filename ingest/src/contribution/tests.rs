//! The order of events does not matter, and each rule of METRICS.md holds on the smallest case that shows it.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::subsequence};
use schema::{Event, EventId, EventKind, SecureMethod};

use super::*;
use crate::{attributes::Carried, delivery::Happening, testing, texts::Texts};

const NAMES: [&str; 3] = ["", "a", "b"];

fn event(kind: EventKind, time: i64) -> Event<'static> {
    Event { class: (kind == EventKind::Failed).then_some(FailureClass::Hard), ..testing::event(kind, "m", time) }
}

fn any_event() -> impl Strategy<Value = Event<'static>> {
    let kinds = proptest::sample::select(EventKind::ALL);
    let classes = proptest::sample::select(FailureClass::ALL);
    (kinds, 0..6_i64, 0..3_usize, 0..3_usize, 0..3_usize, any::<bool>(), any::<bool>(), classes).prop_map(
        |(kind, time, subject, sender, field, machine, method, class)| Event {
            subject: NAMES[subject],
            sender: NAMES[sender],
            fields: if field == 0 { Vec::new() } else { vec![("f", NAMES[field])] },
            machine,
            method: method.then_some(SecureMethod::Tls),
            class: Some(class),
            ..event(kind, time * 400_000)
        },
    )
}

/// Folds an event into a delivery, as a batch does.
fn fold(delivery: &mut Delivery, event: &Event<'static>, id: EventId, texts: &mut Texts<'static>) {
    let fields: Vec<_> = event.fields.iter().map(|(name, value)| (texts.intern(name), texts.intern(value))).collect();
    let carried = Carried {
        sender: texts.intern(event.sender),
        subject: texts.intern(event.subject),
        campaign: texts.intern(event.campaign),
        fields: &fields,
    };
    let Event { kind, time, machine, class, method, .. } = *event;
    delivery.fold(Happening { id, kind, time, machine, class, method, carried }, texts);
}

fn folded<'a>(events: impl IntoIterator<Item = &'a (Event<'static>, EventId)>, texts: &mut Texts<'static>) -> Delivery {
    let mut delivery = Delivery::default();
    for (event, id) in events {
        fold(&mut delivery, event, *id, texts);
    }
    delivery
}

/// Everything that reports can show of a delivery.
fn shown(delivery: &Delivery, texts: &Texts<'static>) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut cells = BTreeMap::new();
    contribution(delivery, |basis, bucket, measure, count| {
        *cells.entry((basis, bucket, measure)).or_insert(0) += i64::from(count);
    });
    let attributes = &delivery.attributes;
    let fields: Vec<_> = attributes.fields().map(|(name, value)| (texts.text(name), texts.text(value))).collect();
    let text = |id| texts.text(id);
    (cells, text(attributes.subject()), text(attributes.sender()), text(attributes.campaign()), fields)
}

fn sent(events: &[Event<'static>]) -> BTreeMap<&'static str, i64> {
    let numbered: Vec<_> = events.iter().cloned().zip((1..).map(EventId)).collect();
    let mut measures = BTreeMap::new();
    contribution(&folded(&numbered, &mut Texts::default()), |basis, _, measure, count| {
        if basis == Basis::Sent {
            *measures.entry(measure.name()).or_insert(0) += i64::from(count);
        }
    });
    measures
}

proptest! {
    #[test]
    fn any_order_of_the_same_events_shows_the_same(
        events in proptest::collection::vec(any_event(), 1..12),
        order in Just(()).prop_perturb(|(), mut rng| rng.random::<u64>()),
    ) {
        let mut numbered: Vec<_> = events.into_iter().zip((1..).map(EventId)).collect();
        let mut texts = Texts::default();
        let before = shown(&folded(&numbered, &mut texts), &texts);
        let mut state = order;
        for place in (1..numbered.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            numbered.swap(place, (state >> 33) as usize % (place + 1));
        }
        prop_assert_eq!(before, shown(&folded(&numbered, &mut texts), &texts));
    }

    #[test]
    fn a_state_that_was_stored_goes_on_as_if_it_had_not_been(
        events in proptest::collection::vec(any_event(), 1..12),
        cut in 0..12_usize,
    ) {
        let numbered: Vec<_> = events.into_iter().zip((1..).map(EventId)).collect();
        let (early, late) = numbered.split_at(cut.min(numbered.len()));
        let mut texts = Texts::default();
        let bytes = folded(early, &mut texts).write(&texts, Vec::new()).expect("states can be encoded");
        // Texts live as long as what they are read from; a test may leave that behind.
        let mut delivery = Delivery::read(bytes.leak(), &mut texts).expect("and decoded");
        for (event, id) in late {
            fold(&mut delivery, event, *id, &mut texts);
        }
        prop_assert_eq!(&delivery, &folded(&numbered, &mut texts));
    }

    #[test]
    fn the_invariants_of_the_sent_basis_hold_for_every_set_of_events(
        events in subsequence(EventKind::ALL.to_vec(), 1..9).prop_flat_map(|kinds| {
            kinds.into_iter().map(|kind| any_event().prop_map(move |e| Event { kind, ..e })).collect::<Vec<_>>()
        }),
    ) {
        let m = sent(&events);
        let get = |name: &str| m.get(name).copied().unwrap_or(0);
        prop_assert_eq!(get("queued"), get("pending") + get("delivered") + get("failed"));
        let classes = ["failed_hard", "failed_soft", "failed_block", "failed_suppressed", "failed_other"];
        prop_assert_eq!(get("failed"), classes.iter().map(|name| get(name)).sum::<i64>());
        prop_assert!(get("queued") >= get("delivered") && get("delivered") >= get("opened") && get("opened") >= get("clicked"));
        prop_assert!(get("delivered") >= get("unsecured") && get("delivered") >= get("opened") + get("machine_opened"));
    }
}

#[test]
fn a_bounce_after_the_delivery_is_a_failure_unless_someone_engaged() {
    use EventKind::{Delivered, Failed, Opened, Queued};
    let bounced = [event(Queued, 1), event(Delivered, 2), event(Failed, 3)];
    assert_eq!(sent(&bounced).get("failed_hard"), Some(&1));
    let opened = [event(Queued, 1), event(Delivered, 2), event(Failed, 3), event(Opened, 1)];
    assert_eq!(sent(&opened).get("delivered"), Some(&1));
    let equal = [event(Queued, 1), event(Delivered, 2), event(Failed, 2)];
    assert_eq!(sent(&equal).get("failed"), Some(&1), "at equal times the failure wins");
    let retried = [event(Queued, 1), event(Failed, 2), event(Delivered, 3)];
    assert_eq!(sent(&retried).get("delivered"), Some(&1));
}

#[test]
fn an_open_before_its_delivery_counts_once_and_a_click_implies_an_open() {
    use EventKind::{Clicked, Opened};
    let measures = sent(&[event(Opened, 1), event(Clicked, 2), event(Clicked, 3)]);
    for (name, count) in [("queued", 1), ("delivered", 1), ("opened", 1), ("clicked", 1), ("opens", 1), ("clicks", 2)] {
        assert_eq!(measures.get(name), Some(&count), "{name}");
    }
    assert_eq!(sent(&[event(Clicked, 2)]).get("opened"), Some(&1));
}

#[test]
fn machines_open_only_what_no_person_opened() {
    let machine = Event { machine: true, ..event(EventKind::Opened, 1) };
    assert_eq!(sent(std::slice::from_ref(&machine)).get("machine_opened"), Some(&1));
    let both = sent(&[machine, event(EventKind::Opened, 2)]);
    assert_eq!((both.get("machine_opened"), both.get("opened"), both.get("machine_opens")), (None, Some(&1), Some(&1)));
}

#[test]
fn delivery_over_tls_is_evidence_of_encryption_whatever_the_outcome() {
    let tls = Event { method: Some(SecureMethod::Tls), ..event(EventKind::Delivered, 1) };
    let secured = sent(&[tls.clone(), event(EventKind::Failed, 2)]);
    assert_eq!((secured.get("secured"), secured.get("failed"), secured.get("unsecured")), (Some(&1), Some(&1), None));
    assert_eq!(sent(&[event(EventKind::Delivered, 1)]).get("unsecured"), Some(&1));
    assert_eq!(sent(&[tls]).get("unsecured"), None);
}

/// As many cells as nobody scans for each of: those of before are found, and so is what was there first.
#[test]
fn a_delivery_with_very_many_quarters_changes_by_what_is_new() {
    let quarter = 15 * 60_000;
    let mut texts = Texts::default();
    let mut delivery = Delivery::default();
    let mut opens = |delivery: &mut Delivery, quarters: std::ops::Range<i64>| {
        for place in quarters {
            let id = EventId(u128::try_from(place).expect("a place"));
            fold(delivery, &event(EventKind::Opened, place * quarter), id, &mut texts);
        }
    };
    let mut cells = Cells::default();
    let taken = |cells: &mut Cells| {
        let mut seen = Vec::new();
        if cells.settle() {
            cells.take(|basis, bucket, counts, _| seen.push((basis, bucket, counts[Measure::Opens])));
        }
        seen
    };
    for (before, after) in [(0, 31), (31, 34), (34, 100_000), (100_000, 100_001)] {
        cells.add(&delivery, -1);
        opens(&mut delivery, before..after);
        cells.add(&delivery, 1);
        let mut seen = taken(&mut cells);
        seen.retain(|(.., opens)| *opens != 0);
        let sent = (Basis::Sent, Bucket::of(Millis(0)), i32::try_from(after - before).expect("few"));
        let mut expected: Vec<_> =
            (before..after).map(|place| (Basis::Event, Bucket::of(Millis(place * quarter)), 1)).chain([sent]).collect();
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected, "{before} to {after}");
    }
}
