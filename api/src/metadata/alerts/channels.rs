//! Channels in the store. What is secret of them is stored sealed.

use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use crate::metadata::{Metadata, MetadataError};

/// A channel as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelRow {
    /// What names it in its account.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// Of which kind it is.
    pub(crate) kind: String,
    /// The least severity that it is told of.
    pub(crate) least: String,
    /// What may be shown of it, a JSON document.
    pub(crate) settings: String,
    /// What is secret of it.
    pub(crate) sealed: String,
    /// When it was made.
    pub(crate) created_at: Millis,
}

impl Metadata {
    /// The channels of an account, oldest first.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn channels(&self, account: &AccountId) -> Result<Vec<ChannelRow>, MetadataError> {
        let statement = "SELECT id, name, kind, least, settings, sealed, created_at FROM alert_channels WHERE account = $1 \
                         ORDER BY created_at, id";
        sqlx::query(statement).bind(account.as_str()).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// A channel of an account.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn channel(&self, account: &AccountId, id: &str) -> Result<Option<ChannelRow>, MetadataError> {
        let statement = "SELECT id, name, kind, least, settings, sealed, created_at FROM alert_channels WHERE account = $1 AND id = $2";
        let row = sqlx::query(statement).bind(account.as_str()).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Stores a channel, in place of one of that id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn put_channel(&self, account: &AccountId, channel: &ChannelRow) -> Result<(), MetadataError> {
        let statement = "INSERT INTO alert_channels (account, id, name, kind, least, settings, sealed, created_at) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account, id) DO UPDATE SET name = excluded.name, \
                         kind = excluded.kind, least = excluded.least, settings = excluded.settings, sealed = excluded.sealed";
        let query =
            sqlx::query(statement).bind(account.as_str()).bind(&channel.id).bind(&channel.name).bind(&channel.kind);
        let query = query.bind(&channel.least).bind(&channel.settings).bind(&channel.sealed).bind(channel.created_at.0);
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets a channel; false when there was none of that id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_channel(&self, account: &AccountId, id: &str) -> Result<bool, MetadataError> {
        let query =
            sqlx::query("DELETE FROM alert_channels WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<ChannelRow, MetadataError> {
    Ok(ChannelRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        kind: row.try_get("kind")?,
        least: row.try_get("least")?,
        settings: row.try_get("settings")?,
        sealed: row.try_get("sealed")?,
        created_at: Millis(row.try_get("created_at")?),
    })
}
