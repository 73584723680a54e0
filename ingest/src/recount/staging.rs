//! The tables that a recount fills beside the real ones: of the same shape, and read by nobody else.

use schema::{COARSE, CUBE, ClickHouse, DELIVERIES, ROLLUP};

use super::{RecountError, Result, statement::statement};
use crate::rows::{Insert, Table};

/// The tables that follow from events.
pub(super) const TABLES: [&str; 4] = [DELIVERIES, CUBE, COARSE, ROLLUP];

/// Tables beside the real ones, told from those of another recount by the beginning of their names.
#[derive(Clone, Copy)]
pub(super) struct Staging<'s> {
    pub(super) clickhouse: &'s ClickHouse,
    pub(super) prefix: &'static str,
}

impl Staging<'_> {
    /// The name of the table beside a real one.
    pub(super) fn of(self, table: &str) -> String {
        format!("{}_{table}", self.prefix)
    }

    /// Makes them, empty, whatever an earlier recount left.
    pub(super) async fn create(self) -> Result<()> {
        self.discard().await?;
        for table in TABLES {
            let beside = self.of(table);
            self.run(&format!("CREATE TABLE {beside} AS {table}")).await?;
            // A crash loses the recount as a whole: nothing of it need be on disk.
            self.run(&format!("ALTER TABLE {beside} MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0"))
                .await?;
        }
        Ok(())
    }

    /// Sums up what can be, so that days lie together and each is found without reading the others.
    pub(super) async fn merge(self) -> Result<()> {
        for table in TABLES {
            self.run(&format!("OPTIMIZE TABLE {} FINAL", self.of(table))).await?;
        }
        Ok(())
    }

    /// Removes them.
    pub(super) async fn discard(self) -> Result<()> {
        for table in TABLES {
            self.run(&format!("DROP TABLE IF EXISTS {}", self.of(table))).await?;
        }
        Ok(())
    }

    /// Inserts rows, those of all months of a table at once.
    pub(super) async fn insert(self, inserts: &[Insert]) -> Result<()> {
        let tables = [Table::Cube, Table::Coarse, Table::Rollup, Table::Deliveries];
        let [cube, coarse, rollup, deliveries] = tables.map(|table| Box::pin(self.insert_into(table, inserts)));
        let (cube, coarse, rollup, deliveries) = tokio::join!(cube, coarse, rollup, deliveries);
        cube.and(coarse).and(rollup).and(deliveries)
    }

    async fn insert_into(self, table: Table, inserts: &[Insert]) -> Result<()> {
        let sql = format!("INSERT INTO {} FORMAT Native", self.of(table.name()));
        let mut request = self
            .clickhouse
            .client()
            .insert_formatted_with(sql)
            .with_setting("optimize_on_insert", "0")
            .with_setting("insert_deduplicate", "0")
            .with_setting("max_partitions_per_insert_block", "0");
        let inserts = inserts.iter().filter(|insert| insert.table == table);
        for block in inserts.filter_map(Insert::block) {
            request.send(block.head).await?;
            request.send(block.body).await?;
        }
        Ok(request.end().await?)
    }

    async fn run(self, sql: &str) -> Result<()> {
        statement(self.clickhouse, sql).execute().await.map_err(RecountError::from)
    }
}
