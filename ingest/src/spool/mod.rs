//! The durable queue between acceptance and the tables: an append-only log of checksummed records in segment files.
//!
//! Positions are bytes since the spool's beginning and never repeat. A client is answered after its record is on disk; all records
//! that wait at that moment share one sync (group commit). What the ledger has applied is deleted, a segment at a time. What is damaged
//! is skipped and kept in quarantine; all other records keep their positions.

mod committer;
mod quarantine;
mod queue;
mod recover;
mod scan;
mod segment;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use schema::Millis;
use tokio::sync::{mpsc, oneshot, watch};

use self::{
    committer::{Append, Committer},
    quarantine::Quarantine,
    queue::{Entry, Queue},
    recover::Recovered,
    segment::Segment,
};
use crate::{lock::lock, record};

/// Why the spool did not take a record, or could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The limit is reached: the reports lag behind by that much.
    #[error("{waiting} bytes wait already, {limit} are allowed")]
    Full {
        /// Bytes that wait.
        waiting: u64,
        /// Bytes that may wait.
        limit: u64,
    },
    /// The disk refused.
    #[error("the spool's disk failed")]
    Disk(#[source] Arc<io::Error>),
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
    /// A record matches its checksum and is of a form that is not known here.
    #[error("the record at byte {offset} of {} cannot be read: a newer Postlens wrote it", segment.display())]
    Unreadable {
        /// The file.
        segment: PathBuf,
        /// The record's first byte in it.
        offset: u64,
    },
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        Self::Disk(Arc::new(error))
    }
}

/// A range of positions. It holds the records that end in it; between them may lie what is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) bytes: u64,
    pub(crate) events: u64,
    pub(crate) oldest: Option<Millis>,
}

