//! What the service tells about itself: the recorder that all crates record into, and its text for Prometheus.
//!
//! Which metrics there are is `schema::metrics`' business. What only has a value now – the spool, the processes – is looked up when
//! somebody asks.

mod process;

use std::{fmt::Write as _, time::Duration};

use ingest::Status;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use schema::{
    Millis,
    metrics::{
        ALERT_PASSES_TOTAL, ALL, BATCH_EVENTS, BUILD_INFO, EVENTS_TOTAL, HOOKS_TOTAL, Hook, INGEST_REBUILDING,
        INGEST_STALLED, Kind, LATE_EVENTS_TOTAL, LEDGER_BYTES, LEDGER_MEMORY_BYTES, Metric, Outcome,
        POSTMASTER_LAST_TIMESTAMP_SECONDS, POSTMASTER_PULLS_TOTAL, PROCESS_CPU_SECONDS_TOTAL, PROCESS_RESIDENT_BYTES,
        Pass, Pull, SPOOL_BYTES, SPOOL_EVENTS, SPOOL_LIMIT_BYTES, SPOOL_OLDEST_SECONDS, STAGE_SECONDS, Stage,
    },
};
use tokio::sync::watch;

use self::process::Usage;
use crate::token::Digest;

/// How often recorded values are put into their buckets, so that they do not pile up when nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// The metrics, and who may read them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Telemetry {
    handle: PrometheusHandle,
    engine: Option<watch::Receiver<Option<u32>>>,
    key: Option<Digest>,
}

/// The metrics cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    #[error("a metric's buckets are wrong")]
    Buckets(#[from] BuildError),
    #[error("metrics are recorded already")]
    Installed,
}

impl Telemetry {
    /// Records what this process records from now on. The key opens the text to others than this machine.
    ///
    /// # Errors
    /// When this was done before.
    pub(crate) fn install(key: Option<Digest>) -> Result<Self, TelemetryError> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Installed)?;
        begin();
        let upkeep = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                upkeep.run_upkeep();
            }
        });
        Ok(Self { handle, engine: None, key })
    }

    /// Apart from what the process records.
    #[cfg(test)]
    pub(crate) fn apart(key: Option<Digest>) -> Self {
        Self { handle: recorder().unwrap().handle(), engine: None, key }
    }

    /// Tells of this engine, too.
    pub(crate) fn with_engine(self, engine: Option<watch::Receiver<Option<u32>>>) -> Self {
        Self { engine, ..self }
    }

    /// The key that opens the text; none when only this machine may read it.
    pub(crate) fn key(&self) -> Option<&Digest> {
        self.key.as_ref()
    }

    /// Everything, as text for Prometheus.
    pub(crate) fn text(&self, status: &Status, now: Millis) -> String {
        record_status(status, now);
        let mut processes = vec![("service", Usage::of(std::process::id()))];
        if let Some(engine) = &self.engine {
            processes.push(("engine", (*engine.borrow()).and_then(Usage::of)));
        }
        for (process, usage) in &processes {
            let bytes = usage.map_or(0, |usage| usage.resident_bytes);
            metrics::gauge!(PROCESS_RESIDENT_BYTES, "process" => *process).set(bytes as f64);
        }
        let mut text = self.handle.render();
        append_seconds(&mut text, &processes);
        text
    }
}

fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for Metric { name, kind, .. } in ALL {
        if let Kind::Histogram(bounds) = kind {
            builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), bounds)?;
        }
    }
    Ok(builder.build_recorder())
}

/// Describes every metric, and begins those at 0 whose labels are known: what has not happened yet is told, too.
fn begin() {
    for Metric { name, kind, help, .. } in ALL {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram(_) => metrics::describe_histogram!(*name, *help),
        }
    }
    for stage in Stage::ALL {
        drop(metrics::histogram!(STAGE_SECONDS, "stage" => stage.label()));
    }
    drop(metrics::histogram!(BATCH_EVENTS));
    for outcome in Outcome::ALL {
        metrics::counter!(EVENTS_TOTAL, "outcome" => outcome.label()).increment(0);
    }
    metrics::counter!(LATE_EVENTS_TOTAL).increment(0);
    metrics::counter!(HOOKS_TOTAL, "provider" => "unknown", "outcome" => Hook::Unknown.label()).increment(0);
    for pass in Pass::ALL {
        metrics::counter!(ALERT_PASSES_TOTAL, "outcome" => pass.label()).increment(0);
    }
    for pull in Pull::ALL {
        metrics::counter!(POSTMASTER_PULLS_TOTAL, "outcome" => pull.label()).increment(0);
    }
    metrics::gauge!(POSTMASTER_LAST_TIMESTAMP_SECONDS).set(0);
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
}

fn record_status(status: &Status, now: Millis) {
    let waiting = status.oldest_waiting.map_or(0, |oldest| (now.0 - oldest.0).max(0));
    for (name, value) in [
        (LEDGER_BYTES, status.ledger_bytes as f64),
        (LEDGER_MEMORY_BYTES, status.ledger_memory_bytes as f64),
        (SPOOL_BYTES, status.spool_bytes as f64),
        (SPOOL_LIMIT_BYTES, status.spool_limit as f64),
        (SPOOL_EVENTS, status.events_waiting as f64),
        (SPOOL_OLDEST_SECONDS, waiting as f64 / 1e3),
        (INGEST_REBUILDING, f64::from(u8::from(status.rebuilding.is_some()))),
        (INGEST_STALLED, f64::from(u8::from(status.error.is_some()))),
    ] {
        metrics::gauge!(name).set(value);
    }
}

/// Processor time has fractions of seconds and begins again with a new engine, neither of which a recorded counter can.
fn append_seconds(text: &mut String, processes: &[(&str, Option<Usage>)]) {
    let name = PROCESS_CPU_SECONDS_TOTAL;
    let help = ALL.iter().find(|metric| metric.name == name).map_or("", |metric| metric.help);
    let samples = processes.iter().filter_map(|(process, usage)| usage.as_ref().map(|usage| (process, usage)));
    let samples = samples.map(|(process, usage)| format!("{name}{{process=\"{process}\"}} {}\n", usage.cpu_seconds));
    // Writing to memory does not fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{}\n", samples.collect::<String>());
}
