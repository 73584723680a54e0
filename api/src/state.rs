//! What every handler can reach.

use std::{sync::Arc, time::Duration};

use schema::Clock;

use crate::{admission::Admission, auth::Keys};

/// The parts of the service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    /// Checks keys.
    pub(crate) keys: Keys,
    /// How much may be held at once.
    pub(crate) admission: Admission,
    /// Limits of requests.
    pub(crate) limits: Limits,
    /// Tells the time.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Limits of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a client may take to send a body.
    pub(crate) body_timeout: Duration,
    /// How long a report may take.
    pub(crate) report_timeout: Duration,
}
