//! `/v1/alerts/channels`: who is told. What is secret of a channel is taken and never shown again.

use axum::{extract::State, http::StatusCode};
use query::alert::{Numbers, Severity};
use schema::{AccountId, Millis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{new_id, unknown};
use crate::{
    alerts::{
        channel::{self, Settings, generate_secret},
        letter_id,
        notice::Notice,
    },
    auth::{Caller, Manage, Read},
    extract::{Json, Name},
    metadata::alerts::ChannelRow,
    openapi::{AlertProblems, ChangedAlertProblems, NewAlertProblems, OldKeyProblems},
    problem::{Kind, Problem},
    routes::rfc3339,
    state::AppState,
};

/// The most channels of an account.
const MOST_CHANNELS: usize = 100;

/// A channel that is to be made or changed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "on call", "least": "critical", "kind": "webhook", "url": "https://ops.example.org/hooks/postlens"}))]
pub(crate) struct ChannelRequest {
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The least severity that it is told of, where a rule names no channels. Default: `info`.
    #[serde(default = "info")]
    #[schema(required = false)]
    least: Severity,
    /// Of which kind it is, and what that needs to know.
    #[serde(flatten)]
    settings: Settings,
}

const fn info() -> Severity {
    Severity::Info
}

/// A channel, without what is secret of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0f3a5c7d9b1e", "name": "on call", "kind": "webhook", "least": "critical",
    "target": "https://ops.example.org", "created_at": "2026-11-20T14:03:07.123Z"}))]
pub(crate) struct ChannelInfo {
    /// What names it.
    id: String,
    /// What people call it.
    name: String,
    /// Of which kind it is.
    kind: String,
    /// The least severity that it is told of.
    least: String,
    /// Where it leads: the beginning of its URL, or addresses.
    target: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A channel that was made or changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeChannel {
    #[serde(flatten)]
    info: ChannelInfo,
    /// The secret of a webhook's signatures, when it was made here: it cannot be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    secret: Option<String>,
}

/// The channels of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelList {
    /// Oldest first.
    channels: Vec<ChannelInfo>,
}

/// What became of a sample.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"delivered": false, "error": "the answer was 404"}))]
pub(crate) struct TestOutcome {
    /// Whether the channel took it.
    delivered: bool,
    /// Why not.
    #[schema(required)]
    error: Option<String>,
}

impl From<ChannelRow> for ChannelInfo {
    fn from(row: ChannelRow) -> Self {
        let ChannelRow { id, name, kind, least, settings, created_at, .. } = row;
        Self { id, name, kind, least, target: settings, created_at: rfc3339(created_at) }
    }
}

/// List the channels of the caller's account.
#[utoipa::path(
    get,
    path = "/v1/alerts/channels",
    operation_id = "list_alert_channels",
    tag = "alerts",
    responses((status = 200, description = "The channels.", body = ChannelList), AlertProblems)
)]
pub(crate) async fn list(caller: Caller<Read>, State(state): State<AppState>) -> Result<Json<ChannelList>, Problem> {
    let channels = state.keys.metadata().channels(caller.account()).await?;
    Ok(Json(ChannelList { channels: channels.into_iter().map(ChannelInfo::from).collect() }))
}

/// Make a channel.
#[utoipa::path(
    post,
    path = "/v1/alerts/channels",
    operation_id = "create_alert_channel",
    tag = "alerts",
    request_body = ChannelRequest,
    responses((status = 201, description = "The channel.", body = MadeChannel), NewAlertProblems)
)]
pub(crate) async fn create(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Json(request): Json<ChannelRequest>,
) -> Result<(StatusCode, Json<MadeChannel>), Problem> {
    if state.keys.metadata().channels(caller.account()).await?.len() >= MOST_CHANNELS {
        return Err(Problem::new(Kind::InvalidParameter, format!("an account has at most {MOST_CHANNELS} channels")));
    }
    let made = store(&state, caller.account(), new_id(), state.clock.now(), request).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Change a channel: all of it, for nobody can be shown what is secret of it.
#[utoipa::path(
    put,
    path = "/v1/alerts/channels/{id}",
    operation_id = "put_alert_channel",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the channel.", example = "0f3a5c7d9b1e")),
    request_body = ChannelRequest,
    responses((status = 200, description = "The channel.", body = MadeChannel), ChangedAlertProblems)
)]
pub(crate) async fn put(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    Json(request): Json<ChannelRequest>,
) -> Result<Json<MadeChannel>, Problem> {
    let known = state.keys.metadata().channel(caller.account(), &id).await?.ok_or_else(|| unknown("channel"))?;
    Ok(Json(store(&state, caller.account(), id, known.created_at, request).await?))
}

