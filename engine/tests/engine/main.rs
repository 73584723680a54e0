//! The engine as its clients see it: a real process with the real library, asked by curl and by the clickhouse crate.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod client;
mod harness;
mod insert;
mod lifecycle;
mod limits;
mod query;
