//! Every error answer: RFC 9457 `application/problem+json` with a stable `type`.
//!
//! A problem has two messages: `detail` for the client, and `cause` for the log alone. What a crate's error becomes is decided
//! in `map`, in one place.

pub(crate) mod map;

use std::error::Error;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::request;

/// The media type of problem documents.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $status:ident, $slug:literal, $title:literal;)+) => {
        /// What kinds of problems there are. Their slugs are part of the API and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $variant,)+ }

        impl Kind {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The last part of its `type`.
            pub(crate) const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// The HTTP status.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

kinds! {
    /// The request cannot be understood.
    Malformed = BAD_REQUEST, "malformed-request", "The request cannot be understood";
    /// No key, or none that is valid.
    Unauthenticated = UNAUTHORIZED, "unauthenticated", "A valid API key is needed";
    /// The key does not allow this.
    Forbidden = FORBIDDEN, "forbidden", "The API key does not allow this";
    /// There is nothing here.
    NotFound = NOT_FOUND, "not-found", "There is nothing here";
    /// Another method is needed.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here";
    /// Something else uses it.
    InUse = CONFLICT, "in-use", "Something else uses this";
    /// It was changed at the same time.
    Changed = CONFLICT, "changed", "It was changed at the same time";
    /// No format that the client accepts.
    NotAcceptable = NOT_ACCEPTABLE, "not-acceptable", "The answer has no format that the client accepts";
    /// A webhook's request is not verified.
    Unverified = UNAUTHORIZED, "unverified", "The request is not from whom it should be from";
    /// A provider's body is not what the provider sends.
    Undecodable = BAD_REQUEST, "undecodable", "The body is not what the provider sends";
    /// A provider should not send it again.
    NotAgain = NOT_ACCEPTABLE, "not-again", "Sending this again does not help";
    /// A webhook's request cannot be verified now.
    Unverifiable = SERVICE_UNAVAILABLE, "unverifiable", "The request cannot be verified now";
    /// The body did not come in time.
    BodyTimeout = REQUEST_TIMEOUT, "body-timeout", "The body did not come in time";
    /// The body is too large.
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    /// The body has a media type or content encoding that is not read here.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body has a type that is not read here";
    /// A parameter is wrong.
    InvalidParameter = UNPROCESSABLE_ENTITY, "invalid-parameter", "A parameter is wrong";
    /// An atomic batch has an event that is refused.
    EventsRefused = UNPROCESSABLE_ENTITY, "events-refused", "No event was accepted, because some are wrong";
    /// The report reads more than a report may.
    ReportTooExpensive = UNPROCESSABLE_ENTITY, "report-too-expensive", "The report reads too much";
    /// The file of an export is not there yet, or never will be.
    ExportUnfinished = CONFLICT, "export-unfinished", "The export has no file";
    /// The file of an export lies on another machine.
    ExportElsewhere = CONFLICT, "export-elsewhere", "The file lies on another machine";
    /// The file of an export was kept long enough.
    ExportExpired = GONE, "export-expired", "The file is no longer kept";
    /// Too many requests of this account at once.
    TooManyRequests = TOO_MANY_REQUESTS, "too-many-requests", "Too many requests of this account at once";
    /// A defect or a failure of ours.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong inside";
    /// The durable queue is full.
    SpoolFull = SERVICE_UNAVAILABLE, "spool-full", "The queue is full";
    /// The service has no memory for this body now.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "The service is busy";
    /// The service stops.
    ShuttingDown = SERVICE_UNAVAILABLE, "shutting-down", "The service is shutting down";
    /// Events cannot be kept now.
    StorageUnavailable = SERVICE_UNAVAILABLE, "storage-unavailable", "Events cannot be kept now";
    /// ClickHouse does not answer.
    ReportsUnavailable = SERVICE_UNAVAILABLE, "reports-unavailable", "Reports cannot be made now";
    /// The metadata store does not answer.
    MetadataUnavailable = SERVICE_UNAVAILABLE, "metadata-unavailable", "API keys cannot be checked now";
    /// Some part is missing.
    NotReady = SERVICE_UNAVAILABLE, "not-ready", "The service is not ready";
}

/// An error answer. Boxed, for most requests have none.
#[derive(Debug)]
pub(crate) struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    kind: Kind,
    detail: String,
    cause: Option<String>,
    retry_after: Option<u32>,
    header: Option<(header::HeaderName, HeaderValue)>,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem and what the client may know of it.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Content { kind, detail, cause: None, retry_after: None, header: None, members: Map::new() }))
    }

    /// Which parameter is wrong, and what to change.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidParameter, detail).with("parameter", name)
    }

    /// Refuses a text of a client that is too long or has control characters.
    ///
    /// # Errors
    /// When it is.
    pub(crate) fn unless_short(name: &str, text: &str, most: usize) -> Result<(), Self> {
        if text.chars().count() > most || text.chars().any(char::is_control) {
            let detail = format!("`{name}` has at most {most} characters and no control characters");
            return Err(Self::parameter(name, detail));
        }
        Ok(())
    }

    /// Adds what the log gets and the client does not: the error and its sources.
    pub(crate) fn caused_by(self, error: &(dyn Error + 'static)) -> Self {
        let chain = chain(error);
        self.cause(chain)
    }

    /// Adds what the log gets and the client does not, in words that are fit for it.
    pub(crate) fn cause(mut self, cause: String) -> Self {
        self.0.cause = Some(cause);
        self
    }

    /// After how many seconds to try again.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Adds a member to the document.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("problem members are plain data");
        self.0.members.insert(name.to_owned(), value);
        self
    }

    /// What kind it is.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> Kind {
        self.0.kind
    }

    fn document(self) -> ProblemDocument {
        let Content { kind, detail, members, .. } = *self.0;
        ProblemDocument {
            r#type: format!("urn:postlens:problem:{}", kind.slug()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            instance: request::id(),
            members,
        }
    }
}

