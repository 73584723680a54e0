//! `/v1/exports`: reports of many rows as files, written in the background, downloaded by a link that expires.

use axum::{
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use query::{ExportFormat, SplitRequest};
use serde::{Deserialize, Serialize};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use crate::{
    auth::{Caller, Read},
    extract::{Json, Name, Pairs},
    metadata::{ExportRow, ExportState},
    openapi::{DownloadProblems, KeyProblems, NewExportProblems, OldKeyProblems},
    problem::{Kind, Problem},
    routes::{reports::refuse_small_groups, rfc3339, segments},
    state::AppState,
};

/// An export that is ordered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "format": "parquet",
    "report": {"from": "2026-11-01", "to": "2026-12-01", "tz": "America/New_York", "by": ["subject", "recipient_domain"]}
}))]
pub(crate) struct ExportRequest {
    /// The form of the file.
    format: ExportFormat,
    /// The split, as `POST /v1/reports/split` takes it, but for `cursor`, `format`, `intervals` and what is for pictures. `limit` may be as
    /// many as an export may have, which is the default, too; without it, an export of more groups fails.
    report: SplitRequest,
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0f3a5c7d9b1e2468", "state": "running", "format": "parquet", "created_at": "2026-11-20T14:03:07.123Z",
    "started_at": "2026-11-20T14:03:07.200Z", "finished_at": null, "expires_at": null, "rows": 250_000, "of": 1_000_000,
    "bytes": null, "error": null
}))]
pub(crate) struct ExportInfo {
    /// What names it.
    id: String,
    /// How far it is.
    state: ExportState,
    /// The form of the file.
    format: ExportFormat,
    /// When it was ordered.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was begun; after a restart, when it was begun anew.
    #[schema(format = DateTime, required)]
    started_at: Option<String>,
    /// When it was done or failed.
    #[schema(format = DateTime, required)]
    finished_at: Option<String>,
    /// Until when the file can be downloaded.
    #[schema(format = DateTime, required)]
    expires_at: Option<String>,
    /// The rows written so far.
    rows: i64,
    /// How many there will be, once that is known.
    #[schema(required)]
    of: Option<i64>,
    /// How long the file is.
    #[schema(required)]
    bytes: Option<i64>,
    /// Why there is no file.
    #[schema(required)]
    error: Option<String>,
}

/// An export that was ordered, with its link.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0f3a5c7d9b1e2468", "state": "queued", "format": "csv", "created_at": "2026-11-20T14:03:07.123Z", "started_at": null,
    "finished_at": null, "expires_at": null, "rows": 0, "of": null, "bytes": null, "error": null,
    "download": "/v1/exports/0f3a5c7d9b1e2468/download?token=Zx81…"
}))]
pub(crate) struct OrderedExport {
    #[serde(flatten)]
    export: ExportInfo,
    /// The link, told this once: whoever has it can download the file from when it is done until it expires. No key is needed.
    download: String,
}

/// The exports of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportList {
    /// The newest first, at most 200.
    exports: Vec<ExportInfo>,
}

impl From<ExportRow> for ExportInfo {
    fn from(row: ExportRow) -> Self {
        let ExportRow { id, state, format, created_at, started_at, finished_at, expires_at, .. } = row;
        let ExportRow { rows, expected, bytes, error, .. } = row;
        Self {
            id,
            state,
            format,
            created_at: rfc3339(created_at),
            started_at: started_at.map(rfc3339),
            finished_at: finished_at.map(rfc3339),
            expires_at: expires_at.map(rfc3339),
            rows,
            of: expected,
            bytes,
            error,
        }
    }
}

/// Order an export.
///
/// It is written in the background, after those that were ordered before.
#[utoipa::path(
    post,
    path = "/v1/exports",
    operation_id = "create_export",
    tag = "exports",
    request_body = ExportRequest,
    responses((status = 202, description = "It is ordered; `download` is told this once.", body = OrderedExport), NewExportProblems)
)]
pub(crate) async fn create(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Json(mut request): Json<ExportRequest>,
) -> Result<(StatusCode, Json<OrderedExport>), Problem> {
    refuse_small_groups(&caller, &state)?;
    // What is exported are the segments of now, whatever becomes of them until it is written.
    request.report = segments::resolved(&caller, &state, request.report).await?;
    state.exports.judge(&request.report, request.format)?;
    let report = serde_json::to_string(&request.report)
        .map_err(|error| Problem::new(Kind::Internal, "the report could not be stored").caused_by(&error))?;
    let ordered = state.exports.order(caller.account(), report, request.format).await?;
    let (row, token) = ordered.ok_or_else(|| {
        let detail = "so many exports of this account wait that no more are taken: wait for them, or delete some";
        Problem::new(Kind::TooManyRequests, detail).retry_after(60)
    })?;
    let download = format!("/v1/exports/{}/download?token={token}", row.id);
    Ok((StatusCode::ACCEPTED, Json(OrderedExport { export: row.into(), download })))
}