/// Delete a channel. What waits for it is not sent any more.
#[utoipa::path(
    delete,
    path = "/v1/alerts/channels/{id}",
    operation_id = "delete_alert_channel",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the channel.", example = "0f3a5c7d9b1e")),
    responses((status = 204, description = "It is gone."), OldKeyProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    if !state.keys.metadata().delete_channel(caller.account(), &id).await? {
        return Err(unknown("channel"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Send a sample to a channel, and tell what became of it.
#[utoipa::path(
    post,
    path = "/v1/alerts/channels/{id}/test",
    operation_id = "test_alert_channel",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the channel.", example = "0f3a5c7d9b1e")),
    responses((status = 200, description = "What became of it.", body = TestOutcome), OldKeyProblems)
)]
pub(crate) async fn test(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<TestOutcome>, Problem> {
    let account = caller.account();
    let row = state.keys.metadata().channel(account, &id).await?.ok_or_else(|| unknown("channel"))?;
    let now = state.clock.now();
    let letter = letter_id(&["test", account.as_str(), &id, &now.0.to_string()]);
    let error = channel::deliver(&state.alerts, account, &row, &sample(account, now), &letter, now).await.err();
    Ok(Json(TestOutcome { delivered: error.is_none(), error: error.map(|error| error.to_string()) }))
}

async fn store(
    state: &AppState,
    account: &AccountId,
    id: String,
    created_at: Millis,
    request: ChannelRequest,
) -> Result<MadeChannel, Problem> {
    let ChannelRequest { name, least, mut settings } = request;
    if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Problem::parameter("name", "`name` has 1 to 200 characters and no control characters"));
    }
    settings.check().map_err(|(member, detail)| Problem::parameter(member, detail))?;
    let mut made = None;
    if let Settings::Webhook { secret: secret @ None, .. } = &mut settings {
        made = Some(generate_secret());
        secret.clone_from(&made);
    }
    let (target, sealed) = channel::seal(&state.alerts, account, &id, &settings);
    let kind = settings.kind().to_owned();
    let row = ChannelRow { id, name, kind, least: least.name().to_owned(), settings: target, sealed, created_at };
    state.keys.metadata().put_channel(account, &row).await?;
    Ok(MadeChannel { info: row.into(), secret: made })
}

/// What a channel would be told, and that it is a sample.
fn sample(account: &AccountId, now: Millis) -> Notice {
    Notice {
        alert: "0000000000000000".to_owned(),
        account: account.to_string(),
        rule: "test".to_owned(),
        name: "A sample of an alert".to_owned(),
        severity: Severity::Info,
        change: "test".to_owned(),
        reason: None,
        note: Some("This is a sample: nothing is wrong.".to_owned()),
        at: rfc3339(now),
        since: rfc3339(now),
        watch: "spam_rate".to_owned(),
        threshold: "above 0.3 %".to_owned(),
        dimension: None,
        value: None,
        scope: Vec::new(),
        basis: "event".to_owned(),
        window: None,
        numbers: Some(Numbers {
            value: Some(0.004),
            count: 40,
            among: Some(10_000),
            interval: Some((0.0027, 0.0059)),
            earlier: None,
        }),
        contributors: Vec::new(),
        summary: "This is a sample: if an alert fired, it would look like this.".to_owned(),
        advice: Vec::new(),
        link: None,
    }
}