/// An error with its sources, on one line. A source that the error before it repeats is left out.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// What the log is told about an error answer; travels with the response.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    /// The kind's slug.
    pub(crate) problem: &'static str,
    /// Why, when it is a failure of ours.
    pub(crate) cause: Option<String>,
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let Content { kind, cause, retry_after, header, .. } = &mut *self.0;
        let (status, retry_after, header) = (kind.status(), *retry_after, header.take());
        let logged = Logged { problem: kind.slug(), cause: cause.take() };
        let body = serde_json::to_vec(&self.document()).expect("problem documents are plain data");
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(logged);
        response
    }
}

/// An error, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:postlens:problem:invalid-parameter",
    "title": "A parameter is wrong",
    "status": 422,
    "detail": "`from` must be on a quarter of an hour: the nearest is 2026-11-01T10:15:00Z",
    "instance": "5f0c2d9a1b7e4c38",
    "parameter": "from"
}))]
pub(crate) struct ProblemDocument {
    /// Which problem it is: `urn:postlens:problem:…`, stable.
    r#type: String,
    /// The kind of problem, in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request, and what to change.
    detail: String,
    /// The id of the request, as in the header `x-request-id` and in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Further members, by kind: `parameter` names the parameter that is wrong; `accepted`, `rejected` and `errors` tell of a batch.
    #[serde(flatten)]
    #[schema(value_type = HashMap<String, Value>)]
    members: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, io};

    use axum::body::to_bytes;

    use super::*;

    async fn document(response: Response) -> Value {
        serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_client_is_told_what_to_change_and_not_what_broke_inside() {
        let cause = io::Error::other("password=hunter2");
        let problem = Problem::new(Kind::StorageUnavailable, "try again").caused_by(&cause).retry_after(5);
        let response = request::scope("r1", async { problem.into_response() }).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(response.extensions().get::<Logged>().unwrap().cause.as_deref(), Some("password=hunter2"));
        assert_eq!(
            document(response).await,
            serde_json::json!({
                "type": "urn:postlens:problem:storage-unavailable", "title": "Events cannot be kept now", "status": 503,
                "detail": "try again", "instance": "r1"
            })
        );
    }

    #[test]
    fn no_two_kinds_share_a_type_and_each_is_an_error() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| kind.status().as_u16() >= 400));
    }
}
