//! What handlers take from a request besides its events, parameters and small documents, and how they answer one. Each refuses with a
//! problem document, where axum's own extractors would refuse with a plain text.

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    body::{self, BodyLimits},
    problem::{Kind, Problem},
    state::AppState,
};

/// The largest document that is no batch of events.
const MAX_DOCUMENT: usize = 1 << 20;

/// The decoded pairs of the query string, in their order.
#[derive(Debug)]
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

/// The part of the path that names a thing.
#[derive(Debug)]
pub(crate) struct Name(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[expect(clippy::disallowed_types, reason = "this is the extractor to take in its place")]
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|name| Self(name.0)).map_err(|_| Problem::new(Kind::NotFound, "the path is not valid UTF-8"))
    }
}

/// The two parts of the path that name a thing and one of its things.
#[derive(Debug)]
pub(crate) struct Two(pub(crate) String, pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Two {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[expect(clippy::disallowed_types, reason = "this is the extractor to take in its place")]
        let path = axum::extract::Path::<(String, String)>::from_request_parts(parts, state).await;
        let names = path.map(|names| names.0);
        names
            .map(|(first, second)| Self(first, second))
            .map_err(|_| Problem::new(Kind::NotFound, "the path is not valid UTF-8"))
    }
}

/// A JSON document as bytes, its media type checked.
#[derive(Debug)]
pub(crate) struct Document(pub(crate) Bytes);

impl FromRequest<AppState> for Document {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (parts, body): (Parts, Body) = request.into_parts();
        let limits = BodyLimits { bytes: MAX_DOCUMENT, time: state.limits.body_timeout };
        if media_type(&parts.headers).as_deref() != Some("application/json") {
            let problem = Problem::new(Kind::UnsupportedMediaType, "send `Content-Type: application/json`");
            return Err(body::refuse(&parts.headers, body, limits, problem).await);
        }
        body::read(&parts.headers, body, limits, &mut state.admission.room()).await.map(Self)
    }
}

/// Rows, as JSON or CSV.
#[derive(Debug)]
pub(crate) enum Table {
    /// A JSON document.
    Json(Bytes),
    /// Lines, the first of which names the columns.
    Csv(Bytes),
}

impl FromRequest<AppState> for Table {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (parts, body): (Parts, Body) = request.into_parts();
        let limits = BodyLimits { bytes: MAX_DOCUMENT, time: state.limits.body_timeout };
        let form = match media_type(&parts.headers).as_deref() {
            Some("application/json") => Self::Json,
            Some("text/csv") => Self::Csv,
            _ => {
                let detail = "send `Content-Type: application/json` or `Content-Type: text/csv`";
                let problem = Problem::new(Kind::UnsupportedMediaType, detail);
                return Err(body::refuse(&parts.headers, body, limits, problem).await);
            }
        };
        body::read(&parts.headers, body, limits, &mut state.admission.room()).await.map(form)
    }
}

/// A JSON document as a value: taken from a request, or answered.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let Document(bytes) = Document::from_request(request, state).await?;
        let malformed = |error: serde_json::Error| Problem::new(Kind::Malformed, format!("the body: {error}"));
        serde_json::from_slice(&bytes).map(Self).map_err(malformed)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => {
                Problem::new(Kind::Internal, "the answer could not be written").caused_by(&error).into_response()
            }
        }
    }
}

/// The media type of the body, without its parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
