//! What the end-to-end tests stand on: a count written straight from METRICS.md ([`oracle`]), the real service with a client
//! for it ([`harness`]), and the comparison of the two
//! ([`check`]), also of reports that speak of two periods ([`compared`]).
//!
//! Nothing here fails softly: what goes wrong panics with a reason, for that is how a test fails.

#![expect(clippy::missing_panics_doc, reason = "everything here panics with a reason when a test is to fail")]

pub mod check;
pub mod compared;
pub mod harness;
pub mod latency;
pub mod oracle;
