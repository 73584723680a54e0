//! How long the stages of the pipeline take, for the metrics.

use std::time::Instant;

use schema::metrics::{STAGE_SECONDS, Stage};

/// Records the time from `started` until now as that of a stage.
pub(crate) fn record(stage: Stage, started: Instant) {
    metrics::histogram!(STAGE_SECONDS, "stage" => stage.label()).record(started.elapsed());
}

/// Does the work of a stage and records how long it took.
pub(crate) fn timed<T>(stage: Stage, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    record(stage, started);
    done
}
