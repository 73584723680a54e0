//! What a batch adds to the coarser grains (`schema/src/grain.rs`): the cube's cells once more, with what a grain leaves out empty. Each grain is
//! summed from the fewest rows that tell it.

use foldhash::fast::RandomState;
use indexmap::IndexSet;
use schema::{Basis, Bucket, Grain};

use crate::{
    cube::{CubeChange, Derived, Dimensions, Told},
    sums::{Cell, Change, Sums},
    texts::{FieldsId, TextId, number},
};

/// A row's key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) dimensions: Dimensions,
    pub(crate) derived: Derived,
    pub(crate) basis: Basis,
    pub(crate) grain: Grain,
    pub(crate) bucket: Bucket,
}

impl Key {
    /// The key of a cell of this grain that tells this apart.
    pub(crate) fn new((dimensions, derived): Told, grain: Grain, cell: Cell) -> Self {
        Self { dimensions, derived, basis: cell.basis(), grain, bucket: cell.bucket() }
    }
}

/// Changed measures and latencies of all grains but the finest.
#[derive(Debug, Default)]
pub(crate) struct CoarseChange {
    /// By the places that cells name.
    told: IndexSet<Told, RandomState>,
    quarter: Sums<Cell>,
    domain: Sums<Cell>,
    fields: Sums<Cell>,
    day: Sums<Cell>,
    fourth: Sums<Cell>,
}

impl CoarseChange {
    /// Counts the cells.
    pub(crate) fn of(cube: &CubeChange) -> Self {
        let mut change = Self::default();
        // Each attribute is looked at once, however many cells it has.
        let places: Vec<_> = cube.told().map(|told| change.places(told)).collect();
        for (cell, changed) in cube.cells() {
            let [quarter, domain, fields] = places[cell.place() as usize];
            change.quarter.count(of_grain(cell, quarter, Grain::Quarter), changed);
            change.domain.count(of_grain(cell, domain, Grain::Domain), changed);
            change.fields.count(of_grain(cell, fields, Grain::Fields), changed);
        }
        for sums in [&mut change.quarter, &mut change.domain, &mut change.fields] {
            sums.settle();
        }
        for (cell, changed) in change.quarter.rows() {
            change.day.count(of_grain(cell, cell.place(), Grain::Day), changed);
        }
        for (cell, changed) in change.domain.rows() {
            change.fourth.count(of_grain(cell, cell.place(), Grain::Fourth), changed);
        }
        for sums in [&mut change.day, &mut change.fourth] {
            sums.settle();
        }
        change
    }

    /// The places of what is told apart by quarters, with the domain, and with the fields.
    fn places(&mut self, (dimensions, derived): Told) -> [u32; 3] {
        [Grain::Quarter, Grain::Domain, Grain::Fields].map(|grain| {
            let mut dimensions = dimensions;
            if !grain.has_domains() {
                dimensions.recipient_domain = TextId::default();
            }
            if !grain.has_fields() {
                dimensions.fields = FieldsId::default();
            }
            number(self.told.insert_full((dimensions, derived)).0)
        })
    }

    /// What rows tell apart beside clock and time, by its places.
    pub(crate) fn told(&self) -> impl ExactSizeIterator<Item = Told> {
        self.told.iter().copied()
    }

    /// The rows of a grain that change.
    pub(crate) fn of_grain(&self, grain: Grain) -> impl Iterator<Item = (Cell, Change<'_>)> {
        let sums = match grain {
            Grain::Full => None,
            Grain::Quarter => Some(&self.quarter),
            Grain::Domain => Some(&self.domain),
            Grain::Fields => Some(&self.fields),
            Grain::Day => Some(&self.day),
            Grain::Fourth => Some(&self.fourth),
        };
        sums.into_iter().flat_map(Sums::rows)
    }

    /// A row's key.
    pub(crate) fn key(&self, cell: Cell, grain: Grain) -> Key {
        Key::new(self.told[cell.place() as usize], grain, cell)
    }
}

/// The cell of a grain that counts what this one counts, of what is told apart at this place.
fn of_grain(cell: Cell, place: u32, grain: Grain) -> Cell {
    Cell::new(place, cell.basis(), grain.first(cell.bucket()))
}
