//! Asks runs for identities. Who asks in ascending order has every part read and checked once, and finds the filters in the processor's cache.

use std::{io, ops::RangeInclusive, sync::Arc};

use super::{
    format::{BLOCK, Block, Probes, cell_of, check, open_cell},
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
    filter: Filters,
    /// The cell that was read last.
    cell: Option<usize>,
    entries: Vec<u8>,
}

/// So many filters are read at once by who goes from one to the next.
const AHEAD: u64 = 8;
/// Of no identity.
const NONE: RangeInclusive<u128> = RangeInclusive::new(1, 0);

impl Place {
    fn new(run: Arc<Run>, remembered: Generation) -> Self {
        Self { run, remembered, ids: NONE, group: None, filter: Filters::default(), cell: None, entries: Vec::new() }
    }

    fn may_have(&mut self, id: u128, probes: Probes) -> io::Result<bool> {
        if !self.ids.contains(&id) {
            self.go_to(id)?;
        }
        Ok(self.group.is_some() && probes.are_in(self.filter.block()))
    }

    fn go_to(&mut self, id: u128) -> io::Result<()> {
        // A filter that could not be read is not asked.
        (self.ids, self.cell) = (NONE, None);
        let (group, ids) = self.run.group(id);
        if let Some(group) = group {
            self.filter.go_to(group, &self.run)?;
        }
        (self.group, self.ids) = (group, ids);
        Ok(())
    }

    #[cold]
    fn has(&mut self, id: u128) -> io::Result<bool> {
        let Some(group) = self.group else { return Ok(false) };
        let cell = cell_of(self.filter.block(), self.run.head.in_group(group), id);
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

/// Some filters of a run: who goes from each group to the next reads several at once.
#[derive(Default)]
struct Filters {
    /// The group of the first.
    first: u64,
    /// Which of them is asked.
    place: usize,
    blocks: Vec<Block>,
}

impl Filters {
    fn block(&self) -> &Block {
        self.blocks.get(self.place).unwrap_or(&[0; BLOCK])
    }

    /// Reads the filter of a group, if it is not there yet, and checks it.
    fn go_to(&mut self, group: u64, run: &Run) -> io::Result<()> {
        let after = self.first + self.blocks.len() as u64;
        if !(self.first..after).contains(&group) {
            let ahead = if group == after { AHEAD } else { 1 };
            let count = ahead.min(run.head.groups() - group);
            self.blocks.resize(usize::try_from(count).unwrap_or(1), [0; BLOCK]);
            self.first = group;
            if let Err(error) = run.read_filters(group, self.blocks.as_flattened_mut()) {
                self.blocks.clear();
                return Err(error);
            }
        }
        self.place = usize::try_from(group - self.first).unwrap_or_default();
        check(self.block())
    }
}
