//! The operations of the HTTP API, one module per subject.

pub(crate) mod alerts;
pub(crate) mod dimensions;
pub(crate) mod events;
pub(crate) mod exports;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod keys;
pub(crate) mod messages;
pub(crate) mod metrics;
pub(crate) mod observations;
pub(crate) mod recipients;
pub(crate) mod reports;
pub(crate) mod saved_reports;
pub(crate) mod segments;
pub(crate) mod sources;
pub(crate) mod specification;
pub(crate) mod status;

use schema::Millis;

/// A time as the API writes it: UTC with milliseconds.
pub(crate) fn rfc3339(time: Millis) -> String {
    time.to_datetime().map_or_else(String::new, |time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
