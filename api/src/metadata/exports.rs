//! Exports: what was ordered, how far it is, and until when its file is kept. The file itself lies at the place that is named.

use query::ExportFormat;
use schema::{AccountId, Millis};
use sqlx::{Row as _, any::AnyRow};

use super::{Metadata, MetadataError};

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportState {
    /// It waits for its turn.
    Queued,
    /// It is being written.
    Running,
    /// Its file can be downloaded.
    Done,
    /// There is no file, and there will be none.
    Failed,
    /// There was a file; its time is over.
    Expired,
}

impl ExportState {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Expired];

    /// The name in the API and in the store.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExportRow {
    /// What names it.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// Which data directory its file lies in.
    pub(crate) place: String,
    /// The form of the file.
    pub(crate) format: ExportFormat,
    /// What is reported, a JSON document.
    pub(crate) report: String,
    /// The digest of the link's token, in hexadecimal digits.
    pub(crate) token: String,
    /// How far it is.
    pub(crate) state: ExportState,
    /// How often it was begun.
    pub(crate) attempts: i64,
    /// When it was ordered.
    pub(crate) created_at: Millis,
    /// When it was begun, the last time.
    pub(crate) started_at: Option<Millis>,
    /// When it was done or failed.
    pub(crate) finished_at: Option<Millis>,
    /// Until when the file is kept.
    pub(crate) expires_at: Option<Millis>,
    /// The rows written so far.
    pub(crate) rows: i64,
    /// How many there will be, once that is known.
    pub(crate) expected: Option<i64>,
    /// How long the file is.
    pub(crate) bytes: Option<i64>,
    /// Why there is no file.
    pub(crate) error: Option<String>,
}

const COLUMNS: &str = "id, account, place, format, report, token, state, attempts, created_at, started_at, finished_at, \
                       expires_at, rows_written, rows_expected, bytes, error";

