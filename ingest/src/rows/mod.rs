//! A batch as columnar blocks in ClickHouse's Native format: one block for each table and month, for an insert into one partition is
//! all or nothing. Rows come in the order of the tables' keys, so that ClickHouse has nothing to sort.

mod coarse;
mod cube;
mod deliveries;
mod events;
mod native;
mod rollup;
mod types;

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::once,
    ops::Range,
    sync::Mutex,
};

use schema::{Bucket, Grain, LATENCY_COUNTS, LATENCY_STEPS, Millis, Month};

use self::native::Block;
pub(crate) use self::native::Encoded;
use crate::{
    batch::Batch,
    buffers::Buffers,
    coarse::CoarseChange,
    counts::Counts,
    lock::lock,
    rollup::RollupChange,
    sums::{Cell, Change, RowLatency},
    texts::{Ranks, TextId, inverse},
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
    block: Mutex<Option<Encoded>>,
}

impl Insert {
    fn new(table: Table, month: Month, block: Encoded) -> Self {
        Self { table, month, block: Mutex::new(Some(block)) }
    }

    /// The block, unless it has arrived.
    pub(crate) fn block(&self) -> Option<Encoded> {
        lock(&self.block).clone()
    }

    /// Gives up the block, which is in the table: the next one can have its memory, while the rest of the batch is still on its way.
    pub(crate) fn release(&self) {
        *lock(&self.block) = None;
    }
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

/// The inserts of a batch: the coarser sums on one thread, all else on another, which takes about as long.
pub(crate) fn inserts<'s>(batch: &mut Batch<'s>, stamp: Stamp<'s>, buffers: &Buffers) -> Vec<Insert> {
    let ledger = batch.texts.intern(stamp.ledger);
    let batch = &*batch;
    let ranks = batch.texts.ranks();
    std::thread::scope(|scope| {
        let rest = scope.spawn(|| {
            let mut inserts = cube::inserts(batch, &ranks, ledger, buffers);
            inserts.extend(deliveries::inserts(batch, stamp.version, buffers));
            inserts.extend(events::inserts(batch, stamp.batch, buffers));
            inserts
        });
        let mut inserts = coarser(batch, &ranks, ledger, buffers);
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
    let ranks = batch.texts.ranks();
    let mut inserts = cube::inserts(batch, &ranks, ledger, buffers);
    inserts.extend(coarser(batch, &ranks, ledger, buffers));
    inserts.extend(deliveries::inserts(batch, stamp.version, buffers));
    inserts
}

/// The inserts of what is summed from the cube's cells, in each month of the cube's.
fn coarser(batch: &Batch<'_>, ranks: &Ranks, ledger: TextId, buffers: &Buffers) -> Vec<Insert> {
    let coarse = CoarseChange::of(&batch.cube);
    let rollup = RollupChange::of(&coarse, &batch.texts);
    let mut calendar = Months::default();
    let months: BTreeSet<Month> = batch.cube.cells().map(|(cell, _)| calendar.of(cell.bucket().into())).collect();
    let months: Vec<Month> = months.into_iter().collect();
    let mut inserts = coarse::inserts(batch, &coarse, (ranks, &months), ledger, buffers);
    inserts.extend(rollup::inserts(batch, &rollup, (ranks, &months), ledger, buffers));
    inserts
}

/// The months of times, most of which lie in the month of the one before: asking chrono for each of them would cost more than all else here.
#[derive(Default)]
struct Months {
    month: Month,
    span: Range<Millis>,
}

impl Months {
    fn of(&mut self, time: Millis) -> Month {
        if !self.span.contains(&time) {
            self.month = Month::of(time);
            self.span = self.month.span();
        }
        self.month
    }
}

/// The rows of each month, in their order; nearly always there is one month, or two.
fn by_month<T>(rows: Vec<T>, time: impl Fn(&T) -> Millis) -> BTreeMap<Month, Vec<T>> {
    let mut by_month: BTreeMap<Month, Vec<T>> = BTreeMap::new();
    let mut months = Months::default();
    let mut left = rows.len();
    for row in rows {
        by_month.entry(months.of(time(&row))).or_insert_with(|| Vec::with_capacity(left)).push(row);
        left -= 1;
    }
    by_month
}

/// The columns of latencies, out of each row's own.
fn latencies<'l>(block: &mut Block<'_, '_>, rows: impl Iterator<Item = &'l [RowLatency]> + Clone) {
    let lengths = rows.clone().map(<[_]>::len);
    let all = rows.flatten();
    let steps = all.clone().map(|(_, step, _)| step.0.to_le_bytes());
    block.lists(LATENCY_STEPS, "Array(UInt16)", lengths.clone(), steps);
    block.lists(LATENCY_COUNTS, "Array(Int64)", lengths, all.map(|(.., count)| i64::from(*count).to_le_bytes()));
}

/// The columns of measures, weights and latencies, of integers of this kind; before them the marker's.
fn sums<'c, const N: usize>(
    block: &mut Block<'_, '_>,
    (kind, bytes): (&str, impl Fn(i32) -> [u8; N] + Copy),
    changes: impl Iterator<Item = Change<'c>> + Clone,
) {
    let marker = once((&Counts::NONE, 1));
    let rows = marker.chain(changes.clone().map(|change| (change.measures, change.measures.weight())));
    let values = |(measures, weight): (&'c Counts, i32)| measures.all().into_iter().chain([weight]).map(bytes);
    block.numbers(&schema::summed(), kind, rows.map(values));
    latencies(block, once(&[][..]).chain(changes.map(|change| change.latencies)));
}

/// Rows in the order of a table of sums: by account, clock, grain and time, then by what they tell apart. `ranks` has for each place that of the account, and the
/// place's own.
fn in_order<'c>(
    cells: impl Iterator<Item = (Grain, Cell, Change<'c>)>,
    ranks: &[(u32, u32)],
) -> Vec<(Grain, Cell, Change<'c>)> {
    let place = |(grain, cell, _): &(Grain, Cell, _)| {
        let (account, rank) = ranks[cell.place() as usize];
        let [account, bucket, rank] = [account, cell.bucket().0, rank].map(u128::from);
        account << 80 | u128::from(cell.basis().code()) << 72 | u128::from(grain.code()) << 64 | bucket << 32 | rank
    };
    let rows: Vec<_> = cells.collect();
    let mut order: Vec<(u128, u32)> = rows.iter().map(place).zip(0..).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, row)| rows[row as usize]).collect()
}

/// For each of these, in order of their places: the first rank, that of its account, and its own place in the order of all ranks.
fn ranks<const N: usize>(all: impl Iterator<Item = [u32; N]>) -> Vec<(u32, u32)> {
    let all: Vec<_> = all.collect();
    let mut order: Vec<u32> = (0..).take(all.len()).collect();
    order.sort_unstable_by_key(|place| all[*place as usize]);
    all.iter().zip(inverse(&order)).map(|(ranks, rank)| (ranks[0], rank)).collect()
}

/// The marker has one place in its month, so that the table sums the markers up.
fn first_of_month(month: Month) -> Bucket {
    Bucket::of(month.span().start)
}
