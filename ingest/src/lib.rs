//! The way of an event from its bytes to the tables.
//!
//! `decode` cuts a body into events, `accept` validates each, `spool` makes them durable, and then the client is answered. After that
//! the `writer` takes batches from the spool: `batch` folds their distinct events into the states that the `ledger` keeps of each
//! `delivery`, the difference of their `contribution`s is what the cube gains, and `rows` puts it into columns, which the
//! `store` puts into ClickHouse.

mod accept;
mod attributes;
mod batch;
mod buffers;
mod coarse;
mod contribution;
mod counts;
mod cube;
mod decode;
mod delivery;
mod fact;
mod intake;
mod keeper;
mod ledger;
mod limits;
mod lock;
mod prepare;
mod record;
mod recount;
mod rollup;
mod rows;
mod spool;
#[doc(hidden)]
pub mod stages;
mod status;
mod store;
mod sums;
#[cfg(test)]
mod testing;
mod texts;
mod timing;
mod trust;
mod writer;

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    num::NonZeroU16,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use schema::{AccountId, ClickHouse, Clock, Identifier, Millis, metrics::Stage};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Mutex, watch},
    task::{JoinHandle, spawn_blocking},
};

use self::{
    accept::Window,
    keeper::{Found, Keeper},
    ledger::{Memory, Rules},
    record::RecordBuilder,
    recount::{Checker, Findings, Jobs, Rebuild, Scrubber, Work},
    spool::Spool,
    status::Progress,
    timing::timed,
};
pub use self::{
    accept::{MAX_EVENTS, MAX_FIELDS, Rejection},
    buffers::Buffers,
    decode::{BodyFormat, CampaignFrom, Mapping, Packing, Provider},
    ledger::LedgerError,
    limits::Limits,
    recount::{Doing, Drift, RecountError, Scope, Scrubbed, Step, Verdict},
    spool::SpoolError,
    status::{LastBatch, Status},
};

/// A new segment of the spool is begun after so many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
/// How long closing waits for what is in the spool to be applied; the rest is applied after the next start.
const DRAIN: Duration = Duration::from_secs(20);

/// What is said while batches wait for tables and ledger.
const REBUILDING: &str = "the tables and the ledger are being rebuilt from the events";

/// How the pipeline is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Spool and ledger live below it.
    pub dir: PathBuf,
    /// Bytes that may wait in the spool before new events are refused.
    pub spool_limit: u64,
    /// Events older than this are refused.
    pub retention_days: u32,
    /// Distinct values that reports tell apart.
    pub limits: Limits,
    /// A delivery without an event for so many days on which events came in is forgotten.
    pub forget_after_days: NonZeroU16,
    /// Bytes of the ledger's files that are kept in memory.
    pub ledger_cache: u64,
    /// Events that are applied at once under load.
    pub batch_events: u64,
    /// How often a settled day is counted anew and compared; never when absent.
    pub scrub: Option<Duration>,
}

impl Options {
    /// The settings that a batch's rows depend on.
    fn rules(&self) -> Rules {
        let days = self.forget_after_days.get();
        let trace_days = u16::try_from(self.retention_days).unwrap_or(u16::MAX).saturating_add(days);
        Rules { limits: self.limits, memory: Memory { days, trace_days } }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: "postlens-data".into(),
            spool_limit: 4 << 30,
            retention_days: 1826,
            limits: Limits::default(),
            forget_after_days: NonZeroU16::MIN.saturating_add(179),
            ledger_cache: 128 << 20,
            batch_events: 196_608,
            scrub: None,
        }
    }
}

/// A place in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

/// What became of a body.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Events that are on disk.
    pub accepted: u64,
    /// Events that were not accepted.
    pub rejected: u64,
    /// What was wrong with the first hundred of these.
    pub errors: Vec<Rejection>,
    /// Once this position is applied, the accepted events are in the reports.
    pub position: Position,
}

/// What became of what a provider told.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Of its events.
    pub receipt: Receipt,
    /// How much was none of our events, by the provider's names of its types: some tens of them, what is beyond counts as `other`.
    pub ignored: BTreeMap<String, u64>,
}

