//! Whether a ledger can be believed: a store that lost the end of its journal opens without a word and remembers an earlier day, as one does
//! that was put back from a backup. So the tables are asked what they have of it.

use clickhouse::Row;
use schema::{COARSE, CUBE, ClickHouse, DELIVERIES, MARKER_BASIS, Month, ROLLUP, WEIGHT};
use serde::Deserialize;

use crate::{ledger::Ledger, recount::RecountError};

/// How many of a ledger's blocks a month of a table holds.
#[derive(Row, Deserialize)]
struct Blocks {
    month: u32,
    blocks: u64,
}

/// Whether the tables hold what only later batches than the ledger's can have brought. A batch that was begun may be there or not.
pub(crate) async fn is_behind(clickhouse: &ClickHouse, ledger: &Ledger) -> Result<bool, RecountError> {
    let begun = ledger.begun()?;
    let sql = format!("SELECT max(version) FROM {DELIVERIES}");
    let latest: u64 = clickhouse.client().query_raw(&sql).fetch_one().await?;
    if latest > ledger.base()? + begun.map_or(ledger.cursor()?, |(range, _)| range.last) {
        return Ok(true);
    }
    let (held, name) = (ledger.held()?, ledger.name()?);
    for (table, column) in [(CUBE, "campaign"), (COARSE, "campaign"), (ROLLUP, "value")] {
        let found = blocks(clickhouse, table, column, &name).await?;
        let of = |month: Month| found.iter().find(|found| found.month == month.0).map_or(0, |found| found.blocks);
        let known = |month: u32| held.get(&Month(month)).copied().unwrap_or(0) + u64::from(begun.is_some());
        if found.iter().any(|found| found.blocks > known(found.month)) {
            return Ok(true);
        }
        if held.iter().any(|(month, blocks)| of(*month) < *blocks) {
            tracing::warn!(
                table,
                "the table lacks blocks that were written: `postlens rebuild` makes ledger and tables what the events say"
            );
        }
    }
    Ok(false)
}

async fn blocks(clickhouse: &ClickHouse, table: &str, column: &str, ledger: &str) -> Result<Vec<Blocks>, RecountError> {
    let sql = format!(
        "SELECT toUInt32(toYYYYMM(bucket)) AS month, toUInt64(sum({WEIGHT})) AS blocks FROM {table} \
         WHERE account = '' AND basis = {MARKER_BASIS} AND {column} = {{ledger:String}} GROUP BY month"
    );
    Ok(clickhouse.client().query_raw(&sql).param("ledger", ledger).fetch_all().await?)
}
