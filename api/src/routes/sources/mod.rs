//! `/v1/sources`: the webhooks of providers, each of the caller's account. What is secret of a source is taken and never shown again.

pub(crate) mod documents;
pub(crate) mod rejects;
pub(crate) mod stats;
mod wire;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header, uri::Authority},
};
use schema::{AccountId, Millis};

use self::documents::{
    MadeSource, SourceChange, SourceInfo, SourceList, SourceRequest, TokenRequest, check_mapping, check_name, provider,
};
use crate::{
    auth::{Caller, Manage},
    extract::{Json, Name},
    metadata::sources::{SourceRow, Tokens},
    openapi::{AlertProblems, ChangedAlertProblems, NewAlertProblems, OldKeyProblems},
    problem::{Kind, Problem},
    sources::HookToken,
    state::AppState,
};

/// The most sources of an account.
const MOST_SOURCES: usize = 50;
/// The longest overlap of two URLs.
const LONGEST_OVERLAP: u32 = 720;

const HOUR: i64 = 3_600_000;

/// List the sources of the caller's account.
#[utoipa::path(
    get,
    path = "/v1/sources",
    operation_id = "list_sources",
    tag = "sources",
    responses((status = 200, description = "The sources.", body = SourceList), AlertProblems)
)]
pub(crate) async fn list(caller: Caller<Manage>, State(state): State<AppState>) -> Result<Json<SourceList>, Problem> {
    let (rows, now) = (state.keys.metadata().sources(caller.account()).await?, state.clock.now());
    Ok(Json(SourceList { sources: rows.into_iter().map(|row| SourceInfo::new(row, now)).collect() }))
}

/// Make a source. The answer has the URL for its provider, which cannot be shown again.
#[utoipa::path(
    post,
    path = "/v1/sources",
    operation_id = "create_source",
    tag = "sources",
    request_body = SourceRequest,
    responses((status = 201, description = "The source and its URL.", body = MadeSource), NewAlertProblems)
)]
pub(crate) async fn create(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(request): Json<SourceRequest>,
) -> Result<(StatusCode, Json<MadeSource>), Problem> {
    let SourceRequest { provider: name_of_provider, name, verification, mapping } = request;
    let provider = provider(&name_of_provider)?;
    check_name(&name)?;
    check_mapping(&mapping)?;
    verification.scheme(provider).map_err(|detail| Problem::parameter("verification", detail))?;
    if state.keys.metadata().sources(caller.account()).await?.len() >= MOST_SOURCES {
        return Err(Problem::new(Kind::InvalidParameter, format!("an account has at most {MOST_SOURCES} sources")));
    }
    let (now, token) = (state.clock.now(), HookToken::generate());
    let id = format!("{:012x}", rand::random::<u64>() >> 16);
    let row = SourceRow {
        account: caller.account().clone(),
        provider,
        name,
        mapping,
        verification: verification.shown(None, now),
        sealed: state.sources.seal(caller.account(), &id, &verification),
        tokens: Tokens { current: token.digest(), since: now, previous: None },
        created_at: now,
        updated_at: now,
        seen_at: None,
        id,
    };
    state.keys.metadata().insert_source(&row).await?;
    Ok((StatusCode::CREATED, Json(made(&state, &headers, row, &token, now))))
}

/// Tell of a source.
#[utoipa::path(
    get,
    path = "/v1/sources/{id}",
    operation_id = "get_source",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    responses((status = 200, description = "The source.", body = SourceInfo), OldKeyProblems)
)]
pub(crate) async fn get(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<Json<SourceInfo>, Problem> {
    let row = owned(&state, caller.account(), &id).await?;
    Ok(Json(SourceInfo::new(row, state.clock.now())))
}

/// Change a source, its secrets among others.
#[utoipa::path(
    patch,
    path = "/v1/sources/{id}",
    operation_id = "change_source",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    request_body = SourceChange,
    responses((status = 200, description = "The source.", body = SourceInfo), ChangedAlertProblems)
)]
pub(crate) async fn change(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    Json(change): Json<SourceChange>,
) -> Result<Json<SourceInfo>, Problem> {
    let mut row = owned(&state, caller.account(), &id).await?;
    let now = state.clock.now();
    verify_anew(&state, &mut row, &change, now)?;
    if let Some(name) = change.name {
        check_name(&name)?;
        row.name = name;
    }
    if let Some(mapping) = change.mapping {
        check_mapping(&mapping)?;
        row.mapping = mapping;
    }
    row.updated_at = now;
    if !state.keys.metadata().update_source(&row).await? {
        return Err(unknown());
    }
    state.sources.forget(&row.id);
    Ok(Json(SourceInfo::new(row, now)))
}

