//! The rollup and the grains of a cube that was there before them.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use schema::{COARSE, CUBE, ClickHouse, MARKER_BASIS, Measure, ROLLUP, WEIGHT, migrate};

use crate::{
    generate::cell,
    support::{database, insert},
};

/// The number of the migration that makes the rollup.
const MIGRATION: u32 = 4;
/// What rows are told apart by.
const ROLLUP_KEYS: &str = "account, basis, dimension, bucket, value";
const COARSE_KEYS: &str = "account, basis, grain, bucket, campaign, subject, sender, sender_domain, mailbox_provider, recipient_domain, fields";

/// The rows of both tables.
async fn contents(clickhouse: &ClickHouse) -> [Vec<u8>; 2] {
    [of(clickhouse, ROLLUP, ROLLUP_KEYS).await, of(clickhouse, COARSE, COARSE_KEYS).await]
}

/// Every row that is not all zeros, summed up and in order, as text.
async fn of(clickhouse: &ClickHouse, table: &str, keys: &str) -> Vec<u8> {
    let sums: Vec<_> = Measure::ALL.iter().map(|measure| measure.name()).chain([WEIGHT]).collect();
    let sql = format!(
        "SELECT {keys}, {} FROM {table} GROUP BY {keys} HAVING {} ORDER BY {keys}",
        sums.iter().map(|name| format!("sum({name})")).collect::<Vec<_>>().join(", "),
        sums.iter().map(|name| format!("sum({name}) != 0")).collect::<Vec<_>>().join(" OR "),
    );
    clickhouse.client().query_raw(&sql).fetch_bytes("TSV").unwrap().collect().await.unwrap().to_vec()
}

async fn execute(clickhouse: &ClickHouse, sql: &str) {
    clickhouse.client().query_raw(sql).execute().await.unwrap();
}

#[tokio::test]
async fn a_cube_without_a_rollup_and_grains_gets_those_that_the_writer_would_have_written() {
    let clickhouse = database("migration").await;
    let mut runner = TestRunner::deterministic();
    let cells = prop::collection::vec(cell(), 300).new_tree(&mut runner).unwrap().current();
    insert(&clickhouse, &cells).await;
    let written = contents(&clickhouse).await;
    assert!(written.iter().all(|rows| rows.len() > 100_000), "{:?}", written.each_ref().map(Vec::len));

    // As a migration leaves it that was stopped before its number was recorded: with rows in the rollup.
    execute(&clickhouse, &format!("DELETE FROM migrations WHERE version >= {MIGRATION}")).await;
    migrate(&clickhouse).await.unwrap();
    assert!(contents(&clickhouse).await == written, "the tables are others after the migration");

    // As a database is that never had any.
    execute(&clickhouse, &format!("DELETE FROM migrations WHERE version >= {MIGRATION}")).await;
    for table in [ROLLUP, COARSE] {
        execute(&clickhouse, &format!("DROP TABLE {table}")).await;
    }
    migrate(&clickhouse).await.unwrap();
    assert!(contents(&clickhouse).await == written, "the tables are others after the first migration");
}

#[tokio::test]
async fn a_migration_that_was_recorded_leaves_the_rollup_alone() {
    let clickhouse = database("migrated").await;
    let cells = prop::collection::vec(cell(), 10).new_tree(&mut TestRunner::deterministic()).unwrap().current();
    insert(&clickhouse, &cells).await;
    execute(&clickhouse, &format!("TRUNCATE TABLE {CUBE}")).await;
    let before = contents(&clickhouse).await;
    migrate(&clickhouse).await.unwrap();
    assert!(contents(&clickhouse).await == before && !before[0].is_empty());
}

#[tokio::test]
async fn the_cube_s_markers_count_the_rollup_s_blocks_after_the_migration_and_a_cube_of_many_years_is_no_hindrance() {
    let clickhouse = database("markers").await;
    let markers = format!(
        "INSERT INTO {CUBE} (account, basis, bucket, campaign, {WEIGHT}) \
         SETTINGS max_partitions_per_insert_block = 0 \
         SELECT '', {MARKER_BASIS}, addMonths(toDateTime('2010-01-01 00:00:00', 'UTC'), number % 150), 'ledger', 1 \
         FROM numbers(300)"
    );
    execute(&clickhouse, &markers).await;
    execute(&clickhouse, &format!("DELETE FROM migrations WHERE version >= {MIGRATION}")).await;
    migrate(&clickhouse).await.unwrap();
    for (rows, grain) in contents(&clickhouse).await.into_iter().zip(["", "quarter"]) {
        let text = String::from_utf8(rows).unwrap();
        assert_eq!(text.lines().count(), 150);
        for line in text.lines() {
            assert!(line.starts_with(&format!("\t{MARKER_BASIS}\t{grain}\t")), "{line}");
            assert!(line.contains("-01 00:00:00\tledger\t") && line.ends_with("\t2"), "{line}");
        }
    }
}