/// List the exports of the caller's account.
#[utoipa::path(
    get,
    path = "/v1/exports",
    operation_id = "list_exports",
    tag = "exports",
    responses((status = 200, description = "The newest first.", body = ExportList), KeyProblems)
)]
pub(crate) async fn list(caller: Caller<Read>, State(state): State<AppState>) -> Result<Json<ExportList>, Problem> {
    let rows = state.keys.metadata().exports(caller.account()).await?;
    Ok(Json(ExportList { exports: rows.into_iter().map(|row| state.exports.now(row).into()).collect() }))
}

/// How far an export is.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}",
    operation_id = "get_export",
    tag = "exports",
    params(("id" = String, Path, description = "What names the export.", example = "0f3a5c7d9b1e2468")),
    responses((status = 200, description = "The export.", body = ExportInfo), OldKeyProblems)
)]
pub(crate) async fn get(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<ExportInfo>, Problem> {
    let row = state.keys.metadata().export(&id).await?.filter(|row| row.account == *caller.account());
    let row = row.ok_or_else(|| Problem::new(Kind::NotFound, "this account has no export of that id"))?;
    Ok(Json(state.exports.now(row).into()))
}

/// Delete an export, and its file. One that is being written is given up.
#[utoipa::path(
    delete,
    path = "/v1/exports/{id}",
    operation_id = "delete_export",
    tag = "exports",
    params(("id" = String, Path, description = "What names the export.", example = "0f3a5c7d9b1e2468")),
    responses((status = 204, description = "It is gone."), OldKeyProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    if !state.keys.metadata().delete_export(caller.account(), &id).await? {
        return Err(Problem::new(Kind::NotFound, "this account has no export of that id"));
    }
    // The file is named by what the store gave out, and swept away where it lies on another machine.
    let _ = tokio::fs::remove_file(state.exports.file(&id)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Download the file of an export. There is no key: the link has a token.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}/download",
    operation_id = "download_export",
    tag = "exports",
    security(()),
    params(
        ("id" = String, Path, description = "What names the export.", example = "0f3a5c7d9b1e2468"),
        ("token" = String, Query, description = "The token of the link.", example = "Zx81…")
    ),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/csv"), (String = "application/x-ndjson"), (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        )),
        DownloadProblems
    )
)]
pub(crate) async fn download(
    State(state): State<AppState>,
    Name(id): Name,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    let mut tokens = pairs.into_iter().filter(|(name, _)| name == "token").map(|(_, token)| token);
    let token = tokens.next().unwrap_or_default();
    let row = state.exports.linked(&id, &token).await?;
    let row = row.ok_or_else(|| Problem::new(Kind::NotFound, "there is no export of that id and token"))?;
    match row.state {
        ExportState::Done => {}
        ExportState::Queued | ExportState::Running => {
            let detail = "the export is not done yet: look at it again";
            return Err(Problem::new(Kind::ExportUnfinished, detail).retry_after(5));
        }
        ExportState::Failed => {
            return Err(Problem::new(Kind::ExportUnfinished, "the export failed: look at it for why"));
        }
        ExportState::Expired => {
            return Err(Problem::new(Kind::ExportExpired, "the link has expired: order the export anew"));
        }
    }
    if !state.exports.is_here(&row) {
        let detail =
            "the file lies on another machine of this installation: download it from that which took the order";
        return Err(Problem::new(Kind::ExportElsewhere, detail));
    }
    let lost = |error: std::io::Error| {
        Problem::new(Kind::ExportExpired, "the file is gone: order the export anew").caused_by(&error)
    };
    let file = tokio::fs::File::open(state.exports.file(&row.id)).await.map_err(lost)?;
    let length = file.metadata().await.map_err(lost)?.len();
    let name = format!("postlens-export-{}.{}", row.id, row.format.name());
    let headers = [
        (header::CONTENT_TYPE, row.format.format().content_type()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024))).into_response())
}
