//! How far the pipeline is, for those who wait and those who watch.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::Mutex,
    time::{Duration, Instant},
};

use schema::Millis;
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    Position,
    ledger::{Ledger, LedgerError, Size},
    lock::lock,
    recount::Step,
};

/// What the pipeline is doing.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Bytes that wait in the spool.
    pub spool_bytes: u64,
    /// Bytes that may wait before new events are refused.
    pub spool_limit: u64,
    /// Damaged bytes of the spool that were put aside; events in them are not in the reports.
    pub quarantined_bytes: u64,
    /// Events that wait in the spool.
    pub events_waiting: u64,
    /// When the oldest of them was accepted.
    pub oldest_waiting: Option<Millis>,
    /// Bytes of the ledger's files.
    pub ledger_bytes: u64,
    /// Bytes of memory that the ledger takes for what is cached and what is not in a file yet.
    pub ledger_memory_bytes: u64,
    /// The batch that was applied last since the start.
    pub last_batch: Option<LastBatch>,
    /// Everything before it is in the reports.
    pub applied_position: Position,
    /// How far the rebuilding of tables and ledger is, while they are being rebuilt.
    pub rebuilding: Option<Step>,
    /// What keeps the writer from going on.
    pub error: Option<String>,
}

/// A batch that was applied.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LastBatch {
    /// When it was applied.
    pub at: Millis,
    /// Distinct events that it brought.
    pub events: u64,
    /// Events that repeated another.
    pub duplicates: u64,
    /// Of the distinct ones, those of deliveries that were forgotten.
    pub late: u64,
    /// Deliveries that it touched.
    pub deliveries: u64,
    /// Cells of the cube that it changed.
    pub cells: u64,
    /// How long it took to write, in milliseconds.
    pub millis: i64,
}

/// Trouble that lasts no longer is not worth a line in the log: an engine starts, or restarts, in less.
const PATIENCE: Duration = Duration::from_secs(3);

/// The writer's progress, shared with those who wait for it.
#[derive(Debug)]
pub(crate) struct Progress {
    applied: watch::Sender<u64>,
    ledger: Mutex<(Size, Option<Millis>)>,
    last: Mutex<Option<LastBatch>>,
    trouble: Mutex<Option<Trouble>>,
    rebuilding: Mutex<Option<watch::Receiver<Step>>>,
    /// Events that repeated another, by source, since they were asked for.
    repeated: Mutex<BTreeMap<String, u64>>,
}

/// What keeps the writer from going on.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    text: String,
    logged: bool,
}

impl Progress {
    pub(crate) fn new(applied: u64) -> Self {
        let applied = watch::Sender::new(applied);
        Self {
            applied,
            ledger: Mutex::default(),
            last: Mutex::default(),
            trouble: Mutex::default(),
            rebuilding: Mutex::default(),
            repeated: Mutex::default(),
        }
    }

    /// How large the ledger is now, and up to which time it takes no events any more.
    pub(crate) fn look_at(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        *lock(&self.ledger) = (ledger.size()?, ledger.age(None)?.horizon());
        Ok(())
    }

    /// How large the ledger was when it was looked at.
    pub(crate) fn size(&self) -> Size {
        lock(&self.ledger).0
    }

    /// Events up to this time could repeat what the ledger has forgotten.
    pub(crate) fn horizon(&self) -> Option<Millis> {
        lock(&self.ledger).1
    }

    /// Everything before this position is in the reports.
    pub(crate) fn applied(&self) -> u64 {
        *self.applied.borrow()
    }

    /// Waits until everything before the position is in the reports.
    pub(crate) async fn reached(&self, position: u64) {
        let mut applied = self.applied.subscribe();
        // The sender is a field of ours: it cannot be gone.
        let _ = applied.wait_for(|applied| *applied >= position).await;
    }

    pub(crate) fn advance(&self, position: u64, batch: LastBatch) {
        *lock(&self.last) = Some(batch);
        self.applied.send_replace(position);
    }

    /// So many events of a source repeated another.
    pub(crate) fn repeated(&self, by_source: &[(String, u64)]) {
        let mut repeated = lock(&self.repeated);
        for (source, count) in by_source {
            *repeated.entry(source.clone()).or_default() += count;
        }
    }

    /// What was told so since it was asked for the last time.
    pub(crate) fn take_repeated(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *lock(&self.repeated))
    }

    /// The ledger was opened again and says how far it is.
    pub(crate) fn reopened(&self, position: u64) {
        self.applied.send_replace(position);
    }

    /// Tables and ledger are being rebuilt, as far as is told there.
    pub(crate) fn rebuilds(&self, steps: watch::Receiver<Step>) {
        *lock(&self.rebuilding) = Some(steps);
    }

    /// They are rebuilt.
    pub(crate) fn rebuilt(&self) {
        *lock(&self.rebuilding) = None;
    }

    /// How far the rebuilding is.
    pub(crate) fn rebuilding(&self) -> Option<Step> {
        lock(&self.rebuilding).as_ref().map(|steps| *steps.borrow())
    }

    pub(crate) fn failed(&self, error: &(dyn Error + 'static)) {
        let text = chain(error);
        let mut trouble = lock(&self.trouble);
        let trouble =
            trouble.get_or_insert_with(|| Trouble { since: Instant::now(), text: String::new(), logged: false });
        trouble.logged &= trouble.text == text;
        trouble.text = text;
        if !trouble.logged && trouble.since.elapsed() >= PATIENCE {
            tracing::warn!(error = %trouble.text, "a batch cannot be applied for now; trying again");
            trouble.logged = true;
        }
    }

    pub(crate) fn recovered(&self) {
        if lock(&self.trouble).take().is_some_and(|trouble| trouble.logged) {
            tracing::info!("batches are applied again");
        }
    }

    pub(crate) fn last(&self) -> (Option<LastBatch>, Option<String>) {
        (*lock(&self.last), lock(&self.trouble).as_ref().map(|trouble| trouble.text.clone()))
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // ClickHouse quotes values in its messages: only its code is fit for a log.
        let part = error.downcast_ref().map_or_else(|| error.to_string(), describe);
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = if error.is::<clickhouse::error::Error>() { None } else { error.source() };
    }
    text
}

/// A ClickHouse error without the values that its message may quote.
pub(crate) fn describe(error: &clickhouse::error::Error) -> String {
    use clickhouse::error::Error;
    match error {
        Error::BadResponse(text) => {
            let code: String =
                text.strip_prefix("Code: ").unwrap_or("").chars().take_while(char::is_ascii_digit).collect();
            if code.is_empty() { "refused without a code".into() } else { format!("refused with code {code}") }
        }
        Error::Network(_) => "cannot be reached".into(),
        Error::TimedOut => "did not answer in time".into(),
        _ => "the request failed".into(),
    }
}
