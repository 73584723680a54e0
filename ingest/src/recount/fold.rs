//! Folds events once more, as the writer folds a batch: the rows that follow, and what a ledger remembers.

use std::sync::Arc;

use bumpalo::Bump;
use schema::Identifier;

use super::Result;
use crate::{
    batch::Batch,
    buffers::Buffers,
    cube::CubeChange,
    fact::{Facts, Records, Told},
    ledger::{Age, Changes, Known, Ledger, View},
    limits::{Admission, Judged},
    rows::{Insert, Stamp, recounted},
    texts::Texts,
};

/// What comes of a run of events.
pub(super) struct Folded {
    pub(super) inserts: Vec<Insert>,
    pub(super) changes: Arc<Changes>,
    /// Deliveries that the run before did not speak of.
    pub(super) deliveries: u64,
}

/// What a recount knows beside the events.
pub(super) struct Terms {
    pub(super) identifier: Identifier,
    /// The ledger that learns what follows, and how old it is.
    pub(super) ledger: Option<Arc<Ledger>>,
    pub(super) age: Age,
}

/// Folds a run of events, sorted by delivery: late ones, or none. Of a delivery that the run before broke off in the midst of, this is the
/// rest.
///
/// What a delivery should contribute is decided where the writer has it decided, in `Batch::fold` upon the states of the view.
pub(super) fn fold(
    frames: &[u8],
    before: Option<&Changes>,
    number: u64,
    late: bool,
    (terms, judged): (&Terms, &Judged),
) -> Result<Folded> {
    let view = View::anew(terms.ledger.as_deref(), before, late);
    let records = Records::open(frames)?;
    // The texts of the batch lie in the states, too, and a few are our own. Therefore these must live longer.
    let (known, own);
    let mut texts = Texts::default();
    let told = Told::read(&records, &mut texts, &terms.identifier)?;
    let facts = Facts::distinct(&told, view)?;
    (known, own) = (facts.known(view)?, Bump::new());
    let begun = known.iter().filter(|known| matches!(known, Some(Known::State(_)))).count();
    let admission = Admission::again(judged, view, &terms.identifier, &own);
    let mut batch = Batch::fold(facts, texts, &known, &terms.identifier, admission, CubeChange::default())?;
    let stamp = Stamp { ledger: "", version: number, batch: number };
    let inserts = recounted(&mut batch, stamp, &Buffers::none());
    let changes = Arc::new(batch.changes(terms.age.clone())?);
    Ok(Folded { inserts, deliveries: (changes.states.len() - begun) as u64, changes })
}

#[cfg(test)]
mod tests {
    use schema::{Event, EventKind, Millis, Secret};

    use super::*;
    use crate::{ledger::State, record::RecordBuilder, testing};

    fn event(kind: EventKind, message_id: &'static str, time: i64) -> Event<'static> {
        Event { subject: if kind == EventKind::Queued { "s" } else { "" }, ..testing::event(kind, message_id, time) }
    }

    fn frames(events: &[Event<'_>]) -> Vec<u8> {
        let mut record = RecordBuilder::default();
        for event in events {
            record.push(event);
        }
        record.finish(&"a".parse().expect("a name"), Millis(0))
    }

    /// The last state of each delivery, how many deliveries and how many events there were.
    fn folded(runs: &[&[Event<'_>]]) -> (std::collections::BTreeMap<u128, State>, u64, usize) {
        let terms = Terms { identifier: Identifier::new(&Secret::new([7; 32])), ledger: None, age: Age::default() };
        let (mut states, mut deliveries, mut events, mut before) = (std::collections::BTreeMap::new(), 0, 0, None);
        for (run, number) in runs.iter().zip(1..) {
            let folded = fold(&frames(run), before.as_deref(), number, false, (&terms, &Judged::default()))
                .expect("the events can be folded");
            states.extend(folded.changes.states.iter().map(|(key, state)| (key.0, state.clone())));
            deliveries += folded.deliveries;
            events += folded.changes.seen.len();
            before = Some(folded.changes);
        }
        (states, deliveries, events)
    }

    #[test]
    fn a_delivery_that_is_broken_off_between_two_runs_is_one_delivery() {
        let kinds =
            [EventKind::Queued, EventKind::Deferred, EventKind::Delivered, EventKind::Opened, EventKind::Clicked];
        let one = kinds.iter().zip(0..).map(|(kind, time)| event(*kind, "one", 1_790_000_000_000 + time));
        let two = kinds.iter().zip(0..).map(|(kind, time)| event(*kind, "two", 1_790_000_000_000 + time));
        let events: Vec<_> = one.chain(two).collect();
        let whole = folded(&[&events]);
        assert_eq!((whole.0.len(), whole.1, whole.2), (2, 2, 10));
        for cut in 1..events.len() {
            let (front, back) = events.split_at(cut);
            assert_eq!(folded(&[front, back]), whole, "cut at {cut}");
            // An event that stands twice in the table is one event.
            let twice = [front[cut - 1].clone()].into_iter().chain(back.iter().cloned()).collect::<Vec<_>>();
            assert_eq!(folded(&[front, &twice]), whole, "repeated at {cut}");
        }
    }
}
