//! Folds events once more, as the writer folds a batch: the rows that follow, and what a ledger remembers.

use std::sync::Arc;

use schema::Identifier;

use super::Result;
use crate::{
    batch::Batch,
    fact::{Facts, Records},
    ledger::{Changes, View},
    rows::{Buffers, Insert, Stamp, recounted},
    texts::Texts,
};

/// What comes of a run of events.
pub(super) struct Folded {
    pub(super) inserts: Vec<Insert>,
    pub(super) changes: Arc<Changes>,
    /// Deliveries that the run before did not speak of.
    pub(super) deliveries: u64,
}

/// Folds a run of events, sorted by delivery. Of a delivery that the run before broke off in the midst of, this is the rest.
///
/// What a delivery should contribute is decided where the writer has it decided, in `Batch::fold` upon the states of the view. What the
/// writer knows beside the events themselves must come in through that view.
pub(super) fn fold(frames: &[u8], before: Option<&Changes>, number: u64, identifier: &Identifier) -> Result<Folded> {
    let view = View { ledger: None, ahead: before };
    let records = Records::open(frames)?;
    // The texts of the batch lie in the states, too, which therefore must live longer.
    let states;
    let mut texts = Texts::default();
    let facts = Facts::distinct(&records, &mut texts, view, identifier)?;
    states = facts.states(view)?;
    let begun = states.iter().flatten().count();
    let mut batch = Batch::fold(facts, texts, &states, identifier)?;
    let stamp = Stamp { ledger: "", version: number, batch: number };
    let inserts = recounted(&mut batch, stamp, &Buffers::default());
    let changes = Arc::new(batch.changes()?);
    Ok(Folded { inserts, deliveries: (changes.states.len() - begun) as u64, changes })
}
