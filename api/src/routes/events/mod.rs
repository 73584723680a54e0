//! `POST /v1/events`: events in.

mod form;
mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use ingest::{IngestError, Provider, Receipt, Taken};
use schema::{
    AccountId,
    metrics::{EVENTS_TOTAL, Outcome as EventOutcome},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use self::{form::Form, wire::EventBatch};
use crate::{
    auth::{Caller, Report},
    body::{self, BodyLimits},
    extract::{Json, Pairs},
    openapi::EventProblems,
    problem::Problem,
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
    /// Whose format the body has: `native`, a provider of mail, or a kind of report as mail. Default: `native`.
    #[param(value_type = Option<String>, pattern = "^(native|sparkpost|mailgun|sendgrid|postmark|ses|mailjet|postal|kumomta|arf|dsn)$")]
    format: Option<Provider>,
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
                ("format", "native") => manner.format = None,
                ("format", name) => manner.format = Some(provider(name)?),
                (other, _) => {
                    let detail = format!("there is no parameter `{other}`: use `wait`, `atomic` and `format`");
                    return Err(Problem::parameter(other, detail));
                }
            }
        }
        Ok(manner)
    }
}

fn provider(name: &str) -> Result<Provider, Problem> {
    Provider::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Provider::ALL.iter().map(|provider| provider.name()).collect();
        Problem::parameter("format", format!("`format` takes native, {}", names.join(", ")))
    })
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
    /// How much of a provider's body tells of nothing that is counted here, by the provider's names of its types.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub(crate) ignored: BTreeMap<String, u64>,
}

impl From<Receipt> for Outcome {
    fn from(receipt: Receipt) -> Self {
        let Receipt { accepted, rejected, errors, .. } = receipt;
        Self { accepted, rejected, errors, ignored: BTreeMap::new() }
    }
}

impl From<Taken> for Outcome {
    fn from(Taken { receipt, ignored }: Taken) -> Self {
        Self { ignored, ..Self::from(receipt) }
    }
}

/// An event that was not accepted, and what to change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used: the value is `ingest::Rejection`")]
pub(crate) struct EventError {
    /// The event's place in the body, from 0; of a provider's lines and of a mailbox, the place of its line or message.
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
///
/// With `format` a body is what a provider posts to a webhook (`application/json`), such a body in each line (`application/x-ndjson`), or, for
/// `arf` and `dsn`, a message (`message/rfc822`) or a mailbox of messages (`application/mbox`). What of it is no event of ours is counted in
/// `ignored`. A body that is not what the provider sends is answered 400; a line or a message of a mailbox that is not is told in `errors`.
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
            }])),
            (String = "message/rfc822", example = json!(form::REPORT)),
            (String = "application/mbox", example = json!(form::MAILBOX))
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
        let form = Form::of(manner.format, &headers)?;
        Ok((manner, form, state.admission.enter(caller.account())?))
    });
    let (manner, form, _entered) = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => return Err(body::refuse(&headers, body, limits, problem).await),
    };
    let taken = {
        // Given back before the wait: by then the body is gone.
        let mut room = state.admission.room();
        let bytes = body::read(&headers, body, limits, &mut room).await?;
        let taken = take(&state, caller.account(), bytes, form, manner.atomic).await;
        count(&taken);
        taken?
    };
    let status = match manner.wait {
        false => StatusCode::ACCEPTED,
        true if state.ingest.applied(taken.receipt.position, PATIENCE).await => StatusCode::OK,
        true => StatusCode::GATEWAY_TIMEOUT,
    };
    Ok((status, Json(Outcome::from(taken))).into_response())
}

async fn take(
    state: &AppState,
    account: &AccountId,
    body: Bytes,
    form: Form,
    atomic: bool,
) -> Result<Taken, IngestError> {
    match form {
        Form::Events(format) => {
            let receipt = state.ingest.accept(account, body, format, atomic).await?;
            Ok(Taken { receipt, ignored: BTreeMap::new() })
        }
        Form::Provider(provider, packing) => {
            state.ingest.accept_packed(account, body, provider, Arc::default(), packing, atomic).await
        }
    }
}

/// Counts what became of a body's events.
fn count(taken: &Result<Taken, IngestError>) {
    let (Ok(Taken { receipt, .. }) | Err(IngestError::Refused(receipt))) = taken else { return };
    for (outcome, events) in [(EventOutcome::Accepted, receipt.accepted), (EventOutcome::Rejected, receipt.rejected)] {
        metrics::counter!(EVENTS_TOTAL, "outcome" => outcome.label()).increment(events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    fn read(query: &str) -> Result<Manner, Problem> {
        Manner::read(&form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>())
    }

    #[test]
    fn events_are_taken_one_by_one_and_without_waiting_unless_asked_otherwise() {
        assert_eq!(read("").unwrap(), Manner { wait: false, atomic: false, format: None });
        let manner = Manner { wait: true, atomic: true, format: Some(Provider::Ses) };
        assert_eq!(read("atomic=true&wait=applied&format=ses").unwrap(), manner);
        assert_eq!(read("format=native").unwrap(), Manner::default());
    }

    #[test]
    fn the_specification_knows_every_format() {
        let parameters = serde_json::to_value(Manner::into_params(|| None)).unwrap();
        let format = parameters.as_array().unwrap().iter().find(|parameter| parameter["name"] == "format").unwrap();
        let names: Vec<_> = Provider::ALL.iter().map(|provider| provider.name()).collect();
        assert_eq!(format["schema"]["pattern"], format!("^(native|{})$", names.join("|")));
    }

    #[test]
    fn parameters_that_are_unknown_repeated_or_wrong_are_refused() {
        for query in ["atomc=true", "atomic=yes", "wait=1", "wait=applied&wait=applied", "account=other", "format=smtp"]
        {
            assert_eq!(read(query).unwrap_err().kind(), Kind::InvalidParameter, "{query}");
        }
    }
}
