//! The one writer: takes batches from the spool, computes what they change, inserts it and commits it to the ledger, exactly once.
//!
//! 1. The batch's end is recorded in the ledger, so that a replay after a crash cuts the same batch.
//! 2. Its rows are inserted; `store` sees to it that none arrives twice or not at all.
//! 3. The new states and the spool's cursor are committed in one ledger transaction.
//!
//! While a batch is being inserted, the next one is computed upon the states that it leaves.
//!
//! After its disk failed the ledger takes nothing more. Then it is opened again, and the writer goes on as after a restart.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use schema::{
    Clock,
    metrics::{BATCH_EVENTS, EVENTS_TOTAL, LATE_EVENTS_TOTAL, Outcome, Stage},
};
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    fact::BatchError,
    ledger::{Changes, Held, Ledger, LedgerError},
    prepare::{Preparation, PrepareError, Prepared},
    rows::{Buffers, Insert, Table},
    spool::Range,
    status::{LastBatch, Progress},
    store::{Delivered, Store, StoreError},
    timing::{self, timed},
};

/// At most so many bytes of records are applied at once, whatever the number of their events.
const BATCH_BYTES: u64 = 128 << 20;
/// Under load the reports may lag behind by so many milliseconds: acknowledging comes first, and large batches cost less than small ones.
const LAG: i64 = 1500;
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

impl WriteError {
    /// Whether the ledger takes nothing more until it is opened again.
    fn breaks_ledger(&self) -> bool {
        match self {
            Self::Ledger(error)
            | Self::Prepare(PrepareError::Ledger(error) | PrepareError::Batch(BatchError::Ledger(error))) => {
                error.is_lasting()
            }
            _ => false,
        }
    }
}

/// Why the writer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    LedgerBroken,
}

pub(crate) struct Writer {
    pub(crate) preparation: Arc<Preparation>,
    /// Where the ledger lies.
    pub(crate) ledger_dir: PathBuf,
    /// How many bytes of its files it keeps in memory.
    pub(crate) ledger_cache: u64,
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
    pub(crate) async fn run(mut self) {
        while self.work().await == End::LedgerBroken {
            match self.reopen().await {
                Some(writer) => self = writer,
                None => return,
            }
        }
    }

