//! The memory of every delivery: an embedded key-value store of delivery states, of the identities of all events seen, and of how
//! far the spool is applied. What it commits, it commits whole.

use std::{collections::BTreeMap, path::Path};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rustc_hash::{FxHashMap, FxHashSet};
use schema::{DeliveryKey, EventId, Month};

use crate::spool::Range;

/// Bytes of memory for the store's blocks.
const CACHE: u64 = 128 << 20;
/// Bytes of a keyspace that are kept in memory before they are sorted into a file: what fits the processor's cache is written fastest.
const MEMTABLE: u64 = 16 << 20;

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store failed.
    #[error("the ledger's store failed")]
    Store(#[from] fjall::Error),
    /// What is stored is not what this Postlens writes.
    #[error("the ledger holds what this Postlens cannot read")]
    Contents(#[from] postcard::Error),
}

impl LedgerError {
    /// Whether the ledger takes nothing more until it is opened again, because what is on disk after a failure is unknown.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Store(fjall::Error::Poisoned))
    }
}

/// The ledger's keyspaces.
pub(crate) struct Ledger {
    database: Database,
    deliveries: Keyspace,
    seen: Keyspace,
    meta: Keyspace,
}

/// What one batch changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) states: FxHashMap<DeliveryKey, State>,
    pub(crate) seen: FxHashSet<EventId>,
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
        match self.ahead.and_then(|changes| changes.states.get(&key)) {
            Some(state) => Ok(Some(state.clone())),
            None => Ok(self.ledger.deliveries.get(key.0.to_be_bytes())?),
        }
    }

    /// Whether an event was seen.
    pub(crate) fn has_seen(self, id: EventId) -> Result<bool, LedgerError> {
        let ahead = self.ahead.is_some_and(|changes| changes.seen.contains(&id));
        Ok(ahead || self.ledger.seen.contains_key(id.0.to_be_bytes())?)
    }
}

/// A delivery's state in binary form.
pub(crate) type State = fjall::Slice;

impl Ledger {
    /// Opens the ledger in `dir`, or creates it.
    pub(crate) fn open(dir: &Path) -> Result<Self, LedgerError> {
        let database = Database::builder(dir).cache_size(CACHE).open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE);
        let keyspace = |name| database.keyspace(name, options);
        let (deliveries, seen, meta) = (keyspace("deliveries")?, keyspace("seen")?, keyspace("meta")?);
        Ok(Self { database, deliveries, seen, meta })
    }

    /// A random name of this ledger, part of every deduplication token: another ledger's tokens are never taken for ours.
    pub(crate) fn name(&self) -> Result<String, LedgerError> {
        if let Some(name) = self.meta.get("name")? {
            return Ok(String::from_utf8_lossy(&name).into_owned());
        }
        let name = format!("{:016x}", std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
        self.meta.insert("name", name.as_str())?;
        self.database.persist(PersistMode::SyncAll)?;
        Ok(name)
    }

    /// Everything before this position of the spool is applied.
    pub(crate) fn cursor(&self) -> Result<u64, LedgerError> {
        Ok(self.number("cursor")?.unwrap_or(0))
    }

    /// The blocks that the cube's partitions hold, by all batches up to the cursor.
    pub(crate) fn held(&self) -> Result<Held, LedgerError> {
        Ok(self.meta.get("held")?.map(|bytes| postcard::from_bytes(&bytes)).transpose()?.unwrap_or_default())
    }

    /// The batch that was begun, to be cut again the same way after a crash.
    pub(crate) fn begun(&self) -> Result<Option<Range>, LedgerError> {
        let (first, last) = (self.cursor()?, self.number("batch")?);
        Ok(last.filter(|last| *last > first).map(|last| Range { first, last }))
    }

    /// Records the end of the next batch, before anything of it is written.
    pub(crate) fn begin(&self, range: Range) -> Result<(), LedgerError> {
        self.meta.insert("batch", range.last.to_le_bytes())?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    /// Makes a batch's changes permanent, and the spool applied up to its end.
    pub(crate) fn commit(&self, changes: &Changes, held: &Held, range: Range) -> Result<(), LedgerError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        // In the order of their keys, so that the memory table's neighbours are found in the processor's cache.
        let mut states: Vec<_> = changes.states.iter().collect();
        states.sort_unstable_by_key(|(key, _)| **key);
        for (key, state) in states {
            batch.insert(&self.deliveries, key.0.to_be_bytes(), state.clone());
        }
        let mut seen: Vec<_> = changes.seen.iter().collect();
        seen.sort_unstable();
        for id in seen {
            batch.insert(&self.seen, id.0.to_be_bytes(), []);
        }
        batch.insert(&self.meta, "held", postcard::to_stdvec(held)?);
        batch.insert(&self.meta, "cursor", range.last.to_le_bytes());
        Ok(batch.commit()?)
    }

    fn number(&self, key: &str) -> Result<Option<u64>, LedgerError> {
        let value = self.meta.get(key)?;
        Ok(value.and_then(|bytes| Some(u64::from_le_bytes(bytes.as_ref().try_into().ok()?))))
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}
