//! Rows of the cube: what a batch adds to each cell, and the marker that counts the batch's block.

use std::iter::once;

use chrono::{Datelike, NaiveTime};
use schema::{Basis, MARKER_BASIS, MailboxProvider, Measure, Measures, Millis, Month, WEIGHT};

use super::{
    Insert, Table, by_month,
    native::{Block, Encoded},
};
use crate::batch::{Batch, Dimensions};

/// The inserts of what a batch changes in the cube.
pub(super) fn inserts(batch: &Batch<'_>, ledger: &str) -> Vec<Insert> {
    let months = by_month(rows(batch), |row| Month::of(row.bucket.into()));
    let insert = |(month, rows): (_, Vec<_>)| Insert { table: Table::Cube, month, block: block(&rows, ledger) };
    months.into_iter().map(insert).collect()
}

/// A row of the cube.
struct Row<'b> {
    dimensions: &'b Dimensions<'b>,
    basis: Basis,
    bucket: schema::Bucket,
    measures: &'b Measures,
}

fn rows<'b>(batch: &'b Batch<'_>) -> Vec<Row<'b>> {
    let mut order: Vec<usize> = (0..batch.cube.dimensions.len()).collect();
    order.sort_unstable_by_key(|place| &batch.cube.dimensions[*place]);
    let mut ranks = vec![0; order.len()];
    for (rank, place) in order.into_iter().enumerate() {
        ranks[place] = rank;
    }
    let account = |place: usize| batch.cube.dimensions[place].account;
    let mut cells: Vec<_> = batch.cube.cells.iter().collect();
    cells.sort_by_cached_key(|((place, basis, bucket), _)| (account(*place), *basis, *bucket, ranks[*place]));
    let row = |((place, basis, bucket), measures): (&(usize, _, _), _)| Row {
        dimensions: &batch.cube.dimensions[*place],
        basis: *basis,
        bucket: *bucket,
        measures,
    };
    cells.into_iter().map(row).collect()
}

/// The bytes of a row: numbers, indexes into dictionaries, and the fields.
const ROW: usize = 180;

/// A month's rows, and before them the marker that counts the blocks: the empty account sorts first.
fn block(rows: &[Row<'_>], ledger: &str) -> Encoded {
    let keys = || rows.iter().map(|row| row.dimensions);
    let mut block = Block::new(rows.len() + 1, ROW);
    block.dictionary("account", once("").chain(keys().map(|key| key.account.as_str())));
    block.fixed("basis", "UInt8", once([MARKER_BASIS]).chain(rows.iter().map(|row| [row.basis.code()])));
    let first = rows.iter().take(1).map(|row| first_of_month(row.bucket));
    let buckets = first.chain(rows.iter().map(|row| row.bucket));
    block.fixed("bucket", "DateTime('UTC')", buckets.map(|bucket| bucket.0.to_le_bytes()));
    block.dictionary("campaign", once(ledger).chain(keys().map(|key| key.campaign)));
    block.dictionary("subject", once("").chain(keys().map(|key| key.subject)));
    block.dictionary("sender", once("").chain(keys().map(|key| key.sender)));
    block.dictionary("sender_domain", once("").chain(keys().map(|key| schema::domain_of(key.sender))));
    block.dictionary("recipient_domain", once("").chain(keys().map(|key| key.recipient_domain)));
    let provider = |domain| MailboxProvider::of_domain(domain).name();
    block.dictionary("mailbox_provider", once("").chain(keys().map(|key| provider(key.recipient_domain))));
    block.map("fields", once(&[][..]).chain(keys().map(|key| &key.fields[..])));
    for measure in Measure::ALL {
        let counts = once(0).chain(rows.iter().map(|row| row.measures[*measure]));
        block.fixed(measure.name(), "Int32", counts.map(|count| narrow(count).to_le_bytes()));
    }
    let weights = once(1).chain(rows.iter().map(|row| row.measures.weight()));
    block.fixed(WEIGHT, "Int32", weights.map(|weight| narrow(weight).to_le_bytes()));
    block.finish()
}

/// The marker has one place in its month, so that the table sums the markers up.
fn first_of_month(bucket: schema::Bucket) -> schema::Bucket {
    let date = Millis::from(bucket).to_datetime().unwrap_or_default();
    let first = date.date_naive().with_day(1).unwrap_or_default().and_time(NaiveTime::MIN);
    schema::Bucket::of(first.and_utc().into())
}

/// A batch has far fewer than 2^31 events.
fn narrow(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX })
}
