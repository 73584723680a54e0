//! What a batch adds to the coarser grains (`schema/src/grain.rs`): the cube's cells once more, with what a grain leaves out empty.

use schema::{Basis, Bucket, Grain};

use crate::{
    cube::{CubeChange, Derived, Dimensions},
    sums::{Summed, Sums},
    texts::{FieldsId, TextId},
};

/// A row's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) dimensions: Dimensions,
    pub(crate) derived: Derived,
    pub(crate) basis: Basis,
    pub(crate) grain: Grain,
    pub(crate) bucket: Bucket,
}

/// Changed measures and latencies of all grains but the finest.
pub(crate) type CoarseChange = Summed<Key>;

impl CoarseChange {
    /// Counts the cells.
    pub(crate) fn of(cube: &CubeChange) -> Self {
        let mut sums = Sums::default();
        for ((place, basis, bucket), change) in cube.cells() {
            let (dimensions, derived) = cube.at(*place);
            let finest = Key { dimensions: *dimensions, derived, basis: *basis, grain: Grain::Full, bucket: *bucket };
            for grain in Grain::COARSE {
                sums.count(finest.of_grain(grain), change, 1);
            }
        }
        sums.done()
    }
}

impl Key {
    /// The key of the row of a coarser grain that counts what this one counts.
    fn of_grain(self, grain: Grain) -> Self {
        let Self { mut dimensions, derived, basis, bucket, .. } = self;
        if !grain.has_domains() {
            dimensions.recipient_domain = TextId::default();
        }
        if !grain.has_fields() {
            dimensions.fields = FieldsId::default();
        }
        Self { dimensions, derived, basis, grain, bucket: grain.first(bucket) }
    }
}
