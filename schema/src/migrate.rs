//! Brings a ClickHouse database to the current schema: once per migration, in order, however often it is called. A migration that
//! was interrupted begins anew with its first statement, for its number is recorded after its last.

use crate::{ClickHouse, tables::migrations};

/// The database could not be brought to the current schema.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// ClickHouse refused or could not be reached.
    #[error("migration {0} failed")]
    Failed(usize, #[source] clickhouse::error::Error),
    /// The database was written by a newer Postlens.
    #[error(
        "the database has schema version {found}, this Postlens knows {known}: run the newer Postlens that wrote it"
    )]
    Newer {
        /// The version found.
        found: u32,
        /// The version that this program ends at.
        known: u32,
    },
}

/// Creates the database and its tables, or brings them to the current version.
///
/// # Errors
/// When ClickHouse cannot be reached, refuses a statement, or holds a newer schema.
pub async fn migrate(clickhouse: &ClickHouse) -> Result<(), MigrationError> {
    let failed = |number| move |error| MigrationError::Failed(number, error);
    let create = format!("CREATE DATABASE IF NOT EXISTS `{}`", clickhouse.database());
    clickhouse.server().query_raw(&create).execute().await.map_err(failed(0))?;
    let client = clickhouse.client();
    let versions = "CREATE TABLE IF NOT EXISTS migrations (version UInt32, applied DateTime DEFAULT now()) ENGINE = MergeTree ORDER BY version";
    client.query_raw(versions).execute().await.map_err(failed(0))?;

    let migrations = migrations();
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    let found: u32 = client.query_raw("SELECT max(version) FROM migrations").fetch_one().await.map_err(failed(0))?;
    if found > known {
        return Err(MigrationError::Newer { found, known });
    }
    for (number, statements) in (1..).zip(&migrations).skip(found as usize) {
        for statement in statements {
            client.query_raw(statement).execute().await.map_err(failed(number))?;
        }
        let record = format!("INSERT INTO migrations (version) VALUES ({number})");
        client.query_raw(&record).execute().await.map_err(failed(number))?;
    }
    Ok(())
}
