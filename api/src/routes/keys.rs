//! `/v1/keys`: an account's admins manage its keys.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rfc3339;
use crate::{
    auth::{Caller, Manage},
    extract::{Json, Name},
    metadata::{KeyRecord, NewKey, Role},
    openapi::{KeyProblems, NewKeyProblems, OldKeyProblems},
    problem::{Kind, Problem},
    state::AppState,
    token::{KeyId, Token},
};

/// A key that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "ingest", "name": "mail server"}))]
pub(crate) struct KeyRequest {
    /// What it allows.
    role: Role,
    /// What people call it, at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    name: String,
}

/// A key, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "4fX0aQ9mZk2B", "account": "acme", "role": "ingest", "name": "mail server",
    "created_at": "2026-11-20T14:03:07.123Z", "revoked_at": null
}))]
pub(crate) struct KeyInfo {
    /// What names it.
    id: String,
    /// Whose it is.
    account: String,
    /// What it allows.
    role: Role,
    /// What people call it.
    name: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was revoked; null while it is valid.
    #[schema(format = DateTime, required)]
    revoked_at: Option<String>,
}

/// A key that was made, shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"key": "pl_4fX0aQ9mZk2B_u8…", "id": "4fX0aQ9mZk2B", "account": "acme", "role": "ingest",
    "name": "mail server", "created_at": "2026-11-20T14:03:07.123Z", "revoked_at": null}))]
pub(crate) struct MadeKey {
    /// The key itself. It cannot be shown again.
    key: String,
    #[serde(flatten)]
    info: KeyInfo,
}

/// The keys of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// Oldest first, revoked ones too.
    keys: Vec<KeyInfo>,
}

/// List the keys of the caller's account.
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "list_keys",
    tag = "keys",
    responses((status = 200, description = "The keys, revoked ones too.", body = KeyList), KeyProblems)
)]
pub(crate) async fn list(caller: Caller<Manage>, State(state): State<AppState>) -> Result<Json<KeyList>, Problem> {
    let keys = state.keys.metadata().list_keys(Some(caller.account())).await?;
    Ok(Json(KeyList { keys: keys.into_iter().map(KeyInfo::from).collect() }))
}

/// Make a key for the caller's account.
#[utoipa::path(
    post,
    path = "/v1/keys",
    operation_id = "create_key",
    tag = "keys",
    request_body = KeyRequest,
    responses((status = 201, description = "The key, shown this once.", body = MadeKey), NewKeyProblems)
)]
pub(crate) async fn create(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Json(request): Json<KeyRequest>,
) -> Result<(StatusCode, Json<MadeKey>), Problem> {
    Problem::unless_short("name", &request.name, 200)?;
    let token = Token::generate();
    let key = NewKey {
        id: token.id(),
        account: caller.account().clone(),
        role: request.role,
        name: request.name,
        digest: token.digest(),
        created_at: state.clock.now(),
    };
    if !state.keys.metadata().insert_key(&key).await? {
        return Err(Problem::new(Kind::Internal, "the new key could not be named; try again"));
    }
    let info = KeyInfo {
        id: key.id.to_string(),
        account: key.account.to_string(),
        role: key.role,
        name: key.name,
        created_at: rfc3339(key.created_at),
        revoked_at: None,
    };
    Ok((StatusCode::CREATED, Json(MadeKey { key: token.expose().to_owned(), info })))
}

/// Revoke a key of the caller's account, for good.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    operation_id = "revoke_key",
    tag = "keys",
    params(("id" = String, Path, description = "What names the key.", example = "4fX0aQ9mZk2B")),
    responses((status = 204, description = "It is revoked."), OldKeyProblems)
)]
pub(crate) async fn revoke(
    caller: Caller<Manage>,
    State(state): State<AppState>,
    Name(id): Name,
) -> Result<StatusCode, Problem> {
    let unknown = || Problem::new(Kind::NotFound, "this account has no key of that id");
    let id = KeyId::given(&id).ok_or_else(unknown)?;
    if !state.keys.metadata().revoke_key(&id, Some(caller.account()), state.clock.now()).await? {
        return Err(unknown());
    }
    state.keys.forget(&id);
    Ok(StatusCode::NO_CONTENT)
}

impl From<KeyRecord> for KeyInfo {
    fn from(key: KeyRecord) -> Self {
        Self {
            id: key.id.to_string(),
            account: key.account.to_string(),
            role: key.role,
            name: key.name,
            created_at: rfc3339(key.created_at),
            revoked_at: key.revoked_at.map(rfc3339),
        }
    }
}
