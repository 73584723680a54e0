//! Maintenance windows: times in which nobody is told.

use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use crate::metadata::{Metadata, MetadataError};

/// A maintenance window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MaintenanceRow {
    /// What names it in its account.
    pub(crate) id: String,
    /// From when.
    pub(crate) starts_at: Millis,
    /// To when, exclusive.
    pub(crate) ends_at: Millis,
    /// The ids of the rules that are quiet; none named: all.
    pub(crate) rules: Vec<String>,
    /// Why.
    pub(crate) note: String,
}

impl MaintenanceRow {
    /// Whether a rule is quiet now.
    pub(crate) fn covers(&self, rule: &str, now: Millis) -> bool {
        (self.starts_at..self.ends_at).contains(&now)
            && (self.rules.is_empty() || self.rules.iter().any(|id| id == rule))
    }
}

impl Metadata {
    /// The maintenance windows of an account that are not over, from the earliest.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn maintenance(
        &self,
        account: &AccountId,
        now: Millis,
    ) -> Result<Vec<MaintenanceRow>, MetadataError> {
        let statement = "SELECT id, starts_at, ends_at, rules, note FROM alert_maintenance WHERE account = $1 AND ends_at > $2 \
                         ORDER BY starts_at, id";
        sqlx::query(statement)
            .bind(account.as_str())
            .bind(now.0)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Stores a maintenance window.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn add_maintenance(&self, account: &AccountId, row: &MaintenanceRow) -> Result<(), MetadataError> {
        let statement = "INSERT INTO alert_maintenance (account, id, starts_at, ends_at, rules, note) VALUES ($1, $2, $3, $4, $5, $6)";
        let rules = serde_json::to_string(&row.rules).expect("texts are plain data");
        let query =
            sqlx::query(statement).bind(account.as_str()).bind(&row.id).bind(row.starts_at.0).bind(row.ends_at.0);
        query.bind(rules).bind(&row.note).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets a maintenance window; false when there was none of that id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_maintenance(&self, account: &AccountId, id: &str) -> Result<bool, MetadataError> {
        let query =
            sqlx::query("DELETE FROM alert_maintenance WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<MaintenanceRow, MetadataError> {
    let rules: String = row.try_get("rules")?;
    Ok(MaintenanceRow {
        id: row.try_get("id")?,
        starts_at: Millis(row.try_get("starts_at")?),
        ends_at: Millis(row.try_get("ends_at")?),
        rules: serde_json::from_str(&rules).map_err(|_| MetadataError::Unreadable("list of rules"))?,
        note: row.try_get("note")?,
    })
}
