//! What a batch adds to the rollup: the cube's cells once more, by one dimension at a time and coarser. The table's layout says which
//! rows there are (`schema/src/rollup.rs`).

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use schema::{Basis, Bucket, Dimension, Measures, Month, Step};

use crate::{
    cube::{CellLatency, CubeChange, Derived, Dimensions},
    texts::{TextId, Texts},
};

/// Seconds of a day.
const DAY: u32 = 24 * 3600;

/// What a row counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    /// Nothing: the total.
    Total,
    /// One of [`Dimension::FIXED`], by its place.
    Fixed(usize),
    /// The custom field of this name.
    Field(TextId),
}

impl By {
    /// The dimension as the table names it.
    pub(crate) fn name(self, texts: &Texts<'_>) -> String {
        match self {
            Self::Total => String::new(),
            Self::Fixed(place) => Dimension::FIXED[place].column().to_owned(),
            Self::Field(name) => format!("field:{}", texts.text(name)),
        }
    }
}

/// A row's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) account: TextId,
    pub(crate) basis: Basis,
    pub(crate) by: By,
    pub(crate) bucket: Bucket,
    pub(crate) value: TextId,
}

/// In so many deliveries more of a row, named by its place, something took so long.
pub(crate) type RowLatency = (u32, Step, i64);

/// Changed measures and latencies by the rollup's key.
#[derive(Default)]
pub(crate) struct RollupChange {
    rows: IndexMap<Key, Measures, FxBuildHasher>,
    /// Sorted.
    latencies: Vec<RowLatency>,
}

/// What is summed up so far.
#[derive(Default)]
struct Sums {
    rows: IndexMap<Key, Measures, FxBuildHasher>,
    latencies: FxHashMap<(u32, Step), i64>,
}

/// What a cell adds to a row.
#[derive(Clone, Copy)]
struct Counted<'c> {
    measures: &'c Measures,
    latencies: &'c [CellLatency],
}

impl RollupChange {
    /// Counts the cells of one month.
    pub(crate) fn of(cube: &CubeChange, month: Month, texts: &Texts<'_>) -> Self {
        let mut sums = Sums::default();
        let cells = cube.cells().filter(|((_, _, bucket), _)| Month::of((*bucket).into()) == month);
        for (cell, measures) in cells {
            let (place, basis, bucket) = *cell;
            let (dimensions, derived) = cube.at(place);
            let counted = Counted { measures, latencies: cube.latencies(cell) };
            sums.add(dimensions, derived, (basis, bucket), counted, texts);
        }
        let latencies = sums.latencies.into_iter().filter(|(_, count)| *count != 0);
        let mut latencies: Vec<_> = latencies.map(|((row, step), count)| (row, step, count)).collect();
        latencies.sort_unstable();
        Self { rows: sums.rows, latencies }
    }

    /// The rows that change.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Key, &Measures, &[RowLatency])> {
        let mut rest = self.latencies.as_slice();
        let rows = (0..).zip(&self.rows).map(move |(place, (key, measures))| {
            let length = rest.iter().take_while(|(row, ..)| *row == place).count();
            let (latencies, after) = rest.split_at(length);
            rest = after;
            (key, measures, latencies)
        });
        rows.filter(|(_, measures, latencies)| !measures.is_zero() || !latencies.is_empty())
    }
}

impl Sums {
    fn add(
        &mut self,
        dimensions: &Dimensions,
        derived: Derived,
        (basis, bucket): (Basis, Bucket),
        counted: Counted<'_>,
        texts: &Texts<'_>,
    ) {
        let account = dimensions.account;
        let day = Bucket(bucket.0 - bucket.0 % DAY);
        let total = Key { account, basis, by: By::Total, bucket, value: TextId::default() };
        self.count(total, counted, 1);
        for (place, dimension) in Dimension::FIXED.iter().enumerate() {
            let value = value(dimension, dimensions, derived);
            self.count(Key { by: By::Fixed(place), bucket: day, value, ..total }, counted, 1);
        }
        for (name, value) in texts.fields(dimensions.fields) {
            let with = Key { by: By::Field(*name), bucket: day, value: *value, ..total };
            self.count(with, counted, 1);
            // With the total's rows the empty value is what has no such field.
            self.count(Key { value: TextId::default(), ..with }, counted, -1);
        }
    }

    fn count(&mut self, key: Key, counted: Counted<'_>, sign: i64) {
        let row = self.rows.entry(key);
        let place = u32::try_from(row.index()).unwrap_or(u32::MAX);
        let measures = row.or_default();
        if sign > 0 {
            *measures += counted.measures;
        } else {
            *measures -= counted.measures;
        }
        for (_, step, count) in counted.latencies {
            *self.latencies.entry((place, *step)).or_default() += sign * count;
        }
    }
}

/// The value of a fixed dimension.
fn value(dimension: &Dimension, dimensions: &Dimensions, derived: Derived) -> TextId {
    match dimension {
        Dimension::Subject => dimensions.subject,
        Dimension::Sender => derived.sender,
        Dimension::SenderDomain => derived.sender_domain,
        Dimension::RecipientDomain => dimensions.recipient_domain,
        Dimension::MailboxProvider => derived.mailbox_provider,
        Dimension::Campaign => dimensions.campaign,
        // A field is none of the fixed ones.
        Dimension::Field(_) => TextId::default(),
    }
}
