//! `GET /v1/ingest/status`: how far the reports are behind.

use axum::extract::State;
use ingest::{Doing, LastBatch, Scrubbed, Step};
use schema::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::{
    auth::{Caller, Read},
    extract::Json,
    openapi::StatusProblems,
    problem::Problem,
    state::AppState,
};

/// The state of ingestion.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "spool_bytes": 1_048_576, "spool_limit": 4_294_967_296_u64, "quarantined_bytes": 0, "events_waiting": 5213, "oldest_waiting_ms": 840,
    "ledger_bytes": 734_003_200, "ledger_memory_bytes": 141_557_760,
    "last_batch": {"at": "2026-11-20T14:03:07.123Z", "events": 65000, "duplicates": 536, "late": 3, "deliveries": 31000, "cells": 4100, "ms": 210},
    "rebuilding": null, "scrubber": {"days_checked": 26, "days_differing": 0, "last_at": "2026-11-20T13:40:12.008Z", "last_day": "2026-09-02"},
    "error": null
}))]
pub(crate) struct IngestStatus {
    /// Bytes on disk that wait for the reports.
    spool_bytes: u64,
    /// Bytes that may wait before new events are answered 503.
    spool_limit: u64,
    /// Damaged bytes of the queue that were put aside, in `DATA_DIR/spool/quarantine`: events in them are not in the reports.
    quarantined_bytes: u64,
    /// Events that are on disk and not in the reports yet.
    events_waiting: u64,
    /// How long ago the oldest of them was accepted, in milliseconds; null when none waits.
    #[schema(required)]
    oldest_waiting_ms: Option<u64>,
    /// Bytes on disk of the ledger, which remembers deliveries and events, when the latest batch was applied.
    ledger_bytes: u64,
    /// Bytes of memory that it took for what it caches and for what is not in a file yet.
    ledger_memory_bytes: u64,
    /// The batch that was applied last since the service started; null when there was none.
    #[schema(required)]
    last_batch: Option<AppliedBatch>,
    /// How far the rebuilding of tables and ledger from the events is; null when they are not being rebuilt. Events wait meanwhile.
    #[schema(required)]
    rebuilding: Option<Rebuilding>,
    /// What checks of settled days have found.
    scrubber: Scrubber,
    /// What keeps events from the reports; null when nothing does.
    #[schema(required)]
    error: Option<String>,
}

/// How far a rebuilding is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rebuilding {
    /// What it is at: waiting, counting events, comparing or repairing rows.
    #[schema(example = "counting")]
    doing: &'static str,
    /// Events or rows that are done.
    done: u64,
    /// How many there are; null when that is not known.
    #[schema(required)]
    of: Option<u64>,
}

/// What checks of settled days have found since the service started: each counts a day's events anew and compares with what reports read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scrubber {
    /// Days that were checked, of all accounts at once.
    days_checked: u64,
    /// Days on which the reports of this account are known to differ from what its events say.
    days_differing: u64,
    /// When a day was checked last; null when none was.
    #[schema(required, format = DateTime)]
    last_at: Option<String>,
    /// Which day that was.
    #[schema(required, format = Date)]
    last_day: Option<String>,
}

impl From<Step> for Rebuilding {
    fn from(Step { doing, done, of }: Step) -> Self {
        let doing = match doing {
            Doing::Waiting => "waiting",
            Doing::Counting => "counting",
            Doing::Comparing => "comparing",
            Doing::Repairing => "repairing",
        };
        Self { doing, done, of }
    }
}

impl From<Scrubbed> for Scrubber {
    fn from(Scrubbed { days_checked, days_differing, last }: Scrubbed) -> Self {
        let (last_at, last_day) = last.map(|(at, day)| (rfc3339(at), day.to_string())).unzip();
        Self { days_checked, days_differing, last_at, last_day }
    }
}

/// A batch of events that was applied.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppliedBatch {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Distinct events that it brought.
    events: u64,
    /// Events that repeated another.
    duplicates: u64,
    /// Of the distinct ones, those of deliveries that were forgotten.
    late: u64,
    /// Deliveries that it touched.
    deliveries: u64,
    /// Cells of the reports that it changed.
    cells: u64,
    /// How long it took to write, in milliseconds.
    ms: i64,
}

impl From<LastBatch> for AppliedBatch {
    fn from(batch: LastBatch) -> Self {
        let LastBatch { at, events, duplicates, late, deliveries, cells, millis } = batch;
        Self { at: rfc3339(at), events, duplicates, late, deliveries, cells, ms: millis }
    }
}

impl IngestStatus {
    fn new(status: ingest::Status, scrubbed: Scrubbed, now: Millis) -> Self {
        let age = |since: Millis| u64::try_from(now.0 - since.0).unwrap_or(0);
        Self {
            spool_bytes: status.spool_bytes,
            spool_limit: status.spool_limit,
            quarantined_bytes: status.quarantined_bytes,
            events_waiting: status.events_waiting,
            oldest_waiting_ms: status.oldest_waiting.map(age),
            ledger_bytes: status.ledger_bytes,
            ledger_memory_bytes: status.ledger_memory_bytes,
            last_batch: status.last_batch.map(AppliedBatch::from),
            rebuilding: status.rebuilding.map(Rebuilding::from),
            scrubber: scrubbed.into(),
            error: status.error,
        }
    }
}

/// How far the reports are behind.
///
/// Of the whole service; only what differs on checked days is told of the account alone.
#[utoipa::path(
    get,
    path = "/v1/ingest/status",
    operation_id = "ingest_status",
    tag = "events",
    responses((status = 200, description = "The state of ingestion.", body = IngestStatus), StatusProblems)
)]
pub(crate) async fn get(caller: Caller<Read>, State(state): State<AppState>) -> Result<Json<IngestStatus>, Problem> {
    let scrubbed = state.ingest.scrubbed(caller.account());
    Ok(Json(IngestStatus::new(state.ingest.status(), scrubbed, state.clock.now())))
}
