//! What a batch adds to the rollup: the cube's changes once more, by one dimension at a time. The table's layout says which rows there are
//! (`schema/src/rollup.rs`). Each is summed from the fewest cells that tell it: those of a coarser grain.

use schema::{Basis, Bucket, Dimension, Grain, Month};

use crate::{
    coarse::{self, CoarseChange},
    cube::{Derived, Dimensions},
    sums::{Change, Summed, Sums},
    texts::{TextId, Texts},
};

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

/// Changed measures and latencies by the rollup's key.
pub(crate) type RollupChange = Summed<Key>;

impl RollupChange {
    /// Counts what changes in one month.
    pub(crate) fn of(coarse: &CoarseChange, month: Month, texts: &Texts<'_>) -> Self {
        let mut sums = Sums::default();
        for (cell, change) in coarse.rows().filter(|(cell, _)| Month::of(cell.bucket.into()) == month) {
            add(&mut sums, cell, change, texts);
        }
        sums.done()
    }
}

/// Adds a cell to the rows that are summed from its grain.
fn add(sums: &mut Sums<Key>, cell: &coarse::Key, change: Change<'_>, texts: &Texts<'_>) {
    let coarse::Key { dimensions, derived, basis, grain, bucket } = cell;
    let of = |by, value| Key { account: dimensions.account, basis: *basis, by, bucket: *bucket, value };
    match grain {
        // The others have it all.
        Grain::Full | Grain::Fourth => {}
        Grain::Quarter => sums.count(of(By::Total, TextId::default()), change, 1),
        Grain::Domain | Grain::Day => {
            let fixed = Dimension::FIXED.iter().enumerate();
            for (place, dimension) in fixed.filter(|(_, dimension)| is_of_domains(dimension) == grain.has_domains()) {
                sums.count(of(By::Fixed(place), value(dimension, dimensions, *derived)), change, 1);
            }
        }
        Grain::Fields => {
            for (name, value) in texts.fields(dimensions.fields) {
                sums.count(of(By::Field(*name), *value), change, 1);
                // With the total's rows the empty value is what has no such field.
                sums.count(of(By::Field(*name), TextId::default()), change, -1);
            }
        }
    }
}

const fn is_of_domains(dimension: &Dimension) -> bool {
    matches!(dimension, Dimension::RecipientDomain)
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
