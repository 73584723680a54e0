//! A run: a file of event identities that is written once and read until its run is merged with others.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::format::{
    BLOCK, CELL, GROUP, Head, ID, cell_bytes, check, damage, filter, group_bytes, groups, open_cell, push_cell,
};

/// A run, open. Of what is in it only the directory is in memory.
pub(super) struct Run {
    pub(super) head: Head,
    /// The first identity of each group.
    directory: Box<[u128]>,
    file: File,
    path: PathBuf,
}

/// Where a run lies.
pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:06}.run"))
}

impl Run {
    /// Opens the run of this number, which must have so many identities.
    pub(super) fn open(dir: &Path, number: u64, count: u64) -> io::Result<Self> {
        let path = path(dir, number);
        let file = File::open(&path)?;
        let (head, directory) = read_head(&file)?;
        if (head.number, head.count) != (number, count) {
            return Err(damage());
        }
        Ok(Self { head, directory, file, path })
    }

    /// Bytes of its file.
    pub(super) fn disk(&self) -> u64 {
        self.head.length()
    }

    /// Bytes of its directory.
    pub(super) fn memory(&self) -> u64 {
        size_of_val(&self.directory[..]) as u64
    }

    /// The group that has an identity, if any has, and the identities from which to which there is no other to look into.
    pub(super) fn group(&self, id: u128) -> (Option<u64>, std::ops::RangeInclusive<u128>) {
        let after = self.directory.partition_point(|first| *first <= id);
        let first = after.checked_sub(1).map_or(0, |group| self.directory[group]);
        let last = self.directory.get(after).map_or(u128::MAX, |next| next - 1);
        (after.checked_sub(1).map(|group| group as u64), first..=last)
    }

    /// Reads filters, that of a group first.
    pub(super) fn read_filters(&self, group: u64, filters: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(filters, Head::filter_at(group))
    }

    /// Reads a cell.
    pub(super) fn read_cell(&self, group: u64, cell: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(cell_bytes(self.head.in_cell(group, cell)), 0);
        self.file.read_exact_at(bytes, self.head.cell_at(group, cell))?;
        check(bytes)
    }

    /// Reads all identities of a group and their generations.
    pub(super) fn read_group(&self, group: u64, entries: &mut Vec<(u128, u16)>) -> io::Result<()> {
        let mut bytes = vec![0; group_bytes(self.head.in_group(group))];
        self.file.read_exact_at(&mut bytes, self.head.cell_at(group, 0))?;
        entries.clear();
        for cell in bytes.chunks(cell_bytes(CELL)) {
            check(cell)?;
            let (ids, generations) = open_cell(cell);
            let ids = ids.iter().map(|id| u128::from_le_bytes(*id));
            entries.extend(ids.zip(generations.iter().map(|generation| u16::from_le_bytes(*generation))));
        }
        Ok(())
    }

    /// Reads everything and looks whether it fits together.
    pub(super) fn examine(&self) -> io::Result<()> {
        if read_head(&self.file)? != (self.head, self.directory.clone()) {
            return Err(damage());
        }
        let (mut block, mut entries, mut last) = ([0; BLOCK], Vec::with_capacity(GROUP), None);
        for (group, first) in (0..).zip(&self.directory) {
            self.read_filters(group, &mut block)?;
            self.read_group(group, &mut entries)?;
            let ascend = last < entries.first().map(|(id, _)| *id) && entries.is_sorted_by(|one, next| one.0 < next.0);
            let youngest = entries.iter().map(|(_, generation)| *generation).max().unwrap_or_default();
            let starts = entries.first().is_some_and(|(id, _)| id == first);
            if !ascend || !starts || youngest > self.head.youngest || block != filter(&entries) {
                return Err(damage());
            }
            last = entries.last().map(|(id, _)| *id);
        }
        for group in self.head.groups()..self.head.room {
            self.file.read_exact_at(&mut block, Head::filter_at(group))?;
            if block != [0; BLOCK] {
                return Err(damage());
            }
        }
        Ok(())
    }

    /// Deletes the file, which is in no list any more: who reads it may go on. If that fails, the next start does it.
    pub(super) fn delete(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Head and directory of a file that is as long as it must be.
fn read_head(file: &File) -> io::Result<(Head, Box<[u128]>)> {
    let mut block = [0; BLOCK];
    file.read_exact_at(&mut block, 0)?;
    let head = Head::decode(&block)?;
    if file.metadata()?.len() != head.length() {
        return Err(damage());
    }
    let mut bytes = vec![0; usize::try_from(head.groups()).map_err(|_| damage())? * ID];
    file.read_exact_at(&mut bytes, head.directory_at())?;
    if crc32c::crc32c(&bytes) != head.directory {
        return Err(damage());
    }
    Ok((head, bytes.as_chunks().0.iter().map(|id| u128::from_le_bytes(*id)).collect()))
}

/// A run in the making.
pub(super) struct Writing {
    head: Head,
    directory: Vec<u128>,
    file: File,
    /// What is not written yet of a group.
    entries: Vec<(u128, u16)>,
    cells: Vec<u8>,
}

/// Writes a run of at most so many identities, which `bring` hands over. It is synced, so is its name; if anything fails, nothing is left.
pub(super) fn write(
    dir: &Path,
    (number, most): (u64, u64),
    bring: impl FnOnce(&mut Writing) -> io::Result<()>,
) -> io::Result<Run> {
    let path = path(dir, number);
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    let head = Head { number, count: 0, room: groups(most), youngest: 0, directory: 0 };
    let mut run = Writing { head, directory: Vec::new(), file, entries: Vec::with_capacity(GROUP), cells: Vec::new() };
    let done = bring(&mut run).and_then(|()| run.finish()).and_then(|parts| {
        File::open(dir)?.sync_all()?;
        Ok(parts)
    });
    match done {
        Ok((head, directory, file)) => Ok(Run { head, directory, file, path }),
        Err(error) => {
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

impl Writing {
    /// Takes the next identity, which must be above the one before.
    pub(super) fn push(&mut self, id: u128, generation: u16) -> io::Result<()> {
        if self.entries.len() == GROUP {
            self.write_group()?;
        }
        self.entries.push((id, generation));
        self.head.youngest = self.head.youngest.max(generation);
        Ok(())
    }

    fn write_group(&mut self) -> io::Result<()> {
        let Some((first, _)) = self.entries.first() else { return Ok(()) };
        let group = self.directory.len() as u64;
        self.directory.push(*first);
        self.cells.clear();
        for cell in self.entries.chunks(CELL) {
            push_cell(&mut self.cells, cell);
        }
        self.file.write_all_at(&filter(&self.entries), Head::filter_at(group))?;
        self.file.write_all_at(&self.cells, self.head.cell_at(group, 0))?;
        self.head.count += self.entries.len() as u64;
        self.entries.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<(Head, Box<[u128]>, File)> {
        self.write_group()?;
        let bytes: Vec<u8> = self.directory.iter().flat_map(|first| first.to_le_bytes()).collect();
        self.head.directory = crc32c::crc32c(&bytes);
        self.file.write_all_at(&bytes, self.head.directory_at())?;
        self.file.write_all_at(&self.head.encode(), 0)?;
        // Where nothing came, filters were left out at the very end of the file, too.
        self.file.set_len(self.head.length())?;
        self.file.sync_all()?;
        Ok((self.head, self.directory.into(), self.file))
    }
}
