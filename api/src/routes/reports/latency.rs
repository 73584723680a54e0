//! `/v1/reports/latency` and `/v1/reports/decay`: how long things took, and how they came in with the age of messages.

use ::schema::Millis;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use query::{
    DecayReport, DecayRequest, Format, LatencyReport, LatencyRequest, LatencySpec, Presentable, Presentation,
    QueryError, from_json, from_pairs,
};
use serde::Serialize;

use super::{answer, in_time, measured, refuse_small_groups};
use crate::{
    auth::{Caller, Read},
    extract::{Document, Json, Pairs},
    negotiate,
    openapi::{PostedReportProblems, ReportProblems},
    problem::Problem,
    routes::segments,
    state::AppState,
};

/// How long it took until messages were delivered, opened first and clicked in first.
///
/// Percentiles are less than 5 % off, counts are exact. Messages are dated by when they were sent. METRICS.md says what every number means.
#[utoipa::path(
    get,
    path = "/v1/reports/latency",
    operation_id = "get_latency",
    tag = "reports",
    params(LatencyRequest),
    responses(
        (status = 200, description = "The latencies, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (LatencyReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_latency(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    latency(&caller, &state, &headers, from_pairs(pairs)?).await
}

/// How long it took until messages were delivered, opened first and clicked in first, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/latency",
    operation_id = "post_latency",
    tag = "reports",
    request_body = LatencyRequest,
    responses(
        (status = 200, description = "The latencies, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (LatencyReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_latency(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    latency(&caller, &state, &headers, from_json(&document)?).await
}

/// How openings and clicks came in with the age of messages: of a campaign, of whatever passes the filters, or of each group.
///
/// Each row counts the messages that were opened, and clicked in, when they were younger than its age. All numbers are exact.
#[utoipa::path(
    get,
    path = "/v1/reports/decay",
    operation_id = "get_decay",
    tag = "reports",
    params(DecayRequest),
    responses(
        (status = 200, description = "The curves, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (DecayReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_decay(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    decay(&caller, &state, &headers, from_pairs(pairs)?).await
}

/// How openings and clicks came in with the age of messages, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/decay",
    operation_id = "post_decay",
    tag = "reports",
    request_body = DecayRequest,
    responses(
        (status = 200, description = "The curves, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (DecayReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_decay(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    decay(&caller, &state, &headers, from_json(&document)?).await
}

async fn latency(
    caller: &Caller<Read>,
    state: &AppState,
    headers: &HeaderMap,
    request: LatencyRequest,
) -> Result<Response, Problem> {
    let request = segments::resolved(caller, state, request).await?;
    let spec = LatencySpec::latencies(&request)?;
    let asking = |as_of| query::latencies(&state.clickhouse, caller.account(), &spec, as_of, &state.limits.report);
    written("latency", caller, state, (headers, request.presentation()?), asking).await
}

async fn decay(
    caller: &Caller<Read>,
    state: &AppState,
    headers: &HeaderMap,
    request: DecayRequest,
) -> Result<Response, Problem> {
    let request = segments::resolved(caller, state, request).await?;
    let spec = LatencySpec::decay(&request)?;
    let asking = |as_of| query::decay(&state.clickhouse, caller.account(), &spec, as_of, &state.limits.report);
    written("decay", caller, state, (headers, request.presentation()?), asking).await
}

/// Asks within the caller's share and the report's time, and writes what comes as the caller likes it.
async fn written<R: Serialize + Presentable + Send + 'static, A: Future<Output = Result<R, QueryError>>>(
    kind: &'static str,
    caller: &Caller<Read>,
    state: &AppState,
    (headers, presentation): (&HeaderMap, Presentation),
    asking: impl FnOnce(Millis) -> A,
) -> Result<Response, Problem> {
    let format = negotiate::format(presentation.format, headers)?;
    refuse_small_groups(caller, state)?;
    let answering = async {
        let report = in_time(state, asking(state.ingest.as_of())).await?;
        Ok(answer::varying(match format {
            Format::Csv | Format::Ndjson | Format::Xlsx | Format::Parquet => {
                answer::sheet(&format!("postlens-{kind}"), format, report.table(), &state.drawing).await?
            }
            Format::Png | Format::Svg => {
                let draw = move |picture| report.draw(&presentation.chart, picture);
                answer::picture(&format!("postlens-{kind}"), format, &state.drawing, draw).await?
            }
            Format::Json => Json(report).into_response(),
        }))
    };
    measured(caller, state, (kind, format), Box::pin(answering)).await
}
