//! `/v1/alerts/stream`: what becomes of alerts, as it happens (server-sent events).

use std::{collections::HashSet, convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt as _, stream};
use schema::AccountId;
use serde_json::Value;

use crate::{
    auth::{Caller, Read},
    metadata::alerts::HistoryRow,
    openapi::AlertProblems,
    problem::Problem,
    state::AppState,
};

/// How often the history is looked at: another service may have written it.
const LOOK: Duration = Duration::from_secs(1);
/// An entry may come into the history so much later than its id says, in milliseconds: ids are given before the transaction ends.
const LATE: i64 = 120_000;
/// A stream ends after so many looks, for the client to show its key again.
const LOOKS: u32 = 3_600;

/// What becomes of the alerts of the caller's account, from now on or from the entry that `Last-Event-ID` names.
///
/// Each event is an entry of the history: its id, its change as the event's type, and itself as data. The stream ends after an hour or
/// when the service stops; clients come back by themselves.
#[utoipa::path(
    get,
    path = "/v1/alerts/stream",
    operation_id = "alert_stream",
    tag = "alerts",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was received.")),
    responses(
        (status = 200, description = "Events without end.", content_type = "text/event-stream", body = String, example =
            "id: 1795183387123-000000-1b7e4c38\nevent: fired\ndata: {\"alert\":\"5f0c2d9a1b7e4c38\",\"change\":\"fired\"}\n\n"),
        AlertProblems
    )
)]
pub(crate) async fn get(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut tail = Tail { account: caller.account().clone(), state, seen: HashSet::new() };
    let known = tail.look().await?;
    let missed = known.into_iter().filter(move |row| last.as_ref().is_some_and(|last| row.id > *last));
    let missed = stream::iter(missed.collect::<Vec<_>>());
    let coming = stream::unfold((tail, 0), |(mut tail, looks)| async move {
        if looks >= LOOKS {
            return None;
        }
        // When the service stops there is one last look.
        let last = tail.state.alerts.closed_within(LOOK).await;
        // What cannot be looked at now is looked at the next time.
        let rows = tail.look().await.unwrap_or_default();
        Some((stream::iter(rows), (tail, if last { LOOKS } else { looks + 1 })))
    });
    Ok(Sse::new(missed.chain(coming.flatten()).map(|row| Ok(event(row)))).keep_alive(KeepAlive::default()))
}

/// The end of the history, as far as it was seen.
struct Tail {
    account: AccountId,
    state: AppState,
    seen: HashSet<String>,
}

impl Tail {
    /// The entries that were not seen before.
    async fn look(&mut self) -> Result<Vec<HistoryRow>, Problem> {
        let from = format!("{:013}", (self.state.clock.now().0 - LATE).max(0));
        let mut rows = self.state.keys.metadata().history_after(&self.account, &from).await?;
        self.seen.retain(|id| *id > from);
        rows.retain(|row| self.seen.insert(row.id.clone()));
        Ok(rows)
    }
}

fn event(row: HistoryRow) -> Event {
    let entry: Value = serde_json::from_str(&row.entry).unwrap_or_default();
    let change = entry["change"].as_str().unwrap_or("message").to_owned();
    Event::default().id(row.id).event(change).data(row.entry)
}
