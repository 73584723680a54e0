//! `POST /v1/events`: events in.

mod wire;

use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use ingest::{BodyFormat, IngestError, Receipt};
use schema::metrics::{EVENTS_TOTAL, Outcome as EventOutcome};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use self::wire::EventBatch;
use crate::{
    auth::{Caller, Report},
    body::{self, BodyLimits},
    extract::{Json, Pairs, media_type},
    openapi::EventProblems,
    problem::{Kind, Problem},
    state::AppState,
};

/// The largest body, compressed and decoded.
const MAX_BODY: usize = 64 << 20;

/// How long `wait=applied` waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// How events are to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Manner {
    /// `applied`: answer 200 once reports show the events, or 504 after 30 s; they are kept all the same. Default: answer 202 as
    /// soon as they are on disk.
    #[param(value_type = Option<String>, pattern = "^applied$", example = "applied")]
    wait: bool,
    /// Accept all events or none. Default: `false`, each event stands by itself.
    #[param(value_type = Option<bool>)]
    atomic: bool,
}

impl Manner {
    /// Reads the parameters.
    fn read(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let mut manner = Self::default();
        for (place, (name, value)) in pairs.iter().enumerate() {
            if pairs[..place].iter().any(|(before, _)| before == name) {
                return Err(Problem::parameter(name, format!("`{name}` is given twice: give it once")));
            }
            match (name.as_str(), value.as_str()) {
                ("wait", "applied") => manner.wait = true,
                ("wait", _) => {
                    return Err(Problem::parameter("wait", "`wait` takes `applied`; leave it out not to wait"));
                }
                ("atomic", "true") => manner.atomic = true,
                ("atomic", "false") => manner.atomic = false,
                ("atomic", _) => return Err(Problem::parameter("atomic", "`atomic` takes `true` or `false`")),
                (other, _) => {
                    let detail = format!("there is no parameter `{other}`: use `wait` and `atomic`");
                    return Err(Problem::parameter(other, detail));
                }
            }
        }
        Ok(manner)
    }
}

/// What became of the events.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"accepted": 1, "rejected": 1, "errors": [{
    "index": 1, "code": "unknown_field", "field": "mesage_id", "detail": "there is no key of this name"
}]}))]
pub(crate) struct Outcome {
    /// Events that are on disk.
    pub(crate) accepted: u64,
    /// Events that were not accepted.
    pub(crate) rejected: u64,
    /// What is wrong with the first hundred of them.
    #[schema(value_type = Vec<EventError>)]
    pub(crate) errors: Vec<ingest::Rejection>,
}

impl From<Receipt> for Outcome {
    fn from(receipt: Receipt) -> Self {
        Self { accepted: receipt.accepted, rejected: receipt.rejected, errors: receipt.errors }
    }
}

/// An event that was not accepted, and what to change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used: the value is `ingest::Rejection`")]
pub(crate) struct EventError {
    /// The event's place in the body, from 0.
    index: u64,
    /// A stable word for programs.
    code: String,
    /// The key it is about.
    #[schema(required = false)]
    field: Option<String>,
    /// A sentence for people.
    detail: String,
}

/// Report events of sent mail.
///
/// A body holds one event a line (`application/x-ndjson`), or an array of events or one event (`application/json`), at most 100,000
/// events and 64 MiB, plain or compressed with gzip or zstd. Each event stands by itself: one that is wrong is told in `errors` and
/// keeps no other from being accepted, unless `atomic=true`. Sending events again changes no number, so an unclear answer is
/// best met by sending the body again.
///
/// Each line of NDJSON is one `Event`.
#[utoipa::path(
    post,
    path = "/v1/events",
    operation_id = "post_events",
    tag = "events",
    params(
        Manner,
        ("Content-Encoding" = Option<String>, Header, description = "`gzip` or `zstd`, when the body is compressed.")
    ),
    request_body(
        content(
            (String = "application/x-ndjson", example = json!("{\"event\":\"delivered\",\"time\":\"2026-11-20T14:03:07.123Z\",\"message_id\":\"<a1@acme.org>\",\"recipient\":\"pat@example.com\"}\n")),
            (EventBatch = "application/json", example = json!([{
                "event": "queued", "time": "2026-11-20T14:03:05Z", "message_id": "<a1@acme.org>", "recipient": "pat@example.com",
                "sender": "news@acme.org", "subject": "Your visit", "campaign": "autumn", "fields": {"clinic": "north"}
            }]))
        ),
        description = "The events."
    ),
    responses(
        (status = 200, description = "`wait=applied`: accepted, and reports show them.", body = Outcome),
        (status = 202, description = "Accepted: they are on disk.", body = Outcome),
        (status = 504, description = "`wait=applied`: accepted and on disk, but reports do not show them yet.", body = Outcome),
        EventProblems
    )
)]
pub(crate) async fn post(
    caller: Caller<Report>,
    State(state): State<AppState>,
    Pairs(pairs): Pairs,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let limits = BodyLimits { bytes: MAX_BODY, time: state.limits.body_timeout };
    let admitted = Manner::read(&pairs).and_then(|manner| {
        let format = body_format(&headers)?;
        Ok((manner, format, state.admission.enter(caller.account())?))
    });
    let (manner, format, _entered) = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => return Err(body::refuse(&headers, body, limits, problem).await),
    };
    let receipt = {
        // Given back before the wait: by then the body is gone.
        let mut room = state.admission.room();
        let bytes = body::read(&headers, body, limits, &mut room).await?;
        let taken = state.ingest.accept(caller.account(), bytes, format, manner.atomic).await;
        count(&taken);
        taken?
    };
    let status = match manner.wait {
        false => StatusCode::ACCEPTED,
        true if state.ingest.applied(receipt.position, PATIENCE).await => StatusCode::OK,
        true => StatusCode::GATEWAY_TIMEOUT,
    };
    Ok((status, Json(Outcome::from(receipt))).into_response())
}

/// Counts what became of a body's events.
fn count(taken: &Result<Receipt, IngestError>) {
    let (Ok(receipt) | Err(IngestError::Refused(receipt))) = taken else { return };
    for (outcome, events) in [(EventOutcome::Accepted, receipt.accepted), (EventOutcome::Rejected, receipt.rejected)] {
        metrics::counter!(EVENTS_TOTAL, "outcome" => outcome.label()).increment(events);
    }
}

fn body_format(headers: &HeaderMap) -> Result<BodyFormat, Problem> {
    match media_type(headers).as_deref() {
        Some("application/x-ndjson" | "application/ndjson") => Ok(BodyFormat::Ndjson),
        Some("application/json") => Ok(BodyFormat::Json),
        _ => {
            let detail = "send `Content-Type: application/x-ndjson` (one event a line) or `application/json` (an array, or one event)";
            let accepted = HeaderValue::from_static("application/x-ndjson, application/json");
            Err(Problem::new(Kind::UnsupportedMediaType, detail).header(header::ACCEPT, accepted))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Manner, Problem> {
        Manner::read(&form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>())
    }

    #[test]
    fn events_are_taken_one_by_one_and_without_waiting_unless_asked_otherwise() {
        assert_eq!(read("").unwrap(), Manner { wait: false, atomic: false });
        assert_eq!(read("atomic=true&wait=applied").unwrap(), Manner { wait: true, atomic: true });
    }

    #[test]
    fn parameters_that_are_unknown_repeated_or_wrong_are_refused() {
        for query in ["atomc=true", "atomic=yes", "wait=1", "wait=applied&wait=applied", "account=other"] {
            assert_eq!(read(query).unwrap_err().kind(), Kind::InvalidParameter, "{query}");
        }
    }
}
