//! The memory of every delivery: an embedded key-value store of delivery states, of the identities of all events seen, and of how
//! far the spool is applied. What it commits, it commits whole.

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, compaction::Leveled,
    config::CompressionPolicy,
};
use schema::{DeliveryKey, EventId, Month};

use crate::spool::Range;

/// Bytes of memory for the store's blocks.
const CACHE: u64 = 128 << 20;
/// Bytes that are kept in memory before they are sorted into a file: what fits the processor's cache is written fastest.
const MEMTABLE: u64 = 16 << 20;
/// A commit of at least so many entries is written as a sorted file at once, without a detour over the journal and the memory table.
const BULK: usize = 8192;
/// Files of commits that are left to lie before they are merged: reading asks each of them, merging rewrites all.
const FILES: u8 = 8;

/// The first byte of a key says what the entry is: numbers and texts of the ledger as a whole, a delivery, an event.
const META: u8 = 0;
const DELIVERY: u8 = 1;
const SEEN: u8 = 2;

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

    /// Whether the ledger on disk is not what was written: it will not get better by itself.
    pub(crate) fn is_damage(&self) -> bool {
        use fjall::{Error, LsmError};
        match self {
            Self::Store(Error::Io(error) | Error::Storage(LsmError::Io(error))) => is_not_what_was_written(error),
            Self::Store(Error::Poisoned | Error::Locked | Error::KeyspaceDeleted) => false,
            Self::Store(_) | Self::Contents(_) | Self::Older => true,
        }
    }
}

/// A file that is missing, too short or no such file; a disk that is full or fails is another matter.
fn is_not_what_was_written(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

/// The ledger's store. Everything is in one keyspace, for only within one can a sorted file become visible whole.
pub(crate) struct Ledger {
    database: Database,
    entries: Keyspace,
}

/// What one batch changes. Both lists are sorted, each key once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) states: Vec<(DeliveryKey, State)>,
    pub(crate) seen: Vec<EventId>,
}

impl Changes {
    fn state(&self, key: DeliveryKey) -> Option<&State> {
        let place = self.states.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&self.states[place].1)
    }
}

/// How many of our blocks each partition of the cube holds.
pub(crate) type Held = BTreeMap<Month, u64>;

/// The ledger as it will be once the batch before is committed: so the next batch is computed while that one is being inserted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'l> {
    /// None where all events are counted from the first on.
    pub(crate) ledger: Option<&'l Ledger>,
    pub(crate) ahead: Option<&'l Changes>,
}

