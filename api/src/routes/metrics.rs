//! `GET /metrics`: what the service tells about itself, for Prometheus.
//!
//! It needs neither the metadata store nor ClickHouse, for it has to answer when these do not.

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName, header},
};

use crate::{
    auth::{bearer, unauthenticated},
    connection::Peer,
    openapi::MetricsProblems,
    problem::{Kind, MEDIA_TYPE, Problem, ProblemDocument},
    state::AppState,
};

/// The text format that every Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// By any of these a proxy tells that it speaks for somebody else.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Metrics of the whole service in the text format of Prometheus.
///
/// They hold no account, address or subject. With the setting `metrics.key`, that key is needed. Without it, only the machine of the
/// service may read them, directly and not through a proxy.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "service",
    security((), ("metrics_key" = [])),
    responses(
        (status = 200, description = "The metrics.", content_type = "text/plain", body = String, example = "\
            # HELP postlens_spool_events Events on disk that reports do not show yet.\n\
            # TYPE postlens_spool_events gauge\npostlens_spool_events 5213\n"),
        (status = 403, description = "The setting `metrics.key` is missing, and the request comes from elsewhere or through a proxy.",
            content_type = MEDIA_TYPE, body = ProblemDocument),
        MetricsProblems
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], String), Problem> {
    permit(&state, peer.map(|Extension(peer)| peer), &headers)?;
    let text = state.telemetry.text(&state.ingest.status(), state.clock.now());
    Ok(([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store")], text))
}

/// Whether this client may read them.
fn permit(state: &AppState, peer: Option<Peer>, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(key) = state.telemetry.key() {
        let known = bearer(headers)?.digest().matches(key);
        let wrong = || unauthenticated("this is not the key that the setting `metrics.key` names");
        return known.then_some(()).ok_or_else(wrong);
    }
    let direct = !FORWARDED.iter().any(|name| headers.contains_key(*name));
    if direct && peer.is_some_and(|Peer(address)| address.to_canonical().is_loopback()) {
        return Ok(());
    }
    let detail = "without the setting `metrics.key` only the machine of the service may read its metrics, and not through a proxy";
    Err(Problem::new(Kind::Forbidden, detail))
}
