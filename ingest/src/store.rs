//! Puts a batch's inserts into ClickHouse, each exactly once, whatever becomes of the answers.
//!
//! Every insert has a token, so that ClickHouse drops a repetition. That alone is not enough: a MergeTree table notes a token just
//! before it makes the block visible, and a crash between the two leaves a token without a block. So a batch that may have been
//! tried before is looked for after it was repeated: the markers of cube, coarse and rollup count their blocks, events carry their batch's number. What is
//! still missing goes in under a new token. Deliveries replace themselves, so they are repeated without one.

use std::time::Duration;

use schema::{ClickHouse, EVENTS, MARKER_BASIS, Month, WEIGHT};

use crate::{
    ledger::Held,
    rows::{Encoded, Insert, Table},
};

/// An insert that takes longer has lost its answer; it is repeated.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Bytes of a block that are sent at once: where a connection cannot write from where they lie, the HTTP client copies them.
const PIECE: usize = 256 << 10;
/// New tokens for a block that does not arrive, before the batch is tried again from the start.
const TOKENS: u32 = 3;

type Result<T> = std::result::Result<T, StoreError>;

/// An insert did not work, or its block did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("ClickHouse: {}", crate::status::describe(.0))]
    ClickHouse(#[from] clickhouse::error::Error),
    #[error("a block for table {0} was taken but is not there")]
    Missing(&'static str),
    #[error(
        "the partition {month:?} of table {table} holds {found} blocks of this ledger where {expected} were written: `postlens rebuild` makes ledger and tables what the events say"
    )]
    Drift { table: &'static str, month: Month, found: u64, expected: u64 },
}

/// ClickHouse, as one ledger writes to it.
pub(crate) struct Store {
    pub(crate) clickhouse: ClickHouse,
    /// The ledger's name: part of its tokens and its markers' key.
    pub(crate) ledger: String,
}

/// A batch as the store sees it.
pub(crate) struct Delivered<'b> {
    pub(crate) inserts: &'b [Insert],
    /// Tells the batch from all others.
    pub(crate) number: u64,
    /// The cube's blocks before the batch.
    pub(crate) held: &'b Held,
    /// Whether some of it may have arrived already.
    pub(crate) repeated: bool,
}

impl Store {
    /// Inserts everything, the tables at once, and makes sure of it where it was tried before.
    pub(crate) async fn put(&self, batch: &Delivered<'_>) -> Result<()> {
        let (cube, coarse, rollup, deliveries, events) = tokio::join!(
            self.put_table(Table::Cube, batch),
            self.put_table(Table::Coarse, batch),
            self.put_table(Table::Rollup, batch),
            self.put_table(Table::Deliveries, batch),
            self.put_table(Table::Events, batch),
        );
        cube.and(coarse).and(rollup).and(deliveries).and(events)
    }

    async fn put_table(&self, table: Table, batch: &Delivered<'_>) -> Result<()> {
        for insert in batch.inserts.iter().filter(|insert| insert.table == table) {
            // What arrived when the batch was tried before is there.
            let Some(block) = insert.block() else { continue };
            if batch.repeated {
                self.put_again(insert, &block, batch).await?;
            } else {
                self.insert(table, block, Some(&self.token(insert, batch.number, 0))).await?;
            }
            insert.release();
        }
        Ok(())
    }

    async fn put_again(&self, insert: &Insert, block: &Encoded, batch: &Delivered<'_>) -> Result<()> {
        if insert.table == Table::Deliveries {
            return self.insert(insert.table, block.clone(), None).await;
        }
        for attempt in 0..TOKENS {
            // Looked for first: what is coarser of an older installation is filled from a cube that may have the batch's block already.
            if self.has(insert, batch).await? {
                return Ok(());
            }
            if attempt > 0 {
                tracing::warn!(
                    table = insert.table.name(),
                    "a block's token was known, but not the block: inserted again"
                );
            }
            self.insert(insert.table, block.clone(), Some(&self.token(insert, batch.number, attempt))).await?;
        }
        if self.has(insert, batch).await? {
            return Ok(());
        }
        Err(StoreError::Missing(insert.table.name()))
    }

    async fn insert(&self, table: Table, block: Encoded, token: Option<&str>) -> Result<()> {
        let sql = format!("INSERT INTO {} FORMAT Native", table.name());
        let request = self.clickhouse.client().insert_formatted_with(sql).with_timeouts(Some(TIMEOUT), Some(TIMEOUT));
        // The rows of a block differ in their keys: there is nothing to sum up or replace before a merge.
        let request = request.with_setting("optimize_on_insert", "0");
        let mut request = match token {
            Some(token) => request.with_setting("insert_deduplication_token", token),
            None => request.with_setting("insert_deduplicate", "0"),
        };
        request.send(block.head).await?;
        let mut body = block.body;
        while !body.is_empty() {
            request.send(body.split_to(PIECE.min(body.len()))).await?;
        }
        Ok(request.end().await?)
    }

    /// Whether the insert's block is in its table.
    async fn has(&self, insert: &Insert, batch: &Delivered<'_>) -> Result<bool> {
        let (table, month) = (insert.table, insert.month);
        match table {
            Table::Cube | Table::Coarse | Table::Rollup => {
                let expected = batch.held.get(&month).copied().unwrap_or(0) + 1;
                let found = self.markers(table, month).await?;
                // Also when one of before is missing: then nobody could tell whether this one is there.
                if !(expected - 1..=expected).contains(&found) {
                    let table = table.name();
                    return Err(StoreError::Drift { table, month, found, expected });
                }
                Ok(found == expected)
            }
            Table::Events => Ok(self.events(month, batch.number).await? > 0),
            Table::Deliveries => Ok(true),
        }
    }

    async fn markers(&self, table: Table, month: Month) -> Result<u64> {
        let ledger = if table == Table::Rollup { "value" } else { "campaign" };
        let sql = format!(
            "SELECT toUInt64(sum({WEIGHT})) FROM {} WHERE account = '' AND basis = {MARKER_BASIS} \
             AND {ledger} = {{ledger:String}} AND toYYYYMM(bucket) = {{month:UInt32}}",
            table.name()
        );
        let query = self.clickhouse.client().query_raw(&sql).param("ledger", &self.ledger).param("month", month.0);
        Ok(query.fetch_one().await?)
    }

    async fn events(&self, month: Month, number: u64) -> Result<u64> {
        let sql = format!(
            "SELECT count() FROM {EVENTS} WHERE batch = {{batch:UInt64}} AND toYYYYMM(time) = {{month:UInt32}}"
        );
        let query = self.clickhouse.client().query_raw(&sql).param("batch", number).param("month", month.0);
        Ok(query.fetch_one().await?)
    }

    fn token(&self, insert: &Insert, number: u64, attempt: u32) -> String {
        format!("{}:{number:016x}:{}:{attempt}", self.ledger, insert.month.0)
    }
}

#[cfg(test)]
mod tests;
