//! Asks the store for the identities that came in small commits. Looking one up costs far more than reading on to the next one. So who asks
//! in ascending order has them read along, as long as few lie between those that are asked for.

use fjall::{Iter, Keyspace};

use super::{LedgerError, SEEN, State, entry};

/// What reading along may cost more than looking up before it is given up, counted in entries that are read on.
const CREDIT: u32 = 64;
/// What looking one identity up costs.
const LOOKUP: u32 = 2;
/// What it costs to begin.
const BEGIN: u32 = 16;

/// Somebody who asks.
pub(super) struct Singles<'l> {
    keyspace: &'l Keyspace,
    /// `None` where reading along was given up.
    credit: Option<u32>,
    /// What was not read yet.
    rest: Option<Iter>,
    /// What was read last: there is nothing from `from` up to it.
    next: Option<(u128, State)>,
    from: u128,
}

impl<'l> Singles<'l> {
    pub(super) fn of(keyspace: &'l Keyspace) -> Self {
        Self { keyspace, credit: Some(CREDIT), rest: None, next: None, from: 0 }
    }

    /// What the store has of an identity.
    pub(super) fn find(&mut self, id: u128) -> Result<Option<State>, LedgerError> {
        self.credit = self.credit.map(|credit| CREDIT.min(credit + LOOKUP));
        if !self.read_to(id)? {
            self.rest = None;
            return Ok(self.keyspace.get(entry(SEEN, id))?);
        }
        Ok(self.next.as_ref().filter(|(next, _)| *next == id).map(|(_, value)| value.clone()))
    }

    /// Reads as far as an identity; answers whether that is worth it.
    fn read_to(&mut self, id: u128) -> Result<bool, LedgerError> {
        if self.rest.is_none() || id < self.from {
            if !self.pay(BEGIN) {
                return Ok(false);
            }
            self.read(self.keyspace.range(entry(SEEN, id)..))?;
        }
        self.from = id;
        while self.next.as_ref().is_some_and(|(next, _)| *next < id) {
            if !self.pay(1) {
                return Ok(false);
            }
            let Some(rest) = self.rest.take() else { return Ok(false) };
            self.read(rest)?;
        }
        Ok(true)
    }

    fn pay(&mut self, cost: u32) -> bool {
        self.credit = self.credit.and_then(|credit| credit.checked_sub(cost));
        self.credit.is_some()
    }

    /// Reads the next. If that fails there is no rest, and who goes on begins anew.
    fn read(&mut self, mut rest: Iter) -> Result<(), LedgerError> {
        self.rest = None;
        self.next = match rest.next() {
            None => None,
            Some(next) => {
                let (key, value) = next.into_inner()?;
                let id = key.last_chunk().ok_or(LedgerError::Entry)?;
                Some((u128::from_be_bytes(*id), value))
            }
        };
        self.rest = Some(rest);
        Ok(())
    }
}
