//! The task that stores what was counted every few seconds, and forgets rejected bodies whose time is over.

use std::time::Duration;

use ingest::Ingest;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::Sources;
use crate::problem::chain;

/// How often counts are stored.
const INTERVAL: Duration = Duration::from_secs(5);
/// In every so many of these, old bodies are forgotten.
const FORGET_EVERY: u32 = 120;

/// The running task.
pub(crate) struct Flushing {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Flushing {
    /// Starts it.
    pub(crate) fn start(sources: Sources, ingest: Ingest) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(run(sources, ingest, stopped)) }
    }

    /// Ends it, after what was counted so far is stored: the pipeline is closed before, so that it counts nothing more.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        if self.task.await.is_err() {
            tracing::error!("the task of sources panicked");
        }
    }
}

async fn run(sources: Sources, ingest: Ingest, mut stopped: watch::Receiver<bool>) {
    let mut round = 0_u32;
    loop {
        let stop = timeout(INTERVAL, stopped.wait_for(|stop| *stop)).await.is_ok();
        let mut done = sources.flush(&ingest).await;
        if round.is_multiple_of(FORGET_EVERY) && !stop {
            done = done.and(sources.forget_old_rejects().await);
        }
        if let Err(error) = done {
            tracing::warn!(error = chain(&error), "what was counted of sources cannot be stored now");
        }
        if stop {
            return;
        }
        round = round.wrapping_add(1);
    }
}
