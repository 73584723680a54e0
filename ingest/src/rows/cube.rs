//! Rows of the cube: what a batch adds to each cell, and the marker that counts the batch's block.

use std::iter::once;

use schema::{Grain, MARKER_BASIS, Month};

use super::{Insert, Table, by_month, first_of_month, in_order, native::Block, ranks, sums};
use crate::{
    batch::Batch,
    buffers::Buffers,
    coarse::Key,
    sums::{Cell, Change},
    texts::{FieldsId, Ranks, TextId},
};

/// The inserts of what a batch changes in the cube. The ledger's name is a text of the batch.
pub(super) fn inserts(batch: &Batch<'_>, ranks: &Ranks, ledger: TextId, buffers: &Buffers) -> Vec<Insert> {
    let months = by_month(rows(batch, ranks), |row| row.key.bucket.into());
    let insert = |(month, rows): (_, Vec<_>)| {
        let mut block = Block::new(&batch.texts, rows.len() + 1, (ROW, buffers));
        keys(&mut block, &rows, (month, ledger), None);
        sums(&mut block, ("Int32", i32::to_le_bytes), rows.iter().map(|row| row.change));
        Insert::new(Table::Cube, month, block.finish())
    };
    months.into_iter().map(insert).collect()
}

/// A row of the cube, or of a coarser grain.
pub(super) struct Row<'b> {
    pub(super) key: Key,
    pub(super) change: Change<'b>,
}

/// In the order of the table's key: dimensions repeat, and are put in order once.
fn rows<'b>(batch: &'b Batch<'_>, text_ranks: &Ranks) -> Vec<Row<'b>> {
    let ranks = ranks(batch.cube.told().map(|(dimensions, _)| dimensions.rank(text_ranks)));
    let cells = batch.cube.cells().map(|(cell, change)| (Grain::Full, cell, change));
    let row =
        |(grain, cell, change): (_, Cell, _)| Row { key: Key::new(batch.cube.at(cell.place()), grain, cell), change };
    in_order(cells, &ranks).into_iter().map(row).collect()
}

/// The bytes of a row: numbers, indexes into dictionaries, the fields, and a few latencies.
const ROW: usize = 210;

/// The key's columns of a month's rows, and before them the marker that counts the blocks: the empty account sorts first. Where the table has grains, it is
/// of the first.
pub(super) fn keys(
    block: &mut Block<'_, '_>,
    rows: &[Row<'_>],
    (month, ledger): (Month, TextId),
    first: Option<Grain>,
) {
    let keys = || rows.iter().map(|row| row.key);
    let dimensions = || keys().map(|key| key.dimensions);
    let derived = || keys().map(|key| key.derived);
    let none = || once(TextId::default());
    block.dictionary("account", none().chain(dimensions().map(|key| key.account)));
    block.fixed("basis", "UInt8", once([MARKER_BASIS]).chain(keys().map(|key| [key.basis.code()])));
    if let Some(first) = first {
        let grains = once(first).chain(keys().map(|key| key.grain));
        block.fixed("grain", "Int8", grains.map(|grain| [grain.code()]));
    }
    let buckets = once(first_of_month(month)).chain(keys().map(|key| key.bucket));
    block.fixed("bucket", "DateTime('UTC')", buckets.map(|bucket| bucket.0.to_le_bytes()));
    block.dictionary("campaign", once(ledger).chain(dimensions().map(|key| key.campaign)));
    block.dictionary("subject", none().chain(dimensions().map(|key| key.subject)));
    block.dictionary("sender", none().chain(dimensions().map(|key| key.sender)));
    block.dictionary("sender_domain", none().chain(derived().map(|key| key.sender_domain)));
    block.dictionary("mailbox_provider", none().chain(derived().map(|key| key.mailbox_provider)));
    block.dictionary("recipient_domain", none().chain(dimensions().map(|key| key.recipient_domain)));
    block.map("fields", once(FieldsId::default()).chain(dimensions().map(|key| key.fields)));
}
