//! `/v1/reports/failures`, `/links` and `/security`: reports over single deliveries and events, for what the cube does not have. They hold
//! patterns and no addresses, so a key for reports opens them; whole URLs, which tell recipients apart, it does not.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use query::{
    BreakdownKind, BreakdownSpec, FailuresRequest, Format, LinksRequest, Presentation, SecurityRequest, from_json,
    from_pairs,
};

use super::{
    answer, in_time, measured, refuse_small_groups,
    schema::{FailuresReport, LinksReport, SecurityReport},
};
use crate::{
    auth::{Caller, Read},
    extract::{Document, Json, Pairs},
    negotiate,
    openapi::{PostedReportProblems, ReportProblems},
    problem::{Kind, Problem},
    routes::segments,
    state::AppState,
};

/// Why messages failed.
///
/// By the class, the status code or the domain, or by what the server said, with addresses, ids and numbers folded. `failed` is the
/// measure of that name: rows and remainder add up to the `failed` of a summary.
#[utoipa::path(
    get,
    path = "/v1/reports/failures",
    operation_id = "get_failures",
    tag = "reports",
    params(FailuresRequest),
    responses(
        (status = 200, description = "The report, in the form asked for.", content(
            (FailuresReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_failures(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    failures(&caller, &state, &headers, from_pairs(pairs)?).await
}

/// Why messages failed, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/failures",
    operation_id = "post_failures",
    tag = "reports",
    request_body = FailuresRequest,
    responses(
        (status = 200, description = "The report, in the form asked for.", content(
            (FailuresReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_failures(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    failures(&caller, &state, &headers, from_json(&document)?).await
}

/// Which links were followed.
///
/// Clicks by URL, of persons and of machines, and how many deliveries a person followed a link of. `clicks` and `machine_clicks` add up to
/// those of a summary; `clicked` counts a delivery once for each URL and once in the total.
#[utoipa::path(
    get,
    path = "/v1/reports/links",
    operation_id = "get_links",
    tag = "reports",
    params(LinksRequest),
    responses(
        (status = 200, description = "The report, in the form asked for.", content(
            (LinksReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_links(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    links(&caller, &state, &headers, from_pairs(pairs)?).await
}

/// Which links were followed, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/links",
    operation_id = "post_links",
    tag = "reports",
    request_body = LinksRequest,
    responses(
        (status = 200, description = "The report, in the form asked for.", content(
            (LinksReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_links(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    links(&caller, &state, &headers, from_json(&document)?).await
}

/// What left unencrypted.
///
/// The numbers are those of a split by that dimension; with `methods`, what was secured is also told by its method.
#[utoipa::path(
    get,
    path = "/v1/reports/security",
    operation_id = "get_security",
    tag = "reports",
    params(SecurityRequest),
    responses(
        (status = 200, description = "The report, in the form asked for.", content(
            (SecurityReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        ReportProblems
    )
)]
pub(crate) async fn get_security(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    security(&caller, &state, &headers, from_pairs(pairs)?).await
}

/// What left unencrypted, asked by a document.
#[utoipa::path(
    post,
    path = "/v1/reports/security",
    operation_id = "post_security",
    tag = "reports",
    request_body = SecurityRequest,
    responses(
        (status = 200, description = "The report, in the form asked for.", content(
            (SecurityReport = "application/json"), (String = "text/csv"), (Vec<u8> = "image/png"),
            (String = "application/x-ndjson"), (String = "image/svg+xml"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        PostedReportProblems
    )
)]
pub(crate) async fn post_security(
    caller: Caller<Read>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Document(document): Document,
) -> Result<Response, Problem> {
    security(&caller, &state, &headers, from_json(&document)?).await
}

/// What is asked, judged: the report, and how it is to be shown.
struct Asked {
    spec: BreakdownSpec,
    presentation: Presentation,
}

async fn failures(
    caller: &Caller<Read>,
    state: &AppState,
    headers: &HeaderMap,
    request: FailuresRequest,
) -> Result<Response, Problem> {
    let request = segments::resolved(caller, state, request).await?;
    let asked = Asked { spec: BreakdownSpec::failures(&request)?, presentation: request.presentation()? };
    report(caller, state, headers, asked).await
}

async fn links(
    caller: &Caller<Read>,
    state: &AppState,
    headers: &HeaderMap,
    request: LinksRequest,
) -> Result<Response, Problem> {
    let request = segments::resolved(caller, state, request).await?;
    let asked = Asked { spec: BreakdownSpec::links(&request)?, presentation: request.presentation()? };
    report(caller, state, headers, asked).await
}

async fn security(
    caller: &Caller<Read>,
    state: &AppState,
    headers: &HeaderMap,
    request: SecurityRequest,
) -> Result<Response, Problem> {
    let request = segments::resolved(caller, state, request).await?;
    let asked = Asked { spec: BreakdownSpec::security(&request)?, presentation: request.presentation()? };
    report(caller, state, headers, asked).await
}

async fn report(
    caller: &Caller<Read>,
    state: &AppState,
    headers: &HeaderMap,
    asked: Asked,
) -> Result<Response, Problem> {
    let format = negotiate::format(asked.presentation.format, headers)?;
    if matches!(asked.spec.kind(), BreakdownKind::Links { strip_query: false }) && !caller.inspects() {
        let detail = "whole URLs tell recipients apart: `strip_query=false` needs a key with the role `admin`";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    refuse_small_groups(caller, state)?;
    measured(caller, state, (asked.spec.name(), format), Box::pin(run(caller, state, asked, format))).await
}

async fn run(caller: &Caller<Read>, state: &AppState, asked: Asked, format: Format) -> Result<Response, Problem> {
    let Asked { spec, presentation } = asked;
    let as_of = state.ingest.as_of();
    let making = query::breakdown(&state.clickhouse, caller.account(), &spec, as_of, &state.limits.report);
    let report = in_time(state, making).await?;
    let name = query::file_name(spec.name(), spec.range(), spec.tz());
    Ok(answer::varying(match format {
        Format::Json => Json(report).into_response(),
        Format::Csv | Format::Ndjson | Format::Xlsx | Format::Parquet => {
            answer::sheet(&name, format, report.table(&presentation.table), &state.drawing).await?
        }
        Format::Png | Format::Svg => {
            let draw = move |picture| report.draw(&presentation.chart, picture);
            answer::picture(&name, format, &state.drawing, draw).await?
        }
    }))
}
