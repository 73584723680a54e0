//! Saved reports in the store, and their orders: that a report was due at a time stands there once, with the letters that bring it, in
//! one transaction. So whoever else noticed the same time did nothing.

use schema::{AccountId, Millis};
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{
    Metadata, MetadataError,
    alerts::{DeliveryState, Letter, Topic, post},
};
use crate::saved::SavedReportRequest;

/// A saved report as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SavedReportRow {
    /// Whose it is.
    pub(crate) account: AccountId,
    /// What names it in its account.
    pub(crate) id: String,
    /// What it is, as its author wrote it.
    pub(crate) request: SavedReportRequest,
    /// When it is due next.
    pub(crate) next_at: Option<Millis>,
    /// Grows with each change.
    pub(crate) revision: i64,
    /// When it was made.
    pub(crate) created_at: Millis,
    /// When it was changed last.
    pub(crate) updated_at: Millis,
}

/// When a report that is changed is due next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    /// When it was due before the change.
    Stays,
    /// Then, or never.
    Is(Option<Millis>),
}

/// That a report is to be delivered.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// When it was due.
    pub(crate) due_at: Millis,
    /// What names the delivery.
    pub(crate) delivery: String,
    /// Who gets it.
    pub(crate) letters: Vec<Letter>,
}

/// What became of a delivery to one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// When the report was due.
    pub(crate) due_at: Millis,
    /// What names the delivery.
    pub(crate) delivery: String,
    /// The channel; none when nobody was to get it, or that is forgotten.
    pub(crate) letter: Option<LetterState>,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LetterState {
    /// The channel.
    pub(crate) channel: String,
    /// What has become of it.
    pub(crate) state: DeliveryState,
    /// When it was delivered or given up.
    pub(crate) done_at: Option<Millis>,
    /// Why the last attempt failed.
    pub(crate) error: Option<String>,
}

const COLUMNS: &str = "account, id, definition, next_at, revision, created_at, updated_at";

impl Metadata {
    /// The saved reports of an account, oldest first.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn saved_reports(&self, account: &AccountId) -> Result<Vec<SavedReportRow>, MetadataError> {
        let statement = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM saved_reports WHERE account = $1 ORDER BY created_at, id"
        ));
        sqlx::query(statement).bind(account.as_str()).fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// A saved report of an account.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn saved_report(
        &self,
        account: &AccountId,
        id: &str,
    ) -> Result<Option<SavedReportRow>, MetadataError> {
        let statement =
            sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM saved_reports WHERE account = $1 AND id = $2"));
        let row = sqlx::query(statement).bind(account.as_str()).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Saves a new report, unless the account has `most`; false then.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn create_saved_report(
        &self,
        (account, id): (&AccountId, &str),
        request: &SavedReportRequest,
        next_at: Option<Millis>,
        most: u32,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let statement = "INSERT INTO saved_reports (account, id, definition, next_at, revision, created_at, updated_at) \
                         SELECT $1, $2, $3, $4, 1, $5, $5 WHERE (SELECT COUNT(*) FROM saved_reports WHERE account = $1) < $6";
        let query = sqlx::query(statement).bind(account.as_str()).bind(id).bind(text(request));
        let query = query.bind(next_at.map(|next| next.0)).bind(now.0).bind(i64::from(most));
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Changes a report of that revision; false when there is none. When it is due next stays or is what is given.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn change_saved_report(
        &self,
        seen: &SavedReportRow,
        request: &SavedReportRequest,
        next: Next,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let (changes, next_at) = match next {
            Next::Stays => (0, None),
            Next::Is(next_at) => (1, next_at.map(|next| next.0)),
        };
        let statement = "UPDATE saved_reports SET definition = $4, revision = revision + 1, updated_at = $5, \
                         next_at = CASE WHEN $6 = 1 THEN $7 ELSE next_at END WHERE account = $1 AND id = $2 AND revision = $3";
        let query = sqlx::query(statement).bind(seen.account.as_str()).bind(&seen.id).bind(seen.revision);
        let query = query.bind(text(request)).bind(now.0).bind(changes).bind(next_at);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Forgets a saved report, and what waits to be delivered of it; false when there was none of that id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_saved_report(&self, account: &AccountId, id: &str) -> Result<bool, MetadataError> {
        let mut transaction = self.pool.begin().await?;
        let query = sqlx::query("DELETE FROM saved_reports WHERE account = $1 AND id = $2");
        let known = query.bind(account.as_str()).bind(id).execute(&mut *transaction).await?.rows_affected() == 1;
        let waiting = "DELETE FROM alert_outbox WHERE account = $1 AND state = 'waiting' AND alert IN \
                       (SELECT delivery FROM saved_report_orders WHERE account = $1 AND report = $2)";
        sqlx::query(waiting).bind(account.as_str()).bind(id).execute(&mut *transaction).await?;
        let orders = "DELETE FROM saved_report_orders WHERE account = $1 AND report = $2";
        sqlx::query(orders).bind(account.as_str()).bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(known)
    }

    /// The saved reports of all accounts that are due.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn due_reports(&self, now: Millis, limit: u32) -> Result<Vec<SavedReportRow>, MetadataError> {
        let statement = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM saved_reports WHERE next_at <= $1 ORDER BY next_at, account, id LIMIT $2"
        ));
        sqlx::query(statement)
            .bind(now.0)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Orders what was due, and notes when it is due next. False when somebody else did, or the report was changed: then nothing was done.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then nothing was done.
    pub(crate) async fn order_due(
        &self,
        seen: &SavedReportRow,
        order: &Order,
        next_at: Option<Millis>,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let mut transaction = self.pool.begin().await?;
        // This comes first, for it takes the lock that orders services.
        let statement =
            "UPDATE saved_reports SET next_at = $5 WHERE account = $1 AND id = $2 AND revision = $3 AND next_at = $4";
        let query = sqlx::query(statement).bind(seen.account.as_str()).bind(&seen.id).bind(seen.revision);
        let query = query.bind(seen.next_at.map(|next| next.0)).bind(next_at.map(|next| next.0));
        if query.execute(&mut *transaction).await?.rows_affected() != 1 {
            return Ok(false);
        }
        let ordered = place(&mut transaction, &seen.account, &seen.id, order, now).await?;
        transaction.commit().await?;
        Ok(ordered)
    }

    /// Orders a report beside its schedule; false when there is an order of that time.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then nothing was done.
    pub(crate) async fn order_now(
        &self,
        (account, id): (&AccountId, &str),
        order: &Order,
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let mut transaction = self.pool.begin().await?;
        let ordered = place(&mut transaction, account, id, order, now).await?;
        transaction.commit().await?;
        Ok(ordered)
    }

    /// What became of the latest deliveries of a report, the latest first.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn report_deliveries(
        &self,
        account: &AccountId,
        id: &str,
        limit: u32,
    ) -> Result<Vec<Delivered>, MetadataError> {
        let statement = "SELECT placed.due_at, placed.delivery, letter.channel, letter.state, letter.done_at, letter.error \
                         FROM (SELECT account, due_at, delivery FROM saved_report_orders WHERE account = $1 AND report = $2 \
                         ORDER BY due_at DESC LIMIT $3) AS placed \
                         LEFT JOIN alert_outbox AS letter ON letter.account = placed.account AND letter.alert = placed.delivery \
                         ORDER BY placed.due_at DESC, letter.channel";
        let query = sqlx::query(statement).bind(account.as_str()).bind(id).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(read_delivered).collect()
    }

    /// Keeps a letter that is taken until then; false when somebody else has it by now.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn keep_letter(&self, id: &str, seen: Millis, until: Millis) -> Result<bool, MetadataError> {
        let statement = "UPDATE alert_outbox SET next_at = $3 WHERE id = $1 AND next_at = $2 AND state = 'waiting'";
        let query = sqlx::query(statement).bind(id).bind(seen.0).bind(until.0);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Forgets orders that were due before a time.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn forget_orders(&self, before: Millis) -> Result<(), MetadataError> {
        sqlx::query("DELETE FROM saved_report_orders WHERE due_at < $1").bind(before.0).execute(&self.pool).await?;
        Ok(())
    }
}

