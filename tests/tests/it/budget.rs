//! How much the suite does: sizes, numbers of cases and limits of time, all in one place. Together they keep it within a few
//! minutes on two cores.

use std::time::Duration;

/// Distinct events of the large run.
pub(crate) const LARGE_RUN: usize = 200_000;
/// Clients that report them at once.
pub(crate) const CLIENTS: u64 = 8;
/// The largest batch that they report.
pub(crate) const LARGEST_BATCH: usize = 5_000;

/// Distinct events of a run in the midst of which something is killed.
pub(crate) const KILLED_RUN: usize = 60_000;
/// How often it is killed.
pub(crate) const KILLS: usize = 10;

/// Random sets of events.
pub(crate) const RANDOM_CASES: u32 = 64;
/// Events of a random set.
pub(crate) const RANDOM_EVENTS: usize = 40;
/// How long to look for the smallest set that fails.
pub(crate) const SHRINKING: Duration = Duration::from_mins(1);

/// How long schemathesis looks for failures.
pub(crate) const SCHEMATHESIS: Duration = Duration::from_mins(1);
