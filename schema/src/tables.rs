//! The tables in ClickHouse and what each is for. Their DDL is written once, here and in `rollup`; `migrate` runs it.

use crate::{EventKind, FailureClass, LATENCY_COUNTS, LATENCY_STEPS, Measure, SecureMethod, coarse, rollup};

/// Every distinct event, as accepted: for drill-down, audit and rebuild.
pub const EVENTS: &str = "events";
/// The latest state of every delivery.
pub const DELIVERIES: &str = "deliveries";
/// Signed measures by account, basis, quarter of an hour and dimensions: what reports read where nothing coarser answers them.
pub const CUBE: &str = "cube";
/// The cube's measures in rows of coarser [`Grain`](crate::Grain)s: what reports of several dimensions read.
pub const COARSE: &str = "coarse";
/// The cube's measures by one dimension at a time: totals by the quarter of an hour, the values of each dimension by the UTC day.
pub const ROLLUP: &str = "rollup";
/// The column of these that sums all measures of a row: a group exists in a report exactly when it is above zero.
pub const WEIGHT: &str = "weight";

/// The columns that rows of these add up: the measures, and their [`WEIGHT`].
#[must_use]
pub fn summed() -> Vec<&'static str> {
    Measure::ALL.iter().map(|measure| measure.name()).chain([WEIGHT]).collect()
}

/// Declares them, each of so many bits.
pub(crate) fn declared(bits: u8) -> String {
    let columns = summed().into_iter().map(|name| format!("    {name} Int{bits} CODEC(T64, ZSTD(1))"));
    columns.collect::<Vec<_>>().join(",\n")
}

/// Rows of this basis, of no account, are no measures: each block brings one, and their [`WEIGHT`] counts the blocks that
/// a partition holds. So it can be told whether a block whose answer was lost has arrived, in one with its contents.
pub const MARKER_BASIS: u8 = 255;

/// Blocks whose `insert_deduplication_token` each partition remembers. The writer repeats only the latest one, so a few suffice;
/// the rest is room for parallel writers.
pub(crate) const SETTINGS: &str =
    "non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1";

/// The migrations, oldest first, each of statements that can be repeated from its first one on. Their numbers are their places;
/// never change one that was released, append another.
pub(crate) fn migrations() -> [Vec<String>; 12] {
    [
        vec![events()],
        vec![deliveries()],
        vec![cube()],
        rollup::migration(),
        compact_blocks(),
        marks(),
        sources(),
        latencies(),
        coarse::beginning(),
        [COARSE, ROLLUP].map(whole_sums).into(),
        coarse::migration(),
        [vec![coarse::compact_blocks()], rarer_merges()].concat(),
    ]
}

/// What the ledger decided and does not follow from the events: which of a delivery's attributes reports show as other, a bit each,
/// and whether an event came when its delivery had been forgotten.
fn marks() -> Vec<String> {
    vec![
        format!("ALTER TABLE {DELIVERIES} ADD COLUMN IF NOT EXISTS others UInt128"),
        format!("ALTER TABLE {EVENTS} ADD COLUMN IF NOT EXISTS late Bool"),
    ]
}

/// By which source's webhook an event came; empty when it came another way, or before this was kept.
fn sources() -> Vec<String> {
    vec![format!("ALTER TABLE {EVENTS} ADD COLUMN IF NOT EXISTS source LowCardinality(String)")]
}

/// How many deliveries took how long, in the rows of the `sent` basis. What was counted before has none until it is rebuilt. The two are
/// named one by one, for what a server makes of a `Nested` column is a setting of its own.
fn latencies() -> Vec<String> {
    let add = |table| {
        format!(
            "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {LATENCY_STEPS} Array(UInt16) CODEC(Delta, ZSTD(1)), \
             ADD COLUMN IF NOT EXISTS {LATENCY_COUNTS} Array(Int64) CODEC(T64, ZSTD(1))"
        )
    };
    [CUBE, ROLLUP].map(add).into()
}

/// Parts below so many bytes lie in one file, not in two for each column: a batch's block is written and synced once instead of
/// eighty times, and merges make wide parts of the blocks soon enough.
const WIDE: u64 = 128 << 20;

fn compact_blocks() -> Vec<String> {
    [EVENTS, DELIVERIES, CUBE].map(|table| compact_below(table, WIDE)).into()
}

pub(crate) fn compact_below(table: &str, bytes: u64) -> String {
    set(table, "min_bytes_for_wide_part", bytes)
}

