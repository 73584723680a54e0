//! `/v1/saved-reports`: reports that are kept, and delivered when they are due.

use axum::{extract::State, http::StatusCode};
use schema::{AccountId, Millis};
use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::{
    alerts::channel::takes_reports,
    auth::{Caller, Manage, Read},
    extract::{Document, Json, Name},
    metadata::{
        alerts::DeliveryState,
        saved::{Delivered, Next, SavedReportRow},
    },
    openapi::{AlertProblems, ChangedReportProblems, NewAlertProblems, OldKeyProblems, RunProblems},
    problem::{Kind, Problem},
    saved::{ReportDefinition, SavedReportRequest, ScheduleRequest, attachment::SheetFormat, judge, next_after, order},
    state::AppState,
};

/// The most saved reports of an account.
const MOST: u32 = 100;
/// How many deliveries are told of.
const MOST_TOLD: u32 = 10;

/// A saved report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "7d1e0f3a5c9b", "name": "Weekly by provider",
    "report": {"kind": "split", "range": "last_week", "document": {"by": ["mailbox_provider"], "tz": "Europe/Berlin"}},
    "schedule": {"every": "weekly", "on": "monday", "at": "07:00", "tz": "Europe/Berlin"}, "channels": ["0f3a5c7d9b1e"], "format": "csv",
    "next_at": "2026-11-30T06:00:00.000Z", "created_at": "2026-11-20T14:03:07.123Z", "updated_at": "2026-11-20T14:03:07.123Z"}))]
pub(crate) struct SavedReportInfo {
    /// What names it.
    id: String,
    /// What people call it.
    name: String,
    /// What is reported.
    report: ReportDefinition,
    /// When it is delivered; absent if it never is by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    schedule: Option<ScheduleRequest>,
    /// The channels that it is delivered to, by their ids.
    channels: Vec<String>,
    /// What is attached to e-mail.
    format: SheetFormat,
    /// When it is due next; null without a schedule.
    #[schema(format = DateTime, required)]
    next_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A saved report and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "7d1e0f3a5c9b", "name": "Weekly by provider",
    "report": {"kind": "split", "range": "last_week", "document": {"by": ["mailbox_provider"], "tz": "Europe/Berlin"}},
    "schedule": {"every": "weekly", "on": "monday", "at": "07:00", "tz": "Europe/Berlin"}, "channels": ["0f3a5c7d9b1e"], "format": "csv",
    "next_at": "2026-11-30T06:00:00.000Z", "created_at": "2026-11-20T14:03:07.123Z", "updated_at": "2026-11-20T14:03:07.123Z",
    "deliveries": [{"delivery": "5f0c2d9a1b7e4c38", "due_at": "2026-11-23T06:00:00.000Z", "channel": "0f3a5c7d9b1e",
        "state": "delivered", "done_at": "2026-11-23T06:00:02.345Z", "error": null}]}))]
pub(crate) struct SavedReportHistory {
    #[serde(flatten)]
    saved: SavedReportInfo,
    /// The deliveries of the ten latest times when it was due or run, channel by channel, the latest first.
    deliveries: Vec<ReportDelivery>,
}

/// What became of a delivery to a channel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportDelivery {
    /// What names the delivery; a webhook is told it, too.
    delivery: String,
    /// When the report was due, or run.
    #[schema(format = DateTime)]
    due_at: String,
    /// The channel; null when there was none, or that is forgotten after 30 days.
    #[schema(required)]
    channel: Option<String>,
    /// What has become of it.
    #[schema(required, nullable)]
    state: Option<DeliveryState>,
    /// When it was delivered or given up.
    #[schema(format = DateTime, required)]
    done_at: Option<String>,
    /// Why the last attempt failed.
    #[schema(required)]
    error: Option<String>,
}

/// The saved reports of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedReportList {
    /// Oldest first.
    saved_reports: Vec<SavedReportInfo>,
}

