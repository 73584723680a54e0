//! `/v1/reports/latency` and `/v1/reports/decay`: how long things took, and how they came in with the age of messages.

use ::schema::Millis;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use query::{
    DecayReport, DecayRequest, Format, LatencyReport, LatencyRequest, LatencySpec, QueryError, Tabular, from_json,
    from_pairs,
};
use serde::Serialize;

use super::{answer, in_time, measured, refuse_small_groups};
use crate::{
    auth::{Caller, Read},
    extract::{Document, Json, Pairs},
    negotiate,
    openapi::{PostedReportProblems, ReportProblems},
    problem::{Kind, Problem},
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
        (status = 200, description = "The latencies, as JSON or CSV.", content(
            (LatencyReport = "application/json"), (String = "text/csv")
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
        (status = 200, description = "The latencies, as JSON or CSV.", content(
            (LatencyReport = "application/json"), (String = "text/csv")
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

/// How openings and clicks came in with the age of messages: of a campaign, or of whatever passes the filters.
///
/// Each row counts the messages that were opened, and clicked in, when they were younger than its age. All numbers are exact.
#[utoipa::path(
    get,
    path = "/v1/reports/decay",
    operation_id = "get_decay",
    tag = "reports",
    params(DecayRequest),
    responses(
        (status = 200, description = "The curve, as JSON or CSV.", content(
            (DecayReport = "application/json"), (String = "text/csv")
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
        (status = 200, description = "The curve, as JSON or CSV.", content(
            (DecayReport = "application/json"), (String = "text/csv")
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
    written("latency", caller, state, (headers, spec.format()), asking).await
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
    written("decay", caller, state, (headers, spec.format()), asking).await
}

/// Asks within the caller's share and the report's time, and writes what comes as the caller likes it.
async fn written<R: Serialize + Tabular, A: Future<Output = Result<R, QueryError>>>(
    kind: &'static str,
    caller: &Caller<Read>,
    state: &AppState,
    (headers, named): (&HeaderMap, Option<Format>),
    asking: impl FnOnce(Millis) -> A,
) -> Result<Response, Problem> {
    let format = negotiate::format(named, headers)?;
    if matches!(format, Format::Png | Format::Svg) {
        let detail = "there is no picture of this: name application/json or text/csv in `Accept`, or in `format`";
        return Err(Problem::new(Kind::NotAcceptable, detail));
    }
    refuse_small_groups(caller, state)?;
    let answering = async {
        let report = in_time(state, asking(state.ingest.as_of())).await?;
        Ok(answer::varying(match format {
            Format::Csv | Format::Ndjson | Format::Xlsx => {
                answer::sheet(&format!("postlens-{kind}"), format, report.table(), &state.drawing).await?
            }
            Format::Json | Format::Png | Format::Svg => Json(report).into_response(),
        }))
    };
    measured(caller, state, (kind, format), Box::pin(answering)).await
}
