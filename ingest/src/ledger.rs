//! The memory of every delivery: an embedded key-value store of delivery states, of the identities of all events seen, and of how
//! far the spool is applied. What it commits, it commits whole.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, compaction::Leveled,
    config::CompressionPolicy,
};
use schema::{DeliveryKey, EventId, Month};

use crate::{
    limits::{DayHash, Limits, Registered},
    spool::Range,
};

/// Bytes of memory for the store's blocks.
const CACHE: u64 = 128 << 20;
/// Bytes that are kept in memory before they are sorted into a file: what fits the processor's cache is written fastest.
const MEMTABLE: u64 = 16 << 20;
/// A commit of at least so many entries is written as a sorted file at once, without a detour over the journal and the memory table.
const BULK: usize = 8192;
/// Files of commits that are left to lie before they are merged: reading asks each of them, merging rewrites all.
const FILES: u8 = 8;

/// The first byte of a key says what the entry is: numbers and texts of the ledger as a whole, a delivery, an event, a value that
/// reports tell apart on a day, how many of these there are.
const META: u8 = 0;
const DELIVERY: u8 = 1;
const SEEN: u8 = 2;
const VALUE: u8 = 3;
const VALUES: u8 = 4;

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store failed.
    #[error("the ledger's store failed")]
    Store(#[from] fjall::Error),
    /// What is stored is not what this Postlens writes.
    #[error("the ledger holds what this Postlens cannot read")]
    Contents(#[from] postcard::Error),
    /// An earlier build, which was never released, wrote it: read as an empty one, it would count everything again.
    #[error(
        "the ledger was written by a build before 0.1.0: start with an empty data directory and load the events again"
    )]
    Older,
}

impl LedgerError {
    /// Whether the ledger takes nothing more until it is opened again, because what is on disk after a failure is unknown.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Store(fjall::Error::Poisoned))
    }
}

/// The ledger's store. Everything is in one keyspace, for only within one can a sorted file become visible whole.
pub(crate) struct Ledger {
    database: Database,
    entries: Keyspace,
}

/// What one batch changes. All lists are sorted, each key once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) states: Vec<(DeliveryKey, State)>,
    pub(crate) seen: Vec<EventId>,
    pub(crate) registered: Registered,
}

impl Changes {
    fn state(&self, key: DeliveryKey) -> Option<&State> {
        let place = self.states.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&self.states[place].1)
    }

    fn len(&self) -> usize {
        let Self { states, seen, registered: Registered { values, counts } } = self;
        states.len() + seen.len() + values.len() + counts.len()
    }
}

/// How many of our blocks each partition of the cube holds.
pub(crate) type Held = BTreeMap<Month, u64>;

/// The ledger as it will be once the batch before is committed: so the next batch is computed while that one is being inserted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'l> {
    pub(crate) ledger: &'l Ledger,
    pub(crate) ahead: Option<&'l Changes>,
}

impl View<'_> {
    /// A delivery's state.
    pub(crate) fn state(self, key: DeliveryKey) -> Result<Option<State>, LedgerError> {
        match self.ahead.and_then(|changes| changes.state(key)) {
            Some(state) => Ok(Some(state.clone())),
            None => Ok(self.ledger.entries.get(entry(DELIVERY, key.0))?),
        }
    }

    /// Whether an event was seen.
    pub(crate) fn has_seen(self, id: EventId) -> Result<bool, LedgerError> {
        let ahead = self.ahead.is_some_and(|changes| changes.seen.binary_search(&id).is_ok());
        Ok(ahead || self.ledger.entries.contains_key(entry(SEEN, id.0))?)
    }

    /// Whether reports tell a value apart on its day.
    pub(crate) fn is_admitted(self, value: DayHash) -> Result<bool, LedgerError> {
        let ahead = self.ahead.is_some_and(|changes| changes.registered.values.binary_search(&value).is_ok());
        Ok(ahead || self.ledger.entries.contains_key(day_entry(VALUE, value))?)
    }

    /// How many values of an attribute reports tell apart on a day.
    pub(crate) fn admitted(self, values: DayHash) -> Result<u32, LedgerError> {
        if let Some(changes) = self.ahead {
            let counts = &changes.registered.counts;
            if let Ok(place) = counts.binary_search_by_key(&values, |(key, _)| *key) {
                return Ok(counts[place].1);
            }
        }
        let count = self.ledger.entries.get(day_entry(VALUES, values))?;
        Ok(count.map(|bytes| postcard::from_bytes(&bytes)).transpose()?.unwrap_or_default())
    }
}

