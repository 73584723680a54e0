//! What is committed is there, and what is too old is forgotten, whether or not files were merged meanwhile.

use schema::{Basis, Event, EventKind, Millis, ValueHash};

use super::*;
use crate::{
    record::RecordBuilder,
    testing::{World, event},
};

const RULES: Rules = Rules {
    limits: Limits { subjects: 1, senders: 1, campaigns: 1, field_values: 1 },
    memory: Memory { days: 2, trace_days: 20 },
};

fn changes(ids: std::ops::Range<u128>) -> Changes {
    let states =
        ids.clone().map(|id| (DeliveryKey(id), aged(&mut id.to_le_bytes().to_vec(), &Age::default()))).collect();
    let hash = |id| DayHash { day: 20_000, hash: ValueHash(id) };
    let values = ids.clone().map(hash).collect();
    let counts = ids.clone().map(|id| (hash(id), 7)).collect();
    Changes { states, seen: ids.map(EventId).collect(), registered: Registered { values, counts }, age: Age::default() }
}

#[test]
fn small_and_large_commits_are_all_there_after_a_restart() -> Result<(), LedgerError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let large = BULK as u128;
    let parts = [0..10, 10..10 + large, 10 + large..20 + large, 20 + large..20 + 2 * large];
    for (number, ids) in (1..).zip(parts) {
        let ledger = Ledger::open(dir.path(), 8 << 20)?;
        let held = Held::from([(Month(202_611), number)]);
        ledger.commit(&changes(ids), &held, Range { first: number - 1, last: number })?;
        assert_eq!((ledger.cursor()?, ledger.held()?), (number, held));
    }
    let ledger = Ledger::open(dir.path(), 8 << 20)?;
    let view = ledger.view(None, &RULES)?;
    let mut asked = view.asked();
    for id in 0..20 + 2 * large {
        assert!(asked.has_seen(EventId(id))?, "{id}");
        let delivery = view.delivery(DeliveryKey(id))?;
        assert!(matches!(delivery, Some(Known::State(state)) if state.bytes() == id.to_le_bytes()));
        let value = DayHash { day: 20_000, hash: ValueHash(id) };
        assert_eq!((view.is_admitted(value)?, view.admitted(value)?), (true, 7));
    }
    assert!(!asked.has_seen(EventId(20 + 2 * large))?);
    assert_eq!((ledger.cursor()?, ledger.begun()?), (4, None));
    Ok(())
}

#[test]
fn a_batch_that_was_begun_is_computed_again_under_the_rules_that_it_was_begun_under() -> Result<(), LedgerError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let range = Range { first: 0, last: 7 };
    Ledger::open(dir.path(), 8 << 20)?.begin(range, &RULES)?;
    let ledger = Ledger::open(dir.path(), 8 << 20)?;
    assert_eq!(ledger.begun()?, Some((range, RULES)));
    ledger.commit(&changes(0..1), &Held::new(), range)?;
    assert_eq!(ledger.begun()?, None);
    Ok(())
}

#[test]
fn a_ledger_of_an_earlier_form_is_refused() -> Result<(), LedgerError> {
    for name in OLDER {
        let dir = tempfile::tempdir().expect("a temporary folder");
        drop(Database::builder(dir.path()).open()?.keyspace(name, KeyspaceCreateOptions::default)?);
        assert!(matches!(Ledger::open(dir.path(), 8 << 20), Err(LedgerError::Older)), "{name}");
    }
    Ok(())
}

const DAY: i64 = 86_400_000;
/// 2026-11-01T00:00:00Z.
const START: i64 = 1_793_491_200_000;

/// An event of a message, this many days after the start, in a record that was accepted at its time.
fn record(kind: EventKind, message_id: &str, day: i64) -> Vec<u8> {
    let time = Millis(START + day * DAY);
    let mut record = RecordBuilder::default();
    record.push(&Event {
        event_id: &format!("{message_id} {} {day}", kind.name()),
        subject: if kind == EventKind::Queued { "hello" } else { "" },
        ..event(kind, message_id, time.0)
    });
    record.finish(&"a".parse().expect("a name"), time)
}

impl World {
    fn report(&mut self, kind: EventKind, message_id: &str, day: i64) {
        let (counts, changes) = self.compute(&record(kind, message_id, day), None);
        self.apply(counts, &changes);
    }

    /// Other messages come in on these days.
    fn pass(&mut self, days: std::ops::Range<i64>) {
        for day in days {
            self.report(EventKind::Queued, &format!("of day {day}"), day);
        }
    }

    /// What all deliveries count, on the clock of events.
    fn total(&self, measure: &str) -> i64 {
        self.by("", Basis::Event).values().filter_map(|measures| measures.get(measure)).sum()
    }

    /// Entries of a kind, and the bytes of their values.
    fn entries(&self, kind: u8) -> (usize, usize) {
        let Ledger { entries, singles, .. } = self.ledger();
        let entries = entries.prefix([kind]).chain(singles.prefix([kind]));
        let values = entries.map(|entry| entry.size().expect("it can be read") as usize);
        values.fold((0, 0), |(count, bytes), value| (count + 1, bytes + value))
    }

    fn merge(&self) {
        let Ledger { entries, singles, .. } = self.ledger();
        for keyspace in [entries, singles] {
            keyspace.rotate_memtable_and_wait().expect("it is written");
            keyspace.major_compact().expect("it is merged");
        }
    }
}

