//! Bodies that could not be decoded, sealed. Each distinct one is kept once, however often its provider sends it again.

use schema::Millis;
use sqlx::{Row as _, any::AnyRow};

use crate::metadata::{Metadata, MetadataError};

/// A body that is to be kept.
#[derive(Debug)]
pub(crate) struct NewReject {
    /// What tells it from others of its source, and tells nothing of it.
    pub(crate) digest: String,
    /// Why it could not be decoded.
    pub(crate) reason: String,
    /// How long it is.
    pub(crate) bytes: i64,
    /// The body.
    pub(crate) sealed: String,
}

/// What is kept of a source at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many.
    pub(crate) count: usize,
    /// How many bytes together.
    pub(crate) bytes: i64,
    /// Those that came last before this time are forgotten.
    pub(crate) since: Millis,
}

/// A body that is kept, without itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectRow {
    /// What names it in its source.
    pub(crate) number: i64,
    /// When it came first.
    pub(crate) first_at: Millis,
    /// When it came last.
    pub(crate) last_at: Millis,
    /// How often it came.
    pub(crate) times: i64,
    /// Why it could not be decoded.
    pub(crate) reason: String,
    /// How long it is.
    pub(crate) bytes: i64,
}

/// A body that is kept.
#[derive(Debug)]
pub(crate) struct SealedReject {
    /// What it is bound to.
    pub(crate) digest: String,
    /// The body.
    pub(crate) sealed: String,
}

impl Metadata {
    /// Keeps a body, and forgets the oldest ones of the source that are beyond the bounds.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn keep_reject(
        &self,
        source: &str,
        reject: &NewReject,
        bounds: Bounds,
        now: Millis,
    ) -> Result<(), MetadataError> {
        let mut transaction = self.pool.begin().await?;
        // This comes first, for it locks the source.
        let statement = "UPDATE sources SET last_reject = last_reject + 1 WHERE id = $1 RETURNING last_reject";
        let Some(row) = sqlx::query(statement).bind(source).fetch_optional(&mut *transaction).await? else {
            return Ok(());
        };
        let number: i64 = row.try_get("last_reject")?;
        let statement = "INSERT INTO source_rejects (source, number, digest, first_at, last_at, times, reason, bytes, sealed) \
                         VALUES ($1, $2, $3, $4, $4, 1, $5, $6, $7) ON CONFLICT (source, digest) DO UPDATE SET \
                         times = source_rejects.times + 1, last_at = excluded.last_at, reason = excluded.reason";
        sqlx::query(statement)
            .bind(source)
            .bind(number)
            .bind(&reject.digest)
            .bind(now.0)
            .bind(&reject.reason)
            .bind(reject.bytes)
            .bind(&reject.sealed)
            .execute(&mut *transaction)
            .await?;
        let statement = "SELECT number, first_at, last_at, times, reason, bytes FROM source_rejects WHERE source = $1 ORDER BY last_at DESC, number DESC";
        let rows = sqlx::query(statement).bind(source).fetch_all(&mut *transaction).await?;
        let (mut count, mut bytes) = (0, 0);
        for row in &rows {
            let row = read(row)?;
            (count, bytes) = (count + 1, bytes + row.bytes);
            if count > bounds.count || bytes > bounds.bytes || row.last_at < bounds.since {
                let query = sqlx::query("DELETE FROM source_rejects WHERE source = $1 AND number = $2").bind(source);
                query.bind(row.number).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The bodies of a source that are kept, the latest first.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn rejects(&self, source: &str) -> Result<Vec<RejectRow>, MetadataError> {
        let statement = "SELECT number, first_at, last_at, times, reason, bytes FROM source_rejects WHERE source = $1 ORDER BY last_at DESC, number DESC";
        sqlx::query(statement).bind(source).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// A body that is kept.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn reject(&self, source: &str, number: i64) -> Result<Option<SealedReject>, MetadataError> {
        let statement = "SELECT digest, sealed FROM source_rejects WHERE source = $1 AND number = $2";
        let row = sqlx::query(statement).bind(source).bind(number).fetch_optional(&self.pool).await?;
        let read = |row: &AnyRow| Ok(SealedReject { digest: row.try_get("digest")?, sealed: row.try_get("sealed")? });
        row.as_ref().map(read).transpose()
    }

    /// Forgets a body; false when it is not kept.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_reject(&self, source: &str, number: i64) -> Result<bool, MetadataError> {
        let query = sqlx::query("DELETE FROM source_rejects WHERE source = $1 AND number = $2").bind(source);
        Ok(query.bind(number).execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Forgets all bodies of a source.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_rejects(&self, source: &str) -> Result<(), MetadataError> {
        sqlx::query("DELETE FROM source_rejects WHERE source = $1").bind(source).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets the bodies of all sources that came last before this time.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn forget_rejects(&self, before: Millis) -> Result<(), MetadataError> {
        sqlx::query("DELETE FROM source_rejects WHERE last_at < $1").bind(before.0).execute(&self.pool).await?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<RejectRow, MetadataError> {
    Ok(RejectRow {
        number: row.try_get("number")?,
        first_at: Millis(row.try_get("first_at")?),
        last_at: Millis(row.try_get("last_at")?),
        times: row.try_get("times")?,
        reason: row.try_get("reason")?,
        bytes: row.try_get("bytes")?,
    })
}
