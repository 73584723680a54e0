//! `/v1/alerts`: the alerts that are pending or firing, and who takes care of them.

use axum::extract::State;
use query::alert::{Numbers, Phase, Severity};
use schema::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{instant, rules::MuteRequest, unknown};
use crate::{
    alerts::{
        history_row,
        notice::{Subject, WindowTimes, alert_id, shown},
        rules::{self, AccountRule},
    },
    auth::{Caller, Manage, Read},
    extract::{Json, Name},
    metadata::alerts::{Care, StateRow},
    openapi::{AlertProblems, ChangedAlertProblems},
    problem::Problem,
    routes::rfc3339,
    state::AppState,
};

/// An alert that is pending or firing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "5f0c2d9a1b7e4c38", "rule": "spam-critical-sender-domain", "name": "Spam rate of a sender domain above 0.3 %",
    "severity": "critical", "state": "firing", "since": "2026-11-20T14:03:07.123Z", "dimension": "sender_domain", "value": "news.acme.org",
    "window": {"from": "2026-11-20T13:00:00Z", "to": "2026-11-20T14:15:00Z"},
    "numbers": {"value": 0.0048, "count": 192, "among": 40_000, "interval": [0.004, 0.0058]},
    "told_at": "2026-11-20T14:03:07.123Z", "acknowledged_at": null, "acknowledged_by": null, "muted_until": null
}))]
pub(crate) struct AlertInfo {
    /// What names it: rule and value.
    id: String,
    /// The rule's id.
    rule: String,
    /// The rule's name.
    name: String,
    /// How bad it is.
    severity: Severity,
    /// Whether it fires, or does not hold for long enough yet.
    state: Phase,
    /// Since when it passes its threshold.
    #[schema(format = DateTime)]
    since: String,
    /// The dimension that is watched value by value.
    #[schema(required)]
    dimension: Option<String>,
    /// The value.
    #[schema(required)]
    value: Option<String>,
    /// The window that it passed in.
    window: WindowTimes,
    /// What it passed with.
    numbers: Numbers,
    /// When it was told last; null when nobody was told.
    #[schema(format = DateTime, required)]
    told_at: Option<String>,
    /// When somebody took care of it.
    #[schema(format = DateTime, required)]
    acknowledged_at: Option<String>,
    /// Who.
    #[schema(required)]
    acknowledged_by: Option<String>,
    /// Until when nobody is told of it.
    #[schema(format = DateTime, required)]
    muted_until: Option<String>,
}

/// The alerts of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// The worst first.
    alerts: Vec<AlertInfo>,
}

/// Who takes care.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"by": "Ada"}))]
pub(crate) struct AcknowledgeRequest {
    /// Who, for the others to know; at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    by: String,
}

/// List the alerts of the caller's account that are pending or firing.
#[utoipa::path(
    get,
    path = "/v1/alerts",
    operation_id = "list_alerts",
    tag = "alerts",
    responses((status = 200, description = "The alerts, the worst first.", body = AlertList), AlertProblems)
)]
pub(crate) async fn list(caller: Caller<Read>, State(state): State<AppState>) -> Result<Json<AlertList>, Problem> {
    let account = caller.account();
    let rules = rules::of(state.keys.metadata(), account).await?;
    let rows = state.keys.metadata().alert_states(account).await?;
    let mut alerts: Vec<_> = rows.into_iter().map(|row| info(account, &rules, row)).collect();
    alerts.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.since.cmp(&b.since)));
    Ok(Json(AlertList { alerts }))
}

/// Take care of an alert: nobody is reminded of it any more.
#[utoipa::path(
    post,
    path = "/v1/alerts/{id}/acknowledge",
    operation_id = "acknowledge_alert",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the alert.", example = "5f0c2d9a1b7e4c38")),
    request_body = AcknowledgeRequest,
    responses((status = 200, description = "The alert.", body = AlertInfo), ChangedAlertProblems)
)]
pub(crate) async fn acknowledge(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    Json(request): Json<AcknowledgeRequest>,
) -> Result<Json<AlertInfo>, Problem> {
    Problem::unless_short("by", &request.by, 200)?;
    let note = (!request.by.is_empty()).then(|| request.by.clone());
    care(&state, caller.account(), &id, &Care::Acknowledge { by: request.by }, note).await
}

/// Mute an alert until a time, or not any more.
#[utoipa::path(
    post,
    path = "/v1/alerts/{id}/mute",
    operation_id = "mute_alert",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the alert.", example = "5f0c2d9a1b7e4c38")),
    request_body = MuteRequest,
    responses((status = 200, description = "The alert.", body = AlertInfo), ChangedAlertProblems)
)]
pub(crate) async fn mute(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    Json(request): Json<MuteRequest>,
) -> Result<Json<AlertInfo>, Problem> {
    let until = request.until.as_deref().map(|text| instant("until", text)).transpose()?;
    care(&state, caller.account(), &id, &Care::Mute(until), request.until).await
}

async fn care(
    state: &AppState,
    account: &AccountId,
    id: &str,
    care: &Care,
    note: Option<String>,
) -> Result<Json<AlertInfo>, Problem> {
    let metadata = state.keys.metadata();
    let find = async || -> Result<StateRow, Problem> {
        let rows = metadata.alert_states(account).await?;
        rows.into_iter().find(|row| alert_id(account, &row.rule, &row.value) == id).ok_or_else(|| unknown("alert"))
    };
    let row = find().await?;
    let now = state.clock.now();
    if !metadata.care(account, (&row.rule, &row.value), care, now).await? {
        return Err(unknown("alert"));
    }
    let rules = rules::of(metadata, account).await?;
    if let Some(rule) = rules.iter().find(|rule| rule.id == row.rule) {
        let change = match care {
            Care::Acknowledge { .. } => "acknowledged",
            Care::Mute(_) => "muted",
        };
        let judged = rule.judged();
        let subject = Subject { account, id: &rule.id, request: &rule.request, rule: judged.as_ref() };
        let notice = subject.of_care(&row.value, &row.alert, change, note, now);
        metadata.note_history(account, &history_row(&rule.id, &notice, now, 0)).await?;
    }
    // It may be over by now; it was cared for all the same.
    let row = find().await.unwrap_or(row);
    Ok(Json(info(account, &rules, row)))
}

fn info(account: &AccountId, rules: &[AccountRule], row: StateRow) -> AlertInfo {
    let request = rules.iter().find(|rule| rule.id == row.rule).map(|rule| &rule.request);
    let dimension = request.and_then(|request| match request.watch.as_str() {
        "observed_spam_rate" => Some("sender_domain".to_owned()),
        _ => request.by.clone(),
    });
    let (acknowledged_at, acknowledged_by) = row.acknowledged.unzip();
    AlertInfo {
        id: alert_id(account, &row.rule, &row.value),
        name: request.map_or_else(|| row.rule.clone(), |request| request.name.clone()),
        severity: request.map_or(Severity::Critical, |request| request.severity),
        rule: row.rule,
        state: row.alert.phase,
        since: rfc3339(row.alert.since),
        value: dimension.as_ref().map(|_| shown(&row.value).to_owned()),
        dimension,
        window: WindowTimes::of(row.alert.evidence.range),
        numbers: row.alert.evidence.numbers,
        told_at: row.alert.told.map(rfc3339),
        acknowledged_at: acknowledged_at.map(rfc3339),
        acknowledged_by,
        muted_until: row.alert.muted_until.map(rfc3339),
    }
}
