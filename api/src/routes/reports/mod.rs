//! `/v1/reports/…`: reports out. What is asked is `query`'s to judge; here it is asked for the caller's account and answered in the
//! format that the caller likes.

mod answer;
pub(crate) mod breakdowns;
pub(crate) mod latency;
mod schema;

use std::time::Instant;

use ::schema::metrics::REPORT_SECONDS;
use axum::{extract::State, http::HeaderMap, response::Response};
use query::{
    Format, Kind as ReportKind, Presentation, QueryError, ReportSpec, SeriesRequest, SplitRequest, SummaryRequest,
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
    routes::segments,
    state::AppState,
};

/// One row for each group of messages.
///
/// The rows, the remainder and the total add up, measure by measure, on every page. METRICS.md says what every number means. With
/// `suppress_below`, or the account's setting, what stands for few people is null.
#[utoipa::path(
    get,
    path = "/v1/reports/split",
    operation_id = "get_split",
    tag = "reports",
    params(SplitRequest),
    responses(
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (SplitReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.apache.parquet"),
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
    let asked = Asked::split(&caller, &state, from_pairs(pairs)?).await?;
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
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (SplitReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.apache.parquet"),
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
    let asked = Asked::split(&caller, &state, from_json(&document)?).await?;
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
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (SummaryReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.apache.parquet"),
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
    let asked = Asked::summary(&caller, &state, from_pairs(pairs)?).await?;
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
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (SummaryReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.apache.parquet"),
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
    let asked = Asked::summary(&caller, &state, from_json(&document)?).await?;
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
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (SeriesReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.apache.parquet"),
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
    let asked = Asked::series(&caller, &state, from_pairs(pairs)?).await?;
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
        (status = 200, description = "The report, as JSON, CSV, NDJSON, XLSX, Parquet, PNG or SVG.", content(
            (SeriesReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"),
            (Vec<u8> = "application/vnd.apache.parquet"),
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
    let asked = Asked::series(&caller, &state, from_json(&document)?).await?;
    report(&caller, &state, &headers, asked).await
}

/// What is asked, judged: the report, and how it is to be shown.
struct Asked {
    spec: ReportSpec,
    presentation: Presentation,
}

impl Asked {
    async fn split(caller: &Caller<Read>, state: &AppState, request: SplitRequest) -> Result<Self, Problem> {
        let request = segments::resolved(caller, state, request).await?;
        Ok(Self { spec: ReportSpec::split(&request)?, presentation: request.presentation()? })
    }

    async fn summary(caller: &Caller<Read>, state: &AppState, request: SummaryRequest) -> Result<Self, Problem> {
        let request = segments::resolved(caller, state, request).await?;
        Ok(Self { spec: ReportSpec::summary(&request)?, presentation: request.presentation()? })
    }

    async fn series(caller: &Caller<Read>, state: &AppState, request: SeriesRequest) -> Result<Self, Problem> {
        let request = segments::resolved(caller, state, request).await?;
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
    let spec = asked.spec.suppressed_below(state.suppression.of(caller.account()))?;
    let asked = Asked { spec, ..asked };
    measured(caller, state, (kind_label(asked.spec.kind()), format), Box::pin(run(caller, state, asked, format))).await
}

async fn run(caller: &Caller<Read>, state: &AppState, asked: Asked, format: Format) -> Result<Response, Problem> {
    let as_of = state.ingest.as_of();
    let making = query::run(&state.clickhouse, caller.account(), &asked.spec, as_of, &state.limits.report);
    let report = in_time(state, making).await?;
    answer::of(report, format, &asked.presentation, &state.drawing).await
}

/// Where an account hides numbers of few people, reports that cannot hide them are for those who may look at single messages.
pub(super) fn refuse_small_groups(caller: &Caller<Read>, state: &AppState) -> Result<(), Problem> {
    if state.suppression.of(caller.account()).is_none() || caller.inspects() {
        return Ok(());
    }
    let detail = "this account hides numbers of few people (`reports.suppress_below`) and this report cannot hide them: it needs a key with the role `admin`";
    Err(Problem::new(Kind::Forbidden, detail))
}

/// Answers within the caller's share of what reports may take at once, and tells the metrics how long it took.
async fn measured(
    caller: &Caller<Read>,
    state: &AppState,
    (kind, format): (&'static str, Format),
    answering: impl Future<Output = Result<Response, Problem>>,
) -> Result<Response, Problem> {
    let _entered = state.admission.enter(caller.account())?;
    let started = Instant::now();
    let answer = answering.await;
    metrics::histogram!(REPORT_SECONDS, "kind" => kind, "format" => format.name()).record(started.elapsed());
    answer
}

/// What is asked of ClickHouse, in the time that a report may take. ClickHouse gives up before that, unless it hangs.
pub(super) async fn in_time<T>(
    state: &AppState,
    asking: impl Future<Output = Result<T, QueryError>>,
) -> Result<T, Problem> {
    let overdue = |_| {
        let detail = "ClickHouse did not answer in the time that a report may take; try again, or ask for less";
        Problem::new(Kind::ReportsUnavailable, detail).retry_after(5)
    };
    Ok(timeout(state.limits.report_timeout, asking).await.map_err(overdue)??)
}

/// What metrics call the kind of a report.
const fn kind_label(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Summary => "summary",
        ReportKind::Split => "split",
        ReportKind::Series(_) => "series",
    }
}
