//! Puts right what differs, by inserting: cells are sums, so the difference makes them right; a delivery gets a later state.
//!
//! All of it can be broken off at any moment. The next recount finds what is missing then, and inserts no more than that.

use std::time::Duration;

use schema::{DELIVERIES, LATENCY_COUNTS, LATENCY_STEPS, summed};

use super::{
    Doing, Recount, RecountError, Result,
    compare::{DELIVERY_COLUMNS, Kind, Slice},
    statement::{insertion, statement},
};

/// How often it is looked whether an insert is over.
const LOOK: Duration = Duration::from_millis(100);
/// Looks until it is given up.
const LOOKS: u32 = 1800;

impl Recount<'_> {
    /// Makes the tables what the events say. Deliveries get states of this version, which must be above all others.
    pub(super) async fn repair(&self, version: u64) -> Result<()> {
        let mut done = 0;
        for kind in Kind::ALL {
            for slice in self.slices(kind).await? {
                self.tell(Doing::Repairing, done, None);
                match kind.keys() {
                    Some(keys) => self.add_difference(kind, keys, &slice).await?,
                    None => self.replace_states(&slice, version).await?,
                }
                done += slice.rows;
            }
        }
        Ok(())
    }

    async fn add_difference(&self, kind: Kind, keys: &[&str], slice: &Slice) -> Result<()> {
        let (keys, columns) = (keys.join(", "), summed());
        let values = (1..=columns.len()).map(|place| format!("expected[{place}] - found[{place}]"));
        let sql = format!(
            "INSERT INTO {} ({keys}, {}, {LATENCY_STEPS}, {LATENCY_COUNTS})
SELECT {keys}, {}, latencies.1, latencies.2 FROM ({})",
            kind.table(),
            columns.join(", "),
            values.collect::<Vec<_>>().join(", "),
            self.difference(kind, &slice.days)
        );
        Ok(slice.days.bind(insertion(self.clickhouse, &sql)).execute().await?)
    }

    /// Wrong and missing states are those that the events tell; states that they do not tell get a tombstone.
    async fn replace_states(&self, slice: &Slice, version: u64) -> Result<()> {
        let (difference, condition) =
            (self.difference(Kind::Deliveries, &slice.days), Kind::Deliveries.condition(&slice.days));
        let columns = DELIVERY_COLUMNS.join(", ");
        for (from, deleted, which) in
            [(self.staging.of(DELIVERIES), 0, "notEmpty(expected)"), (DELIVERIES.to_owned(), 1, "empty(expected)")]
        {
            let sql = format!(
                "INSERT INTO {DELIVERIES} (account, sent_day, delivery, {columns}, version, deleted)
SELECT account, sent_day, delivery, {columns}, {version}, {deleted} FROM {from} FINAL
WHERE {condition} AND (account, sent_day, delivery) IN (
    SELECT account, sent_day, delivery FROM ({difference}) WHERE {which}
)"
            );
            slice.days.bind(insertion(self.clickhouse, &sql)).execute().await?;
        }
        Ok(())
    }

    /// Waits until nobody inserts: an insert whose sender was killed may still be running on a server.
    pub(super) async fn rest(&self) -> Result<()> {
        let sql =
            "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND current_database = currentDatabase()";
        for _ in 0..LOOKS {
            let running: u64 = statement(self.clickhouse, sql).fetch_one().await?;
            if running == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(RecountError::Busy)
    }

    /// The highest version of any delivery.
    pub(super) async fn latest_version(&self) -> Result<u64> {
        let sql = format!("SELECT max(version) FROM {DELIVERIES}");
        Ok(statement(self.clickhouse, &sql).fetch_one().await?)
    }
}
