//! `/v1/sources/{id}/rejects`: bodies that could not be decoded. They hold addresses, so they are stored sealed, for two weeks, and only
//! admins may see them.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::{owned, unknown};
use crate::{
    auth::{Caller, Manage},
    extract::{Json, Name, Two},
    metadata::sources::RejectRow,
    openapi::{OldKeyProblems, ReplayProblems},
    problem::{Kind, Problem},
    routes::rfc3339,
    sources::{HookError, Outcome, Replayed, Source},
    state::AppState,
};

/// A body that could not be decoded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"number": 7, "first_at": "2026-11-25T09:12:44.012Z", "last_at": "2026-11-25T09:42:44.871Z", "times": 3,
    "reason": "the body is no valid JSON, at line 1 column 12", "bytes": 1_834}))]
pub(crate) struct RejectInfo {
    /// What names it in its source.
    number: i64,
    /// When it came first.
    #[schema(format = DateTime)]
    first_at: String,
    /// When it came last.
    #[schema(format = DateTime)]
    last_at: String,
    /// How often it came.
    times: i64,
    /// Why it could not be decoded.
    reason: String,
    /// How long it is.
    bytes: i64,
}

/// The bodies of a source that could not be decoded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RejectList {
    /// The latest first. At most 100 bodies and 16 MiB are kept, for 14 days; the oldest go first.
    rejects: Vec<RejectInfo>,
}

/// What became of bodies that were decoded once more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"decoded": 1, "remaining": 0, "accepted": 12, "rejected": 0, "ignored": 1, "reasons": {}, "reason": null}))]
pub(crate) struct ReplayAnswer {
    /// Bodies that were decoded. They are not kept any more.
    decoded: u64,
    /// Bodies that still cannot be decoded.
    remaining: u64,
    /// Events that are on disk.
    accepted: u64,
    /// Events that were not accepted.
    rejected: u64,
    /// What is none of our events.
    ignored: u64,
    /// How many were rejected for which reason.
    reasons: BTreeMap<String, u64>,
    /// Why a body still cannot be decoded.
    #[schema(required)]
    reason: Option<String>,
}

impl From<RejectRow> for RejectInfo {
    fn from(row: RejectRow) -> Self {
        let RejectRow { number, first_at, last_at, times, reason, bytes } = row;
        Self { number, first_at: rfc3339(first_at), last_at: rfc3339(last_at), times, reason, bytes }
    }
}

impl From<Replayed> for ReplayAnswer {
    fn from(replayed: Replayed) -> Self {
        let Replayed { decoded, remaining, outcome, reason } = replayed;
        let Outcome { accepted, rejected, reasons, ignored } = outcome;
        Self { decoded, remaining, accepted, rejected, ignored, reasons, reason }
    }
}

/// List the bodies of a source that could not be decoded.
#[utoipa::path(
    get,
    path = "/v1/sources/{id}/rejects",
    operation_id = "list_source_rejects",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    responses((status = 200, description = "The bodies.", body = RejectList), OldKeyProblems)
)]
pub(crate) async fn list(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<RejectList>, Problem> {
    let row = owned(&state, caller.account(), &id).await?;
    let rejects = state.keys.metadata().rejects(&row.id).await?;
    Ok(Json(RejectList { rejects: rejects.into_iter().map(RejectInfo::from).collect() }))
}

/// Forget the bodies of a source that could not be decoded.
#[utoipa::path(
    delete,
    path = "/v1/sources/{id}/rejects",
    operation_id = "delete_source_rejects",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    responses((status = 204, description = "They are gone."), OldKeyProblems)
)]
pub(crate) async fn delete_all(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    let row = owned(&state, caller.account(), &id).await?;
    state.keys.metadata().delete_rejects(&row.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Decode the bodies of a source once more, the oldest first.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/rejects/replay",
    operation_id = "replay_source_rejects",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    responses((status = 200, description = "What became of them.", body = ReplayAnswer), ReplayProblems)
)]
pub(crate) async fn replay_all(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<ReplayAnswer>, Problem> {
    let source = ready(&state, &caller, &id).await?;
    let _entered = state.admission.enter(caller.account())?;
    let replayed = state.sources.replay_all(&state.ingest, &source).await.map_err(told)?;
    Ok(Json(replayed.into()))
}

/// Show a body that could not be decoded, as it came.
#[utoipa::path(
    get,
    path = "/v1/sources/{id}/rejects/{number}",
    operation_id = "get_source_reject",
    tag = "sources",
    params(
        ("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e"),
        ("number" = i64, Path, description = "What names the body.", example = 7)
    ),
    responses(
        (status = 200, description = "The body.", content_type = "application/octet-stream", body = Vec<u8>, example = "[{\"event\":…"),
        OldKeyProblems
    )
)]
pub(crate) async fn get(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Two(id, number): Two,
) -> Result<([(HeaderName, &'static str); 1], Bytes), Problem> {
    let source = ready(&state, &caller, &id).await?;
    let body = state.sources.body(&source, numbered(&number)?).await?.ok_or_else(unkept)?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body.into()))
}

/// Forget a body that could not be decoded.
#[utoipa::path(
    delete,
    path = "/v1/sources/{id}/rejects/{number}",
    operation_id = "delete_source_reject",
    tag = "sources",
    params(
        ("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e"),
        ("number" = i64, Path, description = "What names the body.", example = 7)
    ),
    responses((status = 204, description = "It is gone."), OldKeyProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Two(id, number): Two,
) -> Result<StatusCode, Problem> {
    let row = owned(&state, caller.account(), &id).await?;
    if !state.keys.metadata().delete_reject(&row.id, numbered(&number)?).await? {
        return Err(unkept());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Decode a body once more. When that succeeds, it is not kept any more.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/rejects/{number}/replay",
    operation_id = "replay_source_reject",
    tag = "sources",
    params(
        ("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e"),
        ("number" = i64, Path, description = "What names the body.", example = 7)
    ),
    responses((status = 200, description = "What became of it.", body = ReplayAnswer), ReplayProblems)
)]
pub(crate) async fn replay(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Two(id, number): Two,
) -> Result<Json<ReplayAnswer>, Problem> {
    let source = ready(&state, &caller, &id).await?;
    let _entered = state.admission.enter(caller.account())?;
    let replayed = state.sources.replay(&state.ingest, &source, numbered(&number)?).await.map_err(told)?;
    replayed.map(|replayed| Json(replayed.into())).ok_or_else(unkept)
}

async fn ready(state: &AppState, caller: &Caller<Manage>, id: &str) -> Result<Source, Problem> {
    let row = state.sources.find(caller.account(), id).await?.ok_or_else(unknown)?;
    Ok(state.sources.ready(row)?)
}

fn numbered(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| unkept())
}

fn unkept() -> Problem {
    Problem::new(Kind::NotFound, "this source keeps no body of that number")
}

/// Of what is replayed nothing is verified, and what is undecodable is no error.
fn told(error: HookError) -> Problem {
    match error {
        HookError::Ingest(error) => error.into(),
        HookError::Source(error) => error.into(),
        HookError::Refused(error) => Problem::new(Kind::Internal, "the body could not be worked on").caused_by(&error),
        HookError::Undecodable(reason) => Problem::new(Kind::Undecodable, reason),
    }
}
