//! What tests share: a plain event, and a ledger with what the tables would hold, to see what batches do to both.

use std::collections::BTreeMap;

use bumpalo::Bump;
use schema::{Basis, Bucket, Event, EventKind, Identifier, Measure, Millis, Secret, Step};
use tempfile::TempDir;

use crate::{
    batch::Batch,
    coarse::CoarseChange,
    cube::CubeChange,
    fact::{Facts, Records, Told},
    ledger::{Changes, Held, Ledger, Rules},
    limits::{Admission, day},
    rollup::RollupChange,
    spool::Range,
    sums::Change,
    texts::Texts,
};

/// Bytes of memory for the ledger.
const CACHE: u64 = 8 << 20;

/// An event of a message to one recipient that says nothing else.
pub(crate) fn event(kind: EventKind, message_id: &str, time: i64) -> Event<'_> {
    Event {
        kind,
        time: Millis(time),
        message_id,
        recipient: "a@b.c",
        event_id: "",
        sender: "",
        subject: "",
        campaign: "",
        fields: Vec::new(),
        machine: false,
        class: None,
        method: None,
        url: "",
        reason: "",
    }
}

/// Measures, and how many deliveries have which latency, by their names.
pub(crate) type Sums = BTreeMap<String, i64>;

/// They by dimension, clock, bucket and value.
pub(crate) type Counts = BTreeMap<(String, Basis, Bucket, String), Sums>;

/// What a step of latencies is called among the sums.
pub(crate) fn named(step: Step) -> String {
    format!("latency step {}", step.0)
}

/// A ledger, and what the tables would hold.
pub(crate) struct World {
    dir: TempDir,
    ledger: Option<Ledger>,
    rules: Rules,
    rollup: Counts,
    applied: u64,
}

impl World {
    pub(crate) fn new(rules: Rules) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let ledger = Some(Ledger::open(dir.path(), CACHE).expect("a ledger"));
        Self { dir, ledger, rules, rollup: Counts::new(), applied: 0 }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("it is open")
    }

    /// Computes a batch upon the ledger, or upon what an earlier one will leave.
    pub(crate) fn compute(&self, frames: &[u8], ahead: Option<&Changes>) -> (Counts, Changes) {
        let identifier = Identifier::new(&Secret::new([7; 32]));
        let ledger = self.ledger();
        let rules = self.rules;
        let view = ledger.view(ahead, &rules).expect("the ledger answers");
        let records = Records::open(frames).expect("what was written can be read");
        let (known, own);
        let mut texts = Texts::default();
        let told = Told::read(&records, &mut texts, &identifier).expect("the records can be read");
        let facts = Facts::distinct(&told, view).expect("the ledger answers");
        (known, own) = (facts.known(view).expect("the ledger answers"), Bump::new());
        let admission = Admission::new(rules.limits, view, &identifier, &own);
        let batch = Batch::fold(facts, texts, &known, &identifier, admission, CubeChange::default())
            .expect("no state is damaged");
        let age =
            ledger.age(ahead).expect("the ledger answers").after(records.accepted_at(), batch.latest(), rules.memory);
        (counts(&batch), batch.changes(age).expect("states can be encoded"))
    }

    /// What a batch changes, as the tables sum it up.
    pub(crate) fn apply(&mut self, counts: Counts, changes: &Changes) {
        for (key, measures) in counts {
            let row = self.rollup.entry(key).or_default();
            for (measure, count) in measures {
                *row.entry(measure).or_default() += count;
            }
        }
        let range = Range { first: self.applied, last: self.applied + 1 };
        let ledger = self.ledger();
        ledger.commit(changes, &Held::new(), range).expect("it is written");
        ledger.forget(changes, &self.rules);
        self.applied += 1;
    }

    /// Closes the ledger as a crash would, and opens it again.
    pub(crate) fn reopen(&mut self) {
        self.ledger = None;
        self.ledger = Some(Ledger::open(self.dir.path(), CACHE).expect("a ledger"));
    }

    /// What a dimension counts by UTC day and value, without what is zero.
    pub(crate) fn by(&self, dimension: &str, basis: Basis) -> Counts {
        let mut sums = Counts::new();
        for ((named, clock, bucket, value), measures) in &self.rollup {
            if named == dimension && *clock == basis {
                let bucket = Bucket(day(Millis::from(*bucket)) * 86_400);
                let row = sums.entry((named.clone(), basis, bucket, value.clone())).or_default();
                for (measure, count) in measures.iter().filter(|(_, count)| **count != 0) {
                    *row.entry(measure.clone()).or_default() += count;
                }
            }
        }
        for row in sums.values_mut() {
            row.retain(|_, count| *count != 0);
        }
        sums.retain(|_, row| !row.is_empty());
        sums
    }
}

fn counts(batch: &Batch<'_>) -> Counts {
    let mut counts = Counts::new();
    let coarse = CoarseChange::of(&batch.cube);
    for (key, Change { measures, latencies }) in RollupChange::of(&coarse, &batch.texts).rows() {
        let value = batch.texts.text(key.value).to_owned();
        let row = counts.entry((key.by.name(&batch.texts), key.basis, key.bucket, value)).or_default();
        for measure in Measure::ALL.iter().filter(|measure| measures[**measure] != 0) {
            *row.entry(measure.name().to_owned()).or_default() += i64::from(measures[*measure]);
        }
        for (_, step, count) in latencies {
            *row.entry(named(*step)).or_default() += i64::from(*count);
        }
    }
    counts
}
