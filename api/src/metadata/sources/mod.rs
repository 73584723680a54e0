//! Sources in the store: webhooks of providers, what is counted of them, and bodies that could not be decoded.

mod counts;
mod rejects;

use ingest::{Mapping, Provider};
use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

pub(crate) use counts::Delta;
pub(crate) use rejects::{Bounds, NewReject, RejectRow};

use super::{Metadata, MetadataError};
use crate::{sources::verification::Shown, token::Digest};

/// A source as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct SourceRow {
    /// What names it.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// Whose webhook it is.
    pub(crate) provider: Provider,
    /// What people call it.
    pub(crate) name: String,
    /// How what a provider tells becomes an event.
    pub(crate) mapping: Mapping,
    /// What may be shown of how it is verified.
    pub(crate) verification: Shown,
    /// How it is verified.
    pub(crate) sealed: String,
    /// What opens it.
    pub(crate) tokens: Tokens,
    /// When it was made.
    pub(crate) created_at: Millis,
    /// When it was changed last.
    pub(crate) updated_at: Millis,
    /// When a body was taken last.
    pub(crate) seen_at: Option<Millis>,
}

/// Digests of the tokens of a source.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    /// That of its URL.
    pub(crate) current: Digest,
    /// When that was made.
    pub(crate) since: Millis,
    /// That of the URL before, and until when it opens the source.
    pub(crate) previous: Option<(Digest, Millis)>,
}

const COLUMNS: &str = "id, account, provider, name, mapping, verification, sealed, token, token_at, old_token, old_token_until, \
                       created_at, updated_at, seen_at";

impl Metadata {
    /// The sources of an account, oldest first.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn sources(&self, account: &AccountId) -> Result<Vec<SourceRow>, MetadataError> {
        let statement =
            sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM sources WHERE account = $1 ORDER BY created_at, id"));
        sqlx::query(statement).bind(account.as_str()).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// A source of an account.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn source(&self, account: &AccountId, id: &str) -> Result<Option<SourceRow>, MetadataError> {
        Ok(self.source_of_anyone(id).await?.filter(|row| row.account == *account))
    }

    /// A source, whoever's it is: for its webhook, which has no key.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn source_of_anyone(&self, id: &str) -> Result<Option<SourceRow>, MetadataError> {
        let statement = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM sources WHERE id = $1"));
        let row = sqlx::query(statement).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a new source.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn insert_source(&self, source: &SourceRow) -> Result<(), MetadataError> {
        let statement = "INSERT INTO sources (id, account, provider, name, mapping, verification, sealed, token, token_at, created_at, \
                         updated_at, last_reject) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)";
        sqlx::query(statement)
            .bind(&source.id)
            .bind(source.account.as_str())
            .bind(source.provider.name())
            .bind(&source.name)
            .bind(json(&source.mapping))
            .bind(json(&source.verification))
            .bind(&source.sealed)
            .bind(source.tokens.current.to_hex())
            .bind(source.tokens.since.0)
            .bind(source.created_at.0)
            .bind(source.updated_at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Stores name, mapping and verification of a source; false when it is gone.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn update_source(&self, source: &SourceRow) -> Result<bool, MetadataError> {
        let statement = "UPDATE sources SET name = $3, mapping = $4, verification = $5, sealed = $6, updated_at = $7 \
                         WHERE account = $1 AND id = $2";
        let result = sqlx::query(statement)
            .bind(source.account.as_str())
            .bind(&source.id)
            .bind(&source.name)
            .bind(json(&source.mapping))
            .bind(json(&source.verification))
            .bind(&source.sealed)
            .bind(source.updated_at.0)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Gives a source a new token; the one before opens it until then, and one that is older does not any more. False when it is gone.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn rotate_token(
        &self,
        (account, id): (&AccountId, &str),
        token: Digest,
        until: Millis,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let statement = "UPDATE sources SET old_token = token, old_token_until = $3, token = $4, token_at = $5, updated_at = $5 \
                         WHERE account = $1 AND id = $2";
        let query = sqlx::query(statement).bind(account.as_str()).bind(id).bind(until.0);
        Ok(query.bind(token.to_hex()).bind(now.0).execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Forgets a source with what was counted and kept of it; false when there was none.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_source(&self, account: &AccountId, id: &str) -> Result<bool, MetadataError> {
        let query = sqlx::query("DELETE FROM sources WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what is stored of a source is plain data")
}

fn read(row: &AnyRow) -> Result<SourceRow, MetadataError> {
    let text = |column| row.try_get::<String, _>(column);
    let digest = |text: &str| Digest::from_hex(text).ok_or(MetadataError::Unreadable("token of a source"));
    let old = row.try_get::<Option<String>, _>("old_token")?.as_deref().map(digest).transpose()?;
    let until = row.try_get::<Option<i64>, _>("old_token_until")?;
    let tokens = Tokens {
        current: digest(&text("token")?)?,
        since: Millis(row.try_get("token_at")?),
        previous: old.zip(until.map(Millis)),
    };
    Ok(SourceRow {
        id: text("id")?,
        account: text("account")?.parse().map_err(|_| MetadataError::Unreadable("account"))?,
        provider: Provider::from_name(&text("provider")?).ok_or(MetadataError::Unreadable("provider"))?,
        name: text("name")?,
        mapping: serde_json::from_str(&text("mapping")?).map_err(|_| MetadataError::Unreadable("mapping"))?,
        verification: serde_json::from_str(&text("verification")?)
            .map_err(|_| MetadataError::Unreadable("verification"))?,
        sealed: text("sealed")?,
        tokens,
        created_at: Millis(row.try_get("created_at")?),
        updated_at: Millis(row.try_get("updated_at")?),
        seen_at: row.try_get::<Option<i64>, _>("seen_at")?.map(Millis),
    })
}
