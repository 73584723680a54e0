//! `/healthz` and `/readyz`: whether the process lives, and whether it can do its work.

use axum::http::header;

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
