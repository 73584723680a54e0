//! The stages of ingestion one by one, for the benchmarks in `benches`. Hidden: no part of what this crate offers to others.

use std::path::Path;

use bumpalo::Bump;
use schema::{AccountId, Identifier, Millis, Secret};

use crate::{
    IngestError, Options,
    accept::{Window, accept},
    batch::Batch,
    buffers::Buffers,
    cube::CubeChange,
    decode::{BodyFormat, Item, Mapping, Provider},
    fact::{BatchError, Facts, Records, Told},
    intake::parse,
    ledger::{Ledger, LedgerError},
    limits::Admission,
    record::RecordBuilder,
    rows::{Stamp, inserts},
    texts::Texts,
};

/// A fold failed: the benchmark's own records cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct FoldError(#[from] BatchError);

/// What the stages work with: a ledger that has seen nothing, and memory that is used again.
#[derive(Debug)]
pub struct Stages {
    ledger: Ledger,
    identifier: Identifier,
    buffers: Buffers,
    account: AccountId,
    now: Millis,
}

/// A batch whose events are folded.
pub struct Folded<'s> {
    batch: Batch<'s>,
    buffers: &'s Buffers,
}

impl Stages {
    /// Opens the ledger in `dir`. At `now` the events come in.
    ///
    /// # Errors
    /// When the ledger cannot be opened.
    pub fn new(dir: &Path, account: AccountId, now: Millis) -> Result<Self, LedgerError> {
        let identifier = Identifier::new(&Secret::new([7; 32]));
        Ok(Self {
            ledger: Ledger::open(dir, 64 << 20)?,
            identifier,
            buffers: Buffers::new(12, 256 << 20),
            account,
            now,
        })
    }

    /// From a body of NDJSON to the record that the spool takes: every event decoded and judged.
    ///
    /// # Errors
    /// When the body as a whole cannot be taken.
    pub fn decode(&self, body: &[u8]) -> Result<Vec<u8>, IngestError> {
        let (record, _) = parse(body, BodyFormat::Ndjson, Window::new(self.now, u32::MAX, None))?;
        Ok(record.finish(&self.account, self.now))
    }

    /// The same from a body in a provider's format, labels mapped as they are when nobody chose.
    ///
    /// # Errors
    /// When the body as a whole cannot be taken, or an event of it: what is refused costs less than what it is measured for.
    pub fn decode_from(&self, provider: Provider, body: &[u8]) -> Result<Vec<u8>, IngestError> {
        let (mapping, window) = (Mapping::default(), Window::new(self.now, u32::MAX, None));
        let mut record = RecordBuilder::for_body(body.len());
        let mut refused = Ok(());
        let mut take = |item: Item<'_>| {
            if let Item::Event(event) = item
                && let Err(mismatch) = accept(&event, window, |event| record.push(event))
            {
                refused = Err(IngestError::Malformed(mismatch.detail));
            }
        };
        provider.decode(body, &mapping, &mut take).map_err(|error| IngestError::Malformed(error.to_string()))?;
        refused.map(|()| record.finish(&self.account, self.now))
    }

    /// From records to the states of their deliveries and the cells that they change, and hands these to `take`.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn fold<T>(&self, frames: &[u8], take: impl FnOnce(&mut Folded<'_>) -> T) -> Result<T, FoldError> {
        let rules = Options::default().rules();
        let view = self.ledger.view(None, &rules).map_err(BatchError::from)?;
        let records = Records::open(frames)?;
        let (known, own);
        let mut texts = Texts::default();
        let told = Told::read(&records, &mut texts, &self.identifier)?;
        let facts = Facts::distinct(&told, view)?;
        (known, own) = (facts.known(view).map_err(BatchError::from)?, Bump::new());
        let admission = Admission::new(rules.limits, view, &self.identifier, &own);
        let batch = Batch::fold(facts, texts, &known, &self.identifier, admission, CubeChange::default())?;
        Ok(take(&mut Folded { batch, buffers: &self.buffers }))
    }
}

impl Folded<'_> {
    /// Distinct events of the batch.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.batch.facts.all.len() as u64
    }

    /// From the batch to the blocks for all tables; answers their bytes.
    pub fn encode(&mut self) -> u64 {
        let stamp = Stamp { ledger: "benchmark", version: 1, batch: 1 };
        let mut bytes = 0;
        for insert in inserts(&mut self.batch, stamp, self.buffers) {
            bytes += insert.block().map_or(0, |block| block.head.len() + block.body.len()) as u64;
        }
        bytes
    }
}

impl std::fmt::Debug for Folded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folded").field("events", &self.events()).finish_non_exhaustive()
    }
}
