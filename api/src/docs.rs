//! `/docs`: Swagger UI, which is part of the binary; its page reads `/openapi.yaml` and nothing else.

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Scripts and pictures of our own alone; the page's styles are written into it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The page and its files.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let config =
        Config::from("/openapi.yaml").try_it_out_enabled(true).persist_authorization(false).validator_url("none");
    Router::from(SwaggerUi::new("/docs").config(config)).layer(middleware::from_fn(policy))
}

async fn policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
