//! Rules in the store: those that an account made, and the defaults that it changed.

use query::alert::RuleRequest;
use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use crate::metadata::{Metadata, MetadataError};

/// A rule as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RuleRow {
    /// What names it in its account.
    pub(crate) id: String,
    /// The rule as its author wrote it.
    pub(crate) request: RuleRequest,
    /// Until when nobody is told.
    pub(crate) muted_until: Option<Millis>,
    /// Counts its changes; 0 is a default that was never changed.
    pub(crate) revision: i64,
    /// When it was changed last.
    pub(crate) updated_at: Millis,
}

impl Metadata {
    /// The names of all accounts.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn accounts(&self) -> Result<Vec<AccountId>, MetadataError> {
        let rows = sqlx::query("SELECT name FROM accounts ORDER BY name").fetch_all(&self.pool).await?;
        let name =
            |row: &AnyRow| row.try_get::<String, _>("name")?.parse().map_err(|_| MetadataError::Unreadable("account"));
        rows.iter().map(name).collect()
    }

    /// The stored rules of an account, by their ids.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn rules(&self, account: &AccountId) -> Result<Vec<RuleRow>, MetadataError> {
        let statement =
            "SELECT id, definition, muted_until, revision, updated_at FROM alert_rules WHERE account = $1 ORDER BY id";
        let rows = sqlx::query(statement).bind(account.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Stores a rule, in place of one of that id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn put_rule(
        &self,
        account: &AccountId,
        id: &str,
        request: &RuleRequest,
        now: Millis,
    ) -> Result<(), MetadataError> {
        let statement = "INSERT INTO alert_rules (account, id, definition, revision, updated_at) VALUES ($1, $2, $3, 1, $4) \
                         ON CONFLICT (account, id) DO UPDATE SET definition = excluded.definition, \
                         revision = alert_rules.revision + 1, updated_at = excluded.updated_at";
        sqlx::query(statement)
            .bind(account.as_str())
            .bind(id)
            .bind(json(request))
            .bind(now.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Mutes a rule until then, or not any more. A default that was not stored is stored as `request`.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn mute_rule(
        &self,
        account: &AccountId,
        id: &str,
        request: &RuleRequest,
        until: Option<Millis>,
        now: Millis,
    ) -> Result<(), MetadataError> {
        let statement = "INSERT INTO alert_rules (account, id, definition, muted_until, revision, updated_at) VALUES ($1, $2, $3, $4, 1, $5) \
             ON CONFLICT (account, id) DO UPDATE SET muted_until = excluded.muted_until, \
             revision = alert_rules.revision + 1, updated_at = excluded.updated_at";
        let query = sqlx::query(statement).bind(account.as_str()).bind(id).bind(json(request));
        query.bind(until.map(|until| until.0)).bind(now.0).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets a rule; false when there was none of that id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_rule(&self, account: &AccountId, id: &str) -> Result<bool, MetadataError> {
        let query =
            sqlx::query("DELETE FROM alert_rules WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }
}

fn json(request: &RuleRequest) -> String {
    serde_json::to_string(request).expect("rules are plain data")
}

fn read(row: &AnyRow) -> Result<RuleRow, MetadataError> {
    let definition: String = row.try_get("definition")?;
    Ok(RuleRow {
        id: row.try_get("id")?,
        request: serde_json::from_str(&definition).map_err(|_| MetadataError::Unreadable("rule"))?,
        muted_until: row.try_get::<Option<i64>, _>("muted_until")?.map(Millis),
        revision: row.try_get("revision")?,
        updated_at: Millis(row.try_get("updated_at")?),
    })
}
