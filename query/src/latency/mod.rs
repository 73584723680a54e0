//! How long things took after messages were sent, and how a campaign's openings and clicks came in with its age (METRICS.md,
//! "Latencies"): from the steps that the tables keep by group (**histogram**), asked for like a split (**request**), answered as JSON and
//! as a table (**report**).

mod histogram;
mod report;
mod request;
mod run;

pub use report::{
    DecayCurve, DecayGroup, DecayRemainder, DecayReport, DecayRow, Latencies, LatencyRemainder, LatencyReport,
    LatencyRow, Percentiles, Presentable,
};
pub use request::{DecayRequest, LatencyRequest, LatencySpec};
pub use run::{decay, latencies};

/// What stands among the steps for how many deliveries were delivered.
pub(crate) const DELIVERED: u16 = u16::MAX - 1;
/// What stands among the steps for how many deliveries were opened: as many as have a latency of their opening.
pub(crate) const OPENED: u16 = u16::MAX;