impl View<'_> {
    /// A delivery's state.
    pub(crate) fn state(self, key: DeliveryKey) -> Result<Option<State>, LedgerError> {
        match self.ahead.and_then(|changes| changes.state(key)) {
            Some(state) => Ok(Some(state.clone())),
            None => match self.ledger {
                Some(ledger) => Ok(ledger.entries.get(entry(DELIVERY, key.0))?),
                None => Ok(None),
            },
        }
    }

    /// Whether an event was seen.
    pub(crate) fn has_seen(self, id: EventId) -> Result<bool, LedgerError> {
        let ahead = self.ahead.is_some_and(|changes| changes.seen.binary_search(&id).is_ok());
        if ahead {
            return Ok(true);
        }
        match self.ledger {
            Some(ledger) => Ok(ledger.entries.contains_key(entry(SEEN, id.0))?),
            None => Ok(false),
        }
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

    /// Whether nothing was ever done with it: it was made just now, or lost everything.
    pub(crate) fn is_new(&self) -> Result<bool, LedgerError> {
        Ok(!self.entries.contains_key(meta("name"))?)
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

    /// What positions of the spool are above in the versions of deliveries: states of an earlier spool, or of a repair, come before.
    pub(crate) fn base(&self) -> Result<u64, LedgerError> {
        Ok(self.number("base")?.unwrap_or(0))
    }

    /// Lifts the versions that are to come.
    pub(crate) fn rebase(&self, base: u64) -> Result<(), LedgerError> {
        self.entries.insert(meta("base"), base.to_le_bytes())?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    /// Has learnt all events: it goes on after this position of the spool.
    pub(crate) fn complete(&self, cursor: u64, base: u64) -> Result<(), LedgerError> {
        self.entries.insert(meta("cursor"), cursor.to_le_bytes())?;
        self.rebase(base)?;
        self.name().map(drop)
    }

    /// The blocks that the cube's partitions hold, by all batches up to the cursor.
    pub(crate) fn held(&self) -> Result<Held, LedgerError> {
        let held = self.entries.get(meta("held"))?;
        Ok(held.map(|bytes| postcard::from_bytes(&bytes)).transpose()?.unwrap_or_default())
    }

    /// The batch that was begun, to be cut again the same way after a crash.
    pub(crate) fn begun(&self) -> Result<Option<Range>, LedgerError> {
        let (first, last) = (self.cursor()?, self.number("batch")?);
        Ok(last.filter(|last| *last > first).map(|last| Range { first, last }))
    }

    /// Records the end of the next batch, before anything of it is written.
    pub(crate) fn begin(&self, range: Range) -> Result<(), LedgerError> {
        self.entries.insert(meta("batch"), range.last.to_le_bytes())?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    /// Makes a batch's changes permanent, and the spool applied up to its end: all of it or nothing.
    pub(crate) fn commit(&self, changes: &Changes, held: &Held, range: Range) -> Result<(), LedgerError> {
        let cursor = (meta("cursor"), State::from(range.last.to_le_bytes()));
        let held = (meta("held"), State::from(postcard::to_stdvec(held)?));
        let states = changes.states.iter().map(|(key, state)| (entry(DELIVERY, key.0).into(), state.clone()));
        let seen = changes.seen.iter().map(|id| (entry(SEEN, id.0).into(), State::default()));
        // In the order of their keys.
        let entries = [cursor, held].into_iter().chain(states).chain(seen);
        if changes.states.len() + changes.seen.len() < BULK {
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

    /// Reads everything. What is damaged is noticed when it is read, and by merges, which break the ledger again and again.
    pub(crate) fn examine(&self) -> Result<(), LedgerError> {
        for entry in self.entries.iter() {
            entry.into_inner()?;
        }
        Ok(())
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

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(ids: std::ops::Range<u128>) -> Changes {
        let states = ids.clone().map(|id| (DeliveryKey(id), State::from(id.to_le_bytes()))).collect();
        Changes { states, seen: ids.map(EventId).collect() }
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
        let view = View { ledger: Some(&ledger), ahead: None };
        for id in 0..20 + 2 * large {
            assert!(view.has_seen(EventId(id))?, "{id}");
            assert_eq!(view.state(DeliveryKey(id))?.as_deref(), Some(&id.to_le_bytes()[..]));
        }
        assert!(!view.has_seen(EventId(20 + 2 * large))?);
        assert_eq!((ledger.cursor()?, ledger.begun()?), (4, None));
        Ok(())
    }

    #[test]
    fn damage_that_nobody_came_across_is_found_by_examining() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let ledger = Ledger::open(dir.path())?;
        ledger.commit(&changes(0..BULK as u128), &Held::new(), Range { first: 0, last: 1 })?;
        ledger.examine()?;
        drop(ledger);
        let tables = std::fs::read_dir(dir.path().join("keyspaces/1/tables"))?;
        let table =
            tables.flatten().max_by_key(|file| file.metadata().map_or(0, |data| data.len())).ok_or("no table")?;
        let mut bytes = std::fs::read(table.path())?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(table.path(), bytes)?;
        let examined = Ledger::open(dir.path())?.examine();
        assert!(examined.as_ref().is_err_and(LedgerError::is_damage), "{examined:?}");
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
