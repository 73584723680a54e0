//! The task that pulls every few hours, under a lease: of several services on one store one does it.

use std::time::Duration;

use metrics::{counter, gauge};
use schema::metrics::{POSTMASTER_LAST_TIMESTAMP_SECONDS, POSTMASTER_PULLS_TOTAL, Pull};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{Postmaster, PostmasterError, pull::Pulled};
use crate::problem::chain;

/// What services compete for.
const LEASE: &str = "postmaster";
/// How often it is looked whether something is due, and how long the lease lasts: another service goes on after that.
const LOOK: Duration = Duration::from_mins(1);
const LEASE_FOR: i64 = 10 * 60_000;
/// The first wait after a failure, in milliseconds; it doubles up to the usual one.
const FIRST_WAIT: i64 = 5 * 60_000;

/// The running task.
pub(crate) struct Pulling {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Pulling {
    /// Starts it.
    pub(crate) fn start(postmaster: Postmaster, interval: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(run(postmaster, interval, stopped)) }
    }

    /// Ends it; what it is at is given up, to be done again.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        if self.task.await.is_err() {
            tracing::error!("the task of Postmaster Tools panicked");
        }
    }
}

async fn run(postmaster: Postmaster, interval: Duration, mut stopped: watch::Receiver<bool>) {
    let holder = format!("{:016x}", rand::random::<u64>());
    let mut schedule = Schedule::new(i64::try_from(interval.as_millis()).unwrap_or(i64::MAX));
    loop {
        let round = async {
            match round(&postmaster, &holder, &mut schedule).await {
                Ok(Some(Pulled { domains, failed, rates })) => {
                    tracing::info!(domains, failed, rates, "pulled spam rates from Postmaster Tools");
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(error = chain(&error), "Postmaster Tools cannot be read now");
                }
            }
        };
        tokio::select! {
            () = round => {}
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        if timeout(LOOK.min(interval), stopped.wait_for(|stop| *stop)).await.is_ok() {
            break;
        }
    }
    let now = postmaster.clock.now();
    if let Ok(Some(term)) = postmaster.metadata.lease(LEASE, &holder, now, LEASE_FOR).await {
        // Otherwise the lease runs out by itself.
        let _ = postmaster.metadata.release(&term).await;
    }
}

/// Pulls if it is due and nobody else does it.
pub(super) async fn round(
    postmaster: &Postmaster,
    holder: &str,
    schedule: &mut Schedule,
) -> Result<Option<Pulled>, PostmasterError> {
    let now = postmaster.clock.now();
    if postmaster.metadata.lease(LEASE, holder, now, LEASE_FOR).await?.is_none() || !schedule.is_due(now.0) {
        return Ok(None);
    }
    let pulled = async {
        postmaster.metadata.ensure_account(&postmaster.account, now).await?;
        postmaster.pull().await
    };
    let pulled = pulled.await;
    schedule.done(now.0, pulled.is_ok());
    let outcome = match &pulled {
        Ok(Pulled { failed: 0, .. }) => Pull::Complete,
        Ok(_) => Pull::Partial,
        Err(_) => Pull::Failed,
    };
    counter!(POSTMASTER_PULLS_TOTAL, "outcome" => outcome.label()).increment(1);
    if pulled.is_ok() {
        gauge!(POSTMASTER_LAST_TIMESTAMP_SECONDS).set(now.0 as f64 / 1e3);
    }
    pulled.map(Some)
}

/// When the next pull is due, in milliseconds since 1970.
pub(super) struct Schedule {
    interval: i64,
    due: i64,
    wait: i64,
}

impl Schedule {
    pub(super) fn new(interval: i64) -> Self {
        Self { interval, due: i64::MIN, wait: FIRST_WAIT.min(interval) }
    }

    pub(super) fn is_due(&self, now: i64) -> bool {
        // A clock that was set back makes nothing wait longer than usual.
        now >= self.due || self.due.saturating_sub(now) > self.interval
    }

    pub(super) fn done(&mut self, now: i64, well: bool) {
        if well {
            self.wait = FIRST_WAIT.min(self.interval);
            self.due = now.saturating_add(self.interval);
        } else {
            self.due = now.saturating_add(self.wait);
            self.wait = self.wait.saturating_mul(2).min(self.interval);
        }
    }
}
