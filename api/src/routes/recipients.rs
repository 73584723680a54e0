//! `/v1/recipients/hygiene`: whom to stop mailing, streamed as it comes from the database.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures::stream;
use query::{Hygiene, HygieneRequest, HygieneSpec, QueryError, Sheet, from_pairs};

use crate::{
    admission::Entered,
    auth::{Caller, Inspect},
    extract::Pairs,
    openapi::MessagesProblems,
    problem::Problem,
    state::AppState,
};

/// Whom to stop mailing: each recipient once, in the order of their addresses.
///
/// A list of any length, as NDJSON or CSV. When it cannot be read to its end the connection is broken off, so that a part is not taken
/// for the whole. In CSV an address that a spreadsheet would take for a formula has an apostrophe in front.
#[utoipa::path(
    get,
    path = "/v1/recipients/hygiene",
    operation_id = "list_hygiene",
    tag = "messages",
    params(HygieneRequest),
    responses(
        (status = 200, description = "Recipient, reason, the first and the last time, and how many messages.", content(
            (String = "application/x-ndjson", example = "{\"recipient\":\"pat@example.com\",\"reason\":\"hard_bounced\",\"first_at\":\"2026-11-03T09:00:00.000Z\",\"last_at\":\"2026-11-20T14:03:07.123Z\",\"count\":2}\n"),
            (String = "text/csv", example = "recipient,reason,first_at,last_at,count\r\npat@example.com,hard_bounced,2026-11-03T09:00:00.000Z,2026-11-20T14:03:07.123Z,2\r\n")
        )),
        MessagesProblems
    )
)]
pub(crate) async fn hygiene(
    caller: Caller<Inspect>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Pairs(pairs): Pairs,
) -> Result<Response, Problem> {
    let request: HygieneRequest = from_pairs(pairs)?;
    let spec = HygieneSpec::new(&request, state.clock.now())?;
    let sheet = spec.sheet().unwrap_or_else(|| preferred(&headers));
    let entered = state.admission.enter(caller.account())?;
    let mut list = query::hygiene(&state.clickhouse, caller.account(), &spec, sheet, &state.limits.report)?;
    // What fails before anything was answered is answered as a problem.
    let first = list.next().await?;
    let chunks = stream::try_unfold((list, first, entered), chunk);
    let (media_type, ending) = match sheet {
        Sheet::Ndjson => ("application/x-ndjson", "ndjson"),
        Sheet::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"postlens-{}.{ending}\"", spec.kind().name())),
    ];
    let mut response = (headers, Body::from_stream(chunks)).into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, authorization"));
    Ok(response)
}

/// A list that is being answered, its next lines, and the place among the account's requests that it holds.
type Answering = (Hygiene, Option<Vec<u8>>, Entered);

async fn chunk((mut list, lines, entered): Answering) -> Result<Option<(Bytes, Answering)>, QueryError> {
    let Some(lines) = lines else { return Ok(None) };
    let next = list.next().await?;
    Ok(Some((Bytes::from(lines), (list, next, entered))))
}

/// CSV for those who name it and not NDJSON.
fn preferred(headers: &HeaderMap) -> Sheet {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = accept.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    if accept.contains("text/csv") && !accept.contains("ndjson") { Sheet::Csv } else { Sheet::Ndjson }
}
