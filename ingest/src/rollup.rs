//! What a batch adds to the rollup: the cube's cells once more, by one dimension at a time and coarser. The table's layout says which
//! rows there are (`schema/src/rollup.rs`).

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use schema::{Basis, Bucket, Dimension, Measures, Month};

use crate::{
    cube::{CubeChange, Derived, Dimensions},
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

/// Changed measures by the rollup's key.
#[derive(Default)]
pub(crate) struct RollupChange(IndexMap<Key, Measures, FxBuildHasher>);

impl RollupChange {
    /// Counts the cells of one month.
    pub(crate) fn of(cube: &CubeChange, month: Month, texts: &Texts<'_>) -> Self {
        let mut change = Self::default();
        let cells = cube.cells().filter(|((_, _, bucket), _)| Month::of((*bucket).into()) == month);
        for ((place, basis, bucket), measures) in cells {
            let (dimensions, derived) = cube.at(*place);
            change.add(dimensions, derived, (*basis, *bucket), measures, texts);
        }
        change.0.retain(|_, measures| !measures.is_zero());
        change
    }

    /// The rows that change.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = (&Key, &Measures)> {
        self.0.iter()
    }

    fn add(
        &mut self,
        dimensions: &Dimensions,
        derived: Derived,
        (basis, bucket): (Basis, Bucket),
        measures: &Measures,
        texts: &Texts<'_>,
    ) {
        let account = dimensions.account;
        let day = Bucket(bucket.0 - bucket.0 % DAY);
        let total = Key { account, basis, by: By::Total, bucket, value: TextId::default() };
        *self.row(total) += measures;
        for (place, dimension) in Dimension::FIXED.iter().enumerate() {
            let value = value(dimension, dimensions, derived);
            *self.row(Key { by: By::Fixed(place), bucket: day, value, ..total }) += measures;
        }
        for (name, value) in texts.fields(dimensions.fields) {
            let with = Key { by: By::Field(*name), bucket: day, value: *value, ..total };
            *self.row(with) += measures;
            // With the total's rows the empty value is what has no such field.
            *self.row(Key { value: TextId::default(), ..with }) -= measures;
        }
    }

    fn row(&mut self, key: Key) -> &mut Measures {
        self.0.entry(key).or_default()
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
