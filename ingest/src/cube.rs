//! What a batch adds to the cube, cell by cell.

use foldhash::fast::RandomState;
use indexmap::IndexSet;
use schema::{MailboxProvider, OTHER, is_other};

use crate::{
    contribution::Cells,
    sums::{Cell, Change, Sums},
    texts::{FieldsId, Ranks, TextId, Texts, number},
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

/// What rows tell apart beside clock and time.
pub(crate) type Told = (Dimensions, Derived);

/// Changed measures and latencies by the cube's key; the dimensions are kept once.
#[derive(Debug, Default)]
pub(crate) struct CubeChange {
    dimensions: IndexSet<Dimensions, RandomState>,
    derived: Vec<Derived>,
    /// By places of the dimensions.
    cells: Sums<Cell>,
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
        let place = number(place);
        cells.take(|basis, bucket, measures, steps| self.cells.add(Cell::new(place, basis, bucket), measures, steps));
    }

    /// Forgets everything but the memory it took.
    pub(crate) fn clear(&mut self) {
        self.dimensions.clear();
        self.derived.clear();
        self.cells.clear();
    }

    /// Leaves out what has cancelled itself out.
    pub(crate) fn settle(&mut self) {
        self.cells.settle();
    }

    /// All dimensions and what follows from them, by their places.
    pub(crate) fn told(&self) -> impl ExactSizeIterator<Item = Told> {
        self.dimensions.iter().copied().zip(self.derived.iter().copied())
    }

    /// The dimensions at a place, and what follows from them.
    pub(crate) fn at(&self, place: u32) -> Told {
        (self.dimensions[place as usize], self.derived[place as usize])
    }

    /// How many cells change.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cells that change, settled.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (Cell, Change<'_>)> {
        self.cells.rows()
    }
}
