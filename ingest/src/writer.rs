//! The one writer: takes batches from the spool, computes what they change, inserts it and commits it to the ledger, exactly once.
//!
//! 1. The batch's end is recorded in the ledger, so that a replay after a crash cuts the same batch.
//! 2. Its rows are inserted; `store` sees to it that none arrives twice or not at all.
//! 3. The new states and the spool's cursor are committed in one ledger transaction.
//!
//! While a batch is being inserted, the next one is computed upon the states that it leaves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use schema::Clock;
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    ledger::{Changes, Held, LedgerError},
    prepare::{Preparation, PrepareError, Prepared},
    rows::{Insert, Table},
    spool::Range,
    status::{LastBatch, Progress},
    store::{Delivered, Store, StoreError},
};

/// At most so many bytes of records are applied at once, whatever the number of their events.
const BATCH_BYTES: u64 = 128 << 20;
/// Under load the reports may lag behind by so many milliseconds: acknowledging comes first, and large batches cost less than small ones.
const LAG: i64 = 3000;
/// How often the writer looks whether the load has passed.
const LOOK: Duration = Duration::from_millis(5);
/// Looks without a body in sight that mean it has.
const QUIET: u32 = 3;
/// Waits between tries while ClickHouse is away: from the first to the second, doubling.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// What keeps a batch from being applied for now.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the tables cannot be brought to this version")]
    Migration(#[from] schema::MigrationError),
    #[error("a task of the writer panicked")]
    Panicked(#[from] tokio::task::JoinError),
}

pub(crate) struct Writer {
    pub(crate) preparation: Arc<Preparation>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) batch_events: u64,
    pub(crate) progress: Arc<Progress>,
    pub(crate) closing: watch::Receiver<bool>,
    /// Bodies that are being accepted right now.
    pub(crate) accepting: Arc<AtomicUsize>,
    /// A batch that a crash may have left half written: it is cut again the same way.
    pub(crate) begun: Option<Range>,
}

impl Writer {
    /// Works until it is told to close and nothing waits, or nothing can be applied any more.
    pub(crate) async fn run(self) {
        if self.retry(|| async { Ok(schema::migrate(&self.store.clickhouse).await?) }).await.is_none() {
            return;
        }
        let mut begun = self.begun;
        let mut durable = self.preparation.spool.durable();
        let mut closing = self.closing.clone();
        let mut prepared: Option<Prepared> = None;
        loop {
            if prepared.is_none() {
                if begun.is_none() {
                    self.yield_to_acceptance().await;
                }
                let Some(range) = begun.take().or_else(|| self.following(self.progress.applied())) else {
                    if *closing.borrow() {
                        return;
                    }
                    tokio::select! {
                        changed = durable.changed() => if changed.is_err() { return },
                        _ = closing.changed() => {}
                    }
                    continue;
                };
                prepared = self.retry(|| self.prepare(range, None)).await;
            }
            let Some(batch) = prepared.take() else { return };
            match self.retry(|| self.apply(&batch)).await {
                Some(ahead) => prepared = ahead,
                None => return,
            }
            self.preparation.recycle(batch);
        }
    }

    /// Tries until it works; `None` when the service closes meanwhile.
    async fn retry<T, F: Future<Output = Result<T, WriteError>>>(&self, mut work: impl FnMut() -> F) -> Option<T> {
        let mut wait = RETRY.0;
        loop {
            match work().await {
                Ok(value) => {
                    self.progress.recovered();
                    return Some(value);
                }
                Err(error) => self.progress.failed(&error),
            }
            let mut closing = self.closing.clone();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = closing.wait_for(|closing| *closing) => return None,
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// Lets acceptance go first while bodies are coming in, but not for longer than `LAG`.
    async fn yield_to_acceptance(&self) {
        let mut quiet = 0;
        while quiet < QUIET && !*self.closing.borrow() {
            let lag = self.preparation.spool.waiting().oldest.map_or(0, |oldest| self.clock.now().0 - oldest.0);
            if !(0..LAG).contains(&lag) {
                return;
            }
            tokio::time::sleep(LOOK).await;
            quiet = if self.accepting.load(Ordering::Relaxed) == 0 { quiet + 1 } else { 0 };
        }
    }

    fn following(&self, position: u64) -> Option<Range> {
        self.preparation.spool.next(position, self.batch_events, BATCH_BYTES)
    }

    /// Computes a batch upon the ledger, or upon what it will hold once the batch before is committed.
    async fn prepare(&self, range: Range, ahead: Option<Arc<Changes>>) -> Result<Prepared, WriteError> {
        let (preparation, now) = (Arc::clone(&self.preparation), self.clock.now());
        let prepared = spawn_blocking(move || preparation.prepare(range, ahead.as_deref(), now)).await??;
        Ok(Prepared { repeated: AtomicBool::new(self.begun == Some(range)), ..prepared })
    }

    /// Writes a batch, and computes the next one meanwhile.
    async fn apply(&self, batch: &Prepared) -> Result<Option<Prepared>, WriteError> {
        let started = self.clock.now();
        let range = batch.range;
        let preparation = Arc::clone(&self.preparation);
        let begin = move || preparation.ledger.begin(range).and_then(|()| preparation.ledger.held());
        let mut held = spawn_blocking(begin).await??;
        let repeated = batch.repeated.swap(true, Ordering::Relaxed);
        let delivered = Delivered { inserts: &batch.inserts, number: batch.number, held: &held, repeated };
        let ahead = async {
            let Some(range) = self.following(range.last) else { return Ok(None) };
            self.prepare(range, Some(Arc::clone(&batch.changes))).await.map(Some)
        };
        let (inserted, ahead) = tokio::join!(self.store.put(&delivered), ahead);
        inserted?;
        count_blocks(&mut held, &batch.inserts);
        let (preparation, changes) = (Arc::clone(&self.preparation), Arc::clone(&batch.changes));
        spawn_blocking(move || preparation.ledger.commit(&changes, &held, range)).await??;
        self.preparation.spool.applied(range.last);
        let now = self.clock.now();
        self.progress.advance(range.last, LastBatch { at: now, millis: now.0 - started.0, ..batch.summary });
        // Should the next batch not have been computed, it is tried again on its own.
        Ok(ahead.unwrap_or(None))
    }
}

fn count_blocks(held: &mut Held, inserts: &[Insert]) {
    for insert in inserts.iter().filter(|insert| insert.table == Table::Cube) {
        *held.entry(insert.month).or_default() += 1;
    }
}
