//! The service from end to end: the real binary, the real engine, real HTTP, compared with a count of our own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alert_receivers;
mod alerts;
mod bodies;
mod breakdowns;
mod budget;
mod connector_pages;
mod exports;
mod faults;
mod formats;
mod identities;
mod import_formats;

mod large_run;
mod latencies;
mod limits;
mod messages;
mod metrics;
mod privacy;
mod properties;
mod queue;
mod refusals;
mod saved_reports;
mod schemathesis;
mod segments;
mod small_groups;
mod sources;
mod story;
mod tour;
mod traffic;
mod words;
