//! The worker: writes one export after the other until it is told to stop, and sweeps away what nobody can download any more.

use std::{sync::Arc, time::Duration};

use query::{Limits, QueryError};
use schema::{ClickHouse, Millis};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{
    Exports,
    job::{self, JobError},
};
use crate::{
    metadata::{ExportRow, MetadataError},
    problem::chain,
};

/// How long the worker waits for an order before it sweeps.
const LOOK: Duration = Duration::from_secs(5);
/// How long it waits before an export that could not be written now is tried again.
const AGAIN: Duration = Duration::from_secs(5);
/// How often an export is tried.
const TRIES: i64 = 10;
/// How long the worker may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running worker.
pub(crate) struct Exporting {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What the worker needs.
struct Worker {
    exports: Exports,
    clickhouse: ClickHouse,
    as_of: Arc<dyn Fn() -> Millis + Send + Sync>,
    limits: Limits,
}

impl Exporting {
    /// Starts it.
    pub(crate) fn start(
        exports: Exports,
        clickhouse: ClickHouse,
        as_of: impl Fn() -> Millis + Send + Sync + 'static,
        limits: Limits,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let worker = Worker { exports, clickhouse, as_of: Arc::new(as_of), limits };
        Self { stop, task: tokio::spawn(worker.run(stopped)) }
    }

    /// Ends it. What it is at is written anew after the next start.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        if timeout(PATIENCE, self.task).await.is_err() {
            tracing::warn!("an export is still being written; it is written anew after the next start");
        }
    }
}

impl Worker {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut requeued = false;
        loop {
            let round = async {
                if !requeued {
                    self.exports.0.metadata.requeue_exports(&self.exports.0.place).await?;
                    requeued = true;
                }
                self.round().await
            };
            let more = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                more = round => more,
            };
            let wait = match more {
                Ok(true) => continue,
                Ok(false) => LOOK,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "exports cannot be looked after now");
                    LOOK
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => break,
                _ = timeout(wait, self.exports.0.ordered.notified()) => {}
            }
        }
    }

    /// Sweeps, and writes the export that has waited longest; whether there was one.
    async fn round(&self) -> Result<bool, MetadataError> {
        let exports = &self.exports;
        exports.sweep().await?;
        let Some(row) = exports.0.metadata.take_export(&exports.0.place, exports.0.clock.now()).await? else {
            return Ok(false);
        };
        if row.attempts > TRIES {
            exports.0.metadata.fail_export(&row.id, "it was begun too often", exports.0.clock.now()).await?;
            return Ok(true);
        }
        let written = job::write(exports, &self.clickhouse, &row, (self.as_of)(), &self.limits).await;
        self.note(&row, written).await?;
        Ok(true)
    }

    async fn note(&self, row: &ExportRow, written: Result<job::Written, JobError>) -> Result<(), MetadataError> {
        let metadata = &self.exports.0.metadata;
        let now = self.exports.0.clock.now();
        let error = match written {
            Ok(written) => {
                let kept = i64::try_from(self.exports.0.settings.keep.as_millis()).unwrap_or(i64::MAX);
                let expires_at = Millis(now.0.saturating_add(kept));
                // One that was deleted in the meantime is swept away.
                metadata.finish_export(&row.id, (written.rows, written.bytes), now, expires_at).await?;
                tracing::info!(id = row.id, rows = written.rows, bytes = written.bytes, "an export is done");
                return Ok(());
            }
            Err(error) => error,
        };
        let told = match &error {
            JobError::Unwanted => return Ok(()),
            JobError::Refused(why) => why.clone(),
            JobError::Query(QueryError::Unavailable(_)) | JobError::Metadata(_) => {
                tracing::warn!(
                    id = row.id,
                    error = chain(&error),
                    "an export cannot be written now; it is tried again"
                );
                tokio::time::sleep(AGAIN).await;
                return metadata.requeue_export(&row.id).await;
            }
            JobError::Query(QueryError::TooExpensive(_)) => {
                "it would take more than its limits of time and memory: ask for a shorter range or fewer dimensions"
                    .to_owned()
            }
            JobError::File(_) => "its file could not be written".to_owned(),
            JobError::Query(_) | JobError::Gone => "something went wrong inside".to_owned(),
        };
        tracing::warn!(id = row.id, error = chain(&error), "an export failed");
        metadata.fail_export(&row.id, &told, now).await
    }
}
