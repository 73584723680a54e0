//! `/openapi.yaml`: the API's own description.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// The OpenAPI document of this API.
#[utoipa::path(
    get,
    path = "/openapi.yaml",
    operation_id = "openapi",
    tag = "service",
    security(()),
    responses((status = 200, description = "This document.", content_type = "application/yaml", body = String))
)]
pub(crate) async fn yaml() -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], crate::openapi::yaml()).into_response()
}
