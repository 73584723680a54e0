//! `/v1/sources/{id}/stats`: what came by a source, and what became of it.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::owned;
use crate::{
    auth::{Caller, Manage},
    extract::{Json, Name},
    openapi::OldKeyProblems,
    problem::Problem,
    routes::rfc3339,
    sources::Counter,
    state::AppState,
};

/// What came by a source since it was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"received": {"bodies": 812, "bytes": 5_318_204}, "accepted": 40_381, "duplicates": 12, "rejected": 2,
    "rejected_by_reason": {"missing_field": 2}, "ignored": 96, "ignored_by_type": {"group_resubscribe": 96}, "repeated_bodies": 3,
    "undecodable_bodies": 1, "refused_bodies": 4, "refused_by_reason": {"wrong": 4}, "rejects": 1,
    "since": "2026-11-20T14:03:07.123Z", "last_seen_at": "2026-11-25T09:12:44.012Z"}))]
pub(crate) struct StatsDocument {
    /// What came with a valid token.
    received: Received,
    /// Events that are on disk, repetitions of known ones among them.
    accepted: u64,
    /// Of these, those that repeated an event that was known, whatever way that one came. It is told apart when it is put into the
    /// tables, so it is counted here as soon as reports show what came with it.
    duplicates: u64,
    /// Events that were not accepted.
    rejected: u64,
    /// How many for which reason.
    rejected_by_reason: BTreeMap<String, u64>,
    /// What is none of our events.
    ignored: u64,
    /// How much of which of the provider's types.
    ignored_by_type: BTreeMap<String, u64>,
    /// Bodies that had come before, byte for byte: within the last hour, as far as one service remembers, and by a signature that was
    /// taken already.
    repeated_bodies: u64,
    /// Bodies that could not be decoded.
    undecodable_bodies: u64,
    /// Bodies that were not verified, such as those with a wrong signature.
    refused_bodies: u64,
    /// How many for which reason: `missing`, `wrong`, `stale` or `unavailable`.
    refused_by_reason: BTreeMap<String, u64>,
    /// Bodies that are kept to be replayed.
    rejects: usize,
    /// Since when this is counted.
    #[schema(format = DateTime)]
    since: String,
    /// When a body that was verified came last; null when none came.
    #[schema(format = DateTime, required)]
    last_seen_at: Option<String>,
}

/// What came.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Received {
    /// Bodies.
    bodies: u64,
    /// Their bytes, decompressed.
    bytes: u64,
}

/// Tell what came by a source, and what became of it.
#[utoipa::path(
    get,
    path = "/v1/sources/{id}/stats",
    operation_id = "get_source_stats",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    responses((status = 200, description = "The numbers.", body = StatsDocument), OldKeyProblems)
)]
pub(crate) async fn get(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<StatsDocument>, Problem> {
    let row = owned(&state, caller.account(), &id).await?;
    let counted = state.sources.stats(&state.ingest, &row.id).await?;
    let rejects = state.keys.metadata().rejects(&row.id).await?.len();
    // As the numbers were stored, so was when a body was seen.
    let row = owned(&state, caller.account(), &row.id).await?;
    Ok(Json(StatsDocument {
        received: Received { bodies: counted.total(Counter::Bodies), bytes: counted.total(Counter::Bytes) },
        accepted: counted.total(Counter::Accepted),
        duplicates: counted.total(Counter::Duplicate),
        rejected: counted.total(Counter::Rejected),
        rejected_by_reason: counted.by_label(Counter::Rejected),
        ignored: counted.total(Counter::Ignored),
        ignored_by_type: counted.by_label(Counter::Ignored),
        repeated_bodies: counted.total(Counter::Repeated),
        undecodable_bodies: counted.total(Counter::Undecodable),
        refused_bodies: counted.total(Counter::Refused),
        refused_by_reason: counted.by_label(Counter::Refused),
        rejects,
        since: rfc3339(row.created_at),
        last_seen_at: row.seen_at.map(rfc3339),
    }))
}
