//! `/v1/alerts/deliveries`: what was sent to channels, what waits, and what was given up.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{limit, parameters, unknown};
use crate::{
    alerts::LetterText,
    auth::{Caller, Manage, Read},
    extract::{Json, Name, Pairs},
    metadata::alerts::{Delivery, DeliveryState},
    openapi::{AlertListProblems, OldKeyProblems},
    problem::Problem,
    routes::rfc3339,
    state::AppState,
};

/// A notice on its way to a channel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "msg_0f3a5c7d9b1e0f3a5c7d9b1e0f3a5c7d", "channel": "0f3a5c7d9b1e", "state": "waiting", "attempts": 3,
    "alert": "5f0c2d9a1b7e4c38", "rule": "spam-critical", "change": "fired", "created_at": "2026-11-20T14:03:07.123Z",
    "next_at": "2026-11-20T14:04:21.456Z", "done_at": null, "error": "the answer was 503"
}))]
pub(crate) struct DeliveryInfo {
    /// The idempotency key, which the channel is told, too.
    id: String,
    /// The channel.
    channel: String,
    /// What has become of it.
    state: DeliveryState,
    /// How often it was tried.
    attempts: i64,
    /// The alert; of a saved report, the delivery.
    alert: String,
    /// The rule; of a saved report, that.
    rule: String,
    /// What is told: a change, or `report`.
    change: String,
    /// When it was decided, or replayed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is tried next; null when it is not.
    #[schema(format = DateTime, required)]
    next_at: Option<String>,
    /// When it was delivered or given up.
    #[schema(format = DateTime, required)]
    done_at: Option<String>,
    /// Why the last attempt failed.
    #[schema(required)]
    error: Option<String>,
}

/// Notices on their way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// The latest first.
    deliveries: Vec<DeliveryInfo>,
}

impl From<Delivery> for DeliveryInfo {
    fn from(delivery: Delivery) -> Self {
        let (alert, rule, change) = match serde_json::from_str(&delivery.notice) {
            Ok(LetterText::Alert(notice)) => (notice.alert, notice.rule, notice.change),
            Ok(LetterText::Report { report }) => (report.delivery, report.saved, "report".to_owned()),
            Err(_) => Default::default(),
        };
        let waits = delivery.state == DeliveryState::Waiting;
        Self {
            id: delivery.id,
            channel: delivery.channel,
            state: delivery.state,
            attempts: delivery.attempts,
            alert,
            rule,
            change,
            created_at: rfc3339(delivery.created_at),
            next_at: waits.then(|| rfc3339(delivery.next_at)),
            done_at: delivery.done_at.map(rfc3339),
            error: delivery.error,
        }
    }
}

/// What was sent to the channels of the caller's account, the latest first.
#[utoipa::path(
    get,
    path = "/v1/alerts/deliveries",
    operation_id = "list_alert_deliveries",
    tag = "alerts",
    params(
        ("state" = Option<String>, Query, description = "Only those in this state: `waiting`, `delivered` or `dead`.", example = "dead"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "The most entries. Default: 100.")
    ),
    responses((status = 200, description = "The deliveries, the latest first.", body = DeliveryList), AlertListProblems)
)]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(state): State<AppState>,
    pairs: Pairs,
) -> Result<Json<DeliveryList>, Problem> {
    let [of, most] = parameters(["state", "limit"], pairs)?;
    let wrong = || Problem::parameter("state", "`state` is waiting, delivered or dead");
    let of = of.map(|name| DeliveryState::from_name(&name).ok_or_else(wrong)).transpose()?;
    let letters = state.keys.metadata().letters(caller.account(), of, limit(most.as_deref())?).await?;
    Ok(Json(DeliveryList { deliveries: letters.into_iter().map(DeliveryInfo::from).collect() }))
}

/// Send once more what was given up.
#[utoipa::path(
    post,
    path = "/v1/alerts/deliveries/{id}/replay",
    operation_id = "replay_alert_delivery",
    tag = "alerts",
    params(("id" = String, Path, description = "What names the delivery.", example = "msg_0f3a5c7d9b1e0f3a5c7d9b1e0f3a5c7d")),
    responses((status = 202, description = "It is sent soon, and tried for a day again."), OldKeyProblems)
)]
pub(crate) async fn replay(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    if !state.keys.metadata().replay_letter(caller.account(), &id, state.clock.now()).await? {
        return Err(unknown("delivery that was given up"));
    }
    state.alerts.wake();
    Ok(StatusCode::ACCEPTED)
}
