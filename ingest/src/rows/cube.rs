//! Rows of the cube: what a batch adds to each cell, and the marker that counts the batch's block.

use std::iter::once;

use schema::{Basis, Bucket, MARKER_BASIS, Measure, Measures, Month, WEIGHT};

use super::{
    Insert, Table, by_month, first_of_month, latencies,
    native::{Block, Encoded},
};
use crate::{
    batch::Batch,
    buffers::Buffers,
    cube::{Cell, CellLatency, Derived, Dimensions},
    texts::{FieldsId, Ranks, TextId, inverse},
};

/// The inserts of what a batch changes in the cube. The ledger's name is a text of the batch.
pub(super) fn inserts(batch: &Batch<'_>, ranks: &Ranks, ledger: TextId, buffers: &Buffers) -> Vec<Insert> {
    let months = by_month(rows(batch, ranks), |row| Month::of(row.bucket.into()));
    let insert = |(month, rows): (_, Vec<_>)| Insert {
        table: Table::Cube,
        month,
        block: block(batch, &rows, (month, ledger), buffers),
    };
    months.into_iter().map(insert).collect()
}

/// A row of the cube.
struct Row<'b> {
    dimensions: &'b Dimensions,
    derived: Derived,
    basis: Basis,
    bucket: Bucket,
    measures: &'b Measures,
    latencies: &'b [CellLatency],
}

/// In the order of the table's key.
fn rows<'b>(batch: &'b Batch<'_>, ranks: &Ranks) -> Vec<Row<'b>> {
    let dimensions: Vec<_> = batch.cube.dimensions().map(|dimensions| dimensions.rank(ranks)).collect();
    let mut order: Vec<u32> = (0..).take(dimensions.len()).collect();
    order.sort_unstable_by_key(|place| dimensions[*place as usize]);
    let places = inverse(&order);
    let mut cells: Vec<_> = batch
        .cube
        .cells()
        .map(|(cell, measures)| {
            let (place, basis, bucket) = *cell;
            let account = dimensions[place as usize][0];
            ((account, basis, bucket, places[place as usize]), cell, measures)
        })
        .collect();
    cells.sort_unstable_by_key(|(key, ..)| *key);
    let row = |((_, basis, bucket, _), cell, measures): (_, &'b Cell, _)| {
        let (dimensions, derived) = batch.cube.at(cell.0);
        Row { dimensions, derived, basis, bucket, measures, latencies: batch.cube.latencies(cell) }
    };
    cells.into_iter().map(row).collect()
}

/// The bytes of a row: numbers, indexes into dictionaries, the fields, and a few latencies.
const ROW: usize = 210;

/// A month's rows, and before them the marker that counts the blocks: the empty account sorts first.
fn block(batch: &Batch<'_>, rows: &[Row<'_>], (month, ledger): (Month, TextId), buffers: &Buffers) -> Encoded {
    let keys = || rows.iter().map(|row| row.dimensions);
    let none = || once(TextId::default());
    let mut block = Block::new(&batch.texts, rows.len() + 1, (ROW, buffers));
    block.dictionary("account", none().chain(keys().map(|key| key.account)));
    block.fixed("basis", "UInt8", once([MARKER_BASIS]).chain(rows.iter().map(|row| [row.basis.code()])));
    let buckets = once(first_of_month(month)).chain(rows.iter().map(|row| row.bucket));
    block.fixed("bucket", "DateTime('UTC')", buckets.map(|bucket| bucket.0.to_le_bytes()));
    block.dictionary("campaign", once(ledger).chain(keys().map(|key| key.campaign)));
    block.dictionary("subject", none().chain(keys().map(|key| key.subject)));
    block.dictionary("sender", none().chain(keys().map(|key| key.sender)));
    block.dictionary("sender_domain", none().chain(rows.iter().map(|row| row.derived.sender_domain)));
    block.dictionary("recipient_domain", none().chain(keys().map(|key| key.recipient_domain)));
    block.dictionary("mailbox_provider", none().chain(rows.iter().map(|row| row.derived.mailbox_provider)));
    block.map("fields", once(FieldsId::default()).chain(keys().map(|key| key.fields)));
    for measure in Measure::ALL {
        let counts = once(0).chain(rows.iter().map(|row| row.measures[*measure]));
        block.fixed(measure.name(), "Int32", counts.map(|count| narrow(count).to_le_bytes()));
    }
    let weights = once(1).chain(rows.iter().map(|row| row.measures.weight()));
    block.fixed(WEIGHT, "Int32", weights.map(|weight| narrow(weight).to_le_bytes()));
    latencies(&mut block, once(&[][..]).chain(rows.iter().map(|row| row.latencies)));
    block.finish()
}

/// A batch has far fewer than 2^31 events.
fn narrow(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}