/// Changes a setting of a table.
fn set(table: &str, setting: &str, value: u64) -> String {
    format!("ALTER TABLE {table} MODIFY SETTING {setting} = {value}")
}

/// Parts of about the same size that are merged at once, twice as many as by default: each row is then merged less often on its way into the
/// largest part. Merging the cube's rows or those of `coarse` costs ten times what inserting them does, so it is this that bounds what can be taken
/// in for hours. Reports of sums meet a few more parts, small ones.
const MERGED: u64 = 10;

fn rarer_merges() -> Vec<String> {
    [EVENTS, DELIVERIES, CUBE, COARSE].map(|table| set(table, "merge_selector_base", MERGED)).into()
}

/// Merges leave parts alone that are too few to be worth it by size, and sum up only within what they merge. Of a table of sums one part
/// is worth the merge, for it has a fraction of their rows: those that are so many seconds old are merged into one, whatever their sizes.
/// A part is as old as its last merge, so all sums of a month are merged once in that time at most.
const WHOLE_AFTER: u64 = 600;

pub(crate) fn whole_sums(table: &str) -> String {
    set(table, "min_age_to_force_merge_seconds", WHOLE_AFTER)
}

fn events() -> String {
    let kinds = names(EventKind::ALL.iter().map(|kind| (kind.name(), *kind as u8 + 1)));
    let classes = names(FailureClass::ALL.iter().map(|class| (class.name(), *class as u8 + 1)));
    let methods = names(SecureMethod::ALL.iter().map(|method| (method.name(), *method as u8 + 1)));
    format!(
        "CREATE TABLE IF NOT EXISTS {EVENTS} (
    account LowCardinality(String),
    delivery UInt128,
    event_id UInt128,
    kind {kinds},
    time DateTime64(3, 'UTC'),
    accepted_at DateTime64(3, 'UTC'),
    batch UInt64,
    source_id String,
    message_id String,
    recipient String,
    sender LowCardinality(String),
    subject LowCardinality(String),
    campaign LowCardinality(String),
    fields Map(LowCardinality(String), String),
    machine Bool,
    class {classes},
    method {methods},
    url String,
    reason String
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (account, delivery, time, event_id)
SETTINGS {SETTINGS}"
    )
}

/// An enumeration of names, 0 being none of them.
fn names<'n>(names: impl Iterator<Item = (&'n str, u8)>) -> String {
    let values: Vec<_> = names.map(|(name, number)| format!("'{name}' = {number}")).collect();
    format!("Enum8('' = 0, {})", values.join(", "))
}

/// Times of what never happened are 1970-01-01.
fn deliveries() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {DELIVERIES} (
    account LowCardinality(String),
    sent_day Date,
    delivery UInt128,
    version UInt64,
    deleted UInt8,
    message_id String,
    recipient String,
    recipient_hash UInt128,
    recipient_domain LowCardinality(String),
    sender LowCardinality(String),
    subject LowCardinality(String),
    campaign LowCardinality(String),
    fields Map(LowCardinality(String), String),
    outcome LowCardinality(String),
    class LowCardinality(String),
    sent_at DateTime64(3, 'UTC'),
    last_event_at DateTime64(3, 'UTC'),
    delivered_at DateTime64(3, 'UTC'),
    failed_at DateTime64(3, 'UTC'),
    secured_at DateTime64(3, 'UTC'),
    opened_at DateTime64(3, 'UTC'),
    machine_opened_at DateTime64(3, 'UTC'),
    clicked_at DateTime64(3, 'UTC'),
    complained_at DateTime64(3, 'UTC'),
    unsubscribed_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(version, deleted)
PARTITION BY toYYYYMM(sent_day)
ORDER BY (account, sent_day, delivery)
SETTINGS {SETTINGS}"
    )
}

/// A cell counts what happened in a quarter of an hour: 32 bits suffice, and reports sum in 64.
fn cube() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {CUBE} (
    account LowCardinality(String),
    basis UInt8,
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    campaign LowCardinality(String),
    subject LowCardinality(String),
    sender LowCardinality(String),
    sender_domain LowCardinality(String),
    recipient_domain LowCardinality(String),
    mailbox_provider LowCardinality(String),
    fields Map(LowCardinality(String), String),
{columns}
) ENGINE = SummingMergeTree(({summed}))
PARTITION BY toYYYYMM(bucket)
PRIMARY KEY (account, basis, bucket)
ORDER BY (account, basis, bucket, campaign, subject, sender, recipient_domain, fields)
SETTINGS {SETTINGS}",
        columns = declared(32),
        summed = summed().join(", "),
    )
}