/// A report that was ordered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"delivery": "5f0c2d9a1b7e4c38", "due_at": "2026-11-20T14:03:07.123Z"}))]
pub(crate) struct Ordered {
    /// What names the delivery.
    delivery: String,
    /// As of when the report is made.
    #[schema(format = DateTime)]
    due_at: String,
}

impl From<SavedReportRow> for SavedReportInfo {
    fn from(row: SavedReportRow) -> Self {
        let SavedReportRow { id, request, next_at, created_at, updated_at, .. } = row;
        let SavedReportRequest { name, report, schedule, channels, format } = request;
        let (next_at, created_at, updated_at) = (next_at.map(rfc3339), rfc3339(created_at), rfc3339(updated_at));
        Self { id, name, report, schedule, channels, format, next_at, created_at, updated_at }
    }
}

impl From<Delivered> for ReportDelivery {
    fn from(delivered: Delivered) -> Self {
        let Delivered { due_at, delivery, letter } = delivered;
        let blank = Self { delivery, due_at: rfc3339(due_at), channel: None, state: None, done_at: None, error: None };
        match letter {
            None => blank,
            Some(letter) => Self {
                channel: Some(letter.channel),
                state: Some(letter.state),
                done_at: letter.done_at.map(rfc3339),
                error: letter.error,
                ..blank
            },
        }
    }
}

/// List the saved reports of the caller's account.
#[utoipa::path(
    get,
    path = "/v1/saved-reports",
    operation_id = "list_saved_reports",
    tag = "reports",
    responses((status = 200, description = "The saved reports.", body = SavedReportList), AlertProblems)
)]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(state): State<AppState>,
) -> Result<Json<SavedReportList>, Problem> {
    let rows = state.keys.metadata().saved_reports(caller.account()).await?;
    Ok(Json(SavedReportList { saved_reports: rows.into_iter().map(SavedReportInfo::from).collect() }))
}

/// Save a report, and say when it is delivered to whom.
#[utoipa::path(
    post,
    path = "/v1/saved-reports",
    operation_id = "create_saved_report",
    tag = "reports",
    request_body = SavedReportRequest,
    responses((status = 201, description = "The saved report.", body = SavedReportInfo), NewAlertProblems)
)]
pub(crate) async fn create(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Document(document): Document,
) -> Result<(StatusCode, Json<SavedReportInfo>), Problem> {
    let (account, now) = (caller.account(), state.clock.now());
    let request: SavedReportRequest = query::from_json(&document)?;
    check(&state, account, &request, now).await?;
    let (metadata, id) = (state.keys.metadata(), super::alerts::new_id());
    let next_at = next_after(request.schedule()?.as_ref(), now);
    if !metadata.create_saved_report((account, &id), &request, next_at, MOST, now).await? {
        let detail = format!("an account has at most {MOST} saved reports: delete one first");
        return Err(Problem::new(Kind::InvalidParameter, detail));
    }
    let row = find(&state, account, &id).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Show a saved report, and what became of its latest deliveries.
#[utoipa::path(
    get,
    path = "/v1/saved-reports/{id}",
    operation_id = "get_saved_report",
    tag = "reports",
    params(("id" = String, Path, description = "What names the saved report.", example = "7d1e0f3a5c9b")),
    responses((status = 200, description = "The saved report.", body = SavedReportHistory), OldKeyProblems)
)]
pub(crate) async fn get(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<SavedReportHistory>, Problem> {
    let row = find(&state, caller.account(), &id).await?;
    let deliveries = state.keys.metadata().report_deliveries(caller.account(), &id, MOST_TOLD).await?;
    let deliveries = deliveries.into_iter().map(ReportDelivery::from).collect();
    Ok(Json(SavedReportHistory { saved: row.into(), deliveries }))
}

/// Change a saved report: all of it. What is under way stays as it was.
#[utoipa::path(
    put,
    path = "/v1/saved-reports/{id}",
    operation_id = "put_saved_report",
    tag = "reports",
    params(("id" = String, Path, description = "What names the saved report.", example = "7d1e0f3a5c9b")),
    request_body = SavedReportRequest,
    responses((status = 200, description = "The saved report.", body = SavedReportInfo), ChangedReportProblems)
)]
pub(crate) async fn put(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    Document(document): Document,
) -> Result<Json<SavedReportInfo>, Problem> {
    let (account, now) = (caller.account(), state.clock.now());
    let request: SavedReportRequest = query::from_json(&document)?;
    let seen = find(&state, account, &id).await?;
    check(&state, account, &request, now).await?;
    let schedule = request.schedule()?;
    // What is due already is delivered, so the next time of the same schedule stays.
    let same = seen.request.schedule().is_ok_and(|before| before == schedule);
    let next = if same { Next::Stays } else { Next::Is(next_after(schedule.as_ref(), now)) };
    if !state.keys.metadata().change_saved_report(&seen, &request, next, now).await? {
        return Err(Problem::new(
            Kind::Changed,
            "somebody else changed or deleted this saved report: look at it again",
        ));
    }
    Ok(Json(find(&state, account, &id).await?.into()))
}

