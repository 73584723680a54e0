//! `/v1/reports/…`: reports out. What is asked is `query`'s to judge; here it is asked for the caller's account and answered in the
//! format that the caller likes.

mod answer;
mod schema;

use std::time::Instant;

use ::schema::metrics::REPORT_SECONDS;
use axum::{extract::State, http::HeaderMap, response::Response};
use query::{
    Format, Kind as ReportKind, Presentation, ReportSpec, SeriesRequest, SpecError, SplitRequest, SummaryRequest,
    from_json, from_pairs,
};
use tokio::time::timeout;

use self::schema::{SeriesReport, SplitReport, SummaryReport};
use crate::{
    auth::{Caller, Read},
    extract::{Document, Pairs},
    negotiate,
    openapi::{PostedReportProblems, ReportProblems},
    problem::{Kind, Problem},
    state::AppState,
};

/// One row for each group of messages.
///
/// The rows, the remainder and the total add up, measure by measure, on every page. METRICS.md says what every number means.
#[utoipa::path(
    get,
    path = "/v1/reports/split",
    operation_id = "get_split",
    tag = "reports",
    params(SplitRequest),
    responses(
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, PNG or SVG.", content(
            (SplitReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_split(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    let asked = Asked::split(from_pairs(pairs)?)?;
    report(&caller, &state, &headers, asked).await
}

/// One row for each group of messages, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/split",
    operation_id = "post_split",
    tag = "reports",
    request_body = SplitRequest,
    responses(
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, PNG or SVG.", content(
            (SplitReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_split(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    let asked = Asked::split(from_json(&document)?)?;
    report(&caller, &state, &headers, asked).await
}

/// The total alone.
#[utoipa::path(
    get,
    path = "/v1/reports/summary",
    operation_id = "get_summary",
    tag = "reports",
    params(SummaryRequest),
    responses(
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, PNG or SVG.", content(
            (SummaryReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_summary(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    let asked = Asked::summary(from_pairs(pairs)?)?;
    report(&caller, &state, &headers, asked).await
}

/// The total alone, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/summary",
    operation_id = "post_summary",
    tag = "reports",
    request_body = SummaryRequest,
    responses(
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, PNG or SVG.", content(
            (SummaryReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_summary(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    let asked = Asked::summary(from_json(&document)?)?;
    report(&caller, &state, &headers, asked).await
}

/// One row for each interval of local time, of everything or of each of the top groups.
///
/// Intervals without messages are there, with zeros; days and hours are right across changes of daylight-saving time.
#[utoipa::path(
    get,
    path = "/v1/reports/series",
    operation_id = "get_series",
    tag = "reports",
    params(SeriesRequest),
    responses(
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, PNG or SVG.", content(
            (SeriesReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_series(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    let asked = Asked::series(from_pairs(pairs)?)?;
    report(&caller, &state, &headers, asked).await
}

/// One row for each interval of local time, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/series",
    operation_id = "post_series",
    tag = "reports",
    request_body = SeriesRequest,
    responses(
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, PNG or SVG.", content(
            (SeriesReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_series(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    let asked = Asked::series(from_json(&document)?)?;
    report(&caller, &state, &headers, asked).await
}

/// What is asked, judged: the report, and how it is to be shown.
struct Asked {
    spec: ReportSpec,
    presentation: Presentation,
}

impl Asked {
    #[expect(clippy::needless_pass_by_value, reason = "the value is read out of the request for this alone")]
    fn split(request: SplitRequest) -> Result<Self, SpecError> {
        Ok(Self { spec: ReportSpec::split(&request)?, presentation: request.presentation()? })
    }

    #[expect(clippy::needless_pass_by_value, reason = "the value is read out of the request for this alone")]
    fn summary(request: SummaryRequest) -> Result<Self, SpecError> {
        Ok(Self { spec: ReportSpec::summary(&request)?, presentation: request.presentation()? })
    }

    #[expect(clippy::needless_pass_by_value, reason = "the value is read out of the request for this alone")]
    fn series(request: SeriesRequest) -> Result<Self, SpecError> {
        Ok(Self { spec: ReportSpec::series(&request)?, presentation: request.presentation()? })
    }
}

async fn report(
    caller: &Caller<Read>,
    state: &AppState,
    headers: &HeaderMap,
    asked: Asked,
) -> Result<Response, Problem> {
    let format = negotiate::format(asked.presentation.format, headers)?;
    let _entered = state.admission.enter(caller.account())?;
    let (kind, started) = (asked.spec.kind(), Instant::now());
    let answer = run(caller, state, asked, format).await;
    let labels = [("kind", kind_label(kind)), ("format", format.name())];
    metrics::histogram!(REPORT_SECONDS, &labels).record(started.elapsed());
    answer
}

async fn run(caller: &Caller<Read>, state: &AppState, asked: Asked, format: Format) -> Result<Response, Problem> {
    let as_of = state.ingest.as_of();
    let making = query::run(&state.clickhouse, caller.account(), &asked.spec, as_of, &state.limits.report);
    // ClickHouse gives up before that, unless it hangs.
    let report = timeout(state.limits.report_timeout, making).await.map_err(|_| overdue())??;
    answer::of(report, format, &asked.presentation, &state.drawing).await
}

/// ClickHouse has let the report's time pass without a word.
pub(super) fn overdue() -> Problem {
    let detail = "ClickHouse did not answer in the time that a report may take; try again, or ask for less";
    Problem::new(Kind::ReportsUnavailable, detail).retry_after(5)
}

/// What metrics call the kind of a report.
const fn kind_label(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Summary => "summary",
        ReportKind::Split => "split",
        ReportKind::Series(_) => "series",
    }
}