async fn place(
    transaction: &mut Transaction<'_, Any>,
    account: &AccountId,
    id: &str,
    order: &Order,
    now: Millis,
) -> Result<bool, MetadataError> {
    let statement = "INSERT INTO saved_report_orders (account, report, due_at, delivery) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (account, report, due_at) DO NOTHING";
    let query = sqlx::query(statement).bind(account.as_str()).bind(id).bind(order.due_at.0).bind(&order.delivery);
    if query.execute(&mut **transaction).await?.rows_affected() != 1 {
        return Ok(false);
    }
    for letter in &order.letters {
        post(transaction, account, letter, Topic::Report, now).await?;
    }
    Ok(true)
}

fn text(request: &SavedReportRequest) -> String {
    serde_json::to_string(request).expect("definitions are plain data")
}

fn read(row: &AnyRow) -> Result<SavedReportRow, MetadataError> {
    let definition: String = row.try_get("definition")?;
    Ok(SavedReportRow {
        account: row.try_get::<String, _>("account")?.parse().map_err(|_| MetadataError::Unreadable("account"))?,
        id: row.try_get("id")?,
        request: serde_json::from_str(&definition).map_err(|_| MetadataError::Unreadable("saved report"))?,
        next_at: row.try_get::<Option<i64>, _>("next_at")?.map(Millis),
        revision: row.try_get("revision")?,
        created_at: Millis(row.try_get("created_at")?),
        updated_at: Millis(row.try_get("updated_at")?),
    })
}

fn read_delivered(row: &AnyRow) -> Result<Delivered, MetadataError> {
    let channel: Option<String> = row.try_get("channel")?;
    let letter = channel.map(|channel| {
        let state: String = row.try_get("state")?;
        let state = DeliveryState::from_name(&state).ok_or(MetadataError::Unreadable("state of a letter"))?;
        let done_at = row.try_get::<Option<i64>, _>("done_at")?.map(Millis);
        Ok::<_, MetadataError>(LetterState { channel, state, done_at, error: row.try_get("error")? })
    });
    let letter = letter.transpose()?;
    Ok(Delivered { due_at: Millis(row.try_get("due_at")?), delivery: row.try_get("delivery")?, letter })
}
