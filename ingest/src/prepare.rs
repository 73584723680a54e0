//! Computes a batch: from a range of the spool to the blocks for the tables and the changes of the ledger. Reads, writes nothing.

use std::{
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Instant,
};

use bumpalo::Bump;
use schema::{Identifier, Millis, metrics::Stage};

use crate::{
    batch::Batch,
    buffers::Buffers,
    cube::CubeChange,
    fact::{BatchError, Facts, Records, Told},
    ledger::{Changes, Ledger, LedgerError, Rules},
    limits::Admission,
    lock::lock,
    rows::{Insert, Stamp, inserts},
    spool::{Range, Spool},
    status::LastBatch,
    texts::Texts,
    timing::{self, timed},
};

/// A batch could not be computed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the spool cannot be read")]
    Spool(#[from] std::io::Error),
    /// What it was begun for is over.
    #[error("the batch is not wanted any more")]
    Unwanted,
}

/// A batch, computed.
pub(crate) struct Prepared {
    pub(crate) range: Range,
    pub(crate) number: u64,
    pub(crate) inserts: Vec<Insert>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) rules: Rules,
    pub(crate) summary: LastBatch,
    /// How many of its events repeated another, by the source through which they came.
    pub(crate) duplicates: Vec<(String, u64)>,
    /// Whether some of it may be in the tables: it was begun before a crash, or tried before.
    pub(crate) repeated: AtomicBool,
}

/// What the batch before changes, if it is not committed yet.
pub(crate) type Ahead = Result<Option<Arc<Changes>>, PrepareError>;

/// What batches are computed from.
pub(crate) struct Preparation {
    pub(crate) spool: Arc<Spool>,
    pub(crate) ledger: Arc<Ledger>,
    /// The ledger's name.
    pub(crate) name: String,
    pub(crate) identifier: Identifier,
    pub(crate) rules: Rules,
    /// A batch that a crash may have left half written, and its rules: it is computed again the same way.
    pub(crate) begun: Option<(Range, Rules)>,
    pub(crate) buffers: Buffers,
    /// The memory of the last batch's cells, which are many.
    pub(crate) cells: Mutex<CubeChange>,
}

impl Preparation {
    /// Computes the batch of a range upon the ledger, or upon what it will hold once the batch before is committed. `ahead` waits until
    /// the batch before that one is: what needs no ledger is done before.
    pub(crate) fn prepare(
        &self,
        range: Range,
        ahead: impl FnOnce() -> Ahead,
        now: Millis,
    ) -> Result<Prepared, PrepareError> {
        let length = usize::try_from(range.last - range.first).unwrap_or_default();
        let frames = timed(Stage::Read, || self.spool.read(range, self.buffers.take(length)))?;
        let prepared = self.compute(range, &frames, ahead, now);
        self.buffers.give(frames);
        prepared
    }

    fn compute(
        &self,
        range: Range,
        frames: &[u8],
        ahead: impl FnOnce() -> Ahead,
        now: Millis,
    ) -> Result<Prepared, PrepareError> {
        let rules = self.begun.filter(|(begun, _)| *begun == range).map_or(self.rules, |(_, rules)| rules);
        let records = Records::open(frames)?;
        // The texts of the batch lie in the states, too, and a few are our own. Therefore these must live longer.
        let (known, own);
        let mut texts = Texts::default();
        let told = timed(Stage::Identify, || Told::read(&records, &mut texts, &self.identifier))?;
        let ahead = ahead()?;
        let ahead = ahead.as_deref();
        let view = self.ledger.view(ahead, &rules)?;
        let facts = timed(Stage::Distinct, || Facts::distinct(&told, view))?;
        drop(told);
        let folding = Instant::now();
        (known, own) = (facts.known(view)?, Bump::new());
        let admission = Admission::new(rules.limits, view, &self.identifier, &own);
        let mut batch = Batch::fold(facts, texts, &known, &self.identifier, admission, self.take_cells())?;
        timing::record(Stage::Fold, folding);
        let number = number(&self.name, range);
        let stamp = Stamp { ledger: &self.name, version: self.ledger.base()? + range.last, batch: number };
        let inserts = timed(Stage::Encode, || inserts(&mut batch, stamp, &self.buffers));
        let age = self.ledger.age(ahead)?.after(records.accepted_at(), batch.latest(), rules.memory);
        let (changes, summary) = (Arc::new(batch.changes(age)?), summary(&batch, now));
        let named = |(source, count): &(_, u64)| (batch.texts.text(*source).to_owned(), *count);
        let duplicates = batch.facts.repeated.iter().map(named).collect();
        self.give_cells(batch.cube);
        Ok(Prepared { range, number, inserts, changes, rules, summary, duplicates, repeated: AtomicBool::new(false) })
    }

    fn take_cells(&self) -> CubeChange {
        std::mem::take(&mut *lock(&self.cells))
    }

    fn give_cells(&self, mut cells: CubeChange) {
        cells.clear();
        *lock(&self.cells) = cells;
    }
}

/// Tells a batch from all others, of other ledgers too.
fn number(ledger: &str, range: Range) -> u64 {
    let hash = blake3::hash(format!("{ledger}:{}-{}", range.first, range.last).as_bytes());
    u64::from_le_bytes(std::array::from_fn(|place| hash.as_bytes()[place]))
}

fn summary(batch: &Batch<'_>, at: Millis) -> LastBatch {
    LastBatch {
        at,
        events: batch.facts.all.len() as u64,
        duplicates: batch.facts.duplicates,
        late: batch.late(),
        deliveries: batch.touched.len() as u64,
        cells: batch.cube.len() as u64,
        millis: 0,
    }
}
