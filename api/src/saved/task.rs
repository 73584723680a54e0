//! The tasks of a running service: one orders what is due, one brings it, until they are told to stop.

use std::time::Duration;

use schema::Millis;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{Schedule, order};
use crate::{
    alerts::{Alerts, Courier},
    metadata::{Metadata, MetadataError, alerts::Topic, saved::SavedReportRow},
    problem::chain,
};

/// How often it is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// How long the tasks may take to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many reports are ordered in one round.
const AT_ONCE: u32 = 100;
/// How long orders are remembered, in milliseconds, and how often the old ones are forgotten.
const KEEP: i64 = 400 * 86_400_000;
const FORGET_EVERY: i64 = 3_600_000;

/// The running tasks.
pub(crate) struct Tasks {
    stop: watch::Sender<bool>,
    ordering: JoinHandle<()>,
    bringing: JoinHandle<()>,
}

impl Tasks {
    /// Starts them.
    pub(crate) fn start(alerts: Alerts) -> Self {
        let (stop, stopped) = watch::channel(false);
        let ordering = tokio::spawn(order_all(alerts.clone(), stopped.clone()));
        let bringing = tokio::spawn(Courier::new(alerts, Topic::Report).run(stopped));
        Self { stop, ordering, bringing }
    }

    /// Ends them, each after what it is at.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        let both = async { tokio::join!(self.ordering, self.bringing) };
        if timeout(PATIENCE, both).await.is_err() {
            tracing::warn!("saved reports are still being sent; they go on after the next start");
        }
    }
}

async fn order_all(alerts: Alerts, mut stopped: watch::Receiver<bool>) {
    let mut forgot = Millis(0);
    loop {
        let now = alerts.clock().now();
        let mut more = false;
        match round(alerts.metadata(), now).await {
            Ok(any) => more = any,
            Err(error) => tracing::warn!(error = chain(&error), "saved reports cannot be ordered now"),
        }
        if !(0..FORGET_EVERY).contains(&(now.0 - forgot.0)) {
            forgot = now;
            if let Err(error) = alerts.metadata().forget_orders(Millis(now.0 - KEEP)).await {
                tracing::warn!(error = chain(&error), "old orders of saved reports cannot be forgotten now");
            }
        }
        let pause = if more { Duration::ZERO } else { LOOK };
        if timeout(pause, stopped.wait_for(|stop| *stop)).await.is_ok() || *stopped.borrow() {
            break;
        }
    }
}

/// Orders what is due. True when there may be more.
///
/// # Errors
/// When the store does not answer.
pub(super) async fn round(metadata: &Metadata, now: Millis) -> Result<bool, MetadataError> {
    let due = metadata.due_reports(now, AT_ONCE).await?;
    let more = due.len() == AT_ONCE as usize;
    for row in due {
        one(metadata, &row, now).await?;
    }
    Ok(more)
}

async fn one(metadata: &Metadata, row: &SavedReportRow, now: Millis) -> Result<(), MetadataError> {
    let schedule = row.request.schedule().ok().flatten();
    let time = now.to_datetime().unwrap_or_default();
    let millis = |time: chrono::DateTime<chrono::Utc>| Millis(time.timestamp_millis());
    // Of several due times that were missed, the latest.
    let latest = schedule.as_ref().and_then(|schedule| schedule.latest_until(time)).map(millis);
    let due_at = latest.or(row.next_at).unwrap_or(now);
    let next_at = next_after(schedule.as_ref(), now);
    let order = order(metadata, row, due_at).await?;
    metadata.order_due(row, &order, next_at, now).await.map(drop)
}

/// When a report of that schedule is due next.
pub(crate) fn next_after(schedule: Option<&Schedule>, now: Millis) -> Option<Millis> {
    Some(Millis(schedule?.next_after(now.to_datetime()?)?.timestamp_millis()))
}
