//! The memory of every delivery: an embedded key-value store of delivery states and of how far the spool is applied, and beside it sorted
//! files of the identities of the events seen (`seen`). What it commits, it commits whole. What is too old (`age`) it forgets (`forget`).

mod age;
mod forget;
mod seen;
mod singles;
mod view;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use fjall::{
    CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, PersistMode,
    compaction::{Leveled, filter::Factory},
    config::{CompressionPolicy, PinningPolicy},
};
use schema::{DeliveryKey, EventId, Month};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    age::{Age, Memory},
    view::{Known, View},
};
use self::{
    forget::Forgetting,
    seen::{Merger, RUN, Seen},
};
use crate::{
    limits::{DayHash, Limits, Registered},
    spool::Range,
};

/// Bytes that are kept in memory before they are sorted into a file: what fits the processor's cache is written fastest.
const MEMTABLE: u64 = 16 << 20;
/// A commit of at least so many entries is written as a sorted file at once, without a detour over the journal and the memory table. Of
/// smaller ones the memory table gathers many: each file is merged with all that lies below.
const BULK: usize = 1 << 17;
/// Files of commits that are left to lie before they are merged: reading asks each of them, merging rewrites all.
const FILES: u8 = 8;
/// Bytes of journals, beyond which entries that keep an old one are written to a file: single identities may be few and far between.
const JOURNALS: u64 = 128 << 20;

/// The first byte of a key says what the entry is: numbers and texts of the ledger as a whole, a delivery, an event, a value that
/// reports tell apart on a day, how many of these there are.
const META: u8 = 0;
const DELIVERY: u8 = 1;
const SEEN: u8 = 2;
const VALUE: u8 = 3;
const VALUES: u8 = 4;

/// The names of the store's parts in forms that are read no more.
const OLDER: [&str; 3] = ["deliveries", "ledger", "memory"];

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store failed.
    #[error("the ledger's store failed")]
    Store(#[from] fjall::Error),
    /// What is stored is not what this Postlens writes.
    #[error("the ledger holds what this Postlens cannot read")]
    Contents(#[from] postcard::Error),
    /// The same.
    #[error("the ledger holds an entry without its age")]
    Entry,
    /// A file of identities could not be read or written, or is not what this Postlens writes.
    #[error("a file of the ledger's event identities failed")]
    Run(#[from] io::Error),
    /// An earlier build wrote it: read as an empty one, it would count everything again.
    #[error("the ledger was written by an earlier build, in a form that is read no more")]
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
            Self::Store(Error::Io(error) | Error::Storage(LsmError::Io(error))) | Self::Run(error) => {
                is_not_what_was_written(error)
            }
            Self::Store(Error::Poisoned | Error::Locked | Error::KeyspaceDeleted) => false,
            Self::Store(_) | Self::Contents(_) | Self::Entry | Self::Older => true,
        }
    }
}

/// A file that is missing, too short or no such file; a disk that is full or fails is another matter.
fn is_not_what_was_written(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

/// The ledger's store. Everything but identities is in one keyspace, for only within one can a sorted file become visible whole. Identities
/// are not: of the few that small commits bring, the keyspace is small, and fast to ask.
pub(crate) struct Ledger {
    /// Ended first: it works with all the others.
    merger: Merger,
    database: Database,
    entries: Keyspace,
    /// Identities of events that came in small commits.
    singles: Keyspace,
    /// Whether there are any.
    has_singles: AtomicBool,
    /// Whether there are identities among the entries, where an earlier build wrote them.
    has_older: bool,
    seen: Arc<Seen>,
    forgetting: Forgetting,
}

/// How large the ledger is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes of its files.
    pub(crate) disk: u64,
    /// Bytes of memory for what is cached and what is not in a file yet.
    pub(crate) memory: u64,
}

/// The settings that a batch's rows depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) limits: Limits,
    pub(crate) memory: Memory,
}

