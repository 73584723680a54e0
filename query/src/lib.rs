//! Questions and their answers: which groups of messages, what became of them, at what rates.
//!
//! The way of a report, each step a module, only `run` does I/O:
//!
//! 1. **request** — what a caller asks, as texts: a query string or a JSON document ([`SplitRequest`], [`SummaryRequest`], [`SeriesRequest`]);
//! 2. **spec** — the same, judged: a [`ReportSpec`] of enums, times on quarters of an hour and values to bind, or a [`SpecError`] that
//!    names the parameter and what to change;
//! 3. **plan** — which of the tables' rows answer it: whole days by one dimension, totals, or the fine cube;
//! 4. **sql** — spec and plan as SQL: every value a bound parameter, the account the first condition;
//! 5. **run** — asks ClickHouse within [`Limits`] and puts the answer together;
//! 6. **report** — the [`Report`]: rows, remainder, total. It feeds every format, so they cannot disagree:
//!    **json** (`Report` implements `Serialize`), [`chart`] (PNG, SVG), and by way of the **table** of typed cells [`sheet`] (CSV and
//!    NDJSON, streamed), [`xlsx`] and [`parquet`]. An **export** takes a split of any number of groups, as a
//!    **stream** of lines, through the same table into a file.
//!
//! **breakdown** is the same for what the cube does not have: why mail failed, which links were followed, how mail was secured.
//!
//! **period** says which other period a report is compared with, **compare** what changed since. **latency** tells how long things took, of groups that are found like those of a split. **doubt** says of a report's rates how sure they are, by the formulas of **statistics**. [`alert`] evaluates rules over reports: pure functions, too.
//!
//! **window** says which days a range that moves is at a time. Time is local time on the grid of quarters (**zone**, **interval**). What every number means is defined in METRICS.md. This
//! crate knows nothing of HTTP.

pub mod alert;
mod answer;
mod breakdown;
pub mod chart;
mod common;
mod compare;
mod csv;
mod cursor;
mod doubt;
mod error;
mod export;
mod expression;
mod filter;
mod grouping;
mod interval;
mod json;
mod latency;
mod messages;
mod ndjson;
mod parameters;
pub mod parquet;
mod pattern;
mod period;
mod picker;
mod plan;
mod presentation;
mod report;
mod request;
mod run;
mod segment;
pub mod sheet;
mod spec;
mod sql;
mod statistics;
mod stream;
mod suppression;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod when;
mod window;
pub mod xlsx;
mod zone;

pub use breakdown::{
    Breakdown, BreakdownKind, BreakdownSpec, FailuresBy, FailuresRequest, LinksRequest, SecurityRequest, breakdown,
};
pub use compare::Change;
pub use doubt::{Bounds, Difference, Side};
pub use error::SpecError;
pub use export::{Export, ExportError, ExportFile, ExportFormat, ExportSpec};
pub use expression::{Expression, Node};
pub use filter::{Filter, Test};
pub use grouping::{Grouping, InvalidGrouping, TimePart};
pub use interval::Interval;
pub use latency::{
    DecayCurve, DecayGroup, DecayRemainder, DecayReport, DecayRequest, DecayRow, Latencies, LatencyRemainder,
    LatencyReport, LatencyRequest, LatencyRow, LatencySpec, Percentiles, Presentable, decay, latencies,
};
pub use messages::{
    Carried, Found, Hygiene, HygieneRequest, HygieneSpec, Inference, Kind as HygieneKind, Message, MessageId,
    MessageSpec, MessagesRequest, Sheet, Timeline, TimelineEvent, hygiene, messages, timeline,
};
pub use picker::{Dimensions, DimensionsRequest, Hidden, Named, Value, Values, ValuesRequest, dimensions};
pub use presentation::{Format, Presentation, file_name};
pub use report::{Body, EVENT_BASIS_NOTE, Line, Remainder, Report, Row};
pub use request::{SeriesRequest, SplitRequest, SummaryRequest, from_json, from_pairs};
pub use run::{Limits, QueryError, run};
pub use segment::{SegmentRequest, Segmented, Segments};
pub use spec::{Kind, ReportSpec, Sort, SortKey, suppress_below};
pub use table::{Table, TableOptions};
pub use tree::Tree;
pub use when::Range;
pub use window::MovingRange;
pub use zone::rfc3339;