#[test]
fn a_forgotten_delivery_is_not_counted_again_and_its_late_events_are() {
    for merged in [false, true] {
        let mut world = World::new(RULES);
        for kind in [EventKind::Queued, EventKind::Delivered, EventKind::Opened] {
            world.report(kind, "m", 0);
        }
        world.pass(1..11);
        if merged {
            world.merge();
        }
        let before = (world.total("queued"), world.total("delivered"), world.total("opened"));
        assert_eq!(before, (11, 1, 1));
        world.report(EventKind::Opened, "m", 10);
        world.report(EventKind::Clicked, "m", 11);
        assert_eq!((world.total("queued"), world.total("delivered"), world.total("opened")), before, "{merged}");
        assert_eq!((world.total("opens"), world.total("clicks"), world.total("clicked")), (2, 1, 0), "{merged}");
        let by = world.by("subject", Basis::Event);
        let late: i64 = by.iter().filter(|((.., value), _)| value.is_empty()).filter_map(|(_, m)| m.get("opens")).sum();
        assert_eq!(late, 1, "it is attributed by what it carries");
    }
}

#[test]
fn a_delivery_that_something_happens_to_is_remembered_however_old_it_is() {
    let mut world = World::new(RULES);
    world.report(EventKind::Queued, "m", 0);
    for day in (2..40).step_by(2) {
        world.pass(day - 1..day);
        world.report(EventKind::Opened, "m", day);
        world.merge();
    }
    let by = world.by("subject", Basis::Event);
    let opens: i64 = by.iter().filter(|((.., value), _)| value == "hello").filter_map(|(_, m)| m.get("opens")).sum();
    assert_eq!((world.total("opened"), opens), (1, 19));
}

#[test]
fn what_is_forgotten_leaves_the_files_when_they_are_merged_and_reading_says_the_same_before_and_after() {
    let mut world = World::new(RULES);
    world.pass(0..12);
    assert_eq!(world.entries(SEEN).0, 12);
    let known = |world: &World| -> Vec<_> {
        let view = world.ledger().view(None, &RULES).expect("the ledger answers");
        let keys: Vec<u128> = world
            .ledger()
            .entries
            .prefix([DELIVERY])
            .map(|entry| {
                let key = entry.key().expect("it can be read");
                u128::from_be_bytes(std::array::from_fn(|place| key[place + 1]))
            })
            .collect();
        let states = keys.into_iter().map(|key| view.delivery(DeliveryKey(key)).expect("the ledger answers"));
        states.map(|known| matches!(known, Some(Known::State(_)))).collect()
    };
    let before = known(&world);
    assert_eq!(before.iter().filter(|is_state| **is_state).count(), 10);
    let (_, bytes) = world.entries(DELIVERY);
    world.merge();
    assert_eq!(known(&world), before);
    assert_eq!(world.entries(SEEN).0, 10);
    let (deliveries, fewer) = world.entries(DELIVERY);
    assert!(deliveries == 12 && fewer < bytes, "of two of twelve only a trace is left: {fewer} of {bytes} bytes");
    let values = world.entries(VALUE).0;
    assert!(values < 12, "days of which nothing can come any more are no longer registered: {values}");

    // Long after, not even a trace.
    world.pass(12..40);
    world.merge();
    assert_eq!(world.entries(DELIVERY).0, 28);
}

#[test]
fn merges_leave_everything_until_the_first_commit_after_a_restart() {
    let mut world = World::new(RULES);
    world.pass(0..40);
    let before = world.entries(SEEN);
    world.reopen();
    world.merge();
    assert_eq!(world.entries(SEEN), before, "a batch that was begun may be computed again");
    world.pass(40..41);
    world.merge();
    assert_eq!(world.entries(SEEN).0, 10);
}

#[test]
fn events_that_could_repeat_a_forgotten_one_are_not_to_be_accepted() {
    let mut world = World::new(RULES);
    world.report(EventKind::Queued, "m", 0);
    world.pass(1..3);
    let horizon = |world: &World| world.ledger().age(None).expect("the ledger answers").horizon();
    assert_eq!(horizon(&world), None);
    world.pass(3..4);
    assert_eq!(horizon(&world), Some(Millis(START)));
    // Whatever is later than that is remembered as long as it can be repeated.
    for day in 4..30 {
        world.pass(day..day + 1);
        let earliest = horizon(&world).map_or(0, |horizon| (horizon.0 - START) / DAY) + 1;
        let repeated = record(EventKind::Queued, &format!("of day {earliest}"), earliest);
        world.merge();
        let (counts, _) = world.compute(&repeated, None);
        assert!(counts.is_empty(), "day {day} repeats day {earliest}");
    }
}

#[test]
fn damage_that_nobody_came_across_is_found_by_examining() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let ledger = Ledger::open(dir.path(), 8 << 20)?;
    ledger.commit(&changes(0..BULK as u128), &Held::new(), Range { first: 0, last: 1 })?;
    ledger.examine()?;
    drop(ledger);
    let tables = std::fs::read_dir(dir.path().join("keyspaces/1/tables"))?;
    let table = tables.flatten().max_by_key(|file| file.metadata().map_or(0, |data| data.len())).ok_or("no table")?;
    let mut bytes = std::fs::read(table.path())?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(table.path(), bytes)?;
    let examined = Ledger::open(dir.path(), 8 << 20)?.examine();
    assert!(examined.as_ref().is_err_and(LedgerError::is_damage), "{examined:?}");
    Ok(())
}
