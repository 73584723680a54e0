//! Rows of the cube: what a batch adds to each cell, and the marker that counts the batch's block.

use std::iter::once;

use chrono::{Datelike, NaiveTime};
use clickhouse::native::{Block, builder::BlockBuilder};
use schema::{Basis, MARKER_BASIS, MailboxProvider, Measure, Measures, Millis, Month, WEIGHT};

use super::{
    Insert, Result, Table, by_month, column,
    types::{Bucket, Fields},
};
use crate::batch::{Batch, Dimensions};

/// The inserts of what a batch changes in the cube.
pub(super) fn inserts(batch: &Batch<'_>, ledger: &str) -> Result<Vec<Insert>> {
    let months = by_month(rows(batch), |row| Month::of(row.bucket.into()));
    let insert = |(month, rows): (_, Vec<_>)| Ok(Insert { table: Table::Cube, month, block: block(&rows, ledger)? });
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

/// A month's rows, and before them the marker that counts the blocks: the empty account sorts first.
fn block(rows: &[Row<'_>], ledger: &str) -> Result<Block> {
    let dimensions = || rows.iter().map(|row| row.dimensions);
    let mut builder = BlockBuilder::new();
    column!(builder, "account", &str, once("").chain(dimensions().map(|key| key.account.as_str())));
    column!(builder, "basis", u8, once(MARKER_BASIS).chain(rows.iter().map(|row| row.basis.code())));
    let first = rows.iter().take(1).map(|row| first_of_month(row.bucket));
    let buckets = first.chain(rows.iter().map(|row| row.bucket)).map(Bucket);
    column!(builder, "bucket", Bucket, buckets);
    column!(builder, "campaign", &str, once(ledger).chain(dimensions().map(|key| key.campaign)));
    column!(builder, "subject", &str, once("").chain(dimensions().map(|key| key.subject)));
    column!(builder, "sender", &str, once("").chain(dimensions().map(|key| key.sender)));
    column!(builder, "sender_domain", &str, once("").chain(dimensions().map(|key| schema::domain_of(key.sender))));
    column!(builder, "recipient_domain", &str, once("").chain(dimensions().map(|key| key.recipient_domain)));
    let provider = |domain| MailboxProvider::of_domain(domain).name();
    column!(builder, "mailbox_provider", &str, once("").chain(dimensions().map(|key| provider(key.recipient_domain))));
    column!(builder, "fields", Fields<'_>, once(Fields(&[])).chain(dimensions().map(|key| Fields(&key.fields))));
    for measure in Measure::ALL {
        column!(builder, measure.name(), i32, once(0).chain(rows.iter().map(|row| narrow(row.measures[*measure]))));
    }
    column!(builder, WEIGHT, i32, once(1).chain(rows.iter().map(|row| narrow(row.measures.weight()))));
    Ok(builder.build()?)
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