/// What one batch changes. All lists are sorted, each key once.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// With their [`aged`] form.
    pub(crate) states: Vec<(DeliveryKey, State)>,
    pub(crate) seen: Vec<EventId>,
    pub(crate) registered: Registered,
    pub(crate) age: Age,
}

impl Changes {
    fn state(&self, key: DeliveryKey) -> Option<&State> {
        let place = self.states.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(&self.states[place].1)
    }

    /// Entries beside the identities.
    fn entries(&self) -> usize {
        let Self { states, seen: _, registered: Registered { values, counts }, age: _ } = self;
        states.len() + values.len() + counts.len()
    }
}

/// How many of our blocks each partition of the cube holds.
pub(crate) type Held = BTreeMap<Month, u64>;

/// A delivery's state in binary form.
pub(crate) type State = fjall::Slice;

/// The form in which a state is kept that a batch of this age left.
pub(crate) fn aged(state: &mut Vec<u8>, age: &Age) -> State {
    state.extend(age.generation().0.to_le_bytes());
    State::from(&state[..])
}

impl Ledger {
    /// Opens the ledger in `dir`, or creates it. It keeps so many bytes of its files in memory.
    pub(crate) fn open(dir: &Path, cache: u64) -> Result<Self, LedgerError> {
        let forgetting = Forgetting::default();
        let factory: Arc<dyn Factory> = Arc::new(forgetting.clone());
        let database = Database::builder(dir)
            .cache_size(cache)
            // One worker: of several, the first hands merges round and round in a busy loop while another one is merging.
            .worker_threads(1)
            .max_journaling_size(JOURNALS)
            .with_compaction_filter_factories(Arc::new(move |_| Some(Arc::clone(&factory))))
            .open()?;
        if OLDER.iter().any(|name| database.keyspace_exists(name)) {
            return Err(LedgerError::Older);
        }
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE)
                .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(FILES)))
                .filter_block_pinning_policy(PinningPolicy::new([true, true, false]))
                .data_block_compression_policy(CompressionPolicy::new([CompressionType::None, CompressionType::Lz4]))
        };
        let entries = database.keyspace("memories", options)?;
        let singles = database.keyspace("events", options)?;
        let has_any = |keyspace: &Keyspace| keyspace.prefix([SEEN]).next().map(Guard::key).transpose();
        let (has_older, has_singles) = (has_any(&entries)?.is_some(), has_any(&singles)?.is_some().into());
        let seen = Arc::new(Seen::open(dir, (&database, &entries), forgetting.clone())?);
        let merger = Merger::start(Arc::clone(&seen))?;
        Ok(Self { merger, database, entries, singles, has_singles, has_older, seen, forgetting })
    }

    /// The ledger as a batch of these rules finds it, `ahead` of it the changes of the batch before.
    pub(crate) fn view<'l>(&'l self, ahead: Option<&'l Changes>, rules: &Rules) -> Result<View<'l>, LedgerError> {
        let bounds = self.age(ahead)?.bounds(rules.memory);
        Ok(View::of(self, ahead, bounds))
    }

    /// How old the ledger is, or will be.
    pub(crate) fn age(&self, ahead: Option<&Changes>) -> Result<Age, LedgerError> {
        if let Some(changes) = ahead {
            return Ok(changes.age.clone());
        }
        let age = self.entries.get(meta("age"))?;
        Ok(age.map(|bytes| postcard::from_bytes(&bytes)).transpose()?.unwrap_or_default())
    }

    /// How large it is.
    pub(crate) fn size(&self) -> Result<Size, LedgerError> {
        let seen = self.seen.size();
        let memory = self.database.cache_size() + self.database.write_buffer_size() + seen.memory;
        Ok(Size { disk: self.database.disk_space()? + seen.disk, memory })
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

    /// The batch that was begun, to be cut again the same way after a crash, and the rules under which it was: a replay computes the
    /// same rows, whatever the configuration says by then.
    pub(crate) fn begun(&self) -> Result<Option<(Range, Rules)>, LedgerError> {
        let (first, last) = (self.cursor()?, self.number("batch")?);
        let rules = self.entries.get(meta("rules"))?.map(|bytes| postcard::from_bytes(&bytes)).transpose()?;
        let begun = last.filter(|last| *last > first).map(|last| Range { first, last });
        Ok(begun.zip(rules))
    }

    /// Records the end of the next batch and its rules, before anything of it is written.
    pub(crate) fn begin(&self, range: Range, rules: &Rules) -> Result<(), LedgerError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.entries, meta("batch"), range.last.to_le_bytes());
        batch.insert(&self.entries, meta("rules"), postcard::to_stdvec(rules)?);
        Ok(batch.commit()?)
    }

    /// Makes a batch's changes permanent, and the spool applied up to its end: all of it or nothing.
    pub(crate) fn commit(&self, changes: &Changes, held: &Held, range: Range) -> Result<(), LedgerError> {
        let (ids, generation) = (&changes.seen, changes.age.generation());
        // A batch that spans keyspaces is written as a whole, a sorted file is of one.
        if ids.len() >= RUN || (changes.entries() >= BULK && !ids.is_empty()) {
            let write = |runs| self.write(changes, held, range, Some(runs));
            self.seen.commit(ids, generation, write)?;
            self.merger.wake();
            return Ok(());
        }
        self.write(changes, held, range, None)
    }

    /// Writes all of a batch's changes but the identities that are in a run, with the list of the runs if there is one more.
    fn write(&self, changes: &Changes, held: &Held, range: Range, runs: Option<State>) -> Result<(), LedgerError> {
        let singles = if runs.is_some() { &[][..] } else { &changes.seen };
        let age = (meta("age"), State::from(postcard::to_stdvec(&changes.age)?));
        let cursor = (meta("cursor"), State::from(range.last.to_le_bytes()));
        let held = (meta("held"), State::from(postcard::to_stdvec(held)?));
        let runs = runs.map(|runs| (meta("runs"), runs));
        let states = changes.states.iter().map(|(key, state)| (entry(DELIVERY, key.0).into(), state.clone()));
        let Registered { values, counts } = &changes.registered;
        let values = values.iter().map(|value| (day_entry(VALUE, *value).into(), State::default()));
        let count =
            |(values, count): &(_, u32)| Ok((day_entry(VALUES, *values).into(), postcard::to_stdvec(count)?.into()));
        let counts = counts.iter().map(count).collect::<Result<Vec<_>, postcard::Error>>()?;
        // In the order of their keys.
        let entries = [age, cursor, held].into_iter().chain(runs).chain(states).chain(values).chain(counts);
        if changes.entries() < BULK {
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            for (key, value) in entries {
                batch.insert(&self.entries, key, value);
            }
            let generation = changes.age.generation().0.to_le_bytes();
            for id in singles {
                batch.insert(&self.singles, entry(SEEN, id.0), generation);
            }
            // Asked for once too often is better than once too seldom.
            self.has_singles.fetch_or(!singles.is_empty(), Ordering::Relaxed);
            return Ok(batch.commit()?);
        }
        let mut file = self.entries.start_ingestion()?;
        for (key, value) in entries {
            file.write(key, value)?;
        }
        Ok(file.finish()?)
    }

    /// From now on merges leave out what is too old after a batch of these changes and rules, which was committed.
    pub(crate) fn forget(&self, changes: &Changes, rules: &Rules) {
        self.forgetting.set(changes.age.bounds(rules.memory));
    }

    /// Reads everything. What is damaged is noticed when it is read, and by merges, which break the ledger again and again.
    pub(crate) fn examine(&self) -> Result<(), LedgerError> {
        for entry in self.entries.iter().chain(self.singles.iter()) {
            entry.into_inner()?;
        }
        self.seen.examine()
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
mod tests;
