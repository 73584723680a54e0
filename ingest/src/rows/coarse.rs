//! Rows of the coarser grains: what a batch adds to each, and the marker that counts the batch's block. There is a block for each of the cube's,
//! so that both tables hold equally many.

use std::iter::once;

use schema::{Grain, Measure, Month, WEIGHT};

use super::{
    Insert, Table, by_month,
    cube::{Row, keys},
    latencies,
    native::Block,
};
use crate::{
    batch::Batch,
    buffers::Buffers,
    coarse::CoarseChange,
    texts::{Ranks, TextId},
};

/// The bytes of a row: numbers, indexes into dictionaries, the fields, and latencies.
const ROW: usize = 320;

/// The inserts of what a batch changes in the coarser grains, in these months.
pub(super) fn inserts(
    batch: &Batch<'_>,
    change: &CoarseChange,
    (ranks, months): (&Ranks, &[Month]),
    ledger: TextId,
    buffers: &Buffers,
) -> Vec<Insert> {
    let mut rows = by_month(rows(change, ranks), |row| Month::of(row.key.bucket.into()));
    let insert = |month: &Month| {
        let rows = rows.remove(month).unwrap_or_default();
        let mut block = Block::new(&batch.texts, rows.len() + 1, (ROW, buffers));
        keys(&mut block, &rows, (*month, ledger), Some(Grain::COARSE[0]));
        for measure in Measure::ALL {
            let counts = once(0).chain(rows.iter().map(|row| row.change.measures[*measure]));
            block.fixed(measure.name(), "Int64", counts.map(i64::to_le_bytes));
        }
        let weights = once(1).chain(rows.iter().map(|row| row.change.measures.weight()));
        block.fixed(WEIGHT, "Int64", weights.map(i64::to_le_bytes));
        latencies(&mut block, once(&[][..]).chain(rows.iter().map(|row| row.change.latencies)));
        Insert { table: Table::Coarse, month: *month, block: block.finish() }
    };
    months.iter().map(insert).collect()
}

/// In the order of the table's key.
fn rows<'c>(change: &'c CoarseChange, ranks: &Ranks) -> Vec<Row<'c>> {
    let mut rows: Vec<_> = change.rows().map(|(key, change)| Row { key: *key, change }).collect();
    rows.sort_by_cached_key(|Row { key, .. }| {
        let [account, campaign, subject, sender, domain, fields] = key.dimensions.rank(ranks);
        let provider = ranks.text(key.derived.mailbox_provider);
        (account, key.basis, key.grain, key.bucket, [campaign, subject, sender, provider, domain, fields])
    });
    rows
}
