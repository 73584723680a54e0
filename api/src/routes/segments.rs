//! `/v1/segments`: saved filters by name, and what a report's names stand for.

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use query::{Expression, SegmentRequest, Segmented, Segments, from_json};
use schema::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{alerts::is_id, rfc3339};
use crate::{
    auth::{Caller, Manage, Read},
    extract::{Document, Json, Name},
    metadata::{Metadata, MetadataError, segments::SegmentRow},
    openapi::{AlertProblems, NewAlertProblems, OldKeyProblems, OldSegmentProblems},
    problem::{Kind, Problem},
    state::AppState,
};

/// The most segments of an account.
const MOST: u32 = 200;
/// The most names that are told of those that there are.
const MOST_TOLD: usize = 50;

/// A saved filter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "visits", "description": "Visits, but for Gmail",
    "filter": [{"all": ["subject:contains:visit", {"not": "mailbox_provider:is:gmail"}]}],
    "created_at": "2026-11-20T14:03:07.123Z", "updated_at": "2026-11-20T14:03:07.123Z"}))]
pub(crate) struct SegmentInfo {
    /// What names it.
    name: String,
    /// What people should know of it.
    description: String,
    /// What it stands for: all of these must hold.
    filter: Vec<Expression>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// The saved filters of the account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"segments": [{"name": "visits", "description": "", "filter": ["subject:contains:visit"],
    "created_at": "2026-11-20T14:03:07.123Z", "updated_at": "2026-11-20T14:03:07.123Z"}]}))]
pub(crate) struct SegmentList {
    /// By their names.
    segments: Vec<SegmentInfo>,
}

impl From<SegmentRow> for SegmentInfo {
    fn from(row: SegmentRow) -> Self {
        let SegmentRow { name, request: SegmentRequest { description, filter }, created_at, updated_at } = row;
        Self { name, description, filter, created_at: rfc3339(created_at), updated_at: rfc3339(updated_at) }
    }
}

/// List the saved filters of the caller's account.
#[utoipa::path(
    get,
    path = "/v1/segments",
    operation_id = "list_segments",
    tag = "reports",
    responses((status = 200, description = "The segments, by their names.", body = SegmentList), AlertProblems)
)]
pub(crate) async fn list(caller: Caller<Read>, State(state): State<AppState>) -> Result<Json<SegmentList>, Problem> {
    let rows = state.keys.metadata().segments(caller.account()).await?;
    Ok(Json(SegmentList { segments: rows.into_iter().map(SegmentInfo::from).collect() }))
}

/// Show a saved filter.
#[utoipa::path(
    get,
    path = "/v1/segments/{name}",
    operation_id = "get_segment",
    tag = "reports",
    params(("name" = String, Path, description = "What names the segment.", example = "visits")),
    responses((status = 200, description = "The segment.", body = SegmentInfo), OldKeyProblems)
)]
pub(crate) async fn get(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Name(name): Name,
) -> Result<Json<SegmentInfo>, Problem> {
    let row = state.keys.metadata().segment(caller.account(), &name).await?.ok_or_else(unknown)?;
    Ok(Json(row.into()))
}

/// Save a filter under a name, in place of what that name stood for.
#[utoipa::path(
    put,
    path = "/v1/segments/{name}",
    operation_id = "put_segment",
    tag = "reports",
    params(("name" = String, Path, description = "What names the segment: 1 to 64 of a-z, 0-9, - and _.", example = "visits")),
    request_body = SegmentRequest,
    responses((status = 200, description = "The segment.", body = SegmentInfo), NewAlertProblems)
)]
pub(crate) async fn put(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(name): Name,
    Document(document): Document,
) -> Result<Json<SegmentInfo>, Problem> {
    if !is_id(&name) {
        return Err(Problem::parameter(
            "name",
            "the name of a segment has 1 to 64 of the characters a-z, 0-9, - and _",
        ));
    }
    let request: SegmentRequest = from_json(&document)?;
    Problem::unless_short("description", &request.description, 500)?;
    request.check()?;
    let metadata = state.keys.metadata();
    if !metadata.put_segment(caller.account(), &name, &request, MOST, state.clock.now()).await? {
        return Err(Problem::parameter("name", format!("an account has at most {MOST} segments: delete one first")));
    }
    let row = metadata.segment(caller.account(), &name).await?.ok_or_else(unknown)?;
    Ok(Json(row.into()))
}

