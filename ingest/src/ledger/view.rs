//! What a batch finds in the ledger: what is too old is not there, whether or not it is still in the files.

use std::sync::atomic::Ordering;

use schema::{DeliveryKey, EventId};

use super::{
    Changes, DELIVERY, Ledger, LedgerError, SEEN, State, VALUE, VALUES,
    age::{Bounds, Generation},
    day_entry, entry,
    seen::Places,
    singles::Singles,
};
use crate::limits::DayHash;

/// The ledger as it will be once the batch before is committed: so the next batch is computed while that one is being inserted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'l> {
    /// Where deliveries and events are looked up; nowhere where all of them are counted from the first on.
    ledger: Option<&'l Ledger>,
    /// Where values are registered; nowhere where none are.
    register: Option<&'l Ledger>,
    ahead: Option<&'l Changes>,
    bounds: Bounds,
    /// Whether a delivery of which nothing is found was forgotten.
    late: bool,
}

/// What the ledger knows of a delivery.
#[derive(Debug)]
pub(crate) enum Known {
    /// Its state.
    State(Remembered),
    /// That it had one, which is forgotten.
    Trace,
}

/// A state that is not too old.
#[derive(Debug)]
pub(crate) struct Remembered(State);

impl Remembered {
    pub(crate) fn bytes(&self) -> &[u8] {
        Aged::of(&self.0).map_or(&[], |aged| aged.content)
    }
}

impl<'l> View<'l> {
    /// What a batch of the spool finds.
    pub(super) fn of(ledger: &'l Ledger, ahead: Option<&'l Changes>, bounds: Bounds) -> Self {
        Self { ledger: Some(ledger), register: Some(ledger), ahead, bounds, late: false }
    }

    /// What a run of events finds that are counted anew, of which only the run before is known; `late` are the events of deliveries that
    /// had been forgotten.
    pub(crate) fn anew(register: Option<&'l Ledger>, ahead: Option<&'l Changes>, late: bool) -> Self {
        Self { ledger: None, register, ahead, bounds: Bounds::NONE, late }
    }

    /// Whether values are registered.
    pub(crate) fn registers(self) -> bool {
        self.register.is_some()
    }

    /// What is known of a delivery.
    pub(crate) fn delivery(self, key: DeliveryKey) -> Result<Option<Known>, LedgerError> {
        let value = match self.ahead.and_then(|changes| changes.state(key)) {
            Some(state) => Some(state.clone()),
            None => find(self.ledger, entry(DELIVERY, key.0))?,
        };
        let Some(value) = value else { return Ok(self.late.then_some(Known::Trace)) };
        let Aged { generation, content } = Aged::of(&value).ok_or(LedgerError::Entry)?;
        if generation < self.bounds.traced {
            return Ok(None);
        }
        if generation < self.bounds.remembered || content.is_empty() {
            return Ok(Some(Known::Trace));
        }
        Ok(Some(Known::State(Remembered(value))))
    }

    /// Begins to ask which events were seen.
    pub(crate) fn asked(self) -> Asked<'l> {
        let runs = self.ledger.map(|ledger| ledger.seen.places(self.bounds.remembered)).unwrap_or_default();
        let has_singles = |ledger: &&Ledger| ledger.has_singles.load(Ordering::Relaxed);
        let singles = self.ledger.filter(has_singles).map(|ledger| Singles::of(&ledger.singles));
        Asked { view: self, ahead: 0, runs, singles }
    }

    /// Whether what the store has of an event is not too old.
    fn counts(self, value: Option<State>) -> bool {
        let is_young = |aged: Aged<'_>| aged.generation >= self.bounds.remembered;
        value.is_some_and(|value| Aged::of(&value).is_none_or(is_young))
    }

    /// Whether which values reports tell apart on a day is forgotten.
    pub(crate) fn has_forgotten(self, day: u32) -> bool {
        day < self.bounds.registered
    }

    /// Whether reports tell a value apart on its day.
    pub(crate) fn is_admitted(self, value: DayHash) -> Result<bool, LedgerError> {
        let ahead = self.ahead.is_some_and(|changes| changes.registered.values.binary_search(&value).is_ok());
        Ok(ahead || find(self.register, day_entry(VALUE, value))?.is_some())
    }

    /// How many values of an attribute reports tell apart on a day.
    pub(crate) fn admitted(self, values: DayHash) -> Result<u32, LedgerError> {
        if let Some(changes) = self.ahead {
            let counts = &changes.registered.counts;
            if let Ok(place) = counts.binary_search_by_key(&values, |(key, _)| *key) {
                return Ok(counts[place].1);
            }
        }
        let count = find(self.register, day_entry(VALUES, values))?;
        Ok(count.map(|bytes| postcard::from_bytes(&bytes)).transpose()?.unwrap_or_default())
    }
}

/// Somebody who asks which events were seen: in any order, but best in ascending order.
pub(crate) struct Asked<'l> {
    view: View<'l>,
    /// Of what the batch before saw, so many are below the identity that was asked for last.
    ahead: usize,
    runs: Places,
    /// Nobody, where there are none to ask for.
    singles: Option<Singles<'l>>,
}

impl Asked<'_> {
    /// Whether an event was seen.
    pub(crate) fn has_seen(&mut self, id: EventId) -> Result<bool, LedgerError> {
        if self.is_ahead(id) || self.runs.have(id.0)? {
            return Ok(true);
        }
        if let Some(singles) = &mut self.singles
            && self.view.counts(singles.find(id.0)?)
        {
            return Ok(true);
        }
        let older = self.view.ledger.filter(|ledger| ledger.has_older);
        Ok(older.is_some() && self.view.counts(find(older, entry(SEEN, id.0))?))
    }

    fn is_ahead(&mut self, id: EventId) -> bool {
        let Some(Changes { seen, .. }) = self.view.ahead else { return false };
        if self.ahead.checked_sub(1).is_some_and(|before| seen[before] >= id) {
            self.ahead = 0;
        }
        // Steps that double, from where it was: the next one is near.
        let mut step = 1;
        while seen.get(self.ahead + step - 1).is_some_and(|seen| *seen < id) {
            self.ahead += step;
            step *= 2;
        }
        let end = seen.len().min(self.ahead + step);
        self.ahead += seen[self.ahead..end].partition_point(|seen| *seen < id);
        seen.get(self.ahead) == Some(&id)
    }
}

fn find(ledger: Option<&Ledger>, key: impl AsRef<[u8]>) -> Result<Option<State>, LedgerError> {
    Ok(ledger.map(|ledger| ledger.entries.get(key)).transpose()?.flatten())
}

/// A value with the generation that wrote it, which is its end.
pub(super) struct Aged<'v> {
    pub(super) generation: Generation,
    content: &'v [u8],
}

impl<'v> Aged<'v> {
    /// Bytes of the generation.
    pub(super) const SUFFIX: usize = 2;

    pub(super) fn of(value: &'v [u8]) -> Option<Self> {
        let (content, generation) = value.split_last_chunk()?;
        Some(Self { generation: Generation(u16::from_le_bytes(*generation)), content })
    }
}
