//! Spam rates that mailbox providers told, by domain and day.

use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use crate::metadata::{Metadata, MetadataError};

/// A spam rate that somebody else measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ObservationRow {
    /// The sender's domain.
    pub(crate) domain: String,
    /// The day, `YYYY-MM-DD`.
    pub(crate) day: String,
    /// Who told it.
    pub(crate) source: String,
    /// The rate as a fraction.
    pub(crate) rate: f64,
}

impl ObservationRow {
    /// The domain in the form that it is stored in; `None` when it is none.
    pub(crate) fn domain(text: &str) -> Option<String> {
        let address = format!("x@{}", text.trim());
        let domain = schema::domain_of(&schema::recipient(&address).ok()?).to_owned();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        Some(domain).filter(|domain| domain.contains('.') && domain.bytes().all(plain))
    }
}

impl Metadata {
    /// Stores observations, in place of those of the same domain, day and source: all or none.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn put_observations(
        &self,
        account: &AccountId,
        rows: &[ObservationRow],
        now: Millis,
    ) -> Result<(), MetadataError> {
        let mut transaction = self.pool.begin().await?;
        let statement = "INSERT INTO observations (account, domain, day, source, rate, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
                         ON CONFLICT (account, domain, day, source) DO UPDATE SET rate = excluded.rate, updated_at = excluded.updated_at";
        for row in rows {
            let query =
                sqlx::query(statement).bind(account.as_str()).bind(&row.domain).bind(&row.day).bind(&row.source);
            query.bind(row.rate).bind(now.0).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The observations of an account from a day on, by domain, day and source.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn observations(
        &self,
        account: &AccountId,
        from: &str,
    ) -> Result<Vec<ObservationRow>, MetadataError> {
        let statement = "SELECT domain, day, source, rate FROM observations WHERE account = $1 AND day >= $2 ORDER BY domain, day, source";
        sqlx::query(statement).bind(account.as_str()).bind(from).fetch_all(&self.pool).await?.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<ObservationRow, MetadataError> {
    Ok(ObservationRow {
        domain: row.try_get("domain")?,
        day: row.try_get("day")?,
        source: row.try_get("source")?,
        rate: row.try_get("rate")?,
    })
}
