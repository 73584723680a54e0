//! The outbox: letters that wait for their channel, one after the other for each alert and channel.

use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use crate::metadata::{Metadata, MetadataError};

/// What has become of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeliveryState {
    /// It waits to be sent, for the first time or again.
    Waiting,
    /// The channel has it.
    Delivered,
    /// It was tried for a day, in vain.
    Dead,
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// The name in the API and in the store.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What letters are about. Each kind has a courier of its own, so that a report that takes long makes no alert late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A change of an alert.
    Alert,
    /// A report that was due.
    Report,
}

impl Topic {
    /// The name in the store.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Report => "report",
        }
    }
}

/// A letter and what has become of it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The idempotency key.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// The channel.
    pub(crate) channel: String,
    /// What is told, a JSON document.
    pub(crate) notice: String,
    /// When it was decided, or replayed.
    pub(crate) created_at: Millis,
    /// How often it was tried.
    pub(crate) attempts: i64,
    /// When it is tried next.
    pub(crate) next_at: Millis,
    /// What has become of it.
    pub(crate) state: DeliveryState,
    /// When it was delivered or given up.
    pub(crate) done_at: Option<Millis>,
    /// Why the last attempt failed.
    pub(crate) error: Option<String>,
}

const COLUMNS: &str = "id, account, channel, notice, created_at, attempts, next_at, state, done_at, error";

impl Metadata {
    /// Takes letters of a kind that are due: for `millis` nobody else takes them. A letter waits for those before it of its alert and channel.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn take_letters(
        &self,
        topic: Topic,
        now: Millis,
        millis: i64,
        limit: u32,
    ) -> Result<Vec<Delivery>, MetadataError> {
        let due = "SELECT id, next_at FROM alert_outbox AS letter WHERE topic = $3 AND state = 'waiting' AND next_at <= $1 AND NOT EXISTS \
                   (SELECT 1 FROM alert_outbox AS earlier WHERE earlier.channel = letter.channel AND earlier.alert = letter.alert \
                   AND earlier.account = letter.account AND earlier.position < letter.position AND earlier.state = 'waiting') \
                   ORDER BY next_at, position LIMIT $2";
        let rows = sqlx::query(due).bind(now.0).bind(i64::from(limit)).bind(topic.name()).fetch_all(&self.pool).await?;
        let mut taken = Vec::new();
        for row in rows {
            let (id, next_at): (String, i64) = (row.try_get("id")?, row.try_get("next_at")?);
            let statement = sqlx::AssertSqlSafe(format!(
                "UPDATE alert_outbox SET next_at = $1 WHERE id = $2 AND next_at = $3 AND state = 'waiting' RETURNING {COLUMNS}"
            ));
            let query = sqlx::query(statement).bind(now.0 + millis).bind(&id).bind(next_at);
            if let Some(row) = query.fetch_optional(&self.pool).await? {
                taken.push(read(&row)?);
            }
        }
        Ok(taken)
    }

    /// Notes that a letter was delivered.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn letter_delivered(&self, id: &str, now: Millis) -> Result<(), MetadataError> {
        let statement = "UPDATE alert_outbox SET state = 'delivered', done_at = $2, attempts = attempts + 1, error = NULL WHERE id = $1";
        sqlx::query(statement).bind(id).bind(now.0).execute(&self.pool).await?;
        Ok(())
    }

    /// Notes that an attempt failed: it is tried again then, or never.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn letter_failed(
        &self,
        id: &str,
        error: &str,
        again: Option<Millis>,
        now: Millis,
    ) -> Result<(), MetadataError> {
        let state = if again.is_some() { DeliveryState::Waiting } else { DeliveryState::Dead };
        let statement = "UPDATE alert_outbox SET state = $2, next_at = $3, done_at = $4, attempts = attempts + 1, error = $5 WHERE id = $1";
        let done_at = again.is_none().then_some(now.0);
        let query = sqlx::query(statement).bind(id).bind(state.name()).bind(again.unwrap_or(now).0);
        query.bind(done_at).bind(error).execute(&self.pool).await?;
        Ok(())
    }

    /// The letters of an account in a state, or all, from the latest.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn letters(
        &self,
        account: &AccountId,
        state: Option<DeliveryState>,
        limit: u32,
    ) -> Result<Vec<Delivery>, MetadataError> {
        let statement = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM alert_outbox WHERE account = $1 AND ($2 = '' OR state = $2) ORDER BY position DESC, id LIMIT $3"
        ));
        let state = state.map_or("", DeliveryState::name);
        let query = sqlx::query(statement).bind(account.as_str()).bind(state).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// Sends a letter again that was given up; false when there is no such letter.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn replay_letter(
        &self,
        account: &AccountId,
        id: &str,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let statement = "UPDATE alert_outbox SET state = 'waiting', created_at = $3, next_at = $3, done_at = NULL \
                         WHERE account = $1 AND id = $2 AND state = 'dead'";
        let query = sqlx::query(statement).bind(account.as_str()).bind(id).bind(now.0);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<Delivery, MetadataError> {
    let state: String = row.try_get("state")?;
    Ok(Delivery {
        id: row.try_get("id")?,
        account: row.try_get::<String, _>("account")?.parse().map_err(|_| MetadataError::Unreadable("account"))?,
        channel: row.try_get("channel")?,
        notice: row.try_get("notice")?,
        created_at: Millis(row.try_get("created_at")?),
        attempts: row.try_get("attempts")?,
        next_at: Millis(row.try_get("next_at")?),
        state: DeliveryState::from_name(&state).ok_or(MetadataError::Unreadable("state of a letter"))?,
        done_at: row.try_get::<Option<i64>, _>("done_at")?.map(Millis),
        error: row.try_get("error")?,
    })
}
