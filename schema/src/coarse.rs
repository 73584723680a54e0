//! The table `coarse`: the cube once more, in rows of the coarser grains. Its DDL, and how it is filled from a cube that was there before it.
//! It is a table of its own, so that its parts stay small: merges then sum its rows up soon, whatever lies in the cube.

use crate::{
    Grain, LATENCY_COUNTS, LATENCY_STEPS,
    tables::{COARSE, CUBE, MARKER_BASIS, SETTINGS, compact_below, declared, summed, whole_sums},
};

/// Makes the table, empty: `migration` makes it anew and fills it.
pub(crate) fn beginning() -> Vec<String> {
    vec![format!("DROP TABLE IF EXISTS {COARSE}"), create()]
}

/// Makes the table with all grains and fills it. Each statement can be repeated from the first on: what an attempt left half filled is
/// dropped, and an insert of such an attempt that the server is still running goes on into the dropped table, not into its successor.
pub(crate) fn migration() -> Vec<String> {
    [beginning(), vec![fill(), whole_sums(COARSE)]].concat()
}

/// Parts below so many bytes lie in one file: a batch's block has some twenty megabytes, and is one file instead of a hundred. Reports read
/// what merges make of them, in which each column is a file of its own.
const WIDE: u64 = 64 << 20;

pub(crate) fn compact_blocks() -> String {
    compact_below(COARSE, WIDE)
}

/// A row may count days, so it has 64 bits.
fn create() -> String {
    format!(
        "CREATE TABLE {COARSE} (
    account LowCardinality(String),
    basis UInt8,
    grain {grain},
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    campaign LowCardinality(String),
    subject LowCardinality(String),
    sender LowCardinality(String),
    sender_domain LowCardinality(String),
    mailbox_provider LowCardinality(String),
    recipient_domain LowCardinality(String),
    fields Map(LowCardinality(String), String),
{columns},
    `{LATENCY_STEPS}` Array(UInt16) CODEC(Delta, ZSTD(1)),
    `{LATENCY_COUNTS}` Array(Int64) CODEC(T64, ZSTD(1))
) ENGINE = SummingMergeTree(({summed}))
PARTITION BY toYYYYMM(bucket)
PRIMARY KEY (account, basis, grain, bucket)
ORDER BY (account, basis, grain, bucket, campaign, subject, sender, mailbox_provider, recipient_domain, fields)
SETTINGS {SETTINGS}",
        grain = Grain::column(),
        columns = declared(64),
        summed = summed().join(", "),
    )
}

/// Every row of the cube becomes one of each grain, in one pass and without grouping: the table sums them up. The cube's markers go along,
/// for the ledger counts the blocks of both tables alike. A cube of many years has more months than one insert may touch, and takes longer than
/// a query may.
fn fill() -> String {
    let none = "CAST(map(), 'Map(LowCardinality(String), String)')";
    let rows = Grain::COARSE.map(|grain| {
        let bucket = grain.first_of("bucket");
        let domain = if grain.has_domains() { "toString(recipient_domain)" } else { "''" };
        let fields = if grain.has_fields() { "fields" } else { none };
        format!("('{}', {bucket}, {domain}, {fields})", grain.name())
    });
    let keys = "campaign, subject, sender, sender_domain, mailbox_provider";
    let numbers = summed().join(", ");
    format!(
        "INSERT INTO {COARSE} (account, basis, grain, bucket, recipient_domain, fields, {keys}, {numbers}, {LATENCY_STEPS}, {LATENCY_COUNTS})
SETTINGS max_partitions_per_insert_block = 0, max_execution_time = 0
SELECT account, basis, row.1, row.2, row.3, row.4, {keys}, {numbers}, {LATENCY_STEPS}, {LATENCY_COUNTS}
FROM {CUBE}
ARRAY JOIN if(basis = {MARKER_BASIS}, [{marker}], [{rows}]) AS row",
        marker = rows[0],
        rows = rows.join(", "),
    )
}
