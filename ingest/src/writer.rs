//! The one writer: takes batches from the spool, computes what they change, inserts it and commits it to the ledger, exactly once.
//!
//! 1. The batch's end is recorded in the ledger, so that a replay after a crash cuts the same batch.
//! 2. Its rows are inserted; `store` sees to it that none arrives twice or not at all.
//! 3. The new states and the spool's cursor are committed in one ledger transaction.
//!
//! Under load the next batch is computed while one is being inserted, upon the states that this leaves; and while this is being committed, the
//! events of the one after that are read and identified already.
//!
//! Between two batches it does what else needs the tables at rest (`recount`). When its ledger cannot be used any more it ends, and the
//! `keeper` goes on with another one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use schema::{
    Clock,
    metrics::{BATCH_EVENTS, EVENTS_TOTAL, LATE_EVENTS_TOTAL, Outcome, Stage},
};
use tokio::{
    sync::{oneshot, watch},
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    fact::BatchError,
    ledger::{Changes, Held, LedgerError},
    prepare::{Preparation, PrepareError, Prepared},
    recount::{Doing, Job, Jobs, Patience, Rebuild, RecountError, Step, Verdict, Work},
    rows::{Insert, Table},
    spool::Range,
    status::{LastBatch, Progress},
    store::{Delivered, Store, StoreError},
    timing::{self, timed},
};

/// At most so many bytes of records are applied at once, whatever the number of their events.
const BATCH_BYTES: u64 = 128 << 20;
/// While acceptance takes all there is, reports may lag behind by so many milliseconds: acknowledging comes first.
const LAG: i64 = 1500;
/// While less comes in, a batch gathers events for so many milliseconds: small batches make blocks whose merges cost more than they do.
const GATHER: i64 = 300;
/// Bodies at once that mean that acceptance takes all there is.
const CROWD: usize = 2;
/// How often the writer looks whether the load has passed.
const LOOK: Duration = Duration::from_millis(5);
/// Looks without a body in sight that mean it has.
const QUIET: u32 = 3;
/// Waits between tries while ClickHouse is away: from the first to the second, doubling.
pub(crate) const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// What keeps a batch from being applied for now.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Recount(#[from] RecountError),
    #[error("a task of the writer panicked")]
    Panicked,
}

/// No source is told: a panic's message can quote values.
impl From<tokio::task::JoinError> for WriteError {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::Panicked
    }
}

impl WriteError {
    /// The ledger's part in it.
    fn of_ledger(&self) -> Option<&LedgerError> {
        match self {
            Self::Ledger(error)
            | Self::Prepare(PrepareError::Ledger(error) | PrepareError::Batch(BatchError::Ledger(error)))
            | Self::Recount(RecountError::Ledger(error)) => Some(error),
            _ => None,
        }
    }
}

/// Why the writer stopped.
pub(crate) enum End {
    Closed,
    /// The ledger takes nothing more until it is opened again.
    LedgerBroken,
    /// The ledger is not what was written.
    LedgerDamaged(String),
    /// The ledger is to be replaced.
    Replace(Job),
}

/// A batch of which is computed what needs no ledger; the rest as soon as it is told what the batch before changes.
struct Computation {
    range: Range,
    tell: oneshot::Sender<Option<Arc<Changes>>>,
    task: JoinHandle<Result<Prepared, PrepareError>>,
}

