//! Asks runs for identities. Who asks in ascending order has every part read and checked once, and finds the filters in the processor's cache.

use std::{io, ops::RangeInclusive, sync::Arc};

use super::{
    format::{BLOCK, Block, Probes, cell_of, open_cell},
    run::Run,
};
use crate::ledger::age::Generation;

/// Where somebody who asks is in each run.
#[derive(Default)]
pub(in crate::ledger) struct Places(Vec<Place>);

impl Places {
    /// At the beginning of these runs. What is of earlier generations than this counts for nothing.
    pub(super) fn new(runs: &[Arc<Run>], remembered: Generation) -> Self {
        let runs = runs.iter().filter(|run| Generation(run.head.youngest) >= remembered);
        Self(runs.map(|run| Place::new(Arc::clone(run), remembered)).collect())
    }

    /// Whether any of the runs has an identity that is not forgotten.
    pub(in crate::ledger) fn have(&mut self, id: u128) -> io::Result<bool> {
        let probes = Probes::of(id);
        for place in &mut self.0 {
            if place.may_have(id, probes)? && place.has(id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Where somebody is in a run.
struct Place {
    run: Arc<Run>,
    remembered: Generation,
    /// Of these identities the group and its filter speak.
    ids: RangeInclusive<u128>,
    group: Option<u64>,
    filter: Box<Block>,
    /// The cell that was read last.
    cell: Option<usize>,
    entries: Vec<u8>,
}

/// Of no identity.
const NONE: RangeInclusive<u128> = RangeInclusive::new(1, 0);

impl Place {
    fn new(run: Arc<Run>, remembered: Generation) -> Self {
        let (filter, entries) = (Box::new([0; BLOCK]), Vec::new());
        Self { run, remembered, ids: NONE, group: None, filter, cell: None, entries }
    }

    fn may_have(&mut self, id: u128, probes: Probes) -> io::Result<bool> {
        if !self.ids.contains(&id) {
            self.go_to(id)?;
        }
        Ok(self.group.is_some() && probes.are_in(&self.filter))
    }

    fn go_to(&mut self, id: u128) -> io::Result<()> {
        // A filter that could not be read is not asked.
        (self.ids, self.cell) = (NONE, None);
        let (group, ids) = self.run.group(id);
        if let Some(group) = group {
            self.run.read_filter(group, &mut self.filter)?;
        }
        (self.group, self.ids) = (group, ids);
        Ok(())
    }

    #[cold]
    fn has(&mut self, id: u128) -> io::Result<bool> {
        let Some(group) = self.group else { return Ok(false) };
        let cell = cell_of(&self.filter, self.run.head.in_group(group), id);
        if self.cell != Some(cell) {
            self.cell = None;
            self.run.read_cell(group, cell, &mut self.entries)?;
            self.cell = Some(cell);
        }
        let (ids, generations) = open_cell(&self.entries);
        let found = ids.binary_search_by_key(&id, |id| u128::from_le_bytes(*id)).ok();
        Ok(found.is_some_and(|place| Generation(u16::from_le_bytes(generations[place])) >= self.remembered))
    }
}
