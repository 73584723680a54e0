//! API keys in the store: made, found, listed, revoked.

use std::{fmt, str::FromStr};

use schema::{AccountId, Millis};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use utoipa::ToSchema;

use super::{Metadata, MetadataError};
use crate::token::{Digest, KeyId};

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// To report events.
    Ingest,
    /// To read reports and the state of ingestion.
    Read,
    /// Everything, and the keys of its account.
    Admin,
}

impl Role {
    /// The name in the API and in the store.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is ingest, read or admin")]
pub(crate) struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        [Self::Ingest, Self::Read, Self::Admin].into_iter().find(|role| role.name() == name).ok_or(UnknownRole)
    }
}

/// A key that is to be stored.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// What names it.
    pub(crate) id: KeyId,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// What it allows.
    pub(crate) role: Role,
    /// What people call it.
    pub(crate) name: String,
    /// What is stored instead of it.
    pub(crate) digest: Digest,
    /// When it was made.
    pub(crate) created_at: Millis,
}

/// A key as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct KeyRecord {
    /// What names it.
    pub(crate) id: KeyId,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// What it allows.
    pub(crate) role: Role,
    /// What people call it.
    pub(crate) name: String,
    /// What is stored instead of it.
    pub(crate) digest: Digest,
    /// When it was made.
    pub(crate) created_at: Millis,
    /// When it was revoked, if it was.
    pub(crate) revoked_at: Option<Millis>,
}

impl Metadata {
    /// Stores a key of an existing account; false when there is one of that id, which then stays as it is.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn insert_key(&self, key: &NewKey) -> Result<bool, MetadataError> {
        let statement = "INSERT INTO api_keys (id, account, role, name, digest, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
                         ON CONFLICT (id) DO NOTHING";
        let result = sqlx::query(statement)
            .bind(key.id.as_str())
            .bind(key.account.as_str())
            .bind(key.role.name())
            .bind(&key.name)
            .bind(key.digest.to_hex())
            .bind(key.created_at.0)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() == 1)
    }

    /// The key of that id, revoked or not.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn find_key(&self, id: &KeyId) -> Result<Option<KeyRecord>, MetadataError> {
        let statement = "SELECT id, account, role, name, digest, created_at, revoked_at FROM api_keys WHERE id = $1";
        let row = sqlx::query(statement).bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.as_ref().map(record).transpose()
    }

    /// The keys of one account, or of all, oldest first, revoked ones too.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn list_keys(&self, account: Option<&AccountId>) -> Result<Vec<KeyRecord>, MetadataError> {
        let statement = "SELECT id, account, role, name, digest, created_at, revoked_at FROM api_keys \
                         WHERE $1 = '' OR account = $1 ORDER BY account, created_at, id";
        let account = account.map_or("", AccountId::as_str);
        let rows = sqlx::query(statement).bind(account).fetch_all(&self.pool).await?;
        rows.iter().map(record).collect()
    }

    /// Revokes a key, of one account if one is named; false when there is no such key. Revoking twice keeps the first time.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn revoke_key(
        &self,
        id: &KeyId,
        account: Option<&AccountId>,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let statement =
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2 AND ($3 = '' OR account = $3)";
        let account = account.map_or("", AccountId::as_str);
        let result = sqlx::query(statement).bind(now.0).bind(id.as_str()).bind(account).execute(&self.pool).await?;
        Ok(result.rows_affected() == 1)
    }
}

fn record(row: &AnyRow) -> Result<KeyRecord, MetadataError> {
    let text = |column| row.try_get::<String, _>(column);
    Ok(KeyRecord {
        id: KeyId::from(text("id")?),
        account: text("account")?.parse().map_err(|_| MetadataError::Unreadable("account"))?,
        role: text("role")?.parse().map_err(|_| MetadataError::Unreadable("role"))?,
        name: text("name")?,
        digest: Digest::from_hex(&text("digest")?).ok_or(MetadataError::Unreadable("digest"))?,
        created_at: Millis(row.try_get("created_at")?),
        revoked_at: row.try_get::<Option<i64>, _>("revoked_at")?.map(Millis),
    })
}