pub(crate) struct Writer {
    pub(crate) preparation: Arc<Preparation>,
    /// What others ask for between two batches, and how it is done.
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) rebuild: Rebuild,
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
    /// Works until it is told to close and nothing waits, or until it needs another ledger.
    pub(crate) async fn work(&self) -> End {
        let mut begun = self.begun;
        let mut durable = self.preparation.spool.durable();
        let mut closing = self.closing.clone();
        let mut prepared: Option<Prepared> = None;
        let mut early: Option<Computation> = None;
        loop {
            if begun.is_none()
                && let Err(end) = self.do_jobs(&mut prepared).await
            {
                return end;
            }
            // What was begun upon a batch that is not there any more is of no use.
            early.take_if(|_| prepared.is_none());
            if prepared.is_none() {
                if begun.is_none() {
                    let started = Instant::now();
                    self.yield_to_acceptance().await;
                    timing::record(Stage::Wait, started);
                }
                let Some(range) = begun.take().or_else(|| self.following(self.progress.applied())) else {
                    if *closing.borrow() {
                        return End::Closed;
                    }
                    tokio::select! {
                        changed = durable.changed() => if changed.is_err() { return End::Closed },
                        _ = closing.changed() => {}
                        () = self.jobs.arrived() => {}
                    }
                    continue;
                };
                match self.retry(|| self.prepare(range, None)).await {
                    Ok(batch) => prepared = Some(batch),
                    Err(end) => return end,
                }
            }
            let Some(batch) = prepared.take() else { continue };
            match self.retry(|| self.apply(&batch, early.take())).await {
                Ok(ahead) => (prepared, early) = ahead,
                Err(end) => return end,
            }
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
                    match error.of_ledger() {
                        Some(error) if error.is_lasting() => return Err(End::LedgerBroken),
                        Some(error) if error.is_damage() => return Err(End::LedgerDamaged(error.to_string())),
                        _ => {}
                    }
                }
            }
            if let Some(job) = self.jobs.next_that_replaces_ledger() {
                return Err(End::Replace(job));
            }
            if closes_within(wait, &self.closing).await {
                return Err(End::Closed);
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// Does what is asked for. A batch that was computed ahead is computed anew when the ledger has changed.
    async fn do_jobs(&self, prepared: &mut Option<Prepared>) -> Result<(), End> {
        while let Some(mut job) = self.jobs.next() {
            if job.work == Work::Rebuild
                && let Err(error) = self.rebuild.examine().await
            {
                job.finish(Err(error));
                continue;
            }
            if job.replaces_ledger() {
                return Err(End::Replace(job));
            }
            let (scope, steps) = (job.scope.clone(), job.steps.clone());
            let result = match job.work {
                Work::Rest => match self.retry(|| async { Ok(self.rebuild.ping().await?) }).await {
                    Ok(()) => Ok(Verdict::default()),
                    Err(end) => {
                        self.jobs.push(job);
                        return Err(end);
                    }
                },
                Work::Check => {
                    let check = job.while_wanted(self.rebuild.check(&scope, &steps));
                    match until_closing(&self.closing, check).await {
                        Some(Some(result)) => result,
                        Some(None) => continue,
                        None => Err(RecountError::Closed),
                    }
                }
                Work::Rebuild => {
                    *prepared = None;
                    self.progress.rebuilds(steps.subscribe());
                    let ledger = &self.preparation.ledger;
                    let (patience, is_learning) = (Patience::default(), AtomicBool::default());
                    let days = || async {
                        let rebuilt = self.rebuild.days(&scope, ledger, &steps).await;
                        // A ledger that has learnt half of a delivery must learn the rest, however far the next try comes.
                        let Step { doing, done, .. } = *steps.borrow();
                        match doing {
                            Doing::Counting if done > 0 => is_learning.store(true, Ordering::Relaxed),
                            Doing::Comparing | Doing::Repairing => is_learning.store(false, Ordering::Relaxed),
                            Doing::Waiting | Doing::Counting => {}
                        }
                        let is_learning = is_learning.load(Ordering::Relaxed);
                        if is_learning { Ok(rebuilt.map(Ok)?) } else { Ok(patience.judge(rebuilt)?) }
                    };
                    let rebuilt = until_closing(&self.closing, self.retry(days)).await;
                    self.progress.rebuilt();
                    let rebuilt = rebuilt.unwrap_or(Err(End::Closed))?;
                    if rebuilt.is_err() {
                        self.rebuild.give_up().await;
                    }
                    rebuilt
                }
            };
            job.finish(result);
        }
        Ok(())
    }

    /// Lets acceptance go first while it takes all there is, but not for longer than `LAG`; while less comes in, lets a batch gather.
    async fn yield_to_acceptance(&self) {
        let (mut quiet, mut looks, mut crowded) = (0, 0, 0);
        while quiet < QUIET && !*self.closing.borrow() {
            let lag = self.preparation.spool.waiting().oldest.map_or(0, |oldest| self.clock.now().0 - oldest.0);
            let patience = if 2 * crowded > looks { LAG } else { GATHER };
            if !(0..patience).contains(&lag) {
                return;
            }
            tokio::time::sleep(LOOK).await;
            let accepting = self.accepting.load(Ordering::Relaxed);
            quiet = if accepting == 0 { quiet + 1 } else { 0 };
            looks += 1;
            crowded += u32::from(accepting >= CROWD);
        }
    }

    fn following(&self, position: u64) -> Option<Range> {
        self.preparation.spool.next(position, self.batch_events, BATCH_BYTES)
    }

    /// Computes a batch upon the ledger, or upon what it will hold once the batch before is committed.
    async fn prepare(&self, range: Range, ahead: Option<Arc<Changes>>) -> Result<Prepared, WriteError> {
        self.finish(self.begin(range), ahead).await
    }

    /// Begins to compute a batch: what needs no ledger.
    fn begin(&self, range: Range) -> Computation {
        let (preparation, now) = (Arc::clone(&self.preparation), self.clock.now());
        let (tell, told) = oneshot::channel();
        let ahead = move || told.blocking_recv().map_err(|_| PrepareError::Unwanted);
        Computation { range, tell, task: spawn_blocking(move || preparation.prepare(range, ahead, now)) }
    }

    /// Computes the rest.
    async fn finish(&self, early: Computation, ahead: Option<Arc<Changes>>) -> Result<Prepared, WriteError> {
        let Computation { range, tell, task } = early;
        // One that has failed does not listen any more, and its task says why.
        let _ = tell.send(ahead);
        let prepared = task.await??;
        Ok(Prepared { repeated: AtomicBool::new(self.begun == Some(range)), ..prepared })
    }

    /// Begins the batch after this one, if the events of so many batches wait: cut earlier than need be, it would be small.
    fn begin_after(&self, batch: &Prepared, waiting: u64) -> Option<Computation> {
        let is_plenty = self.preparation.spool.waiting().events >= waiting * self.batch_events;
        let range = if is_plenty { self.following(batch.range.last) } else { None };
        range.map(|range| self.begin(range))
    }

    /// Writes a batch, and computes the next one meanwhile, whose `early` part may be done. While it commits the batch, it begins the one
    /// after the next.
    async fn apply(
        &self,
        batch: &Prepared,
        early: Option<Computation>,
    ) -> Result<(Option<Prepared>, Option<Computation>), WriteError> {
        let started = self.clock.now();
        let range = batch.range;
        let preparation = Arc::clone(&self.preparation);
        let rules = batch.rules;
        let begin = move || preparation.ledger.begin(range, &rules).and_then(|()| preparation.ledger.held());
        let mut held = spawn_blocking(begin).await??;
        let repeated = batch.repeated.swap(true, Ordering::Relaxed);
        let delivered = Delivered { inserts: &batch.inserts, number: batch.number, held: &held, repeated };
        let ahead = async {
            let early = early.filter(|early| early.range.first == range.last);
            let Some(early) = early.or_else(|| self.begin_after(batch, 2)) else { return Ok(None) };
            self.finish(early, Some(Arc::clone(&batch.changes))).await.map(Some)
        };
        let put = async {
            let started = Instant::now();
            let inserted = self.store.put(&delivered).await;
            timing::record(Stage::Insert, started);
            inserted
        };
        let (inserted, ahead) = tokio::join!(put, ahead);
        inserted?;
        // Should the next batch not have been computed, it is tried again on its own.
        let ahead: Option<Prepared> = ahead.unwrap_or(None);
        let after = ahead.as_ref().and_then(|next| self.begin_after(next, 3));
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
        self.progress.repeated(&batch.duplicates);
        self.preparation.spool.applied(range.last);
        let now = self.clock.now();
        self.progress.advance(range.last, LastBatch { at: now, millis: now.0 - started.0, ..batch.summary });
        Ok((ahead, after))
    }
}

/// Works, unless the service closes meanwhile.
pub(crate) async fn until_closing<T>(closing: &watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    let mut closing = closing.clone();
    tokio::select! {
        done = work => Some(done),
        // A sender that is gone closes, too.
        _ = closing.wait_for(|closing| *closing) => None,
    }
}

/// Waits; true when the service closes meanwhile.
pub(crate) async fn closes_within(wait: Duration, closing: &watch::Receiver<bool>) -> bool {
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