/// Why a body was not taken, or the pipeline not opened.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The body as a whole cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// The body has more events than this.
    #[error("the body has more than {0} events")]
    TooManyEvents(usize),
    /// What the body tells of each event comes to more bytes than this.
    #[error("the events of the body come to more than {0} bytes")]
    TooLong(usize),
    /// All or nothing was asked for, and something was rejected: nothing was stored.
    #[error("{} of the events were rejected, so none was accepted", .0.rejected)]
    Refused(Receipt),
    /// The reports lag behind by as much as the spool may hold.
    #[error("the spool is full: {waiting_bytes} bytes wait, {limit} are allowed")]
    SpoolFull {
        /// Bytes that wait.
        waiting_bytes: u64,
        /// Bytes that may wait.
        limit: u64,
    },
    /// The pipeline is closing.
    #[error("the service is shutting down")]
    Closed,
    /// The spool failed.
    #[error("the spool failed")]
    Spool(#[source] SpoolError),
    /// The ledger failed.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    /// The data directory cannot be used.
    #[error("the data directory {} cannot be used", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    /// Another service uses the data directory.
    #[error("another Postlens uses the data directory {}; stop it, or choose another with --data-dir", .0.display())]
    Locked(PathBuf),
    /// A bug: a task panicked.
    #[error("a task panicked")]
    Panicked,
}

impl From<SpoolError> for IngestError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::Full { waiting, limit } => Self::SpoolFull { waiting_bytes: waiting, limit },
            SpoolError::Closed => Self::Closed,
            SpoolError::Disk(_) | SpoolError::Unreadable { .. } => Self::Spool(error),
        }
    }
}

/// The pipeline. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ingest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Options,
    clock: Arc<dyn Clock>,
    spool: Arc<Spool>,
    progress: Arc<Progress>,
    closing: watch::Sender<bool>,
    writer: Mutex<Option<JoinHandle<()>>>,
    accepting: Arc<AtomicUsize>,
    checker: Arc<Checker>,
    findings: Arc<Findings>,
    /// Held as long as the pipeline lives: a second service on the directory is refused.
    _lock: File,
}

