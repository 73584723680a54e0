//! What a batch adds to the rollup: the cube's changes once more, by one dimension at a time. The table's layout says which rows there are
//! (`schema/src/rollup.rs`). Each is summed from the fewest cells that tell it: those of a coarser grain.

use schema::{Basis, Bucket, Dimension, Grain};

use crate::{
    coarse::{self, CoarseChange},
    sums::Sums,
    texts::{TextId, Texts},
};

/// What a row counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    /// Nothing: the total.
    Total,
    /// One of [`Dimension::FIXED`], by its place.
    Fixed(u8),
    /// The custom field of this name.
    Field(TextId),
}

impl By {
    /// The dimension as the table names it.
    pub(crate) fn name(self, texts: &Texts<'_>) -> String {
        match self {
            Self::Total => String::new(),
            Self::Fixed(place) => Dimension::FIXED[usize::from(place)].column().to_owned(),
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
pub(crate) type RollupChange = Sums<Key>;

impl RollupChange {
    /// Counts what changes.
    pub(crate) fn of(coarse: &CoarseChange, texts: &Texts<'_>) -> Self {
        let mut sums = Self::default();
        for (cell, change) in coarse.of_grain(Grain::Quarter) {
            let key = coarse.key(cell, Grain::Quarter);
            sums.count(of(&key, By::Total, TextId::default()), change);
        }
        for grain in [Grain::Domain, Grain::Day] {
            let fixed = (0..).zip(Dimension::FIXED);
            let fixed: Vec<_> =
                fixed.filter(|(_, dimension)| is_of_domains(dimension) == grain.has_domains()).collect();
            for (cell, change) in coarse.of_grain(grain) {
                let key = coarse.key(cell, grain);
                for (place, dimension) in &fixed {
                    sums.count(of(&key, By::Fixed(*place), value(dimension, &key)), change);
                }
            }
        }
        sums.count_fields(coarse, texts);
        sums.settle();
        sums
    }

    fn count_fields(&mut self, coarse: &CoarseChange, texts: &Texts<'_>) {
        let mut fields = Self::default();
        for (cell, change) in coarse.of_grain(Grain::Fields) {
            let key = coarse.key(cell, Grain::Fields);
            for (name, value) in texts.fields(key.dimensions.fields) {
                fields.count(of(&key, By::Field(*name), *value), change);
            }
        }
        fields.settle();
        for (key, change) in fields.rows() {
            self.count(key, change);
            // With the total's rows the empty value is what has no such field.
            self.discount(Key { value: TextId::default(), ..key }, change);
        }
    }
}

/// The key of the row that counts by this what a row of a coarser grain counts.
fn of(key: &coarse::Key, by: By, value: TextId) -> Key {
    Key { account: key.dimensions.account, basis: key.basis, by, bucket: key.bucket, value }
}

const fn is_of_domains(dimension: &Dimension) -> bool {
    matches!(dimension, Dimension::RecipientDomain)
}

/// The value of a fixed dimension.
fn value(dimension: &Dimension, coarse::Key { dimensions, derived, .. }: &coarse::Key) -> TextId {
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
