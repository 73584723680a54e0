//! What a batch adds to the cube, cell by cell.

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use schema::{Basis, Bucket, MailboxProvider, Measures, OTHER, Step, is_other};

use crate::{
    contribution::Cells,
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Derived {
    /// The sender as a value of its dimension: one that stands for others is kept with its domain.
    pub(crate) sender: TextId,
    pub(crate) sender_domain: TextId,
    pub(crate) mailbox_provider: TextId,
}

/// A cell: the place of its dimensions, a clock and a quarter of an hour.
pub(crate) type Cell = (u32, Basis, Bucket);

/// In so many deliveries more of a cell something took so long.
pub(crate) type CellLatency = (Cell, Step, i64);

/// Changed measures and latencies by the cube's key; the dimensions are kept once.
#[derive(Debug, Default)]
pub(crate) struct CubeChange {
    dimensions: IndexSet<Dimensions, FxBuildHasher>,
    derived: Vec<Derived>,
    cells: IndexMap<Cell, Measures, FxBuildHasher>,
    /// Of cells that are there; once settled, sorted and each once.
    latencies: Vec<CellLatency>,
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
        for (bucket, step, count) in cells.latencies() {
            let cell = (place, Basis::Sent, bucket);
            // An earlier delivery that comes late may change nothing else.
            self.cells.entry(cell).or_default();
            self.latencies.push((cell, step, count));
        }
    }

    /// Forgets everything but the memory it took.
    pub(crate) fn clear(&mut self) {
        self.dimensions.clear();
        self.derived.clear();
        self.cells.clear();
        self.latencies.clear();
    }

    /// Leaves out what has cancelled itself out.
    pub(crate) fn settle(&mut self) {
        self.latencies.sort_unstable_by_key(|(cell, step, _)| (*cell, *step));
        self.latencies.dedup_by(|(cell, step, count), (first, same, sum)| {
            let equal = (*cell, *step) == (*first, *same);
            if equal {
                *sum += *count;
            }
            equal
        });
        self.latencies.retain(|(.., count)| *count != 0);
        let latencies = &self.latencies;
        self.cells.retain(|cell, measures| !measures.is_zero() || !of_cell(latencies, cell).is_empty());
    }

    /// All dimensions, by their places.
    pub(crate) fn dimensions(&self) -> impl ExactSizeIterator<Item = &Dimensions> {
        self.dimensions.iter()
    }

    /// The dimensions at a place, and what follows from them.
    pub(crate) fn at(&self, place: u32) -> (&Dimensions, Derived) {
        (&self.dimensions[place as usize], self.derived[place as usize])
    }

    /// The latencies of a cell that change.
    pub(crate) fn latencies(&self, cell: &Cell) -> &[CellLatency] {
        of_cell(&self.latencies, cell)
    }

    /// The cells that change.
    pub(crate) fn cells(&self) -> impl ExactSizeIterator<Item = (&Cell, &Measures)> {
        self.cells.iter()
    }
}

/// Those of one cell out of the sorted ones of all. The `event` basis has none.
fn of_cell<'l>(latencies: &'l [CellLatency], cell: &Cell) -> &'l [CellLatency] {
    if cell.1 != Basis::Sent {
        return &[];
    }
    let start = latencies.partition_point(|(other, ..)| other < cell);
    let length = latencies[start..].iter().take_while(|(other, ..)| other == cell).count();
    &latencies[start..start + length]
}
