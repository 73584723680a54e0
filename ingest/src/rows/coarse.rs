//! Rows of the coarser grains: what a batch adds to each, and the marker that counts the batch's block. There is a block for each of the cube's,
//! so that both tables hold equally many.

use schema::{Grain, Month};

use super::{
    Insert, Table, by_month,
    cube::{Row, keys},
    in_order,
    native::Block,
    ranks, sums,
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
    let mut rows = by_month(rows(change, ranks), |row| row.key.bucket.into());
    let insert = |month: &Month| {
        let rows = rows.remove(month).unwrap_or_default();
        let mut block = Block::new(&batch.texts, rows.len() + 1, (ROW, buffers));
        keys(&mut block, &rows, (*month, ledger), Some(Grain::COARSE[0]));
        sums(&mut block, ("Int64", |count| i64::from(count).to_le_bytes()), rows.iter().map(|row| row.change));
        Insert::new(Table::Coarse, *month, block.finish())
    };
    months.iter().map(insert).collect()
}

/// In the order of the table's key: what is told apart repeats, and is put in order once.
fn rows<'c>(change: &'c CoarseChange, text_ranks: &Ranks) -> Vec<Row<'c>> {
    let ranks = ranks(change.told().map(|(dimensions, derived)| {
        let [account, campaign, subject, sender, domain, fields] = dimensions.rank(text_ranks);
        [account, campaign, subject, sender, text_ranks.text(derived.mailbox_provider), domain, fields]
    }));
    let of_grain = |grain| change.of_grain(grain).map(move |(cell, changed)| (grain, cell, changed));
    let rows = in_order(Grain::COARSE.into_iter().flat_map(of_grain), &ranks).into_iter();
    rows.map(|(grain, cell, changed)| Row { key: change.key(cell, grain), change: changed }).collect()
}
