//! Statements of a recount: they take as long as they take, and what does not fit into memory goes to disk.

use clickhouse::query::Query;
use schema::ClickHouse;

/// Memory of one grouping or sorting; more goes to disk.
const MEMORY: u64 = 512 << 20;

/// A statement with its limits.
pub(super) fn statement(clickhouse: &ClickHouse, sql: &str) -> Query {
    clickhouse
        .client()
        .query_raw(sql)
        .with_setting("max_execution_time", "0")
        .with_setting("max_bytes_before_external_group_by", MEMORY.to_string())
        .with_setting("max_bytes_before_external_sort", MEMORY.to_string())
}

/// A statement that inserts what it selects. The same rows may be inserted again another time, and all of them then: what differs today
/// may differ by the same tomorrow.
pub(super) fn insertion(clickhouse: &ClickHouse, sql: &str) -> Query {
    statement(clickhouse, sql)
        .with_setting("insert_deduplicate", "0")
        .with_setting("max_partitions_per_insert_block", "0")
}
