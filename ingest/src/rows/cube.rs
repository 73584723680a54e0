//! Rows of the cube: what a batch adds to each cell, and the marker that counts the batch's block.

use std::iter::once;

use schema::{Grain, MARKER_BASIS, Measure, Month, WEIGHT};

use super::{
    Insert, Table, by_month, first_of_month, latencies,
    native::{Block, Encoded},
};
use crate::{
    batch::Batch,
    buffers::Buffers,
    coarse::{CoarseChange, Key},
    sums::Change,
    texts::{FieldsId, Ranks, TextId, inverse},
};

/// The inserts of what a batch changes in the cube. The ledger's name is a text of the batch.
pub(super) fn inserts(
    batch: &Batch<'_>,
    coarse: &CoarseChange,
    ranks: &Ranks,
    ledger: TextId,
    buffers: &Buffers,
) -> Vec<Insert> {
    let months = by_month(rows(batch, coarse, ranks), |row| Month::of(row.key.bucket.into()));
    let insert = |(month, rows): (_, Vec<_>)| Insert {
        table: Table::Cube,
        month,
        block: block(batch, &rows, (month, ledger), buffers),
    };
    months.into_iter().map(insert).collect()
}

/// A row of the cube.
struct Row<'b> {
    key: Key,
    change: Change<'b>,
}

/// In the order of the table's key.
fn rows<'b>(batch: &'b Batch<'_>, coarse: &'b CoarseChange, ranks: &Ranks) -> Vec<Row<'b>> {
    let mut rows = finest(batch, ranks);
    let mut coarse: Vec<_> = coarse.rows().map(|(key, change)| Row { key: *key, change }).collect();
    coarse.sort_by_cached_key(|Row { key, .. }| {
        let [account, rest @ ..] = key.dimensions.rank(key.derived, ranks);
        (account, key.basis, key.grain, key.bucket, rest)
    });
    rows.append(&mut coarse);
    // Two sorted runs become one.
    rows.sort_by_key(|Row { key, .. }| (ranks.text(key.dimensions.account), key.basis, key.grain));
    rows
}

/// The rows of the finest grain: their dimensions repeat, and are put in order once.
fn finest<'b>(batch: &'b Batch<'_>, ranks: &Ranks) -> Vec<Row<'b>> {
    let all = (0..).take(batch.cube.dimensions().len()).map(|place| batch.cube.at(place));
    let dimensions: Vec<_> = all.map(|(dimensions, derived)| dimensions.rank(derived, ranks)).collect();
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
const ROW: usize = 300;

/// A month's rows, and before them the marker that counts the blocks: the empty account sorts first.
fn block(batch: &Batch<'_>, rows: &[Row<'_>], (month, ledger): (Month, TextId), buffers: &Buffers) -> Encoded {
    let keys = || rows.iter().map(|row| row.key);
    let dimensions = || keys().map(|key| key.dimensions);
    let derived = || keys().map(|key| key.derived);
    let none = || once(TextId::default());
    let mut block = Block::new(&batch.texts, rows.len() + 1, (ROW, buffers));
    block.dictionary("account", none().chain(dimensions().map(|key| key.account)));
    block.fixed("basis", "UInt8", once([MARKER_BASIS]).chain(keys().map(|key| [key.basis.code()])));
    let grains = once(Grain::Full).chain(keys().map(|key| key.grain));
    block.fixed("grain", "Int8", grains.map(|grain| [grain.code()]));
    let buckets = once(first_of_month(month)).chain(keys().map(|key| key.bucket));
    block.fixed("bucket", "DateTime('UTC')", buckets.map(|bucket| bucket.0.to_le_bytes()));
    block.dictionary("campaign", once(ledger).chain(dimensions().map(|key| key.campaign)));
    block.dictionary("subject", none().chain(dimensions().map(|key| key.subject)));
    block.dictionary("sender", none().chain(dimensions().map(|key| key.sender)));
    block.dictionary("sender_domain", none().chain(derived().map(|key| key.sender_domain)));
    block.dictionary("mailbox_provider", none().chain(derived().map(|key| key.mailbox_provider)));
    block.dictionary("recipient_domain", none().chain(dimensions().map(|key| key.recipient_domain)));
    block.map("fields", once(FieldsId::default()).chain(dimensions().map(|key| key.fields)));
    for measure in Measure::ALL {
        let counts = once(0).chain(rows.iter().map(|row| row.change.measures[*measure]));
        block.fixed(measure.name(), "Int64", counts.map(i64::to_le_bytes));
    }
    let weights = once(1).chain(rows.iter().map(|row| row.change.measures.weight()));
    block.fixed(WEIGHT, "Int64", weights.map(i64::to_le_bytes));
    latencies(&mut block, once(&[][..]).chain(rows.iter().map(|row| row.change.latencies)));
    block.finish()
}