/// Delete a source, with its rejects and what was counted of it. Its events stay.
#[utoipa::path(
    delete,
    path = "/v1/sources/{id}",
    operation_id = "delete_source",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    responses((status = 204, description = "It is gone."), OldKeyProblems)
)]
pub(crate) async fn delete(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    let row = owned(&state, caller.account(), &id).await?;
    state.keys.metadata().delete_source(caller.account(), &row.id).await?;
    state.sources.forget(&row.id);
    Ok(StatusCode::NO_CONTENT)
}

/// Give a source a new URL. The one before is valid for a while, so that no event is lost until the provider knows the new one.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/token",
    operation_id = "rotate_source_token",
    tag = "sources",
    params(("id" = String, Path, description = "What names the source.", example = "0f3a5c7d9b1e")),
    request_body = TokenRequest,
    responses((status = 200, description = "The source and its URL.", body = MadeSource), ChangedAlertProblems)
)]
pub(crate) async fn rotate(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
    headers: HeaderMap,
    Json(request): Json<TokenRequest>,
) -> Result<Json<MadeSource>, Problem> {
    if request.overlap_hours > LONGEST_OVERLAP {
        let detail = format!("`overlap_hours` is a whole number from 0 to {LONGEST_OVERLAP}");
        return Err(Problem::parameter("overlap_hours", detail));
    }
    let row = owned(&state, caller.account(), &id).await?;
    let (now, token) = (state.clock.now(), HookToken::generate());
    let until = Millis(now.0 + i64::from(request.overlap_hours) * HOUR);
    if !state.keys.metadata().rotate_token((caller.account(), &row.id), token.digest(), until, now).await? {
        return Err(unknown());
    }
    state.sources.forget(&row.id);
    let row = owned(&state, caller.account(), &row.id).await?;
    Ok(Json(made(&state, &headers, row, &token, now)))
}

/// The source of the caller's account.
async fn owned(state: &AppState, account: &AccountId, id: &str) -> Result<SourceRow, Problem> {
    state.sources.find(account, id).await?.ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "this account has no source of that id")
}

/// Changes how a source is verified.
fn verify_anew(state: &AppState, row: &mut SourceRow, change: &SourceChange, now: Millis) -> Result<(), Problem> {
    if change.verification.is_none() && change.next_secret.is_none() && !change.retire_secret {
        return Ok(());
    }
    // What cannot be read can be set anew.
    let before = match state.sources.verification(row) {
        Ok(before) => Some(before),
        Err(_) if change.verification.is_some() => None,
        Err(error) => return Err(error.into()),
    };
    let mut after = change.verification.clone().or_else(|| before.clone()).unwrap_or_default();
    let secretless =
        |parameter| move || Problem::parameter(parameter, "the source's kind of verification has no secret");
    if let Some(secret) = &change.next_secret {
        after = after.with_next(secret.clone()).ok_or_else(secretless("next_secret"))?;
    }
    if change.retire_secret {
        after = after.retired().ok_or_else(secretless("retire_secret"))?;
    }
    let parameter = if change.verification.is_some() { "verification" } else { "next_secret" };
    after.scheme(row.provider).map_err(|detail| Problem::parameter(parameter, detail))?;
    row.verification = after.shown(before.as_ref().map(|before| (before, &row.verification)), now);
    row.sealed = state.sources.seal(&row.account, &row.id, &after);
    Ok(())
}

fn made(state: &AppState, headers: &HeaderMap, row: SourceRow, token: &HookToken, now: Millis) -> MadeSource {
    let path = format!("/v1/hooks/{}/{}", row.id, token.expose());
    let url = format!("{}{path}", base(state.alerts.link(), headers));
    MadeSource { info: SourceInfo::new(row, now), path, url }
}

/// Where people reach this service, as far as is known: by the setting, or by where the request was sent to.
fn base(link: Option<&str>, headers: &HeaderMap) -> String {
    if let Some(link) = link {
        return link.trim_end_matches('/').to_owned();
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let secure = text(header::HeaderName::from_static("x-forwarded-proto")).is_some_and(|scheme| scheme == "https");
    host.map_or_else(String::new, |host| format!("{}://{host}", if secure { "https" } else { "http" }))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_url_begins_where_the_service_is_reached() {
        let mut headers = HeaderMap::new();
        assert_eq!(base(None, &headers), "");
        assert_eq!(base(Some("https://postlens.acme.org/"), &headers), "https://postlens.acme.org");
        headers.insert(header::HOST, HeaderValue::from_static("postlens.acme.org:8080"));
        assert_eq!(base(None, &headers), "http://postlens.acme.org:8080");
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        assert_eq!(base(None, &headers), "https://postlens.acme.org:8080");
        headers.insert(header::HOST, HeaderValue::from_static("a b"));
        assert_eq!(base(None, &headers), "");
    }
}
