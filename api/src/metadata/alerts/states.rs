//! The states of alerts: those that are pending or firing.

use query::{
    Range,
    alert::{Alert, Evidence, Phase},
};
use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use crate::metadata::{Metadata, MetadataError};

/// An alert as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StateRow {
    /// The rule.
    pub(crate) rule: String,
    /// The value that it watches; empty without a dimension.
    pub(crate) value: String,
    /// Where it is in its life.
    pub(crate) alert: Alert,
    /// Who takes care of it, since when.
    pub(crate) acknowledged: Option<(Millis, String)>,
}

/// What people do to an alert.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Care {
    /// Somebody takes care of it.
    Acknowledge {
        /// Who.
        by: String,
    },
    /// Nobody wants to hear of it until then; `None`: any more.
    Mute(Option<Millis>),
}

impl Metadata {
    /// The alerts of an account that are pending or firing.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn alert_states(&self, account: &AccountId) -> Result<Vec<StateRow>, MetadataError> {
        let statement = "SELECT rule, value, phase, since, range_from, range_to, numbers, told_at, acknowledged_at, \
                         acknowledged_by, muted_until FROM alert_states WHERE account = $1 ORDER BY rule, value";
        let rows = sqlx::query(statement).bind(account.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Takes care of an alert; false when it is over.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn care(
        &self,
        account: &AccountId,
        (rule, value): (&str, &str),
        care: &Care,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let result = match care {
            Care::Acknowledge { by } => {
                let statement = "UPDATE alert_states SET acknowledged_at = $4, acknowledged_by = $5 \
                                 WHERE account = $1 AND rule = $2 AND value = $3";
                let query = sqlx::query(statement).bind(account.as_str()).bind(rule).bind(value);
                query.bind(now.0).bind(by.as_str()).execute(&self.pool).await?
            }
            Care::Mute(until) => {
                let statement =
                    "UPDATE alert_states SET muted_until = $4 WHERE account = $1 AND rule = $2 AND value = $3";
                let query = sqlx::query(statement).bind(account.as_str()).bind(rule).bind(value);
                query.bind(until.map(|until| until.0)).execute(&self.pool).await?
            }
        };
        Ok(result.rows_affected() == 1)
    }
}

pub(super) const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "pending",
        Phase::Firing => "firing",
    }
}

fn read(row: &AnyRow) -> Result<StateRow, MetadataError> {
    let time = |column| row.try_get::<Option<i64>, _>(column).map(|time| time.map(Millis));
    let second = |column| {
        let second: i64 = row.try_get(column)?;
        u32::try_from(second).map_err(|_| MetadataError::Unreadable("range"))
    };
    let phase = match row.try_get::<String, _>("phase")?.as_str() {
        "pending" => Phase::Pending,
        "firing" => Phase::Firing,
        _ => return Err(MetadataError::Unreadable("phase")),
    };
    let numbers: String = row.try_get("numbers")?;
    let numbers = serde_json::from_str(&numbers).map_err(|_| MetadataError::Unreadable("numbers"))?;
    let acknowledged_at = time("acknowledged_at")?;
    let by: Option<String> = row.try_get("acknowledged_by")?;
    Ok(StateRow {
        rule: row.try_get("rule")?,
        value: row.try_get("value")?,
        alert: Alert {
            phase,
            since: Millis(row.try_get("since")?),
            evidence: Evidence { range: Range { from: second("range_from")?, to: second("range_to")? }, numbers },
            told: time("told_at")?,
            acknowledged: acknowledged_at.is_some(),
            muted_until: time("muted_until")?,
        },
        acknowledged: acknowledged_at.map(|at| (at, by.unwrap_or_default())),
    })
}
