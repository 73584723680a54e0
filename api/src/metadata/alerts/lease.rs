//! Who evaluates: of several services on one store, one at a time.
//!
//! A lease runs out by the clocks of the services. Should these disagree, two may think for a while that it is theirs; but every
//! decision names its term, which grows with each new holder, and only those of the latest term come true.

use schema::Millis;
use sqlx::{Any, Row as _, Transaction};

use crate::metadata::{Metadata, MetadataError};

/// A turn of evaluating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    name: &'static str,
    holder: String,
    number: i64,
}

impl Term {
    /// Whether it is still the latest; if so it stays so until the transaction ends.
    pub(super) async fn hold(&self, transaction: &mut Transaction<'_, Any>) -> Result<bool, MetadataError> {
        let statement = "UPDATE leases SET term = term WHERE name = $1 AND holder = $2 AND term = $3";
        let query = sqlx::query(statement).bind(self.name).bind(&self.holder).bind(self.number);
        Ok(query.execute(&mut **transaction).await?.rows_affected() == 1)
    }
}

impl Metadata {
    /// Takes or renews the lease of that name for so many milliseconds; `None` while somebody else has it.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn lease(
        &self,
        name: &'static str,
        holder: &str,
        now: Millis,
        millis: i64,
    ) -> Result<Option<Term>, MetadataError> {
        let statement = "INSERT INTO leases (name, holder, until_at, term) VALUES ($1, $2, $3, 1) \
                         ON CONFLICT (name) DO UPDATE SET \
                         term = CASE WHEN leases.holder = excluded.holder THEN leases.term ELSE leases.term + 1 END, \
                         holder = excluded.holder, until_at = excluded.until_at \
                         WHERE leases.holder = excluded.holder OR leases.until_at <= $4 RETURNING term";
        let query = sqlx::query(statement).bind(name).bind(holder).bind(now.0 + millis).bind(now.0);
        let row = query.fetch_optional(&self.pool).await?;
        let number = row.map(|row| row.try_get("term")).transpose()?;
        Ok(number.map(|number| Term { name, holder: holder.to_owned(), number }))
    }

    /// Lets others take the lease at once.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn release(&self, term: &Term) -> Result<(), MetadataError> {
        let statement = "UPDATE leases SET until_at = 0 WHERE name = $1 AND holder = $2 AND term = $3";
        sqlx::query(statement).bind(term.name).bind(&term.holder).bind(term.number).execute(&self.pool).await?;
        Ok(())
    }
}
