//! Counting anew: every event of the table `events` is folded once more, by the code that the writer folds with, into tables beside the real
//! ones, and ClickHouse compares the two. So drift is seen, not believed away, and what differs can be put right.
//!
//! A range of days needs the deliveries with an event in it, each with all of its events: every cell of a day is dated by an event of that
//! day. What they count outside the range is left out of the comparison. Rows of longer times than days, which may begin before the range and end
//! after it, are compared with what was counted of the days in it and what the table has of the others.

mod check;
mod compare;
mod fold;
mod jobs;
mod marks;
mod patience;
mod rebuild;
mod repair;
mod scope;
mod scrubber;
mod source;
mod staging;
mod statement;
mod verdict;

use std::sync::Arc;

use clickhouse::Row;
use schema::{ClickHouse, EVENTS, Identifier, Millis};
use serde::Deserialize;
use tokio::{sync::watch, task::spawn_blocking};

pub(crate) use self::{
    check::Checker,
    jobs::{Job, Jobs, Work},
    patience::Patience,
    rebuild::Rebuild,
    scrubber::{Findings, Scrubber},
};
use self::{
    fold::{Folded, Terms, fold},
    marks::Marks,
    source::{Run, Source},
    staging::Staging,
    statement::statement,
};
pub use self::{
    scope::Scope,
    scrubber::Scrubbed,
    verdict::{Doing, Drift, Step, Verdict},
};
use crate::{
    fact::BatchError,
    ledger::{Age, Ledger, LedgerError, Memory},
    limits::Judged,
    spool::Range,
};

/// Events were not counted anew, or what differs was not put right.
#[derive(Debug, thiserror::Error)]
pub enum RecountError {
    /// ClickHouse refused or cannot be reached. No source is told: its message can quote values.
    #[error("ClickHouse: {}", crate::status::describe(.0))]
    ClickHouse(clickhouse::error::Error),
    /// A row of `events` is none that Postlens writes.
    #[error("the table `events` holds a row that this Postlens cannot read")]
    Event,
    /// The events could not be folded.
    #[error("the events cannot be folded: {0}")]
    Fold(String),
    /// The tables are of a newer Postlens, or cannot be brought to this one.
    #[error("the tables cannot be brought to this version")]
    Migration(#[from] schema::MigrationError),
    /// The ledger that is being made could not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The disk refused.
    #[error("the data directory cannot be written")]
    Disk(#[from] std::io::Error),
    /// Somebody's insert goes on and on.
    #[error("an insert into the tables is still running")]
    Busy,
    /// The service closes, or the writer is gone.
    #[error("the service is shutting down; what was begun goes on after its next start")]
    Closed,
    /// The writer could not be paused in time.
    #[error("the tables did not come to rest in time")]
    Restless,
    /// A bug: a task panicked. No source is told: a panic's message can quote values.
    #[error("a task panicked")]
    Panicked,
}

impl From<clickhouse::error::Error> for RecountError {
    fn from(error: clickhouse::error::Error) -> Self {
        Self::ClickHouse(error)
    }
}

impl From<tokio::task::JoinError> for RecountError {
    fn from(_: tokio::task::JoinError) -> Self {
        Self::Panicked
    }
}

impl From<BatchError> for RecountError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Ledger(error) => Self::Ledger(error),
            error => Self::Fold(error.to_string()),
        }
    }
}

type Result<T> = std::result::Result<T, RecountError>;

/// Where a recount tells how far it is.
pub(crate) type Steps = watch::Sender<Step>;

/// One recount of what is in its scope.
pub(crate) struct Recount<'r> {
    clickhouse: &'r ClickHouse,
    identifier: &'r Identifier,
    scope: &'r Scope,
    staging: Staging<'r>,
    steps: &'r Steps,
}

/// How much was counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    events: u64,
    deliveries: u64,
}