impl Ingest {
    /// Opens spool and ledger and starts the writer, which brings the tables to the current schema first and goes on trying while
    /// ClickHouse is away. A ledger that is lost or damaged is made anew from the events in ClickHouse; meanwhile events wait in the spool.
    ///
    /// # Errors
    /// When the directory is in use or cannot be used, or the spool or the ledger cannot be read.
    pub async fn open(
        options: Options,
        identifier: Identifier,
        clickhouse: ClickHouse,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IngestError> {
        let opening = options.clone();
        let opened = spawn_blocking(move || open_stores(&opening)).await.map_err(|_| IngestError::Panicked)??;
        let (lock, found, spool, cursor) = opened;
        let (spool, progress) = (Arc::new(spool), Arc::new(Progress::new(cursor)));
        let (closing, watch_closing) = watch::channel(false);
        let accepting = Arc::<AtomicUsize>::default();
        let (jobs, findings) = (Arc::<Jobs>::default(), Arc::<Findings>::default());
        let checker = Checker {
            clickhouse: clickhouse.clone(),
            identifier: identifier.clone(),
            jobs: Arc::clone(&jobs),
            one: Mutex::default(),
        };
        let checker = Arc::new(checker);
        findings.show();
        if let Some(interval) = options.scrub {
            let scrubber = Scrubber {
                checker: Arc::clone(&checker),
                findings: Arc::clone(&findings),
                clock: Arc::clone(&clock),
                interval,
                closing: watch_closing.clone(),
            };
            tokio::spawn(scrubber.run());
        }
        let keeper = Keeper {
            rebuild: Rebuild {
                clickhouse,
                identifier,
                dir: options.dir.clone(),
                rules: options.rules(),
                cache: options.ledger_cache,
            },
            spool: Arc::clone(&spool),
            clock: Arc::clone(&clock),
            batch_events: options.batch_events,
            progress: Arc::clone(&progress),
            closing: watch_closing,
            accepting: Arc::clone(&accepting),
            jobs,
        };
        let writer = Mutex::new(Some(tokio::spawn(keeper.run(found))));
        let inner =
            Inner { options, clock, spool, progress, closing, writer, accepting, checker, findings, _lock: lock };
        Ok(Self(Arc::new(inner)))
    }

    /// Decodes and validates a body, and returns when its accepted events are on disk.
    ///
    /// # Errors
    /// When the body as a whole cannot be taken; a bad event is no error but a [`Rejection`], unless `atomic` asks for all or nothing.
    pub async fn accept(
        &self,
        account: &AccountId,
        body: Bytes,
        format: BodyFormat,
        atomic: bool,
    ) -> Result<Receipt, IngestError> {
        self.take(account, "", atomic, move |window| {
            let (record, receipt) = intake::parse(&body, format, window)?;
            Ok((record, Taken { receipt, ignored: BTreeMap::new() }))
        })
        .await
        .map(|taken| taken.receipt)
    }

    /// Like [`Self::accept`], of what a provider posted to the webhook of a source. Nothing of a body that is undecodable is kept.
    ///
    /// # Errors
    /// When the body as a whole cannot be taken; [`IngestError::Malformed`] when it is not what the provider sends.
    pub async fn accept_from(
        &self,
        account: &AccountId,
        source: &str,
        body: Bytes,
        provider: Provider,
        mapping: Arc<Mapping>,
    ) -> Result<Taken, IngestError> {
        let parse = move |window| intake::parse_from(&body, provider, &mapping, Packing::Whole, window);
        self.take(account, source, false, parse).await
    }

    /// Like [`Self::accept_from`], of an archive's part: a body as the provider posts it, or one in each line.
    ///
    /// # Errors
    /// As [`Self::accept_from`], and when `atomic` asks for all or nothing and something was rejected. A line that is undecodable is a
    /// [`Rejection`].
    pub async fn accept_packed(
        &self,
        account: &AccountId,
        body: Bytes,
        provider: Provider,
        mapping: Arc<Mapping>,
        packing: Packing,
        atomic: bool,
    ) -> Result<Taken, IngestError> {
        let parse = move |window| intake::parse_from(&body, provider, &mapping, packing, window);
        self.take(account, "", atomic, parse).await
    }

    /// Parses, and returns when what was accepted is on disk.
    async fn take(
        &self,
        account: &AccountId,
        source: &str,
        atomic: bool,
        parse: impl FnOnce(Window) -> Result<(RecordBuilder, Taken), IngestError> + Send + 'static,
    ) -> Result<Taken, IngestError> {
        let _accepting = Accepting::begin(&self.0.accepting);
        let now = self.0.clock.now();
        let window = Window::new(now, self.0.options.retention_days, self.0.progress.horizon());
        let parsed =
            spawn_blocking(move || timed(Stage::Parse, || parse(window))).await.map_err(|_| IngestError::Panicked)?;
        let (record, mut taken) = parsed?;
        if atomic && taken.receipt.rejected > 0 {
            return Err(IngestError::Refused(Receipt { accepted: 0, ..taken.receipt }));
        }
        let events = record.count();
        taken.receipt.position = if events == 0 {
            Position(*self.0.spool.durable().borrow())
        } else {
            let started = Instant::now();
            let end = self.0.spool.append(record.of_source(source).finish(account, now), events, now).await?;
            timing::record(Stage::Spool, started);
            Position(end)
        };
        Ok(taken)
    }

    /// How many events repeated a known one, by the source through whose webhook they came, since this was asked for the last time: told
    /// once they are in the reports, so a crash between the two leaves some untold.
    #[must_use]
    pub fn take_duplicates(&self) -> BTreeMap<String, u64> {
        self.0.progress.take_repeated()
    }

    /// Waits until everything up to the position is in the reports; false when that took longer than `timeout`.
    pub async fn applied(&self, position: Position, timeout: Duration) -> bool {
        tokio::time::timeout(timeout, self.0.progress.reached(position.0)).await.is_ok()
    }

    /// The moment up to which every acknowledged event is in the reports.
    #[must_use]
    pub fn as_of(&self) -> Millis {
        let now = self.0.clock.now();
        self.0.spool.waiting().oldest.map_or(now, |oldest| oldest.min(now))
    }

    /// What the pipeline is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let waiting = self.0.spool.waiting();
        let (last_batch, error) = self.0.progress.last();
        let ledger = self.0.progress.size();
        let rebuilding = self.0.progress.rebuilding();
        Status {
            spool_bytes: waiting.bytes,
            spool_limit: self.0.spool.limit(),
            quarantined_bytes: self.0.spool.quarantined(),
            events_waiting: waiting.events,
            oldest_waiting: waiting.oldest,
            ledger_bytes: ledger.disk,
            ledger_memory_bytes: ledger.memory,
            last_batch,
            applied_position: Position(self.0.progress.applied()),
            error: error.or_else(|| rebuilding.is_some().then(|| REBUILDING.to_owned())),
            rebuilding,
        }
    }

