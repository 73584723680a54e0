//! Checks while batches are written: nearly always nothing differs, and nobody had to wait. What seems to differ is looked at again between
//! two batches, for it may be a batch that was half written.

use std::{sync::Arc, time::Duration};

use schema::{ClickHouse, Identifier};
use tokio::sync::{Mutex, watch};

use super::{Job, Jobs, Recount, RecountError, Result, Scope, Step, Steps, Verdict, Work, compare::NAMED};

/// Tables of checks beside the writer. One check at a time uses them.
pub(super) const BESIDE: &str = "recount";
/// Tables of the writer's own.
pub(super) const PAUSED: &str = "paused_recount";

/// How often a check is begun, when ClickHouse goes away in its midst.
const TRIES: u32 = 5;

/// Whether another try may work: an engine that ended is started again, and batches are written then.
fn went_away(error: &clickhouse::error::Error) -> bool {
    use clickhouse::error::Error;
    matches!(error, Error::Network(_) | Error::TimedOut)
}

/// Checks, one at a time.
#[derive(Debug)]
pub(crate) struct Checker {
    pub(crate) clickhouse: ClickHouse,
    pub(crate) identifier: Identifier,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) one: Mutex<()>,
}

impl Checker {
    /// Checks the scope. The writer is paused for no longer than `pause`, and only if there is something to look at.
    pub(crate) async fn check(&self, scope: &Scope, steps: &Steps, pause: Duration) -> Result<Verdict> {
        let _one = self.one.lock().await;
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match self.try_check(scope, steps, pause).await {
                Err(RecountError::ClickHouse(error)) if tries > 0 && went_away(&error) => {}
                result => return result,
            }
        }
    }

    async fn try_check(&self, scope: &Scope, steps: &Steps, pause: Duration) -> Result<Verdict> {
        self.ask(scope.clone(), Work::Rest, steps.clone()).await?;
        let verdict = Recount::new(&self.clickhouse, &self.identifier, scope, BESIDE, steps).check().await?;
        let mut found = Verdict {
            events: verdict.events,
            deliveries: verdict.deliveries,
            rows: verdict.rows,
            ..Verdict::default()
        };
        // Batches go on between one span and the next.
        for (first, last) in verdict.spans() {
            let again = self.ask(scope.on(first, last), Work::Check, steps.clone());
            found.add(tokio::time::timeout(pause, again).await.map_err(|_| RecountError::Restless)??, NAMED);
        }
        Ok(found)
    }

    /// Has the writer do something between two batches.
    pub(crate) async fn ask(&self, scope: Scope, work: Work, steps: watch::Sender<Step>) -> Result<Verdict> {
        let (job, answered) = Job::new(scope, work, steps);
        self.jobs.push(job);
        answered.await.unwrap_or(Err(RecountError::Closed))
    }
}