/// The spool. Share it by `Arc`.
#[derive(Debug)]
pub(crate) struct Spool {
    limit: u64,
    /// Where the next record will end up at the earliest: what is on disk and what is on its way.
    reserved: Arc<AtomicU64>,
    queue: Arc<Mutex<Queue>>,
    quarantine: Quarantine,
    durable: watch::Receiver<u64>,
    appends: Mutex<Option<mpsc::UnboundedSender<Append>>>,
    committer: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Spool {
    /// Opens the spool in `dir`, everything before `applied` being in the tables already. A record that a crash tore is cut off, what
    /// is damaged otherwise is put into quarantine.
    pub(crate) fn open(dir: &Path, applied: u64, limit: u64, segment_bytes: u64) -> Result<Self, SpoolError> {
        fs::create_dir_all(dir)?;
        let quarantine = Quarantine::of(dir)?;
        let Recovered { segments, entries } = recover::recover(dir, applied, &quarantine)?;
        let end = segments.back().map_or(applied, |segment| segment.end);
        // Damage at the end is never applied: nobody must wait for it.
        let (durable_sender, durable) = watch::channel(entries.back().map_or(applied, |entry| entry.end));
        let mut queue = Queue::new(segments, entries);
        for segment in queue.advance(applied) {
            fs::remove_file(&segment.path)?;
        }
        let queue = Arc::new(Mutex::new(queue));
        let (appends, receiver) = mpsc::unbounded_channel();
        let reserved = Arc::new(AtomicU64::new(end));
        let shared = (Arc::clone(&queue), Arc::clone(&reserved), durable_sender);
        let committer = Committer::new(dir, segment_bytes, end, shared)?;
        let committer = thread::Builder::new()
            .name("spool".into())
            .spawn(move || committer.run(receiver))
            .map_err(SpoolError::from)?;
        Ok(Self {
            limit,
            reserved,
            queue,
            quarantine,
            durable,
            appends: Mutex::new(Some(appends)),
            committer: Mutex::new(Some(committer)),
        })
    }

    /// Where what is left in `dir` begins, for those who do not know how far it is applied.
    pub(crate) fn beginning_in(dir: &Path) -> io::Result<u64> {
        if !dir.exists() {
            return Ok(0);
        }
        Ok(recover::segments(dir)?.front().map_or(0, |segment| segment.start))
    }

    /// Where the first record begins that waits; nothing before it is here any more.
    pub(crate) fn beginning(&self) -> u64 {
        let queue = lock(&self.queue);
        queue.entries.front().map_or(queue.applied, |entry| entry.start)
    }

    /// Appends a framed record and returns its end once it is on disk.
    pub(crate) async fn append(&self, frame: Vec<u8>, events: u32, accepted_at: Millis) -> Result<u64, SpoolError> {
        let length = frame.len() as u64;
        self.reserve(length)?;
        let (answer, written) = oneshot::channel();
        let sent = match lock(&self.appends).as_ref() {
            Some(appends) => appends.send(Append { frame, events, accepted_at, answer }).is_ok(),
            None => false,
        };
        if !sent {
            self.reserved.fetch_sub(length, Ordering::AcqRel);
            return Err(SpoolError::Closed);
        }
        written.await.unwrap_or(Err(SpoolError::Closed))
    }

    fn reserve(&self, length: u64) -> Result<(), SpoolError> {
        let applied = lock(&self.queue).applied;
        let end = self.reserved.fetch_add(length, Ordering::AcqRel);
        let waiting = end.saturating_sub(applied);
        // A record that would not fit into an empty spool is taken alone: otherwise it could never be taken.
        if waiting > 0 && waiting + length > self.limit {
            self.reserved.fetch_sub(length, Ordering::AcqRel);
            return Err(SpoolError::Full { waiting, limit: self.limit });
        }
        Ok(())
    }

    /// The records after `first`: at least one if any waits, and no more than fit the limits otherwise.
    pub(crate) fn next(&self, first: u64, max_events: u64, max_bytes: u64) -> Option<Range> {
        let queue = lock(&self.queue);
        let behind = queue.entries.partition_point(|entry| entry.end <= first);
        let mut events = 0;
        let mut last = None;
        for entry in queue.entries.range(behind..) {
            events += u64::from(entry.events);
            if last.is_some() && (events > max_events || entry.end - first > max_bytes) {
                break;
            }
            last = Some(entry.end);
        }
        last.map(|last| Range { first, last })
    }

    /// The whole records of a range, one after the other, in the empty buffer. One that was damaged since the spool was opened is left
    /// out.
    pub(crate) fn read(&self, range: Range, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let (entries, segments) = lock(&self.queue).within(range);
        let length: usize = entries.iter().map(Entry::length).sum();
        bytes.reserve(length);
        for run in entries.chunk_by(|one, next| one.end == next.start) {
            let run = Range { first: run[0].start, last: run[run.len() - 1].end };
            for segment in segments.iter().filter(|segment| segment.overlaps(run)) {
                segment.read(run, &mut bytes)?;
            }
        }
        if bytes.len() != length {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the spool's segments do not hold the whole batch",
            ));
        }
        self.take_out_damaged(&entries, &segments, &mut bytes);
        Ok(bytes)
    }

    /// Puts records that do not match their checksums into quarantine.
    fn take_out_damaged(&self, entries: &[Entry], segments: &[Segment], bytes: &mut Vec<u8>) {
        let mut place = 0;
        for entry in entries {
            let end = place + entry.length();
            let frame = &bytes[place..end];
            if record::payload(frame).is_some_and(|payload| record::FRAME + payload.len() == frame.len()) {
                place = end;
                continue;
            }
            for segment in segments.iter().filter(|segment| segment.holds(entry.start)) {
                self.quarantine.put(&segment.path, entry.start - segment.start, entry.start, frame);
            }
            bytes.drain(place..end);
        }
    }

    /// Forgets everything before `position`: it is in the tables, and the ledger knows.
    pub(crate) fn applied(&self, position: u64) {
        let done = lock(&self.queue).advance(position);
        for segment in done {
            if let Err(error) = fs::remove_file(&segment.path) {
                tracing::warn!(%error, "an applied spool segment could not be deleted; the next start will");
            }
        }
    }

    /// What waits.
    pub(crate) fn waiting(&self) -> Waiting {
        let queue = lock(&self.queue);
        Waiting {
            bytes: queue.entries.back().map_or(0, |entry| entry.end - queue.applied),
            events: queue.events,
            oldest: queue.entries.front().map(|entry| entry.accepted_at),
        }
    }

    /// How many bytes may wait.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// How many damaged bytes lie in quarantine.
    pub(crate) fn quarantined(&self) -> u64 {
        self.quarantine.bytes()
    }

    /// Tells the end of what is on disk, as it moves.
    pub(crate) fn durable(&self) -> watch::Receiver<u64> {
        self.durable.clone()
    }

    /// Takes no more records, waits until those on their way are on disk.
    pub(crate) fn close(&self) {
        drop(lock(&self.appends).take());
        let committer = lock(&self.committer).take();
        if committer.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the spool's thread panicked");
        }
    }
}

#[cfg(test)]
mod tests;
