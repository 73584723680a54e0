//! What surrounds every request: its id, one line in the log, and one more in the count of requests.
//!
//! A line tells method, route, status, time, id, account and what went wrong. Never the path, the query, a header or a body: they
//! may hold addresses, subjects and keys. The route is the pattern that matched.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use rand::{RngExt as _, rng};
use schema::{AccountId, metrics::HTTP_REQUESTS_TOTAL};

use crate::problem::Logged;

/// The header that carries a request's id.
pub(crate) const ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static ID: String;
}

/// The id of the request that this task works on.
pub(crate) fn id() -> Option<String> {
    ID.try_with(Clone::clone).ok()
}

/// Runs `work` as part of the request `id`.
#[cfg(test)]
pub(crate) async fn scope<T>(id: &str, work: impl Future<Output = T>) -> T {
    ID.scope(id.to_owned(), work).await
}

/// Whose request it is, once that is known. Set by authentication, read by the log.
#[derive(Clone, Default)]
pub(crate) struct Owner(Arc<OnceLock<AccountId>>);

impl Owner {
    /// Makes the owner known.
    pub(crate) fn set(&self, account: &AccountId) {
        // A request has one key, so a second call would bring the same account.
        let _ = self.0.set(account.clone());
    }
}

/// Gives the request its id and logs it when its answer begins.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request.headers().get(ID_HEADER).and_then(sane).unwrap_or_else(new_id);
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let owner = Owner::default();
    request.extensions_mut().insert(owner.clone());

    let mut response = ID.scope(id.clone(), next.run(request)).await;

    let status = response.status().as_u16();
    let route = route.as_deref().unwrap_or("(none)");
    metrics::counter!(
        HTTP_REQUESTS_TOTAL,
        "route" => route.to_owned(), "method" => method, "status" => response.status().as_str().to_owned()
    )
    .increment(1);
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let account = owner.0.get().map(AccountId::as_str);
    let logged = response.extensions().get::<Logged>();
    let problem = logged.map(|logged| logged.problem);
    let cause = logged.and_then(|logged| logged.cause.as_deref());
    if cause.is_some() {
        tracing::error!(method, route, status, ms, request = %id, account, problem, cause, "request failed");
    } else {
        tracing::info!(method, route, status, ms, request = %id, account, problem, "request");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(ID_HEADER, value);
    }
    response
}

/// A method of a client's own making is not repeated.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// An id that a client chose is taken over when it is short and plain.
fn sane(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

fn new_id() -> String {
    format!("{:016x}", rng().random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_over_only_when_it_is_short_and_plain() {
        assert_eq!(sane(&HeaderValue::from_static("a-1_b.C")), Some("a-1_b.C".to_owned()));
        for id in ["", "a b", "pat@example.com", "a\"b", &"x".repeat(65)] {
            assert_eq!(sane(&HeaderValue::from_str(id).unwrap()), None, "{id}");
        }
    }

    #[test]
    fn two_requests_get_two_ids() {
        assert_ne!(new_id(), new_id());
        assert_eq!(new_id().len(), 16);
    }
}
