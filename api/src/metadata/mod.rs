//! Accounts, keys, alerts, sources, exports, saved filters and saved reports in SQL: SQLite in the data directory by default, PostgreSQL by
//! URL. One set of statements serves both.

pub(crate) mod alerts;
mod exports;
mod keys;
#[cfg(test)]
mod postgres;
pub(crate) mod saved;
pub(crate) mod segments;
pub(crate) mod sources;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, path::Path, time::Duration};

use schema::{AccountId, Millis};
use sqlx::{
    AnyPool, SqlSafeStr as _,
    any::AnyPoolOptions,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

pub(crate) use exports::{ExportRow, ExportState};
pub(crate) use keys::{KeyRecord, NewKey, Role};

/// Why accounts and keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    /// The URL is of no database that is supported.
    #[error("the setting `metadata.url` must begin with postgres:// or sqlite://")]
    Url,
    /// The database cannot be brought to the current schema.
    #[error("the metadata store cannot be migrated")]
    Migration(#[from] MigrateError),
    /// The database refused or cannot be reached.
    #[error("the metadata store does not answer")]
    Database(#[from] sqlx::Error),
    /// A row that this program did not write.
    #[error("the metadata store holds an unreadable {0}")]
    Unreadable(&'static str),
}

/// Where accounts and keys are kept.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pool: AnyPool,
}

impl Metadata {
    /// Opens the store at `url`, or the SQLite database in the data directory, and brings it to the current schema.
    ///
    /// # Errors
    /// When the database cannot be reached or migrated.
    pub(crate) async fn open(url: Option<&str>, data_dir: &Path) -> Result<Self, MetadataError> {
        sqlx::any::install_default_drivers();
        let url = match url {
            Some(url) if is_supported(url) => url.to_owned(),
            Some(_) => return Err(MetadataError::Url),
            None => sqlite_url(&data_dir.join("metadata.sqlite")),
        };
        let sqlite = url.starts_with("sqlite:");
        let pool = AnyPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        sqlx::raw_sql(PRAGMAS).execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .connect(&url)
            .await?;
        migrations().run(&pool).await?;
        Ok(Self { pool })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn ping(&self) -> Result<(), MetadataError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Makes the account if it is not there.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn ensure_account(&self, account: &AccountId, now: Millis) -> Result<(), MetadataError> {
        sqlx::query("INSERT INTO accounts (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(account.as_str())
            .bind(now.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Readers do not wait for a writer; a writer waits for another; what is acknowledged is on disk.
const PRAGMAS: &str =
    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

fn is_supported(url: &str) -> bool {
    ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme))
}

fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_') {
            url.push(char::from(*byte));
        } else {
            write!(url, "%{byte:02X}").expect("writing to a String does not fail");
        }
    }
    url + "?mode=rwc"
}

/// The migrations, oldest first. Never change one that was released, append another.
fn migrations() -> Migrator {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "accounts and keys", include_str!("migrations/0001_accounts_and_keys.sql")),
        migration(2, "alerts", include_str!("migrations/0002_alerts.sql")),
        migration(3, "sources", include_str!("migrations/0003_sources.sql")),
        migration(4, "exports", include_str!("migrations/0004_exports.sql")),
        migration(5, "segments", include_str!("migrations/0005_segments.sql")),
        migration(6, "saved reports", include_str!("migrations/0006_saved_reports.sql")),
    ])
}
