//! `/healthz` and `/readyz`: whether the process lives, and whether it can do its work.

use std::time::Duration;

use axum::{extract::State, http::header};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{
    extract::Json,
    openapi::ReadyProblems,
    problem::{Kind, Problem, map::without_values},
    state::AppState,
};

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the process lives.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "service",
    security(()),
    responses((status = 200, description = "It lives.", content_type = "text/plain", body = String, example = "ok"))
)]
pub(crate) async fn healthz() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ok\n")
}

/// Which parts can do their work.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(example = json!({"clickhouse": true, "metadata": true, "ingest": true}))]
pub(crate) struct Parts {
    /// ClickHouse answers: reports can be made.
    clickhouse: bool,
    /// The store of accounts and keys answers.
    metadata: bool,
    /// Events are accepted, and find their way into the reports.
    ingest: bool,
}

/// Whether the service can do its work.
///
/// While ClickHouse is away events are accepted all the same; this tells that reports are not made.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "service",
    security(()),
    responses((status = 200, description = "Every part answers.", body = Parts), ReadyProblems)
)]
pub(crate) async fn readyz(State(state): State<AppState>) -> Result<Json<Parts>, Problem> {
    let ping = state.clickhouse.client().query_raw("SELECT 1").execute();
    let (clickhouse, metadata) = tokio::join!(timeout(PATIENCE, ping), timeout(PATIENCE, state.keys.metadata().ping()));
    if let Ok(Err(error)) = &clickhouse {
        tracing::debug!(error = without_values(error), "ClickHouse does not answer");
    }
    let parts = Parts {
        clickhouse: matches!(clickhouse, Ok(Ok(()))),
        metadata: matches!(metadata, Ok(Ok(()))),
        ingest: state.ingest.status().error.is_none(),
    };
    if parts.clickhouse && parts.metadata && parts.ingest {
        return Ok(Json(parts));
    }
    Err(Problem::new(Kind::NotReady, "`parts` tells which part is missing").with("parts", parts).retry_after(1))
}
