//! `/v1/alerts/rules`: what is watched.

use axum::{extract::State, http::StatusCode};
use query::alert::{Rule, RuleRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{instant, is_id, new_id, unknown};
use crate::{
    alerts::rules::{self, AccountRule},
    auth::{Caller, Manage, Read},
    extract::{Json, Name},
    openapi::{AlertProblems, ChangedAlertProblems, NewAlertProblems, OldKeyProblems},
    problem::{Kind, Problem},
    routes::rfc3339,
    state::AppState,
};

/// The most rules of an account, the defaults included.
const MOST_RULES: usize = 1_000;

/// A rule of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleInfo {
    /// What names it.
    id: String,
    /// Whether every account has a rule of this id; deleting it puts it back as it was in the beginning.
    default: bool,
    /// Until when nobody is told; null when it is not muted.
    #[schema(format = DateTime, required)]
    muted_until: Option<String>,
    /// When it was changed last; null for a default as it comes.
    #[schema(format = DateTime, required)]
    updated_at: Option<String>,
    /// The rule, as `PUT` takes it.
    rule: RuleRequest,
}

impl From<AccountRule> for RuleInfo {
    fn from(rule: AccountRule) -> Self {
        Self {
            default: rule.is_default(),
            id: rule.id,
            muted_until: rule.muted_until.map(rfc3339),
            updated_at: rule.updated_at.map(rfc3339),
            rule: rule.request,
        }
    }
}

/// The rules of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleList {
    /// The defaults first.
    rules: Vec<RuleInfo>,
}

/// Until when to be quiet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"until": "2026-11-21T08:00:00Z"}))]
pub(crate) struct MuteRequest {
    /// The time; null ends the mute.
    #[schema(format = DateTime, required)]
    pub(super) until: Option<String>,
}

/// List the rules of the caller's account.
#[utoipa::path(
    get,
    path = "/v1/alerts/rules",
    operation_id = "list_alert_rules",
    tag = "alerts",
    responses((status = 200, description = "The rules, the defaults first.", body = RuleList), AlertProblems)
)]
pub(crate) async fn list(caller: Caller<Read>, State(state): State<AppState>) -> Result<Json<RuleList>, Problem> {
    let rules = rules::of(state.keys.metadata(), caller.account()).await?;
    Ok(Json(RuleList { rules: rules.into_iter().map(RuleInfo::from).collect() }))
}

/// Make a rule.
#[utoipa::path(
    post,
    path = "/v1/alerts/rules",
    operation_id = "create_alert_rule",
    tag = "alerts",
    request_body = RuleRequest,
    responses((status = 201, description = "The rule.", body = RuleInfo), NewAlertProblems)
)]
pub(crate) async fn create(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Json(request): Json<RuleRequest>,
) -> Result<(StatusCode, Json<RuleInfo>), Problem> {
    let id = new_id();
    Ok((StatusCode::CREATED, Json(store(&caller, &state, &id, &request).await?)))
}

/// A rule.
#[utoipa::path(
    get,
    path = "/v1/alerts/rules/{id}",
    operation_id = "get_alert_rule",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the rule.", example = "spam-critical")),
    responses((status = 200, description = "The rule.", body = RuleInfo), OldKeyProblems)
)]
pub(crate) async fn get(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<RuleInfo>, Problem> {
    Ok(Json(find(&state, caller.account(), &id).await?.into()))
}

/// Change a rule, a default one too, or make one of this id.
#[utoipa::path(
    put,
    path = "/v1/alerts/rules/{id}",
    operation_id = "put_alert_rule",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the rule: 1 to 64 characters out of a-z, 0-9, `-` and `_`.",
        example = "spam-critical")),
    request_body = RuleRequest,
    responses((status = 200, description = "The rule.", body = RuleInfo), NewAlertProblems)
)]
pub(crate) async fn put(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    Json(request): Json<RuleRequest>,
) -> Result<Json<RuleInfo>, Problem> {
    if !is_id(&id) {
        return Err(Problem::parameter("id", "an id has 1 to 64 characters out of a-z, 0-9, `-` and `_`"));
    }
    Ok(Json(store(&caller, &state, &id, &request).await?))
}

/// Delete a rule. A default one is put back as it was in the beginning; disable or mute it to be rid of it.
///
/// Its alerts are resolved by the next evaluation.
#[utoipa::path(
    delete,
    path = "/v1/alerts/rules/{id}",
    operation_id = "delete_alert_rule",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the rule.", example = "spam-critical")),
    responses((status = 204, description = "It is gone, or as it was."), OldKeyProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    if !state.keys.metadata().delete_rule(caller.account(), &id).await? {
        return Err(unknown("changed rule"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Mute a rule until a time, or not any more.
///
/// Its alerts live on, and what fires still is told when the time is over.
#[utoipa::path(
    post,
    path = "/v1/alerts/rules/{id}/mute",
    operation_id = "mute_alert_rule",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the rule.", example = "spam-critical")),
    request_body = MuteRequest,
    responses((status = 200, description = "The rule.", body = RuleInfo), ChangedAlertProblems)
)]
pub(crate) async fn mute(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    Json(request): Json<MuteRequest>,
) -> Result<Json<RuleInfo>, Problem> {
    let until = request.until.as_deref().map(|text| instant("until", text)).transpose()?;
    let rule = find(&state, caller.account(), &id).await?;
    state.keys.metadata().mute_rule(caller.account(), &id, &rule.request, until, state.clock.now()).await?;
    Ok(Json(find(&state, caller.account(), &id).await?.into()))
}

async fn find(state: &AppState, account: &schema::AccountId, id: &str) -> Result<AccountRule, Problem> {
    rules::find(state.keys.metadata(), account, id).await?.ok_or_else(|| unknown("rule"))
}

async fn store(
    caller: &Caller<Manage>,
    state: &AppState,
    id: &str,
    request: &RuleRequest,
) -> Result<RuleInfo, Problem> {
    Rule::new(request)?;
    let metadata = state.keys.metadata();
    if let Some(channels) = &request.channels {
        let known = metadata.channels(caller.account()).await?;
        if let Some(missing) = channels.iter().find(|id| !known.iter().any(|channel| channel.id == **id)) {
            let missing: String = missing.chars().take(64).collect();
            return Err(Problem::parameter("channels", format!("this account has no channel `{missing}`")));
        }
    }
    let stored = rules::of(metadata, caller.account()).await?;
    if stored.len() >= MOST_RULES && !stored.iter().any(|rule| rule.id == id) {
        return Err(Problem::new(Kind::InvalidParameter, format!("an account has at most {MOST_RULES} rules")));
    }
    metadata.put_rule(caller.account(), id, request, state.clock.now()).await?;
    Ok(find(state, caller.account(), id).await?.into())
}