    /// Counts the events of the scope anew and compares with what reports read. Batches wait only while something that seems to differ is
    /// looked at again.
    ///
    /// # Errors
    /// When it was not compared.
    pub async fn verify(&self, scope: &Scope, steps: &watch::Sender<Step>) -> Result<Verdict, RecountError> {
        self.0.checker.check(scope, steps, Duration::MAX).await
    }

    /// Makes tables and ledger anew from the events of the scope. Batches wait meanwhile; reports are answered. What a crash breaks off is
    /// done again after the next start.
    ///
    /// # Errors
    /// When the service closes before it is done.
    pub async fn rebuild(&self, scope: Scope, steps: &watch::Sender<Step>) -> Result<Verdict, RecountError> {
        let everything = scope.is_everything();
        let verdict = self.0.checker.ask(scope, Work::Rebuild, steps.clone()).await?;
        if everything && verdict.remaining == 0 {
            self.0.findings.forget();
        }
        Ok(verdict)
    }

    /// What the checks of settled days have found of an account.
    #[must_use]
    pub fn scrubbed(&self, account: &AccountId) -> Scrubbed {
        self.0.findings.of(account)
    }

    /// Takes no more events, puts what was taken on disk, and applies it if that takes no longer than 20 s. Idempotent.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.0);
        if spawn_blocking(move || inner.spool.close()).await.is_err() {
            tracing::error!("closing the spool panicked");
        }
        self.0.closing.send_replace(true);
        let Some(mut writer) = self.0.writer.lock().await.take() else { return };
        if tokio::time::timeout(DRAIN, &mut writer).await.is_err() {
            tracing::info!("what waits in the spool will be applied after the next start");
            writer.abort();
            // Aborted or finished, either is an end.
            let _ = writer.await;
        }
    }
}

/// Counts a body as being accepted as long as it lives.
struct Accepting<'c>(&'c AtomicUsize);

impl<'c> Accepting<'c> {
    fn begin(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn open_stores(options: &Options) -> Result<(File, Found, Spool, u64), IngestError> {
    let unusable = |error| IngestError::Directory(options.dir.clone(), error);
    std::fs::create_dir_all(&options.dir).map_err(unusable)?;
    let path = options.dir.join("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(path).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(IngestError::Locked(options.dir.clone())),
        Err(std::fs::TryLockError::Error(error)) => return Err(unusable(error)),
    }
    let (found, cursor) = Found::in_dir(&options.dir.join("ledger"), options.ledger_cache)?;
    let spool_dir = options.dir.join("spool");
    let cursor = cursor.map_or_else(|| Spool::beginning_in(&spool_dir), Ok).map_err(unusable)?;
    let spool = Spool::open(&spool_dir, cursor, options.spool_limit, SEGMENT_BYTES)?;
    Ok((lock, found, spool, cursor))
}
