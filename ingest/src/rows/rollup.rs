//! Rows of the rollup: what a batch adds to each, and the marker that counts the batch's block. It has a block for each of the
//! cube's, be it the marker alone, so that both tables hold equally many.

use std::iter::once;

use foldhash::{HashMap, HashSet};
use schema::{MARKER_BASIS, Month};

use super::{
    Insert, Table, by_month, first_of_month,
    native::{Block, Encoded},
    sums,
};
use crate::{
    batch::Batch,
    buffers::Buffers,
    rollup::{By, Key, RollupChange},
    sums::Change,
    texts::{Ranks, TextId},
};

/// The inserts of what a batch changes in the rollup, in these months.
pub(super) fn inserts(
    batch: &Batch<'_>,
    change: &RollupChange,
    (ranks, months): (&Ranks, &[Month]),
    ledger: TextId,
    buffers: &Buffers,
) -> Vec<Insert> {
    let names = Names::of(change, batch);
    let mut rows: Vec<Row<'_>> = change.rows().map(|(key, change)| Row { key, change }).collect();
    rows.sort_by_cached_key(|Row { key, .. }| {
        (ranks.text(key.account), key.basis, names.place(key.by), key.bucket, ranks.text(key.value))
    });
    let mut rows = by_month(rows, |row| row.key.bucket.into());
    let insert = |month: &Month| {
        let rows = rows.remove(month).unwrap_or_default();
        Insert::new(Table::Rollup, *month, block(batch, &rows, (*month, &names, ledger), buffers))
    };
    months.iter().map(insert).collect()
}

/// A row of the rollup.
struct Row<'c> {
    key: Key,
    change: Change<'c>,
}

/// The names of the dimensions in a block, sorted. The total, which has none, is the first.
struct Names {
    sorted: Vec<String>,
    places: HashMap<By, u32>,
}

impl Names {
    fn of(change: &RollupChange, batch: &Batch<'_>) -> Self {
        let used: HashSet<By> = change.rows().map(|(key, _)| key.by).chain([By::Total]).collect();
        let mut named: Vec<(String, By)> = used.into_iter().map(|by| (by.name(&batch.texts), by)).collect();
        named.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let places = named.iter().zip(0..).map(|((_, by), place)| (*by, place)).collect();
        Self { sorted: named.into_iter().map(|(name, _)| name).collect(), places }
    }

    fn place(&self, by: By) -> u32 {
        self.places.get(&by).copied().unwrap_or_default()
    }
}

/// The bytes of a row: numbers, an index, a value, and latencies.
const ROW: usize = 320;

/// A block in the order of the table's key; the marker comes first, for the empty account sorts first.
fn block(
    batch: &Batch<'_>,
    rows: &[Row<'_>],
    (month, names, ledger): (Month, &Names, TextId),
    buffers: &Buffers,
) -> Encoded {
    let keys = || rows.iter().map(|row| row.key);
    let none = TextId::default();
    let mut block = Block::new(&batch.texts, rows.len() + 1, (ROW, buffers));
    block.dictionary("account", once(none).chain(keys().map(|key| key.account)));
    block.fixed("basis", "UInt8", once([MARKER_BASIS]).chain(keys().map(|key| [key.basis.code()])));
    let words: Vec<&str> = names.sorted.iter().map(String::as_str).collect();
    let places = keys().map(|key| names.place(key.by));
    block.words("dimension", &words, once(names.place(By::Total)).chain(places));
    let buckets = once(first_of_month(month)).chain(keys().map(|key| key.bucket));
    block.fixed("bucket", "DateTime('UTC')", buckets.map(|bucket| bucket.0.to_le_bytes()));
    block.text("value", once(ledger).chain(keys().map(|key| key.value)).map(|id| batch.texts.text(id)));
    sums(&mut block, ("Int64", |count| i64::from(count).to_le_bytes()), rows.iter().map(|row| row.change));
    block.finish()
}
