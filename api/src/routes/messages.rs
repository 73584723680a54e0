//! `/v1/messages`: single messages of the caller's account, and the events of one.

use axum::extract::State;
use query::{Found, MessageId, MessageSpec, MessagesRequest, Timeline, from_pairs};

use super::reports::in_time;
use crate::{
    auth::{Caller, Inspect},
    extract::{Json, Name, Pairs},
    openapi::{MessageProblems, MessagesProblems},
    problem::{Kind, Problem},
    state::AppState,
};

/// Single messages, newest first.
///
/// Name a range of time, a recipient or a message id. A page goes on where the one before ended, whatever comes in meanwhile.
#[utoipa::path(
    get,
    path = "/v1/messages",
    operation_id = "list_messages",
    tag = "messages",
    params(MessagesRequest),
    responses((status = 200, description = "The messages.", body = Found), MessagesProblems)
)]
pub(crate) async fn list(
    caller: Caller<Inspect>,
    State(state): State<AppState>,
    Pairs(pairs): Pairs,
) -> Result<Json<Found>, Problem> {
    let request: MessagesRequest = from_pairs(pairs)?;
    let spec = MessageSpec::new(&request)?;
    let _entered = state.admission.enter(caller.account())?;
    let as_of = state.ingest.as_of();
    let asking = query::messages(&state.clickhouse, caller.account(), &spec, as_of, &state.limits.report);
    Ok(Json(in_time(&state, asking).await?))
}

/// The events of one message, what they make of it, and what follows without being said.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}",
    operation_id = "get_message",
    tag = "messages",
    params(("id" = String, Path, description = "The `id` of a message.", example = "q83vEjRWeJCrze8SNFZ4kA")),
    responses((status = 200, description = "The message.", body = Timeline), MessageProblems)
)]
pub(crate) async fn get(
    caller: Caller<Inspect>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<Timeline>, Problem> {
    let unknown = || Problem::new(Kind::NotFound, "there is no message of this id");
    let id: MessageId = id.parse().map_err(|_| unknown())?;
    let _entered = state.admission.enter(caller.account())?;
    let as_of = state.ingest.as_of();
    let asking = query::timeline(&state.clickhouse, caller.account(), id, as_of, &state.limits.report);
    let timeline = in_time(&state, asking).await?;
    timeline.map(Json).ok_or_else(unknown)
}
