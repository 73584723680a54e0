//! The OpenAPI document: what stands in it beside the operations, which the routes bring along.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, ResponseBuilder,
        response::Response,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{
    problem::{MEDIA_TYPE, ProblemDocument},
    routes::events::EventError,
};

/// What stands in the document beside the operations.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Postlens",
        description = "Events of sent mail in, exact reports out.\n\nEvery error is an RFC 9457 problem document with a stable `type`. \
                       Every answer carries `x-request-id`, the id under which the log speaks of the request.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact()
    ),
    servers((url = "/", description = "This service.")),
    components(schemas(ProblemDocument, EventError)),
    modifiers(&Bearer),
    security(("key" = [])),
    tags(
        (name = "events", description = "Events in."),
        (name = "sources", description = "Webhooks of providers."),
        (name = "reports", description = "Reports out."),
        (name = "exports", description = "Reports of many rows, as files."),
        (name = "messages", description = "Single messages and recipients, for keys of the role `admin`."),
        (name = "alerts", description = "What is watched, what fires, and who is told."),
        (name = "keys", description = "API keys of the account."),
        (name = "service", description = "The service itself.")
    )
)]
pub(crate) struct Base;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, made by `postlens keys create` or `POST /v1/keys`."))
            .build();
        let metrics = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The setting `metrics.key`. No API key opens `/metrics`."))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
        components.add_security_scheme("metrics_key", SecurityScheme::Http(metrics));
    }
}

/// The document, as YAML.
pub(crate) fn yaml() -> String {
    crate::server::document().to_yaml().expect("the document is plain data")
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $($status:ident)+;)+) => { $(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(StatusCode::$status,)+].into_iter().map(response).collect()
            }
        }
    )+ };
}

problems! {
    /// Reporting events.
    EventProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN REQUEST_TIMEOUT PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE
        UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// The state of ingestion.
    StatusProblems = UNAUTHORIZED FORBIDDEN INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// A report asked by parameters.
    ReportProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN NOT_ACCEPTABLE UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS
        INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// A report asked by a document.
    PostedReportProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN NOT_ACCEPTABLE REQUEST_TIMEOUT PAYLOAD_TOO_LARGE
        UNSUPPORTED_MEDIA_TYPE UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Listing dimensions.
    DimensionsProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS
        INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Listing values of a dimension.
    DimensionProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN NOT_FOUND UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS
        INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Searching for messages.
    MessagesProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR
        SERVICE_UNAVAILABLE;
    /// Looking at one message.
    MessageProblems = UNAUTHORIZED FORBIDDEN NOT_FOUND TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Metrics.
    MetricsProblems = UNAUTHORIZED INTERNAL_SERVER_ERROR;
    /// Readiness.
    ReadyProblems = INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Listing keys.
    KeyProblems = UNAUTHORIZED FORBIDDEN INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Making a key.
    NewKeyProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN REQUEST_TIMEOUT PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE
        UNPROCESSABLE_ENTITY INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// What a provider posts.
    HookProblems = BAD_REQUEST UNAUTHORIZED NOT_FOUND NOT_ACCEPTABLE REQUEST_TIMEOUT PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE
        TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Replaying what a provider posted.
    ReplayProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN NOT_FOUND PAYLOAD_TOO_LARGE TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR
        SERVICE_UNAVAILABLE;
    /// Ordering an export.
    NewExportProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN REQUEST_TIMEOUT PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE
        UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Downloading an export.
    DownloadProblems = NOT_FOUND CONFLICT GONE INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Listing what belongs to alerts.
    AlertProblems = UNAUTHORIZED FORBIDDEN INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Listing by parameters what belongs to alerts.
    AlertListProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN UNPROCESSABLE_ENTITY INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Making something that belongs to alerts.
    NewAlertProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN REQUEST_TIMEOUT PAYLOAD_TOO_LARGE UNSUPPORTED_MEDIA_TYPE
        UNPROCESSABLE_ENTITY INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Changing something that belongs to alerts.
    ChangedAlertProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN NOT_FOUND REQUEST_TIMEOUT PAYLOAD_TOO_LARGE
        UNSUPPORTED_MEDIA_TYPE UNPROCESSABLE_ENTITY INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Deleting a saved filter.
    OldSegmentProblems = UNAUTHORIZED FORBIDDEN NOT_FOUND CONFLICT INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Changing a saved report.
    ChangedReportProblems = BAD_REQUEST UNAUTHORIZED FORBIDDEN NOT_FOUND REQUEST_TIMEOUT CONFLICT PAYLOAD_TOO_LARGE
        UNSUPPORTED_MEDIA_TYPE UNPROCESSABLE_ENTITY INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Running a saved report.
    RunProblems = UNAUTHORIZED FORBIDDEN NOT_FOUND CONFLICT UNPROCESSABLE_ENTITY INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
    /// Revoking a key.
    OldKeyProblems = UNAUTHORIZED FORBIDDEN NOT_FOUND INTERNAL_SERVER_ERROR SERVICE_UNAVAILABLE;
}

/// A status and what it says, answered with a problem document.
fn response(status: StatusCode) -> (String, RefOr<Response>) {
    let description = match status {
        StatusCode::BAD_REQUEST => "The request cannot be understood.",
        StatusCode::UNAUTHORIZED => "No key, or none that is valid.",
        StatusCode::FORBIDDEN => "The key's role does not allow this.",
        StatusCode::NOT_FOUND => "There is no such thing.",
        StatusCode::CONFLICT => "There is no file here: the export is not done, failed, or lies on another machine.",
        StatusCode::GONE => "The link has expired.",
        StatusCode::NOT_ACCEPTABLE => "No format that `Accept` allows.",
        StatusCode::REQUEST_TIMEOUT => "The body did not come in time.",
        StatusCode::CONFLICT => "Something else uses it, or it was changed at the same time.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "The body has a media type or encoding that is not read here.",
        StatusCode::UNPROCESSABLE_ENTITY => "A parameter is wrong; `parameter` names it.",
        StatusCode::TOO_MANY_REQUESTS => {
            "Too many requests of this account at once. `Retry-After` tells when to try again."
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            "A part of the service is busy or away. `Retry-After` tells when to try again."
        }
        _ => "Something went wrong inside.",
    };
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, content).build();
    (status.as_str().to_owned(), RefOr::T(response))
}