/// A delivery's state in binary form.
pub(crate) type State = fjall::Slice;

impl Ledger {
    /// Opens the ledger in `dir`, or creates it.
    pub(crate) fn open(dir: &Path) -> Result<Self, LedgerError> {
        // One worker: of several, the first hands merges round and round in a busy loop while another one is merging.
        let database = Database::builder(dir).cache_size(CACHE).worker_threads(1).open()?;
        if database.keyspace_exists("deliveries") {
            return Err(LedgerError::Older);
        }
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE)
                .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(FILES)))
                .data_block_compression_policy(CompressionPolicy::new([CompressionType::None, CompressionType::Lz4]))
        };
        let entries = database.keyspace("ledger", options)?;
        Ok(Self { database, entries })
    }

    /// A random name of this ledger, part of every deduplication token: another ledger's tokens are never taken for ours.
    pub(crate) fn name(&self) -> Result<String, LedgerError> {
        if let Some(name) = self.entries.get(meta("name"))? {
            return Ok(String::from_utf8_lossy(&name).into_owned());
        }
        let name = format!("{:016x}", std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
        self.entries.insert(meta("name"), name.as_str())?;
        self.database.persist(PersistMode::SyncAll)?;
        Ok(name)
    }

    /// Everything before this position of the spool is applied.
    pub(crate) fn cursor(&self) -> Result<u64, LedgerError> {
        Ok(self.number("cursor")?.unwrap_or(0))
    }

    /// The blocks that the cube's partitions hold, by all batches up to the cursor.
    pub(crate) fn held(&self) -> Result<Held, LedgerError> {
        let held = self.entries.get(meta("held"))?;
        Ok(held.map(|bytes| postcard::from_bytes(&bytes)).transpose()?.unwrap_or_default())
    }

    /// The batch that was begun, to be cut again the same way after a crash, and the limits under which it was: a replay computes the
    /// same rows, whatever the configuration says by then.
    pub(crate) fn begun(&self) -> Result<Option<(Range, Limits)>, LedgerError> {
        let (first, last) = (self.cursor()?, self.number("batch")?);
        let limits = self.entries.get(meta("limits"))?.map(|bytes| postcard::from_bytes(&bytes)).transpose()?;
        let begun = last.filter(|last| *last > first).map(|last| Range { first, last });
        Ok(begun.map(|range| (range, limits.unwrap_or_default())))
    }

    /// Records the end of the next batch and its limits, before anything of it is written.
    pub(crate) fn begin(&self, range: Range, limits: &Limits) -> Result<(), LedgerError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.entries, meta("batch"), range.last.to_le_bytes());
        batch.insert(&self.entries, meta("limits"), postcard::to_stdvec(limits)?);
        Ok(batch.commit()?)
    }

    /// Makes a batch's changes permanent, and the spool applied up to its end: all of it or nothing.
    pub(crate) fn commit(&self, changes: &Changes, held: &Held, range: Range) -> Result<(), LedgerError> {
        let cursor = (meta("cursor"), State::from(range.last.to_le_bytes()));
        let held = (meta("held"), State::from(postcard::to_stdvec(held)?));
        let states = changes.states.iter().map(|(key, state)| (entry(DELIVERY, key.0).into(), state.clone()));
        let seen = changes.seen.iter().map(|id| (entry(SEEN, id.0).into(), State::default()));
        let Registered { values, counts } = &changes.registered;
        let values = values.iter().map(|value| (day_entry(VALUE, *value).into(), State::default()));
        let count =
            |(values, count): &(_, u32)| Ok((day_entry(VALUES, *values).into(), postcard::to_stdvec(count)?.into()));
        let counts = counts.iter().map(count).collect::<Result<Vec<_>, postcard::Error>>()?;
        // In the order of their keys.
        let entries = [cursor, held].into_iter().chain(states).chain(seen).chain(values).chain(counts);
        if changes.len() < BULK {
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            for (key, value) in entries {
                batch.insert(&self.entries, key, value);
            }
            return Ok(batch.commit()?);
        }
        let mut file = self.entries.start_ingestion()?;
        for (key, value) in entries {
            file.write(key, value)?;
        }
        Ok(file.finish()?)
    }

    fn number(&self, key: &str) -> Result<Option<u64>, LedgerError> {
        let value = self.entries.get(meta(key))?;
        Ok(value.and_then(|bytes| Some(u64::from_le_bytes(bytes.as_ref().try_into().ok()?))))
    }
}

