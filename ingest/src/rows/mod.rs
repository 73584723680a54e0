//! A batch as columnar blocks in ClickHouse's Native format: one block for each table and month, for an insert into one partition is
//! all or nothing. Rows come in the order of the tables' keys, so that ClickHouse has nothing to sort.

mod coarse;
mod cube;
mod deliveries;
mod events;
mod native;
mod rollup;
mod types;

use std::{collections::BTreeMap, iter::once};

use chrono::NaiveDate;
use schema::{Bucket, LATENCY_COUNTS, LATENCY_STEPS, Measure, Month, WEIGHT};

use self::native::Block;
pub(crate) use self::native::Encoded;
use crate::{
    batch::Batch,
    buffers::Buffers,
    coarse::CoarseChange,
    sums::{Change, RowLatency},
    texts::TextId,
};

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Cube,
    Coarse,
    Rollup,
    Deliveries,
    Events,
}

impl Table {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cube => schema::CUBE,
            Self::Coarse => schema::COARSE,
            Self::Rollup => schema::ROLLUP,
            Self::Deliveries => schema::DELIVERIES,
            Self::Events => schema::EVENTS,
        }
    }
}

/// What goes into one partition of one table.
pub(crate) struct Insert {
    pub(crate) table: Table,
    pub(crate) month: Month,
    pub(crate) block: Encoded,
}

/// How a batch is named in the rows it writes.
#[derive(Clone, Copy)]
pub(crate) struct Stamp<'n> {
    /// The ledger that the batch belongs to.
    pub(crate) ledger: &'n str,
    /// Orders the states of a delivery.
    pub(crate) version: u64,
    /// Tells the batch from all others, of other ledgers too.
    pub(crate) batch: u64,
}

/// The inserts of a batch: what reports read on one thread, the records of events and deliveries on another.
pub(crate) fn inserts<'s>(batch: &mut Batch<'s>, stamp: Stamp<'s>, buffers: &Buffers) -> Vec<Insert> {
    let ledger = batch.texts.intern(stamp.ledger);
    let batch = &*batch;
    std::thread::scope(|scope| {
        let rest = scope.spawn(|| {
            let mut inserts = deliveries::inserts(batch, stamp.version, buffers);
            inserts.extend(events::inserts(batch, stamp.batch, buffers));
            inserts
        });
        let mut inserts = summed(batch, ledger, buffers);
        match rest.join() {
            Ok(rest) => inserts.extend(rest),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        inserts
    })
}

/// The inserts of all that follows from events, without the events.
pub(crate) fn recounted<'s>(batch: &mut Batch<'s>, stamp: Stamp<'s>, buffers: &Buffers) -> Vec<Insert> {
    let ledger = batch.texts.intern(stamp.ledger);
    let batch = &*batch;
    let mut inserts = summed(batch, ledger, buffers);
    inserts.extend(deliveries::inserts(batch, stamp.version, buffers));
    inserts
}

/// The inserts of what reports read.
fn summed(batch: &Batch<'_>, ledger: TextId, buffers: &Buffers) -> Vec<Insert> {
    let (ranks, coarse) = (batch.texts.ranks(), CoarseChange::of(&batch.cube));
    let mut inserts = cube::inserts(batch, &ranks, ledger, buffers);
    let months: Vec<Month> = inserts.iter().map(|insert| insert.month).collect();
    inserts.extend(coarse::inserts(batch, &coarse, (&ranks, &months), ledger, buffers));
    inserts.extend(rollup::inserts(batch, &coarse, &ranks, months.into_iter(), ledger, buffers));
    inserts
}

/// The rows of each month, in their order; nearly always there is one month, or two.
fn by_month<T>(rows: Vec<T>, month: impl Fn(&T) -> Month) -> BTreeMap<Month, Vec<T>> {
    let mut months: BTreeMap<Month, Vec<T>> = BTreeMap::new();
    for row in rows {
        months.entry(month(&row)).or_default().push(row);
    }
    months
}

/// The columns of latencies, out of each row's own.
fn latencies<'l>(block: &mut Block<'_, '_>, rows: impl Iterator<Item = &'l [RowLatency]> + Clone) {
    let lengths = rows.clone().map(<[_]>::len);
    let all = rows.flatten();
    let steps = all.clone().map(|(_, step, _)| step.0.to_le_bytes());
    block.lists(LATENCY_STEPS, "Array(UInt16)", lengths.clone(), steps);
    block.lists(LATENCY_COUNTS, "Array(Int64)", lengths, all.map(|(.., count)| count.to_le_bytes()));
}

/// The columns of measures, weights and latencies that count in 64 bits, the marker's before them.
fn sums<'c>(block: &mut Block<'_, '_>, changes: impl Iterator<Item = Change<'c>> + Clone) {
    for measure in Measure::ALL {
        let counts = once(0).chain(changes.clone().map(|change| change.measures[*measure]));
        block.fixed(measure.name(), "Int64", counts.map(i64::to_le_bytes));
    }
    let weights = once(1).chain(changes.clone().map(|change| change.measures.weight()));
    block.fixed(WEIGHT, "Int64", weights.map(i64::to_le_bytes));
    latencies(block, once(&[][..]).chain(changes.map(|change| change.latencies)));
}

/// The marker has one place in its month, so that the table sums the markers up.
fn first_of_month(month: Month) -> Bucket {
    let year = i32::try_from(month.0 / 100).unwrap_or_default();
    let first = NaiveDate::from_ymd_opt(year, month.0 % 100, 1).unwrap_or_default();
    Bucket::of(first.and_time(chrono::NaiveTime::MIN).and_utc().into())
}
