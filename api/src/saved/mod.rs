//! Saved reports: what is reported, when, and to whom.
//!
//! - a **request** is what an author writes, a **schedule** says when it is due, a **question** is what is asked then;
//! - an **order** is that a report was due at a time: it stands in the store once, together with the letters that bring it, in one
//!   transaction (`metadata::saved`). A letter holds the question as it was then, so no later change alters what is under way;
//! - **reports** are made when their letter is brought, by the courier of alerts (`alerts::Courier`), and go as an **attachment** or as JSON;
//! - the **task** looks every second for what is due. A service that was away then orders the latest due time alone.

pub(crate) mod attachment;
mod order;
mod question;
mod report;
mod request;
mod schedule;
mod task;
#[cfg(test)]
mod tests;

pub(crate) use order::{Dispatch, judge, order};
pub(crate) use question::Question;
pub(crate) use report::{LONGEST, Made, ReportError, Reports};
pub(crate) use request::{ReportDefinition, SavedReportRequest, ScheduleRequest};
pub(crate) use schedule::Schedule;
pub(crate) use task::{Tasks, next_after};
