//! What a batch adds to the cube, cell by cell.

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use schema::{Basis, Bucket, MailboxProvider, Measures, OTHER, Step, is_other};

use crate::{
    contribution::Cells,
    sums::{self, Change, RowLatency},
    texts::{FieldsId, Ranks, TextId, Texts},
};

/// The attributes that a cell is keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Dimensions {
    pub(crate) account: TextId,
    pub(crate) campaign: TextId,
    pub(crate) subject: TextId,
    pub(crate) sender: TextId,
    pub(crate) recipient_domain: TextId,
    pub(crate) fields: FieldsId,
}

impl Dimensions {
    /// The order of the cube's key.
    pub(crate) fn rank(&self, ranks: &Ranks) -> [u32; 6] {
        [
            ranks.text(self.account),
            ranks.text(self.campaign),
            ranks.text(self.subject),
            ranks.text(self.sender),
            ranks.text(self.recipient_domain),
            ranks.fields(self.fields),
        ]
    }
}

/// What follows from a cell's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Derived {
    /// The sender as a value of its dimension: one that stands for others is kept with its domain.
    pub(crate) sender: TextId,
    pub(crate) sender_domain: TextId,
    pub(crate) mailbox_provider: TextId,
}

/// A cell: the place of its dimensions, a clock and a quarter of an hour.
pub(crate) type Cell = (u32, Basis, Bucket);

/// So many deliveries more of a cell have this step.
type CellStep = (Cell, Step, i64);

/// Changed measures and latencies by the cube's key; the dimensions are kept once.
#[derive(Debug, Default)]
pub(crate) struct CubeChange {
    dimensions: IndexSet<Dimensions, FxBuildHasher>,
    derived: Vec<Derived>,
    cells: IndexMap<Cell, Measures, FxBuildHasher>,
    /// Of cells that are there.
    added: Vec<CellStep>,
    /// The same by the places of the cells, sorted and each once: made when it is settled.
    latencies: Vec<RowLatency>,
}

impl CubeChange {
    /// Adds the cells of a delivery with these dimensions, and empties the list.
    pub(crate) fn add(&mut self, dimensions: Dimensions, cells: &mut Cells, texts: &mut Texts<'_>) {
        if !cells.settle() {
            return;
        }
        let (place, new) = self.dimensions.insert_full(dimensions);
        if new {
            let sender = texts.text(dimensions.sender);
            let sender_domain = texts.intern(schema::domain_of(sender));
            let sender = if is_other(sender) { texts.intern(OTHER) } else { dimensions.sender };
            let provider = MailboxProvider::of_domain(texts.text(dimensions.recipient_domain));
            self.derived.push(Derived { sender, sender_domain, mailbox_provider: texts.intern(provider.name()) });
        }
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        for (basis, bucket, measures) in cells.measures() {
            *self.cells.entry((place, basis, bucket)).or_default() += &measures;
        }
        for (basis, bucket, step, count) in cells.steps() {
            let cell = (place, basis, bucket);
            // An earlier delivery that comes late may change nothing else.
            self.cells.entry(cell).or_default();
            self.added.push((cell, step, count));
        }
    }

    /// Forgets everything but the memory it took.
    pub(crate) fn clear(&mut self) {
        self.dimensions.clear();
        self.derived.clear();
        self.cells.clear();
        self.added.clear();
        self.latencies.clear();
    }

    /// Leaves out what has cancelled itself out.
    pub(crate) fn settle(&mut self) {
        let Self { added, cells, .. } = self;
        added.sort_unstable_by_key(|(cell, step, _)| (*cell, *step));
        added.dedup_by(|(cell, step, count), (first, same, sum)| {
            let equal = (*cell, *step) == (*first, *same);
            if equal {
                *sum += *count;
            }
            equal
        });
        added.retain(|(.., count)| *count != 0);
        cells.retain(|cell, measures| {
            !measures.is_zero() || added.binary_search_by_key(cell, |(other, ..)| *other).is_ok()
        });
        let placed = |(cell, step, count): CellStep| {
            let place = cells.get_index_of(&cell).expect("cells with latencies stay");
            (u32::try_from(place).unwrap_or(u32::MAX), step, count)
        };
        self.latencies.extend(added.drain(..).map(placed));
        self.latencies.sort_unstable();
    }

    /// All dimensions, by their places.
    pub(crate) fn dimensions(&self) -> impl ExactSizeIterator<Item = &Dimensions> {
        self.dimensions.iter()
    }

    /// The dimensions at a place, and what follows from them.
    pub(crate) fn at(&self, place: u32) -> (&Dimensions, Derived) {
        (&self.dimensions[place as usize], self.derived[place as usize])
    }

    /// How many cells change.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cells that change, settled.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&Cell, Change<'_>)> {
        sums::rows(&self.cells, &self.latencies)
    }
}
