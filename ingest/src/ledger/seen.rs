//! The identities of the events that larger commits saw, in runs: sorted files that never change (`run`), asked in order (`asked`), merged so
//! that there are few (`merge`). Which runs there are is an entry of the ledger's store, so that a run is there with the rest of its commit or
//! not at all. What smaller commits saw is in the store itself.

mod asked;
mod format;
mod merge;
mod run;

use std::{
    fs::{self, File},
    io, mem,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use fjall::{Database, Keyspace, PersistMode};
use schema::EventId;

use self::run::Run;
pub(super) use self::{asked::Places, merge::Merger};
use super::{LedgerError, Size, State, age::Generation, forget::Forgetting, meta};
use crate::lock::lock;

/// A commit of at least so many events writes a run.
pub(super) const RUN: usize = if cfg!(test) { 64 } else { 4096 };

/// The runs of a ledger.
pub(super) struct Seen {
    dir: PathBuf,
    database: Database,
    /// Where the list of the runs is.
    entries: Keyspace,
    forgetting: Forgetting,
    runs: Mutex<Arc<[Arc<Run>]>>,
    /// The number of the next run.
    next: AtomicU64,
    /// Held while the list is being changed, here and in the store.
    changing: Mutex<()>,
    /// Held while runs are being merged.
    merging: Mutex<()>,
    /// The run of a commit that failed.
    left: Mutex<Option<Left>>,
    /// Whether merges are to be broken off.
    closing: AtomicBool,
}

/// A run of a commit that failed: whether it is in the list on disk is unknown, and the commit will be tried again.
struct Left {
    run: Arc<Run>,
    ids: Vec<EventId>,
    generation: Generation,
}

impl Seen {
    /// Opens the runs that are in the list, and deletes all other ones.
    pub(super) fn open(
        ledger: &Path,
        (database, entries): (&Database, &Keyspace),
        forgetting: Forgetting,
    ) -> Result<Self, LedgerError> {
        let dir = ledger.join("seen");
        let list = entries.get(meta("runs"))?;
        let list: Vec<(u64, u64)> = list.map(|list| postcard::from_bytes(&list)).transpose()?.unwrap_or_default();
        let runs = list.iter().map(|(number, count)| Run::open(&dir, *number, *count).map(Arc::new));
        let runs = runs.collect::<io::Result<Arc<[_]>>>()?;
        if !dir.exists() {
            fs::create_dir(&dir)?;
            File::open(ledger)?.sync_all()?;
        }
        for file in fs::read_dir(&dir)? {
            let file = file?.path();
            if list.iter().all(|(number, _)| run::path(&dir, *number) != file) {
                fs::remove_file(file)?;
            }
        }
        let next = list.iter().map(|(number, _)| number + 1).max().unwrap_or_default();
        Ok(Self {
            dir,
            database: database.clone(),
            entries: entries.clone(),
            forgetting,
            runs: Mutex::new(runs),
            next: AtomicU64::new(next),
            changing: Mutex::default(),
            merging: Mutex::default(),
            left: Mutex::default(),
            closing: AtomicBool::default(),
        })
    }

    /// Begins to ask.
    pub(super) fn places(&self, remembered: Generation) -> Places {
        Places::new(&self.runs(), remembered)
    }

    /// Writes the run of a commit. `commit` writes the rest of it and, all or nothing, the value of the list that the run is part of.
    pub(super) fn commit(
        &self,
        ids: &[EventId],
        generation: Generation,
        commit: impl FnOnce(State) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut left = lock(&self.left).take();
        let run = match &left {
            Some(left) if left.generation == generation && left.ids == ids => Arc::clone(&left.run),
            _ => self.write(ids, generation)?,
        };
        let changing = lock(&self.changing);
        let runs: Arc<[_]> = self.runs().iter().chain([&run]).cloned().collect();
        if let Err(error) = list(&runs).and_then(commit) {
            *lock(&self.left) = Some(Left { run, ids: ids.to_vec(), generation });
            return Err(error);
        }
        *lock(&self.runs) = runs;
        drop(changing);
        if let Some(left) = left.take_if(|left| left.run.head.number != run.head.number) {
            left.run.delete();
        }
        Ok(())
    }

    /// How large they are.
    pub(super) fn size(&self) -> Size {
        let runs = self.runs();
        Size { disk: runs.iter().map(|run| run.disk()).sum(), memory: runs.iter().map(|run| run.memory()).sum() }
    }

    /// Reads all of them.
    pub(super) fn examine(&self) -> Result<(), LedgerError> {
        Ok(self.runs().iter().try_for_each(|run| run.examine())?)
    }

    fn write(&self, ids: &[EventId], generation: Generation) -> io::Result<Arc<Run>> {
        let run = run::write(&self.dir, (self.number(), ids.len() as u64), |writing| {
            ids.iter().try_for_each(|id| writing.push(id.0, generation.0))
        });
        run.map(Arc::new)
    }

    /// Puts a run in the place of others, if anything is left of them.
    fn replace(&self, others: &[Arc<Run>], merged: Option<Run>) -> Result<(), LedgerError> {
        let merged = merged.map(Arc::new);
        let (empty, merged): (Vec<_>, Vec<_>) = merged.into_iter().partition(|run| run.head.count == 0);
        let changing = lock(&self.changing);
        let is_other = |run: &Arc<Run>| others.iter().any(|other| Arc::ptr_eq(run, other));
        let runs: Arc<[_]> = self.runs().iter().filter(|run| !is_other(run)).cloned().chain(merged).collect();
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&self.entries, meta("runs"), list(&runs)?);
        batch.commit()?;
        let before = mem::replace(&mut *lock(&self.runs), runs);
        drop((before, changing));
        others.iter().chain(&empty).for_each(|run| run.delete());
        Ok(())
    }

    fn runs(&self) -> Arc<[Arc<Run>]> {
        Arc::clone(&lock(&self.runs))
    }

    /// A number that no run has had since the ledger was opened.
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

/// The list as the store keeps it: of each run the number, and how many identities it has.
fn list(runs: &[Arc<Run>]) -> Result<State, LedgerError> {
    let list: Vec<(u64, u64)> = runs.iter().map(|run| (run.head.number, run.head.count)).collect();
    Ok(postcard::to_stdvec(&list)?.into())
}

#[cfg(test)]
mod tests;
