//! `/v1/alerts/history`: what became of alerts, with the numbers at each change.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{limit, parameters};
use crate::{
    alerts::notice::Notice,
    auth::{Caller, Read},
    extract::{Json, Pairs},
    metadata::{MetadataError, alerts::HistoryRow},
    openapi::AlertListProblems,
    problem::Problem,
    state::AppState,
};

/// A change of an alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    /// What names it; later entries have greater ids.
    id: String,
    #[serde(flatten)]
    notice: Notice,
}

impl TryFrom<HistoryRow> for HistoryEntry {
    type Error = MetadataError;

    fn try_from(row: HistoryRow) -> Result<Self, MetadataError> {
        let notice = serde_json::from_str(&row.entry).map_err(|_| MetadataError::Unreadable("entry of the history"))?;
        Ok(Self { id: row.id, notice })
    }
}

/// A part of the history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryList {
    /// The latest first.
    entries: Vec<HistoryEntry>,
}

/// What became of the alerts of the caller's account, the latest first.
#[utoipa::path(
    get,
    path = "/v1/alerts/history",
    operation_id = "alert_history",
    tag = "alerts",
    params(
        ("rule" = Option<String>, Query, description = "Only of this rule.", example = "spam-critical"),
        ("before" = Option<String>, Query, description = "Only what is older than the entry of this id: to read on."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The most entries. Default: 100.")
    ),
    responses((status = 200, description = "The entries, the latest first.", body = HistoryList), AlertListProblems)
)]
pub(crate) async fn get(
    caller: Caller<Read>,
    State(state): State<AppState>,
    pairs: Pairs,
) -> Result<Json<HistoryList>, Problem> {
    let [rule, before, most] = parameters(["rule", "before", "limit"], pairs)?;
    let limit = limit(most.as_deref())?;
    let (rule, before) = (rule.unwrap_or_default(), before.unwrap_or_default());
    let rows = state.keys.metadata().history(caller.account(), &rule, &before, limit).await?;
    let entries = rows.into_iter().map(HistoryEntry::try_from).collect::<Result<_, _>>()?;
    Ok(Json(HistoryList { entries }))
}
