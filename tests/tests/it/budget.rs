//! How much the suite does: sizes, numbers of cases and limits of time, all in one place. Together they keep it within a few
//! minutes on two cores; with `POSTLENS_SOAK=1` (`make soak`) faults get hours instead of minutes.

use std::time::Duration;

/// Distinct events of the large run.
pub(crate) const LARGE_RUN: usize = 200_000;
/// Clients that report them at once.
pub(crate) const CLIENTS: u64 = 8;
/// The largest batch that they report.
pub(crate) const LARGEST_BATCH: usize = 5_000;

/// Random sets of events.
pub(crate) const RANDOM_CASES: u32 = 64;
/// Random sets of events whose latencies are asked for, each before and after merges.
pub(crate) const RANDOM_LATENCIES: u32 = 24;
/// Events of a random set.
pub(crate) const RANDOM_EVENTS: usize = 40;
/// How long to look for the smallest set that fails.
pub(crate) const SHRINKING: Duration = Duration::from_mins(1);

/// Random requests that schemathesis makes up for each operation, besides those at the limits of each parameter.
pub(crate) const SCHEMATHESIS: u32 = 25;

/// Distinct events of a run in the midst of which something fails.
pub(crate) const FAULTY_RUN: usize = 15_000;

/// Runs in which things are killed, one after the other, on one service.
pub(crate) fn kill_rounds() -> usize {
    if is_soak() { 20 } else { 1 }
}

/// Distinct events of each.
pub(crate) fn killed_run() -> usize {
    if is_soak() { 100_000 } else { 20_000 }
}

/// How often something is killed in each.
pub(crate) fn kills() -> usize {
    if is_soak() { 26 } else { 10 }
}

/// How often a start is cut short: the first one, and one with a full queue.
pub(crate) fn short_starts() -> usize {
    if is_soak() { 40 } else { 6 }
}

/// How often a rebuilding is killed.
pub(crate) fn killed_rebuildings() -> usize {
    if is_soak() { 40 } else { 4 }
}

/// Distinct subjects within an hour.
pub(crate) fn subjects() -> usize {
    if is_soak() { 1_000_000 } else { 50_000 }
}

/// Whether the long form was asked for.
fn is_soak() -> bool {
    std::env::var_os("POSTLENS_SOAK").is_some_and(|value| value == "1")
}
