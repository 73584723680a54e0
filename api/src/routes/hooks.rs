//! `POST /v1/hooks/{source}/{token}`: what providers post to their webhooks. There is no key: the path holds a secret, so it is never
//! logged, and nobody learns from an answer or from its time whether a source exists.

use std::collections::BTreeMap;

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
};
use ingest::Provider;
use schema::metrics::{HOOKS_TOTAL, Hook};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    body::{self, BodyLimits},
    extract::{Json, Two},
    openapi::HookProblems,
    problem::{Kind, Problem},
    request::Owner,
    sources::{HookError, HookToken, Outcome, Source, verify::Refusal, verify::Scheme},
    state::AppState,
};

/// The largest body, compressed and decoded.
const MAX_BODY: usize = 16 << 20;

/// The label of a provider where none is known.
const NOBODY: &str = "unknown";

/// What became of what a body tells.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(example = json!({"accepted": 2, "rejected": 1, "ignored": 1, "reasons": {"missing_field": 1}, "repeated": false}))]
pub(crate) struct HookAnswer {
    /// Events that are on disk.
    accepted: u64,
    /// Events that were not accepted: sending them again would not help.
    rejected: u64,
    /// What is of a type that is none of our events.
    ignored: u64,
    /// How many were rejected for which reason.
    reasons: BTreeMap<String, u64>,
    /// This very request was taken before, so nothing was done.
    repeated: bool,
}

impl From<Outcome> for HookAnswer {
    fn from(outcome: Outcome) -> Self {
        let Outcome { accepted, rejected, reasons, ignored } = outcome;
        Self { accepted, rejected, ignored, reasons, repeated: false }
    }
}

/// Take what a provider posts to its webhook.
///
/// The URL is the answer of `POST /v1/sources`. The body is the provider's own, at most 16 MiB, plain or compressed with gzip or zstd; it is
/// answered once its events are on disk. The status is the one that makes the provider send it again, or not: what is of the right
/// form is answered 200, even where single events are rejected.
#[utoipa::path(
    post,
    path = "/v1/hooks/{source}/{token}",
    operation_id = "post_hook",
    tag = "sources",
    security(()),
    params(
        ("source" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e"),
        ("token" = String, Path, description = "The secret of the URL.", example = "Zx81…")
    ),
    request_body(
        content(
            (Vec<Object> = "application/json", example = json!([{"email": "pat@example.com", "timestamp": 1_795_183_387,
                "event": "delivered", "sg_event_id": "ZGVsaXZlcmVk", "sg_message_id": "14c5d75ce93.dfd.64b469"}]))
        ),
        description = "What the provider posts; its media type is not looked at."
    ),
    responses(
        (status = 200, description = "It is on disk, or there is nothing in it.", body = HookAnswer),
        HookProblems
    )
)]
pub(crate) async fn post(
    State(state): State<AppState>,
    Two(source, token): Two,
    owner: Option<Extension<Owner>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<HookAnswer>, Problem> {
    let limits = BodyLimits { bytes: MAX_BODY, time: state.limits.body_timeout };
    let opened = match state.sources.open(&source, &HookToken::presented(token)).await {
        Ok(Some(source)) => Ok(source),
        Ok(None) => Err((Hook::Unknown, Problem::new(Kind::NotFound, "there is no webhook at this URL"))),
        Err(error) => Err((Hook::Failed, error.into())),
    };
    let source = match opened {
        Ok(source) => source,
        Err((outcome, problem)) => {
            count(NOBODY, outcome);
            return Err(body::refuse(&headers, body, limits, problem).await);
        }
    };
    if let Some(Extension(owner)) = owner {
        owner.set(&source.account);
    }
    let provider = source.provider;
    let (outcome, answer) = work(&state, &source, &headers, body, limits).await;
    count(provider.name(), outcome);
    answer.map(Json)
}

async fn work(
    state: &AppState,
    source: &Source,
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
) -> (Hook, Result<HookAnswer, Problem>) {
    let _entered = match state.admission.enter(&source.account) {
        Ok(entered) => entered,
        Err(problem) => return (Hook::Failed, Err(body::refuse(headers, body, limits, problem).await)),
    };
    let mut room = state.admission.room();
    let bytes = match body::read(headers, body, limits, &mut room).await {
        Ok(bytes) => bytes,
        Err(problem) => return (Hook::Failed, Err(problem)),
    };
    match state.sources.take(&state.ingest, source, headers, bytes).await {
        Ok(outcome) => (Hook::Taken, Ok(outcome.into())),
        // Its signature covers all of it, so all of it was taken: its provider did not get the answer.
        Err(HookError::Refused(Refusal::Replayed)) if source.provider != Provider::Mailgun => {
            (Hook::Repeated, Ok(HookAnswer { repeated: true, ..HookAnswer::default() }))
        }
        Err(error) => (kind(&error), Err(problem(error, source))),
    }
}

fn kind(error: &HookError) -> Hook {
    match error {
        HookError::Refused(Refusal::Unavailable) | HookError::Ingest(_) | HookError::Source(_) => Hook::Failed,
        HookError::Refused(Refusal::Replayed) => Hook::Repeated,
        HookError::Refused(_) => Hook::Refused,
        HookError::Undecodable(_) => Hook::Undecodable,
    }
}

fn count(provider: &'static str, outcome: Hook) {
    metrics::counter!(HOOKS_TOTAL, "provider" => provider, "outcome" => outcome.label()).increment(1);
}

/// What is answered, so that the provider sends it again when that may help. Mailgun takes 406 for a wish not to.
fn problem(error: HookError, source: &Source) -> Problem {
    let again = source.provider != Provider::Mailgun;
    match error {
        HookError::Undecodable(reason) => {
            let detail =
                format!("this is not what `{}` sends: {reason}; it is kept as a reject", source.provider.name());
            Problem::new(if again { Kind::Undecodable } else { Kind::NotAgain }, detail)
        }
        HookError::Refused(refusal) => match refusal {
            Refusal::Unavailable => Problem::new(Kind::Unverifiable, refusal.to_string()).retry_after(10),
            Refusal::Stale | Refusal::Replayed => Problem::new(Kind::NotAgain, refusal.to_string()),
            Refusal::Missing | Refusal::Wrong => {
                let challenge = match source.scheme {
                    Scheme::Basic(_) => HeaderValue::from_static("Basic realm=\"postlens\""),
                    _ => HeaderValue::from_static("Signature realm=\"postlens\""),
                };
                Problem::new(Kind::Unverified, refusal.to_string()).header(header::WWW_AUTHENTICATE, challenge)
            }
        },
        HookError::Ingest(error) => error.into(),
        HookError::Source(error) => error.into(),
    }
}
