//! The one thread that writes the spool: it takes all records that wait, writes them, syncs once, and answers all their clients.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use schema::Millis;
use tokio::sync::{
    mpsc::{UnboundedReceiver, error::TryRecvError},
    oneshot, watch,
};

use super::{
    SpoolError,
    queue::{Entry, Queue},
    segment::Segment,
};
use crate::lock::lock;

/// At most this much is written before a sync, so that the first client does not wait for ever.
const COMMIT_BYTES: usize = 64 << 20;

/// A record on its way to the disk.
pub(super) struct Append {
    pub(super) frame: Vec<u8>,
    pub(super) events: u32,
    pub(super) accepted_at: Millis,
    pub(super) answer: oneshot::Sender<Result<u64, SpoolError>>,
}

pub(super) struct Committer {
    dir: PathBuf,
    segment_bytes: u64,
    queue: Arc<Mutex<Queue>>,
    reserved: Arc<AtomicU64>,
    durable: watch::Sender<u64>,
    file: File,
    start: u64,
    end: u64,
    /// A failed write left something behind the end that has to be cut off before the next one.
    torn: bool,
    /// A failed sync leaves unknown what is on disk: nothing more is promised until a restart has looked.
    failed: Option<Arc<io::Error>>,
}

impl Committer {
    pub(super) fn new(
        dir: &Path,
        segment_bytes: u64,
        end: u64,
        (queue, reserved, durable): (Arc<Mutex<Queue>>, Arc<AtomicU64>, watch::Sender<u64>),
    ) -> Result<Self, SpoolError> {
        let last = lock(&queue).segments.back().cloned();
        let (file, start) = if let Some(segment) = last {
            let mut file = File::options().write(true).open(&segment.path)?;
            file.seek(SeekFrom::Start(segment.end - segment.start))?;
            (file, segment.start)
        } else {
            let file = create(dir, end)?;
            lock(&queue).segments.push_back(Segment::at(dir, end));
            (file, end)
        };
        let dir = dir.to_owned();
        Ok(Self { dir, segment_bytes, queue, reserved, durable, file, start, end, torn: false, failed: None })
    }

    /// Works until the spool is closed.
    pub(super) fn run(mut self, mut appends: UnboundedReceiver<Append>) {
        while let Some(first) = appends.blocking_recv() {
            let mut group = vec![first];
            let mut bytes = group[0].frame.len();
            while bytes < COMMIT_BYTES {
                match appends.try_recv() {
                    Ok(append) => {
                        bytes += append.frame.len();
                        group.push(append);
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            self.commit(group);
        }
    }

    fn commit(&mut self, group: Vec<Append>) {
        if let Err(error) = self.write(&group) {
            tracing::error!(%error, "the spool's disk failed");
            let error = Arc::new(error);
            for append in group {
                self.reserved.fetch_sub(append.frame.len() as u64, Ordering::AcqRel);
                // The client may have gone: it will repeat what was not acknowledged.
                let _ = append.answer.send(Err(SpoolError::Disk(Arc::clone(&error))));
            }
            return;
        }
        let mut ends = Vec::with_capacity(group.len());
        {
            let mut queue = lock(&self.queue);
            for append in &group {
                let start = self.end;
                self.end += append.frame.len() as u64;
                ends.push(self.end);
                queue.events += u64::from(append.events);
                queue.entries.push_back(Entry {
                    start,
                    end: self.end,
                    events: append.events,
                    accepted_at: append.accepted_at,
                });
            }
            if let Some(segment) = queue.segments.back_mut() {
                segment.end = self.end;
            }
        }
        self.durable.send_replace(self.end);
        for (append, end) in group.into_iter().zip(ends) {
            let _ = append.answer.send(Ok(end));
        }
    }

    /// Writes and syncs; what was half written is cut off again, at the latest before the next write.
    fn write(&mut self, group: &[Append]) -> io::Result<()> {
        if let Some(error) = &self.failed {
            return Err(io::Error::new(error.kind(), Arc::clone(error)));
        }
        if self.torn {
            self.cut()?;
        }
        if self.end - self.start >= self.segment_bytes {
            self.rotate()?;
        }
        if let Err(error) = group.iter().try_for_each(|append| self.file.write_all(&append.frame)) {
            self.torn = true;
            if let Err(error) = self.cut() {
                tracing::warn!(%error, "a record that was half written is cut off before the next one");
            }
            return Err(error);
        }
        self.file.sync_data().inspect_err(|error| {
            self.failed = Some(Arc::new(io::Error::new(error.kind(), "a sync failed; restart the service")));
        })
    }

    fn cut(&mut self) -> io::Result<()> {
        let whole = self.end - self.start;
        self.file.set_len(whole)?;
        self.file.seek(SeekFrom::Start(whole))?;
        self.torn = false;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = create(&self.dir, self.end)?;
        self.start = self.end;
        lock(&self.queue).segments.push_back(Segment::at(&self.dir, self.end));
        Ok(())
    }
}

/// Creates the segment that begins at the end of all others. One that is there already was left by a try that failed half-way.
fn create(dir: &Path, start: u64) -> io::Result<File> {
    let file = File::create(Segment::at(dir, start).path)?;
    File::open(dir)?.sync_all()?;
    Ok(file)
}
