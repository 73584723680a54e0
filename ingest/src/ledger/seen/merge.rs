//! Merges runs, so that there are few to ask: four of about a size become one of the next size, in a thread of their own. What is forgotten
//! by then is left out.

use std::{
    io, mem,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Seen,
    run::{Run, Writing, write},
};
use crate::{
    ledger::{LedgerError, age::Generation},
    lock::lock,
    status::chain,
};

/// So many runs of a size are merged; the next size is so many times as large.
const FAN: usize = 4;
/// After a failure it is tried again so much later.
const PAUSE: Duration = Duration::from_mins(1);

/// The thread that merges the runs of a ledger.
pub(in crate::ledger) struct Merger {
    seen: Arc<Seen>,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Merger {
    pub(in crate::ledger) fn start(seen: Arc<Seen>) -> io::Result<Self> {
        let (wake, woken) = mpsc::sync_channel(1);
        let merging = Arc::clone(&seen);
        let thread = thread::Builder::new().name("ledger-merge".to_owned()).spawn(move || merge_when(&merging, &woken));
        let merger = Self { seen, wake: Some(wake), thread: Some(thread?) };
        merger.wake();
        Ok(merger)
    }

    /// There may be something to merge.
    pub(in crate::ledger) fn wake(&self) {
        // A thread that was woken and has not looked yet will see it all.
        let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
    }
}

impl Drop for Merger {
    /// Breaks a merge off: it leaves nothing.
    fn drop(&mut self) {
        self.seen.closing.store(true, Ordering::Relaxed);
        self.wake = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn merge_when(seen: &Seen, woken: &mpsc::Receiver<()>) {
    while woken.recv().is_ok() {
        let Err(error) = seen.merge_due() else { continue };
        if seen.closing.load(Ordering::Relaxed) {
            return;
        }
        tracing::warn!(error = chain(&error), "the ledger's identities could not be merged; it is tried again");
        if error.is_lasting() {
            return;
        }
        let again = Instant::now() + PAUSE;
        loop {
            match woken.recv_timeout(again.saturating_duration_since(Instant::now())) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

impl Seen {
    /// Merges until there is nothing left to merge.
    pub(super) fn merge_due(&self) -> Result<(), LedgerError> {
        while self.merge(due)? {}
        Ok(())
    }

    /// Merges the runs that are chosen into one that takes their place; answers whether there were any.
    pub(super) fn merge(
        &self,
        choose: impl FnOnce(&[Arc<Run>], Generation) -> Vec<Arc<Run>>,
    ) -> Result<bool, LedgerError> {
        let _alone = lock(&self.merging);
        let remembered = self.forgetting.bounds().remembered;
        let chosen = choose(&self.runs(), remembered);
        if chosen.is_empty() {
            return Ok(false);
        }
        let kept: Vec<_> = chosen.iter().filter(|run| !is_forgotten(run, remembered)).collect();
        let most = kept.iter().map(|run| run.head.count).sum();
        let merged = if kept.is_empty() {
            None
        } else {
            let fill = |writing: &mut Writing| self.fill(writing, &kept, remembered);
            Some(write(&self.dir, (self.number(), most), fill)?)
        };
        self.replace(&chosen, merged)?;
        Ok(true)
    }

    /// Streams the identities of runs, in their order, without what is forgotten.
    fn fill(&self, writing: &mut Writing, runs: &[&Arc<Run>], remembered: Generation) -> io::Result<()> {
        let mut inputs = runs.iter().map(|run| Input::new(run)).collect::<io::Result<Vec<_>>>()?;
        let least = |inputs: &[Input<'_>]| inputs.iter().filter_map(|input| Some(input.first()?.0)).min();
        while let Some(id) = least(&inputs) {
            let mut youngest = 0;
            for input in &mut inputs {
                if let Some((_, generation)) = input.first().filter(|(first, _)| *first == id) {
                    // What was forgotten and came again is in two runs.
                    youngest = generation.max(youngest);
                    let is_read = input.advance()?;
                    if is_read && self.closing.load(Ordering::Relaxed) {
                        return Err(io::ErrorKind::Interrupted.into());
                    }
                }
            }
            if Generation(youngest) >= remembered {
                writing.push(id, youngest)?;
            }
        }
        Ok(())
    }
}

/// Whether everything in a run is forgotten.
fn is_forgotten(run: &Run, remembered: Generation) -> bool {
    Generation(run.head.youngest) < remembered
}

/// What is to be merged: what is forgotten as a whole costs nothing; else the smallest.
fn due(runs: &[Arc<Run>], remembered: Generation) -> Vec<Arc<Run>> {
    let forgotten: Vec<_> = runs.iter().filter(|run| is_forgotten(run, remembered)).cloned().collect();
    if !forgotten.is_empty() {
        return forgotten;
    }
    let size = |run: &Arc<Run>| run.head.count.max(1).ilog(FAN as u64);
    let mut runs = runs.to_vec();
    runs.sort_by_key(size);
    let mut sizes = runs.chunk_by(|one, next| size(one) == size(next));
    sizes.find(|runs| runs.len() >= FAN).unwrap_or_default().to_vec()
}

/// A run that is merged, and how far.
struct Input<'r> {
    run: &'r Run,
    /// The group that is to be read next.
    next: u64,
    entries: Vec<(u128, u16)>,
    place: usize,
}

impl<'r> Input<'r> {
    fn new(run: &'r Run) -> io::Result<Self> {
        let mut input = Self { run, next: 0, entries: Vec::new(), place: 0 };
        input.read()?;
        Ok(input)
    }

    fn first(&self) -> Option<(u128, u16)> {
        self.entries.get(self.place).copied()
    }

    /// Goes on to the next identity; answers whether a group was read for that.
    fn advance(&mut self) -> io::Result<bool> {
        self.place += 1;
        if self.place < self.entries.len() {
            return Ok(false);
        }
        self.read().map(|()| true)
    }

    fn read(&mut self) -> io::Result<()> {
        (self.entries, self.place) = (mem::take(&mut self.entries), 0);
        self.entries.clear();
        if self.next < self.run.head.groups() {
            self.run.read_group(self.next, &mut self.entries)?;
            self.next += 1;
        }
        Ok(())
    }
}
