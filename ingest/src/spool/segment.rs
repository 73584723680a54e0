//! One file of the spool, and what is left of all of them after a crash.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{Entry, Range, SpoolError};
use crate::record;

/// A file that holds the positions from `start` to `end`.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Segment {
    /// The segment of `dir` that begins at `start`, empty.
    pub(super) fn at(dir: &Path, start: u64) -> Self {
        Self { path: dir.join(format!("{start:020}.spool")), start, end: start }
    }

    /// Appends the part of the range that lies in this file.
    pub(super) fn read(&self, range: Range, into: &mut Vec<u8>) -> io::Result<()> {
        let (from, to) = (range.first.max(self.start), range.last.min(self.end));
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(from - self.start))?;
        file.take(to - from).read_to_end(into)?;
        Ok(())
    }
}

/// Finds the segments and the records that wait in them; deletes segments that are applied as a whole, cuts off a torn tail.
pub(super) fn recover(dir: &Path, applied: u64) -> Result<(VecDeque<Segment>, VecDeque<Entry>), SpoolError> {
    let mut found = segments(dir)?;
    let mut kept = VecDeque::new();
    let mut entries = VecDeque::new();
    while let Some(mut segment) = found.pop_front() {
        let is_last = found.is_empty();
        let bytes = fs::read(&segment.path)?;
        let sound = scan(&segment, &bytes, applied, &mut entries)?;
        if sound < bytes.len() {
            if !is_last {
                return Err(SpoolError::Damaged { segment: segment.path, offset: sound as u64 });
            }
            tracing::warn!(bytes = bytes.len() - sound, "cut off the spool's torn end; it was not acknowledged");
            let file = File::options().write(true).open(&segment.path)?;
            file.set_len(sound as u64)?;
            file.sync_all()?;
        }
        segment.end = segment.start + sound as u64;
        if segment.end <= applied && (!is_last || segment.end < applied) {
            fs::remove_file(&segment.path)?;
        } else {
            kept.push_back(segment);
        }
    }
    Ok((kept, entries))
}

fn segments(dir: &Path) -> io::Result<VecDeque<Segment>> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        let start = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".spool"));
        if let Some(start) = start.and_then(|digits| digits.parse().ok()) {
            found.push(Segment { path, start, end: start });
        }
    }
    found.sort_unstable_by_key(|segment| segment.start);
    Ok(found.into())
}

/// Adds the segment's records after `applied` and returns how many of its bytes are whole records.
fn scan(segment: &Segment, bytes: &[u8], applied: u64, entries: &mut VecDeque<Entry>) -> Result<usize, SpoolError> {
    let mut offset = 0;
    while let Some(payload) = record::payload(&bytes[offset..]) {
        let start = offset;
        offset += record::FRAME + payload.len();
        let end = segment.start + offset as u64;
        if end > applied {
            let (head, _) = record::open(payload)
                .map_err(|_| SpoolError::Damaged { segment: segment.path.clone(), offset: start as u64 })?;
            entries.push_back(Entry { end, events: head.events, accepted_at: head.accepted_at });
        }
    }
    Ok(offset)
}
