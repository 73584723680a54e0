//! What every handler can reach.

use std::{sync::Arc, time::Duration};

use schema::{ClickHouse, Clock};
use tokio::sync::Semaphore;

use crate::{
    admission::Admission, alerts::Alerts, auth::Keys, config::Suppression, exports::Exports, sources::Sources,
    telemetry::Telemetry,
};

/// The parts of the service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    /// Checks keys.
    pub(crate) keys: Keys,
    /// What alerts need.
    pub(crate) alerts: Alerts,
    /// Webhooks of providers.
    pub(crate) sources: Sources,
    /// The way in for events.
    pub(crate) ingest: ingest::Ingest,
    /// The store that reports read.
    pub(crate) clickhouse: ClickHouse,
    /// Reports of many rows.
    pub(crate) exports: Exports,
    /// How much may be held at once.
    pub(crate) admission: Admission,
    /// How many pictures may be drawn at once.
    pub(crate) drawing: Arc<Semaphore>,
    /// What the service tells about itself.
    pub(crate) telemetry: Telemetry,
    /// Limits of requests.
    pub(crate) limits: Limits,
    /// Below how many people the reports of an account hide a number.
    pub(crate) suppression: Arc<Suppression>,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Limits of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a client may take to send a body.
    pub(crate) body_timeout: Duration,
    /// How long a client waits for a report at most.
    pub(crate) report_timeout: Duration,
    /// What a report may cost.
    pub(crate) report: query::Limits,
}
