//! `/v1/alerts/maintenance`: times in which nobody is told.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{instant, new_id, unknown};
use crate::{
    auth::{Caller, Manage, Read},
    extract::{Json, Name},
    metadata::alerts::MaintenanceRow,
    openapi::{AlertProblems, NewAlertProblems, OldKeyProblems},
    problem::Problem,
    routes::rfc3339,
    state::AppState,
};

/// A maintenance window that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "2026-11-21T20:00:00Z", "to": "2026-11-21T22:00:00Z", "note": "New mail servers"}))]
pub(crate) struct MaintenanceRequest {
    /// From when.
    #[schema(format = DateTime)]
    from: String,
    /// To when, exclusive.
    #[schema(format = DateTime)]
    to: String,
    /// The ids of the rules that are quiet. Default: all.
    #[serde(default)]
    rules: Vec<String>,
    /// Why, at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    note: String,
}

/// A maintenance window.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MaintenanceInfo {
    /// What names it.
    id: String,
    /// From when.
    #[schema(format = DateTime)]
    from: String,
    /// To when, exclusive.
    #[schema(format = DateTime)]
    to: String,
    /// The ids of the rules that are quiet; none named: all.
    rules: Vec<String>,
    /// Why.
    note: String,
}

/// The maintenance windows of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MaintenanceList {
    /// Those that are not over, from the earliest.
    windows: Vec<MaintenanceInfo>,
}

impl From<MaintenanceRow> for MaintenanceInfo {
    fn from(row: MaintenanceRow) -> Self {
        let MaintenanceRow { id, starts_at, ends_at, rules, note } = row;
        Self { id, from: rfc3339(starts_at), to: rfc3339(ends_at), rules, note }
    }
}

/// List the maintenance windows of the caller's account that are not over.
#[utoipa::path(
    get,
    path = "/v1/alerts/maintenance",
    operation_id = "list_maintenance",
    tag = "alerts",
    responses((status = 200, description = "The windows, from the earliest.", body = MaintenanceList), AlertProblems)
)]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(state): State<AppState>,
) -> Result<Json<MaintenanceList>, Problem> {
    let rows = state.keys.metadata().maintenance(caller.account(), state.clock.now()).await?;
    Ok(Json(MaintenanceList { windows: rows.into_iter().map(MaintenanceInfo::from).collect() }))
}

/// Make a maintenance window. Alerts live on in it; what fires still at its end is told then.
#[utoipa::path(
    post,
    path = "/v1/alerts/maintenance",
    operation_id = "create_maintenance",
    tag = "alerts",
    request_body = MaintenanceRequest,
    responses((status = 201, description = "The window.", body = MaintenanceInfo), NewAlertProblems)
)]
pub(crate) async fn create(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Json(request): Json<MaintenanceRequest>,
) -> Result<(StatusCode, Json<MaintenanceInfo>), Problem> {
    let (starts_at, ends_at) = (instant("from", &request.from)?, instant("to", &request.to)?);
    if starts_at >= ends_at {
        return Err(Problem::parameter("to", "`to` is after `from`"));
    }
    Problem::unless_short("note", &request.note, 500)?;
    if request.rules.len() > 100 || !request.rules.iter().all(|id| super::is_id(id)) {
        return Err(Problem::parameter("rules", "`rules` has at most 100 ids of rules"));
    }
    let row = MaintenanceRow { id: new_id(), starts_at, ends_at, rules: request.rules, note: request.note };
    state.keys.metadata().add_maintenance(caller.account(), &row).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Delete a maintenance window: it is over at once.
#[utoipa::path(
    delete,
    path = "/v1/alerts/maintenance/{id}",
    operation_id = "delete_maintenance",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the window.", example = "0f3a5c7d9b1e")),
    responses((status = 204, description = "It is gone."), OldKeyProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    if !state.keys.metadata().delete_maintenance(caller.account(), &id).await? {
        return Err(unknown("maintenance window"));
    }
    Ok(StatusCode::NO_CONTENT)
}