    async fn work(&self) -> End {
        if self.retry(|| async { Ok(schema::migrate(&self.store.clickhouse).await?) }).await.is_err() {
            return End::Closed;
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
                        return End::Closed;
                    }
                    tokio::select! {
                        changed = durable.changed() => if changed.is_err() { return End::Closed },
                        _ = closing.changed() => {}
                    }
                    continue;
                };
                match self.retry(|| self.prepare(range, None)).await {
                    Ok(batch) => prepared = Some(batch),
                    Err(end) => return end,
                }
            }
            let Some(batch) = prepared.take() else { continue };
            match self.retry(|| self.apply(&batch)).await {
                Ok(ahead) => prepared = ahead,
                Err(end) => return end,
            }
            self.preparation.recycle(batch);
        }
    }

    /// Tries until it works, the service closes, or the ledger is broken.
    async fn retry<T, F: Future<Output = Result<T, WriteError>>>(&self, mut work: impl FnMut() -> F) -> Result<T, End> {
        let mut wait = RETRY.0;
        loop {
            match work().await {
                Ok(value) => {
                    self.progress.recovered();
                    return Ok(value);
                }
                Err(error) => {
                    self.progress.failed(&error);
                    if error.breaks_ledger() {
                        return Err(End::LedgerBroken);
                    }
                }
            }
            if closes_within(wait, &self.closing).await {
                return Err(End::Closed);
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// Opens the ledger again, as soon as its disk allows; `None` when the service closes meanwhile.
    async fn reopen(self) -> Option<Self> {
        tracing::warn!("the ledger's disk failed; the ledger is opened again, and its last batch is looked at");
        let (spool, identifier) = (Arc::clone(&self.preparation.spool), self.preparation.identifier.clone());
        let (rules, name, preparation) = (self.preparation.rules, self.preparation.name.clone(), self.preparation);
        let cache = self.ledger_cache;
        let mut opening = spawn_blocking(move || drop(preparation)).await.is_ok();
        let mut wait = RETRY.0;
        while opening {
            let dir = self.ledger_dir.clone();
            let opened = spawn_blocking(move || {
                let ledger = Ledger::open(&dir, cache)?;
                Ok::<_, LedgerError>((ledger.cursor()?, ledger.begun()?, ledger))
            });
            match opened.await.map_err(WriteError::from).and_then(|opened| Ok(opened?)) {
                Ok((cursor, begun, ledger)) => {
                    // What was said to have failed may be there: the ledger on disk decides.
                    spool.applied(cursor);
                    self.progress.reopened(cursor);
                    let (ledger, buffers, cells) = (Arc::new(ledger), Buffers::default(), Mutex::default());
                    let preparation = Preparation { spool, ledger, name, identifier, rules, begun, buffers, cells };
                    let begun = begun.map(|(range, _)| range);
                    return Some(Self { preparation: Arc::new(preparation), begun, ..self });
                }
                Err(error) => self.progress.failed(&error),
            }
            opening = !closes_within(wait, &self.closing).await;
            wait = (wait * 2).min(RETRY.1);
        }
        None
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
        let rules = batch.rules;
        let begin = move || preparation.ledger.begin(range, &rules).and_then(|()| preparation.ledger.held());
        let mut held = spawn_blocking(begin).await??;
        let repeated = batch.repeated.swap(true, Ordering::Relaxed);
        let delivered = Delivered { inserts: &batch.inserts, number: batch.number, held: &held, repeated };
        let ahead = async {
            let Some(range) = self.following(range.last) else { return Ok(None) };
            self.prepare(range, Some(Arc::clone(&batch.changes))).await.map(Some)
        };
        let put = async {
            let started = Instant::now();
            let inserted = self.store.put(&delivered).await;
            timing::record(Stage::Insert, started);
            inserted
        };
        let (inserted, ahead) = tokio::join!(put, ahead);
        inserted?;
        count_blocks(&mut held, &batch.inserts);
        let (preparation, changes) = (Arc::clone(&self.preparation), Arc::clone(&batch.changes));
        let progress = Arc::clone(&self.progress);
        let commit = move || {
            timed(Stage::Commit, || preparation.ledger.commit(&changes, &held, range))?;
            preparation.ledger.forget(&changes, &rules);
            // The batch is committed, whatever else may fail: what was seen of the ledger before stands.
            let _ = progress.look_at(&preparation.ledger);
            Ok::<_, LedgerError>(())
        };
        spawn_blocking(commit).await??;
        count(&batch.summary);
        self.preparation.spool.applied(range.last);
        let now = self.clock.now();
        self.progress.advance(range.last, LastBatch { at: now, millis: now.0 - started.0, ..batch.summary });
        // Should the next batch not have been computed, it is tried again on its own.
        Ok(ahead.unwrap_or(None))
    }
}

/// Waits; true when the service closes meanwhile.
async fn closes_within(wait: Duration, closing: &watch::Receiver<bool>) -> bool {
    let mut closing = closing.clone();
    // A sender that is gone closes, too.
    tokio::time::timeout(wait, closing.wait_for(|closing| *closing)).await.is_ok()
}

/// Tells the metrics what a batch brought.
fn count(batch: &LastBatch) {
    metrics::histogram!(BATCH_EVENTS).record((batch.events + batch.duplicates) as f64);
    for (outcome, events) in [(Outcome::Applied, batch.events), (Outcome::Duplicate, batch.duplicates)] {
        metrics::counter!(EVENTS_TOTAL, "outcome" => outcome.label()).increment(events);
    }
    metrics::counter!(LATE_EVENTS_TOTAL).increment(batch.late);
}

fn count_blocks(held: &mut Held, inserts: &[Insert]) {
    for insert in inserts.iter().filter(|insert| insert.table == Table::Cube) {
        *held.entry(insert.month).or_default() += 1;
    }
}
