//! One file of the spool: the positions that it holds, and what lies at them.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::Range;

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

    /// Whether a part of the range lies in this file.
    pub(super) fn overlaps(&self, range: Range) -> bool {
        self.end > range.first && self.start < range.last
    }

    /// Whether the position lies in this file.
    pub(super) fn holds(&self, position: u64) -> bool {
        (self.start..self.end).contains(&position)
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