impl<'r> Recount<'r> {
    /// A recount into tables whose names begin with this prefix; no two at the same time have the same.
    pub(crate) fn new(
        clickhouse: &'r ClickHouse,
        identifier: &'r Identifier,
        scope: &'r Scope,
        prefix: &'static str,
        steps: &'r Steps,
    ) -> Self {
        Self { clickhouse, identifier, scope, staging: Staging { clickhouse, prefix }, steps }
    }

    /// Counts and compares.
    pub(crate) async fn check(&self) -> Result<Verdict> {
        self.staging.create().await?;
        let counted = self.count(None).await?;
        let verdict = self.compare(counted).await?;
        self.staging.discard().await?;
        Ok(verdict)
    }

    /// Fills the tables beside the real ones; a ledger of this age is told what it must remember of the events.
    async fn count(&self, ledger: Option<(&Arc<Ledger>, Age)>) -> Result<Counted> {
        let of = self.events_in_all().await?;
        self.tell(Doing::Counting, 0, of);
        let (ledger, age) = ledger.map(|(ledger, age)| (Arc::clone(ledger), age)).unzip();
        let age = age.unwrap_or_default();
        let terms = Arc::new(Terms { identifier: self.identifier.clone(), ledger, age });
        // The late ones come last: of a delivery that was forgotten, the ledger knows no others.
        let counted = self.count_events(&terms, false, Counted::default(), of).await?;
        let late = self.count_events(&terms, true, counted, of).await?;
        self.staging.merge().await?;
        Ok(Counted { deliveries: counted.deliveries, ..late })
    }

    async fn count_events(
        &self,
        terms: &Arc<Terms>,
        late: bool,
        mut counted: Counted,
        of: Option<u64>,
    ) -> Result<Counted> {
        let mut source = Source::open(self.clickhouse, self.scope, late)?;
        // Late events are not judged.
        let mut marks = if late { None } else { Some(Marks::open(self.clickhouse, self.scope).await?) };
        let (mut before, mut number, earlier) = (None, 0, counted.events);
        while let Some(Run { frames, last }) = source.next().await? {
            number += 1;
            counted.events = earlier + source.taken();
            // Told before the ledger learns of it: from then on it is not to be given up.
            self.tell(Doing::Counting, counted.events, of);
            let judged = match &mut marks {
                Some(marks) => marks.until(&last).await?,
                None => Judged::default(),
            };
            let (terms, ahead) = (Arc::clone(terms), before.clone());
            let folding = spawn_blocking(move || {
                let folded = fold(&frames, ahead.as_deref(), number, late, (&terms, &judged))?;
                if let Some(ledger) = &terms.ledger {
                    let cursor = ledger.cursor()?;
                    ledger.commit(&folded.changes, &ledger.held()?, Range { first: cursor, last: cursor })?;
                }
                Ok::<_, RecountError>(folded)
            });
            let Folded { inserts, changes, deliveries } = folding.await??;
            self.staging.insert(&inserts).await?;
            before = Some(changes);
            counted.deliveries += deliveries;
        }
        Ok(counted)
    }

    /// How old a ledger is that learns all events at once.
    async fn age(&self, memory: Memory) -> Result<Age> {
        #[derive(Row, Deserialize)]
        struct Latest {
            accepted: i64,
            happened: i64,
        }

        let sql = format!(
            "SELECT toUnixTimestamp64Milli(max(accepted_at)) AS accepted, toUnixTimestamp64Milli(max(time)) AS happened FROM {EVENTS}"
        );
        let Latest { accepted, happened } = statement(self.clickhouse, &sql).fetch_one().await?;
        Ok(Age::default().after(Millis(accepted), Some(Millis(happened)), memory))
    }

    /// How many events there are; unknown where only some of them are counted.
    async fn events_in_all(&self) -> Result<Option<u64>> {
        if !self.scope.is_everything() {
            return Ok(None);
        }
        let count = format!("SELECT count() FROM {EVENTS}");
        Ok(Some(self.clickhouse.client().query_raw(&count).fetch_one().await?))
    }

    fn tell(&self, doing: Doing, done: u64, of: Option<u64>) {
        self.steps.send_replace(Step { doing, done, of });
    }
}
