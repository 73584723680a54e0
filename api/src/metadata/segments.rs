//! Saved filters in the store.

use query::SegmentRequest;
use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use super::{Metadata, MetadataError};

/// A saved filter as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentRow {
    /// What names it in its account.
    pub(crate) name: String,
    /// What it stands for, as its author wrote it.
    pub(crate) request: SegmentRequest,
    /// When it was made.
    pub(crate) created_at: Millis,
    /// When it was changed last.
    pub(crate) updated_at: Millis,
}

impl Metadata {
    /// The saved filters of an account, by their names.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn segments(&self, account: &AccountId) -> Result<Vec<SegmentRow>, MetadataError> {
        let statement =
            "SELECT name, definition, created_at, updated_at FROM segments WHERE account = $1 ORDER BY name";
        sqlx::query(statement).bind(account.as_str()).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// A saved filter of an account.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn segment(&self, account: &AccountId, name: &str) -> Result<Option<SegmentRow>, MetadataError> {
        let statement =
            "SELECT name, definition, created_at, updated_at FROM segments WHERE account = $1 AND name = $2";
        let row = sqlx::query(statement).bind(account.as_str()).bind(name).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a filter, in place of one of that name, unless the account has `most` others; false then.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn put_segment(
        &self,
        account: &AccountId,
        name: &str,
        request: &SegmentRequest,
        most: u32,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let statement = "INSERT INTO segments (account, name, definition, created_at, updated_at) SELECT $1, $2, $3, $4, $4 \
                         WHERE (SELECT COUNT(*) FROM segments WHERE account = $1 AND name <> $2) < $5 \
                         ON CONFLICT (account, name) DO UPDATE SET definition = excluded.definition, updated_at = excluded.updated_at";
        let definition = serde_json::to_string(request).expect("filters are plain data");
        let query = sqlx::query(statement).bind(account.as_str()).bind(name).bind(definition).bind(now.0);
        Ok(query.bind(i64::from(most)).execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Forgets a saved filter; false when there was none of that name.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_segment(&self, account: &AccountId, name: &str) -> Result<bool, MetadataError> {
        let query =
            sqlx::query("DELETE FROM segments WHERE account = $1 AND name = $2").bind(account.as_str()).bind(name);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<SegmentRow, MetadataError> {
    let definition: String = row.try_get("definition")?;
    Ok(SegmentRow {
        name: row.try_get("name")?,
        request: serde_json::from_str(&definition).map_err(|_| MetadataError::Unreadable("segment"))?,
        created_at: Millis(row.try_get("created_at")?),
        updated_at: Millis(row.try_get("updated_at")?),
    })
}