impl Metadata {
    /// Stores an export that waits for its turn, unless the account has `most` that are not done.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn add_export(&self, row: &ExportRow, most: i64) -> Result<bool, MetadataError> {
        let statement = "INSERT INTO exports (id, account, place, format, report, token, state, attempts, created_at, rows_written) \
                         SELECT $1, $2, $3, $4, $5, $6, 'queued', 0, $7, 0 WHERE \
                         (SELECT count(*) FROM exports WHERE account = $8 AND state IN ('queued', 'running')) < $9";
        let query = sqlx::query(statement).bind(&row.id).bind(row.account.as_str()).bind(&row.place);
        let query = query.bind(row.format.name()).bind(&row.report).bind(&row.token).bind(row.created_at.0);
        Ok(query.bind(row.account.as_str()).bind(most).execute(&self.pool).await?.rows_affected() == 1)
    }

    /// The export of this id, whoever's it is.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn export(&self, id: &str) -> Result<Option<ExportRow>, MetadataError> {
        let statement = format!("SELECT {COLUMNS} FROM exports WHERE id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// The newest exports of an account, newest first.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn exports(&self, account: &AccountId) -> Result<Vec<ExportRow>, MetadataError> {
        let statement =
            format!("SELECT {COLUMNS} FROM exports WHERE account = $1 ORDER BY created_at DESC, id LIMIT 200");
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(account.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Forgets an export; false when the account has none of that id.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn delete_export(&self, account: &AccountId, id: &str) -> Result<bool, MetadataError> {
        let query = sqlx::query("DELETE FROM exports WHERE account = $1 AND id = $2").bind(account.as_str()).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Takes the export of a place that has waited longest.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn take_export(&self, place: &str, now: Millis) -> Result<Option<ExportRow>, MetadataError> {
        let statement = "SELECT id FROM exports WHERE place = $1 AND state = 'queued' ORDER BY created_at, id LIMIT 1";
        let Some(first) = sqlx::query(statement).bind(place).fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let id: String = first.try_get("id")?;
        let statement = "UPDATE exports SET state = 'running', attempts = attempts + 1, started_at = $1, rows_written = 0 \
                         WHERE id = $2 AND state = 'queued'";
        let taken = sqlx::query(statement).bind(now.0).bind(&id).execute(&self.pool).await?.rows_affected() == 1;
        if taken { self.export(&id).await } else { Ok(None) }
    }

    /// Lets the exports of a place that were being written wait again: their writer is gone.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn requeue_exports(&self, place: &str) -> Result<u64, MetadataError> {
        let statement = "UPDATE exports SET state = 'queued', rows_written = 0 WHERE place = $1 AND state = 'running'";
        Ok(sqlx::query(statement).bind(place).execute(&self.pool).await?.rows_affected())
    }

    /// Lets one wait again.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn requeue_export(&self, id: &str) -> Result<(), MetadataError> {
        let statement = "UPDATE exports SET state = 'queued', rows_written = 0 WHERE id = $1 AND state = 'running'";
        sqlx::query(statement).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// Says how far an export is; false when nobody wants it any more.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn advance_export(&self, id: &str, rows: i64, expected: i64) -> Result<bool, MetadataError> {
        let statement = "UPDATE exports SET rows_written = $1, rows_expected = $2 WHERE id = $3 AND state = 'running'";
        let query = sqlx::query(statement).bind(rows).bind(expected).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Says that the file of an export is there; false when nobody wants it any more.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn finish_export(
        &self,
        id: &str,
        (rows, bytes): (i64, i64),
        now: Millis,
        expires_at: Millis,
    ) -> Result<bool, MetadataError> {
        let statement = "UPDATE exports SET state = 'done', rows_written = $1, rows_expected = $2, bytes = $3, finished_at = $4, \
                         expires_at = $5 WHERE id = $6 AND state = 'running'";
        let query = sqlx::query(statement).bind(rows).bind(rows).bind(bytes).bind(now.0).bind(expires_at.0).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Says why an export failed.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn fail_export(&self, id: &str, error: &str, now: Millis) -> Result<(), MetadataError> {
        let statement =
            "UPDATE exports SET state = 'failed', error = $1, finished_at = $2 WHERE id = $3 AND state = 'running'";
        sqlx::query(statement).bind(error).bind(now.0).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// Ends the time of files that were kept until now, and forgets what ended before `forgotten`.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn expire_exports(&self, now: Millis, forgotten: Millis) -> Result<(), MetadataError> {
        let statement = "UPDATE exports SET state = 'expired' WHERE state = 'done' AND expires_at <= $1";
        sqlx::query(statement).bind(now.0).execute(&self.pool).await?;
        let statement = "DELETE FROM exports WHERE state IN ('failed', 'expired') AND finished_at < $1";
        sqlx::query(statement).bind(forgotten.0).execute(&self.pool).await?;
        Ok(())
    }

    /// The ids of the exports of a place whose files are there to be downloaded.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn kept_exports(&self, place: &str) -> Result<Vec<String>, MetadataError> {
        let statement = "SELECT id FROM exports WHERE place = $1 AND state IN ('running', 'done')";
        let rows = sqlx::query(statement).bind(place).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }
}

fn read(row: &AnyRow) -> Result<ExportRow, MetadataError> {
    let (account, format, state): (String, String, String) =
        (row.try_get("account")?, row.try_get("format")?, row.try_get("state")?);
    let time = |name: &str| Ok::<_, MetadataError>(row.try_get::<Option<i64>, _>(name)?.map(Millis));
    let found = ExportState::ALL.into_iter().find(|one| one.name() == state);
    Ok(ExportRow {
        id: row.try_get("id")?,
        account: account.parse().map_err(|_| MetadataError::Unreadable("account"))?,
        place: row.try_get("place")?,
        format: ExportFormat::from_name(&format).ok_or(MetadataError::Unreadable("format"))?,
        report: row.try_get("report")?,
        token: row.try_get("token")?,
        state: found.ok_or(MetadataError::Unreadable("state"))?,
        attempts: row.try_get("attempts")?,
        created_at: Millis(row.try_get("created_at")?),
        started_at: time("started_at")?,
        finished_at: time("finished_at")?,
        expires_at: time("expires_at")?,
        rows: row.try_get("rows_written")?,
        expected: row.try_get("rows_expected")?,
        bytes: row.try_get("bytes")?,
        error: row.try_get("error")?,
    })
}
