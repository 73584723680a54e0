//! The table `rollup`: the cube once more, by one dimension at a time and coarser. Its DDL, and how it is filled from a cube that
//! was there before it.
//!
//! | `dimension` | `bucket` | rows |
//! |---|---|---|
//! | empty: the total | a quarter of an hour | one, its `value` empty |
//! | a fixed dimension's column, like `subject` | a UTC day | one for each value, the empty one too |
//! | `field:NAME` | a UTC day | one for each value, and in the empty value the same measures negated |
//!
//! So a field costs nothing where no delivery has it, and the rows of the total and of a field together are all groups of that
//! field: what remains in the empty value are the deliveries without it.

use crate::{
    Dimension,
    tables::{CUBE, MARKER_BASIS, ROLLUP, SETTINGS, declared, summed},
};

/// Makes the table and fills it. Each statement can be repeated from the first on: what an attempt left half filled is dropped, and
/// an insert of such an attempt that the server is still running goes on into the dropped table, not into its successor.
pub(crate) fn migration() -> Vec<String> {
    vec![format!("DROP TABLE IF EXISTS {ROLLUP}"), create(), fill()]
}

/// A day of a large sender may count more than 32 bits.
fn create() -> String {
    format!(
        "CREATE TABLE {ROLLUP} (
    account LowCardinality(String),
    basis UInt8,
    dimension LowCardinality(String),
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    value String CODEC(ZSTD(1)),
{columns}
) ENGINE = SummingMergeTree(({summed}))
PARTITION BY toYYYYMM(bucket)
ORDER BY (account, basis, dimension, bucket, value)
SETTINGS {SETTINGS}",
        columns = declared(64),
        summed = summed().join(", "),
    )
}

/// Every row of the cube becomes a few of the rollup, in one pass and without grouping: the table sums them up. The cube's markers
/// go along, for the ledger counts the blocks of both tables alike. A cube of many years has more months than one insert may touch,
/// and takes longer than a query may.
fn fill() -> String {
    let signed: Vec<_> = summed().into_iter().map(|name| format!("{name} * cell.4")).collect();
    let fixed: Vec<_> = Dimension::FIXED
        .iter()
        .map(|dimension| format!("('{name}', toStartOfDay(bucket), toString({name}), 1)", name = dimension.column()))
        .collect();
    format!(
        "INSERT INTO {ROLLUP} (account, basis, dimension, bucket, value, {numbers})
SETTINGS max_partitions_per_insert_block = 0, max_execution_time = 0
SELECT account, basis, cell.1, cell.2, cell.3, {signed}
FROM {CUBE}
ARRAY JOIN if(
    basis = {MARKER_BASIS},
    [('', bucket, toString(campaign), 1)],
    arrayConcat(
        [('', bucket, '', 1), {fixed}],
        arrayMap(
            (name, value) -> (concat('field:', name), toStartOfDay(bucket), value, 1),
            mapKeys(fields), mapValues(fields)
        ),
        arrayMap(name -> (concat('field:', name), toStartOfDay(bucket), '', -1), mapKeys(fields))
    )
) AS cell",
        numbers = summed().join(", "),
        signed = signed.join(", "),
        fixed = fixed.join(", "),
    )
}
