//! Rows of the cube: what a batch adds to each cell, and the marker that counts the batch's block.

use std::iter::once;

use schema::{Grain, MARKER_BASIS, Measure, Month, WEIGHT};

use super::{Insert, Table, by_month, first_of_month, latencies, native::Block};
use crate::{
    batch::Batch,
    buffers::Buffers,
    coarse::Key,
    sums::Change,
    texts::{FieldsId, Ranks, TextId, inverse},
};

/// The inserts of what a batch changes in the cube. The ledger's name is a text of the batch.
pub(super) fn inserts(batch: &Batch<'_>, ranks: &Ranks, ledger: TextId, buffers: &Buffers) -> Vec<Insert> {
    let months = by_month(rows(batch, ranks), |row| Month::of(row.key.bucket.into()));
    let insert = |(month, rows): (_, Vec<_>)| {
        let mut block = Block::new(&batch.texts, rows.len() + 1, (ROW, buffers));
        keys(&mut block, &rows, (month, ledger), None);
        for measure in Measure::ALL {
            let counts = once(0).chain(rows.iter().map(|row| row.change.measures[*measure]));
            block.fixed(measure.name(), "Int32", counts.map(|count| narrow(count).to_le_bytes()));
        }
        let weights = once(1).chain(rows.iter().map(|row| row.change.measures.weight()));
        block.fixed(WEIGHT, "Int32", weights.map(|weight| narrow(weight).to_le_bytes()));
        latencies(&mut block, once(&[][..]).chain(rows.iter().map(|row| row.change.latencies)));
        Insert { table: Table::Cube, month, block: block.finish() }
    };
    months.into_iter().map(insert).collect()
}

/// A row of the cube, or of a coarser grain.
pub(super) struct Row<'b> {
    pub(super) key: Key,
    pub(super) change: Change<'b>,
}

/// In the order of the table's key: dimensions repeat, and are put in order once.
fn rows<'b>(batch: &'b Batch<'_>, ranks: &Ranks) -> Vec<Row<'b>> {
    let dimensions: Vec<_> = batch.cube.dimensions().map(|dimensions| dimensions.rank(ranks)).collect();
    let mut order: Vec<u32> = (0..).take(dimensions.len()).collect();
    order.sort_unstable_by_key(|place| dimensions[*place as usize]);
    let places = inverse(&order);
    let mut cells: Vec<_> = batch
        .cube
        .cells()
        .map(|((place, basis, bucket), change)| {
            let account = dimensions[*place as usize][0];
            ((account, *basis, *bucket, places[*place as usize]), *place, change)
        })
        .collect();
    cells.sort_unstable_by_key(|(key, ..)| *key);
    let row = |((_, basis, bucket, _), place, change)| {
        let (dimensions, derived) = batch.cube.at(place);
        Row { key: Key { dimensions: *dimensions, derived, basis, grain: Grain::Full, bucket }, change }
    };
    cells.into_iter().map(row).collect()
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

/// A batch has far fewer than 2^31 events.
fn narrow(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}
