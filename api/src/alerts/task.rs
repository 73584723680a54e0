//! The tasks of a running service: one evaluates, one brings letters, until they are told to stop.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use query::alert::Severity;
use schema::{
    Millis,
    metrics::{ALERT_PASS_SECONDS, ALERT_PASSES_TOTAL, ALERTS_FIRING, Pass},
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{Alerts, Courier, Evaluator};
use crate::{metadata::alerts::Topic, problem::chain};

/// How long the tasks may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running tasks.
pub(crate) struct Tasks {
    stop: watch::Sender<bool>,
    evaluating: JoinHandle<()>,
    bringing: JoinHandle<()>,
}

impl Tasks {
    /// Starts them. Rules are evaluated every `interval`.
    pub(crate) fn start(
        alerts: Alerts,
        evaluator: Evaluator,
        as_of: impl Fn() -> Millis + Send + Sync + 'static,
        interval: Duration,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let evaluating = tokio::spawn(evaluate(evaluator, Arc::new(as_of), interval, stopped.clone()));
        let bringing = tokio::spawn(Courier::new(alerts, Topic::Alert).run(stopped));
        Self { stop, evaluating, bringing }
    }

    /// Ends them, each after what it is at.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        let both = async { tokio::join!(self.evaluating, self.bringing) };
        if timeout(PATIENCE, both).await.is_err() {
            tracing::warn!("alerts are still being evaluated or sent; they go on after the next start");
        }
    }
}

async fn evaluate(
    evaluator: Evaluator,
    as_of: Arc<dyn Fn() -> Millis + Send + Sync>,
    interval: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let started = Instant::now();
        let (outcome, firing) = match evaluator.pass(|| as_of()).await {
            Ok(Some(passed)) => (if passed.complete { Pass::Complete } else { Pass::Partial }, passed.firing),
            // Another service tells of what it evaluates.
            Ok(None) => (Pass::Elsewhere, [0; Severity::ALL.len()]),
            Err(error) => {
                tracing::warn!(error = chain(&error), "alerts cannot be evaluated now");
                (Pass::Failed, [0; Severity::ALL.len()])
            }
        };
        if matches!(outcome, Pass::Complete | Pass::Partial) {
            metrics::histogram!(ALERT_PASS_SECONDS).record(started.elapsed());
        }
        metrics::counter!(ALERT_PASSES_TOTAL, "outcome" => outcome.label()).increment(1);
        for (severity, count) in Severity::ALL.into_iter().zip(firing) {
            metrics::gauge!(ALERTS_FIRING, "severity" => severity.name()).set(count as f64);
        }
        if timeout(interval, stopped.wait_for(|stop| *stop)).await.is_ok() {
            break;
        }
    }
    evaluator.release().await;
}
