//! The HTTP interface as a whole: one list of routes yields the router and its specification; around it stand the layers.

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    openapi::Base,
    problem::{Kind, Problem},
    request,
    routes::{
        alerts, dimensions, events, exports, health, hooks, keys, messages, metrics, observations, recipients, reports,
        saved_reports, segments, sources, specification, status,
    },
    state::AppState,
};

/// Every operation of the API.
fn operations() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(events::post))
        .routes(routes!(status::get))
        .routes(routes!(reports::get_split, reports::post_split))
        .routes(routes!(reports::get_summary, reports::post_summary))
        .routes(routes!(reports::get_series, reports::post_series))
        .routes(routes!(reports::breakdowns::get_failures, reports::breakdowns::post_failures))
        .routes(routes!(reports::breakdowns::get_links, reports::breakdowns::post_links))
        .routes(routes!(reports::breakdowns::get_security, reports::breakdowns::post_security))
        .routes(routes!(reports::latency::get_latency, reports::latency::post_latency))
        .routes(routes!(reports::latency::get_decay, reports::latency::post_decay))
        .routes(routes!(segments::list))
        .routes(routes!(segments::get, segments::put, segments::delete))
        .routes(routes!(exports::list, exports::create))
        .routes(routes!(exports::get, exports::delete))
        .routes(routes!(exports::download))
        .routes(routes!(saved_reports::list, saved_reports::create))
        .routes(routes!(saved_reports::get, saved_reports::put, saved_reports::delete))
        .routes(routes!(saved_reports::run))
        .routes(routes!(dimensions::list))
        .routes(routes!(dimensions::values))
        .routes(routes!(messages::list))
        .routes(routes!(messages::get))
        .routes(routes!(recipients::hygiene))
        .routes(routes!(alerts::current::list))
        .routes(routes!(alerts::current::acknowledge))
        .routes(routes!(alerts::current::mute))
        .routes(routes!(alerts::history::get))
        .routes(routes!(alerts::stream::get))
        .routes(routes!(alerts::rules::list, alerts::rules::create))
        .routes(routes!(alerts::rules::get, alerts::rules::put, alerts::rules::delete))
        .routes(routes!(alerts::rules::mute))
        .routes(routes!(alerts::channels::list, alerts::channels::create))
        .routes(routes!(alerts::channels::put, alerts::channels::delete))
        .routes(routes!(alerts::channels::test))
        .routes(routes!(alerts::deliveries::list))
        .routes(routes!(alerts::deliveries::replay))
        .routes(routes!(alerts::maintenance::list, alerts::maintenance::create))
        .routes(routes!(alerts::maintenance::delete))
        .routes(routes!(observations::list, observations::put))
        .routes(routes!(sources::list, sources::create))
        .routes(routes!(sources::get, sources::change, sources::delete))
        .routes(routes!(sources::rotate))
        .routes(routes!(sources::stats::get))
        .routes(routes!(sources::rejects::list, sources::rejects::delete_all))
        .routes(routes!(sources::rejects::replay_all))
        .routes(routes!(sources::rejects::get, sources::rejects::delete))
        .routes(routes!(sources::rejects::replay))
        .routes(routes!(hooks::post))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::get))
        .routes(routes!(specification::yaml))
}

/// The specification alone.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    operations().into_openapi()
}

/// The router, ready to serve.
pub(crate) fn router(state: AppState) -> Router {
    let (router, _) = operations().split_for_parts();
    router
        .merge(crate::docs::router())
        .fallback(|| async {
            Problem::new(Kind::NotFound, "there is nothing at this path; /openapi.yaml lists what there is")
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(Kind::MethodNotAllowed, "the header `Allow` lists the methods")
        })
        .with_state(state)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(harden))
        .layer(middleware::from_fn(request::observe))
}

/// A panic is a defect of ours: the hook has logged where, the client learns no more than that.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::new(Kind::Internal, "the request could not be answered; its id helps to find out why").into_response()
}

/// Headers that every answer carries: it is what its media type says, it is not stored, and it is framed by nobody.
async fn harden(request: Request, next: Next) -> Response {
    let is_data = request.uri().path().starts_with("/v1/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if is_data {
        set(header::CACHE_CONTROL, "no-store");
    }
    response
}

#[cfg(test)]
mod tests;
