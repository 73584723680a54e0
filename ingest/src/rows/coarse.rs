//! Rows of the coarser grains: what a batch adds to each, and the marker that counts the batch's block. There is a block for each of the cube's,
//! so that both tables hold equally many.

use schema::{Grain, Month};

use super::{
    Insert, Table, by_month,
    cube::{Row, keys},
    native::Block,
    sums,
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
        sums(&mut block, rows.iter().map(|row| row.change));
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