/// Delete a saved filter that no saved report uses. Reports that name it are refused from then on.
#[utoipa::path(
    delete,
    path = "/v1/segments/{name}",
    operation_id = "delete_segment",
    tag = "reports",
    params(("name" = String, Path, description = "What names the segment.", example = "visits")),
    responses((status = 204, description = "It is gone."), OldSegmentProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(name): Name,
) -> Result<StatusCode, Problem> {
    let reports = state.keys.metadata().saved_reports(caller.account()).await?;
    if let Some(report) = reports.iter().find(|report| report.request.names_segment(&name)) {
        let (id, title) = (&report.id, &report.request.name);
        let detail = format!("the saved report {id} ({title}) uses this segment: change or delete that first");
        return Err(Problem::new(Kind::InUse, detail).with("saved_report", id));
    }
    if !state.keys.metadata().delete_segment(caller.account(), &name).await? {
        return Err(unknown());
    }
    Ok(StatusCode::NO_CONTENT)
}

fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "this account has no segment of that name")
}

/// Puts in place of the names in a request what they stand for now.
///
/// # Errors
/// When there is none of a name, when there are too many, or when the store does not answer.
pub(crate) async fn resolve(metadata: &Metadata, account: &AccountId, segments: Segments<'_>) -> Result<(), Problem> {
    let names = segments.names()?;
    // Most reports name none: they do not ask the store.
    if names.is_empty() {
        return Ok(());
    }
    let stored = stored(metadata, account).await?;
    if let Some(name) = names.iter().find(|name| !stored.contains_key(*name)) {
        return Err(Problem::parameter("segment", no_such(name, &stored)));
    }
    segments.resolve(&stored);
    Ok(())
}

/// The request with what the names in it stand for now in their place.
///
/// # Errors
/// As [`resolve`].
pub(super) async fn resolved<R: Segmented>(
    caller: &Caller<Read>,
    state: &AppState,
    mut request: R,
) -> Result<R, Problem> {
    resolve(state.keys.metadata(), caller.account(), request.segments()).await?;
    Ok(request)
}

/// What the names in a request stand for now, if it has names that can be looked up.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn known(
    metadata: &Metadata,
    account: &AccountId,
    segments: &Segments<'_>,
) -> Result<Option<BTreeMap<String, Vec<Expression>>>, MetadataError> {
    if segments.names().is_ok_and(|names| names.is_empty()) {
        return Ok(None);
    }
    stored(metadata, account).await.map(Some)
}

/// What the segments of an account stand for, by name.
async fn stored(metadata: &Metadata, account: &AccountId) -> Result<BTreeMap<String, Vec<Expression>>, MetadataError> {
    let rows = metadata.segments(account).await?;
    Ok(rows.into_iter().map(|row| (row.name, row.request.filter)).collect())
}

fn no_such(name: &str, stored: &BTreeMap<String, Vec<Expression>>) -> String {
    // What is no name may be anything, so it is not repeated.
    let given = if is_id(name) { format!(" `{name}`") } else { " of that name".to_owned() };
    let names: Vec<_> = stored.keys().take(MOST_TOLD).map(String::as_str).collect();
    let more = stored.len() - names.len();
    match (names.as_slice(), more) {
        ([], _) => format!("there is no segment{given}: this account has none; make it by PUT /v1/segments/NAME"),
        (names, 0) => format!("there is no segment{given}: there are {}", names.join(", ")),
        (names, more) => format!("there is no segment{given}: there are {} and {more} more", names.join(", ")),
    }
}