/// Delete a saved report. What waits to be delivered of it is not sent any more.
#[utoipa::path(
    delete,
    path = "/v1/saved-reports/{id}",
    operation_id = "delete_saved_report",
    tag = "reports",
    params(("id" = String, Path, description = "What names the saved report.", example = "7d1e0f3a5c9b")),
    responses((status = 204, description = "It is gone."), OldKeyProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    if !state.keys.metadata().delete_saved_report(caller.account(), &id).await? {
        return Err(unknown());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Deliver a saved report now, beside its schedule: its range is the one of this moment.
#[utoipa::path(
    post,
    path = "/v1/saved-reports/{id}/run",
    operation_id = "run_saved_report",
    tag = "reports",
    params(("id" = String, Path, description = "What names the saved report.", example = "7d1e0f3a5c9b")),
    responses((status = 202, description = "It is on its way; `GET /v1/saved-reports/{id}` tells what becomes of it.", body = Ordered),
        RunProblems)
)]
pub(crate) async fn run(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<(StatusCode, Json<Ordered>), Problem> {
    let (account, now) = (caller.account(), state.clock.now());
    let row = find(&state, account, &id).await?;
    check(&state, account, &row.request, now).await?;
    if row.request.channels.is_empty() {
        return Err(Problem::parameter("channels", "this saved report names no channel to deliver it to"));
    }
    let order = order(state.keys.metadata(), &row, now).await?;
    if !state.keys.metadata().order_now((account, &id), &order, now).await? {
        return Err(Problem::new(Kind::InUse, "this saved report was ordered at this very moment: try again"));
    }
    Ok((StatusCode::ACCEPTED, Json(Ordered { delivery: order.delivery, due_at: rfc3339(now) })))
}

/// Judges a report that is to be saved or run: as the same report would be if it was asked now, and that its channels can take it.
async fn check(
    state: &AppState,
    account: &AccountId,
    request: &SavedReportRequest,
    now: Millis,
) -> Result<(), Problem> {
    request.check()?;
    let metadata = state.keys.metadata();
    judge(metadata, account, request.question(now)?, state.suppression.of(account)).await?;
    if request.channels.is_empty() {
        return Ok(());
    }
    let channels = metadata.channels(account).await?;
    for (place, id) in request.channels.iter().enumerate() {
        let number = place + 1;
        let channel = channels.iter().find(|channel| channel.id == *id);
        let channel = channel.ok_or_else(|| {
            Problem::parameter(
                "channels",
                format!("this account has no channel of the id that is number {number} of `channels`"),
            )
        })?;
        if !takes_reports(&channel.kind) {
            let detail = format!(
                "number {number} of `channels` is of the kind {}: reports go to channels of the kinds email and webhook",
                channel.kind
            );
            return Err(Problem::parameter("channels", detail));
        }
    }
    Ok(())
}

async fn find(state: &AppState, account: &AccountId, id: &str) -> Result<SavedReportRow, Problem> {
    state.keys.metadata().saved_report(account, id).await?.ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "this account has no saved report of that id")
}
