//! The table `cube` with its grains: its DDL, and how it is filled from a cube that had the finest rows alone.

use std::fmt::Write as _;

use crate::{
    Grain, LATENCY_COUNTS, LATENCY_STEPS, Measure,
    tables::{CUBE, MARKER_BASIS, SETTINGS, WEIGHT, WIDE},
};

/// The table while it is filled.
const FILLED: &str = "cube_filled";

/// Makes the table beside the one that is there, fills it, and puts it in its place. Each statement can be repeated from the first on: rows are
/// made of the finest ones, whichever of the two tables these come from, and an insert of an attempt that was broken off goes on into the
/// dropped table.
pub(crate) fn migration() -> Vec<String> {
    vec![
        format!("DROP TABLE IF EXISTS {FILLED}"),
        create(),
        // So that the statement that fills it means the same in both attempts.
        format!("ALTER TABLE {CUBE} ADD COLUMN IF NOT EXISTS grain {} AFTER basis", grains()),
        fill(),
        format!("EXCHANGE TABLES {CUBE} AND {FILLED}"),
        format!("DROP TABLE {FILLED}"),
    ]
}

fn grains() -> String {
    let values = Grain::ALL.map(|grain| format!("'{}' = {}", grain.name(), grain.code()));
    format!("Enum8({})", values.join(", "))
}

/// A cell may count a day, so it has 64 bits.
fn create() -> String {
    let mut columns = String::new();
    for name in numbers() {
        writeln!(columns, "    {name} Int64 CODEC(T64, ZSTD(1)),").expect("writing to a String does not fail");
    }
    format!(
        "CREATE TABLE {FILLED} (
    account LowCardinality(String),
    basis UInt8,
    grain {grains},
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    campaign LowCardinality(String),
    subject LowCardinality(String),
    sender LowCardinality(String),
    sender_domain LowCardinality(String),
    mailbox_provider LowCardinality(String),
    recipient_domain LowCardinality(String),
    fields Map(LowCardinality(String), String),
{columns}    `{LATENCY_STEPS}` Array(UInt16) CODEC(Delta, ZSTD(1)),
    `{LATENCY_COUNTS}` Array(Int64) CODEC(T64, ZSTD(1))
) ENGINE = SummingMergeTree(({summed}))
PARTITION BY toYYYYMM(bucket)
PRIMARY KEY (account, basis, grain, bucket)
ORDER BY (account, basis, grain, bucket, campaign, subject, sender, mailbox_provider, recipient_domain, fields)
SETTINGS {SETTINGS}, min_bytes_for_wide_part = {WIDE}",
        grains = grains(),
        summed = numbers().collect::<Vec<_>>().join(", "),
    )
}

/// Every finest row goes over as it is and becomes a row of each other grain, in one pass and without grouping: the table sums them up. The
/// markers of blocks go along. A cube of many years has more months than one insert may touch, and takes longer than a query may.
fn fill() -> String {
    let none = "CAST(map(), 'Map(LowCardinality(String), String)')";
    let rows = Grain::ALL.map(|grain| {
        let bucket = if grain.has_quarters() { "bucket" } else { "toStartOfDay(bucket)" };
        let domain = if grain.has_domains() { "toString(recipient_domain)" } else { "''" };
        let fields = if grain.has_fields() { "fields" } else { none };
        format!("('{}', {bucket}, {domain}, {fields})", grain.name())
    });
    let keys = "campaign, subject, sender, sender_domain, mailbox_provider";
    let numbers = numbers().collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO {FILLED} (account, basis, grain, bucket, recipient_domain, fields, {keys}, {numbers}, {LATENCY_STEPS}, {LATENCY_COUNTS})
SELECT account, basis, row.1, row.2, row.3, row.4, {keys}, {numbers}, {LATENCY_STEPS}, {LATENCY_COUNTS}
FROM {CUBE}
ARRAY JOIN if(basis = {MARKER_BASIS}, [{full}], [{rows}]) AS row
WHERE grain = '{name}'
SETTINGS max_partitions_per_insert_block = 0, max_execution_time = 0",
        full = rows[0],
        rows = rows.join(", "),
        name = Grain::Full.name(),
    )
}

/// The columns that the table sums up.
fn numbers() -> impl Iterator<Item = &'static str> {
    Measure::ALL.iter().map(|measure| measure.name()).chain([WEIGHT])
}