fn meta(name: &str) -> fjall::Slice {
    fjall::Slice::from([&[META], name.as_bytes()].concat())
}

/// A key: in the order of the numbers, as sorted lists of them are.
fn entry(kind: u8, number: u128) -> [u8; 17] {
    let mut key = [kind; 17];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A key of a day: days that are over lie together.
fn day_entry(kind: u8, DayHash { day, hash }: DayHash) -> [u8; 21] {
    let mut key = [kind; 21];
    key[1..5].copy_from_slice(&day.to_be_bytes());
    key[5..].copy_from_slice(&hash.0.to_be_bytes());
    key
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use schema::ValueHash;

    use super::*;

    fn changes(ids: std::ops::Range<u128>) -> Changes {
        let states = ids.clone().map(|id| (DeliveryKey(id), State::from(id.to_le_bytes()))).collect();
        let hash = |id| DayHash { day: 20_000, hash: ValueHash(id) };
        let values = ids.clone().map(hash).collect();
        let counts = ids.clone().map(|id| (hash(id), 7)).collect();
        Changes { states, seen: ids.map(EventId).collect(), registered: Registered { values, counts } }
    }

    #[test]
    fn small_and_large_commits_are_all_there_after_a_restart() -> Result<(), LedgerError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let large = BULK as u128;
        let parts = [0..10, 10..10 + large, 10 + large..20 + large, 20 + large..20 + 2 * large];
        for (number, ids) in (1..).zip(parts) {
            let ledger = Ledger::open(dir.path())?;
            let held = Held::from([(Month(202_611), number)]);
            ledger.commit(&changes(ids), &held, Range { first: number - 1, last: number })?;
            assert_eq!((ledger.cursor()?, ledger.held()?), (number, held));
        }
        let ledger = Ledger::open(dir.path())?;
        let view = View { ledger: &ledger, ahead: None };
        for id in 0..20 + 2 * large {
            assert!(view.has_seen(EventId(id))?, "{id}");
            assert_eq!(view.state(DeliveryKey(id))?.as_deref(), Some(&id.to_le_bytes()[..]));
            let value = DayHash { day: 20_000, hash: ValueHash(id) };
            assert_eq!((view.is_admitted(value)?, view.admitted(value)?), (true, 7));
        }
        assert!(!view.has_seen(EventId(20 + 2 * large))?);
        assert_eq!((ledger.cursor()?, ledger.begun()?), (4, None));
        Ok(())
    }

    #[test]
    fn a_ledger_of_an_earlier_form_is_refused() -> Result<(), LedgerError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        drop(Database::builder(dir.path()).open()?.keyspace("deliveries", KeyspaceCreateOptions::default)?);
        assert!(matches!(Ledger::open(dir.path()), Err(LedgerError::Older)));
        Ok(())
    }
}
