//! The form of a run: a file of event identities in ascending order, each with the generation that wrote it.
//!
//! ```text
//! head │ a filter for each group … room for more │ cells of the first group, of the second, … │ first identity of each group
//! ```
//!
//! Head and filters are blocks of 4096 bytes, each beginning with its checksum. A group's filter says of most identities that they are not
//! in the group; of those that may be, it says in which of sixteen cells, and only that one is read. Everything has its place by number, so
//! that filters and cells can be written as they become full, and filters lie together: who asks in order reads them in order.

use std::io;

/// Bytes of the head and of a filter.
pub(super) const BLOCK: usize = 4096;
/// Bytes of a checksum, with which every part begins.
pub(super) const SUM: usize = 4;
/// Identities of a cell, and cells of a group; the last of a run may have fewer.
pub(super) const CELL: usize = 160;
const CELLS: usize = 16;
pub(super) const GROUP: usize = CELL * CELLS;
/// Bytes of an identity, and of its generation.
pub(super) const ID: usize = 16;
const GENERATION: usize = 2;
/// Bytes of a filter before its bits: the checksum, and the first identity of every cell but the first.
const FENCES: usize = SUM + (CELLS - 1) * ID;
/// Twelve bits an identity.
const BITS: usize = (BLOCK - FENCES) * 8;
/// Bits of a filter that an identity sets: one of 300 that are not there is taken for one that is, and read for, which costs as much as
/// asking a hundred filters.
const PROBES: usize = 7;
/// Bits of an identity that choose a bit of the filter.
const CHOICE: usize = 15;

/// What every run begins with, and the form of what follows.
const MAGIC: [u8; 8] = *b"plseen\0\x01";

pub(super) type Block = [u8; BLOCK];

/// What is not what was written.
pub(super) fn damage() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a run of event identities is damaged")
}

/// Gives a part its checksum.
pub(super) fn seal(part: &mut [u8]) {
    let sum = crc32c::crc32c(&part[SUM..]);
    part[..SUM].copy_from_slice(&sum.to_le_bytes());
}

/// Whether a part is what was written.
pub(super) fn check(part: &[u8]) -> io::Result<()> {
    let (sum, rest) = part.split_first_chunk().ok_or_else(damage)?;
    if u32::from_le_bytes(*sum) == crc32c::crc32c(rest) { Ok(()) } else { Err(damage()) }
}

/// What a run says of itself, and where its parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) number: u64,
    /// Identities.
    pub(super) count: u64,
    /// Filters that there is room for: when writing began, it was not known how many identities would come.
    pub(super) room: u64,
    /// The youngest generation.
    pub(super) youngest: u16,
    /// The checksum of the directory.
    pub(super) directory: u32,
}

impl Head {
    pub(super) fn encode(&self) -> Block {
        let mut block = [0; BLOCK];
        let numbers = [self.number, self.count, self.room, u64::from(self.youngest), u64::from(self.directory)];
        block[SUM..][..MAGIC.len()].copy_from_slice(&MAGIC);
        for (bytes, number) in block[SUM + MAGIC.len()..].as_chunks_mut().0.iter_mut().zip(numbers) {
            *bytes = number.to_le_bytes();
        }
        seal(&mut block);
        block
    }

    pub(super) fn decode(block: &Block) -> io::Result<Self> {
        check(block)?;
        let (magic, numbers) = block[SUM..].split_first_chunk().ok_or_else(damage)?;
        if *magic != MAGIC {
            return Err(damage());
        }
        let number = |place: usize| u64::from_le_bytes(numbers.as_chunks().0[place]);
        Ok(Self {
            number: number(0),
            count: number(1),
            room: number(2),
            youngest: u16::try_from(number(3)).map_err(|_| damage())?,
            directory: u32::try_from(number(4)).map_err(|_| damage())?,
        })
    }

    pub(super) fn groups(&self) -> u64 {
        groups(self.count)
    }

    /// How many identities a group has.
    pub(super) fn in_group(&self, group: u64) -> usize {
        let before = group * GROUP as u64;
        usize::try_from(self.count.saturating_sub(before)).unwrap_or(GROUP).min(GROUP)
    }

    /// How many identities a cell has.
    pub(super) fn in_cell(&self, group: u64, cell: usize) -> usize {
        self.in_group(group).saturating_sub(cell * CELL).min(CELL)
    }

    pub(super) fn filter_at(group: u64) -> u64 {
        BLOCK as u64 * (1 + group)
    }

    pub(super) fn cell_at(&self, group: u64, cell: usize) -> u64 {
        Self::filter_at(self.room) + (group * CELLS as u64 + cell as u64) * cell_bytes(CELL) as u64
    }

    pub(super) fn directory_at(&self) -> u64 {
        let Some(last) = self.groups().checked_sub(1) else { return Self::filter_at(self.room) };
        self.cell_at(last, 0) + group_bytes(self.in_group(last)) as u64
    }

    /// Bytes of the whole file.
    pub(super) fn length(&self) -> u64 {
        self.directory_at() + self.groups() * ID as u64
    }
}

/// How many groups so many identities are.
pub(super) fn groups(count: u64) -> u64 {
    count.div_ceil(GROUP as u64)
}

/// Bytes of a cell of so many identities.
pub(super) fn cell_bytes(count: usize) -> usize {
    SUM + count * (ID + GENERATION)
}

/// Bytes of the cells of a group of so many identities.
pub(super) fn group_bytes(count: usize) -> usize {
    count.div_ceil(CELL) * SUM + count * (ID + GENERATION)
}

/// Writes a cell behind what is there.
pub(super) fn push_cell(bytes: &mut Vec<u8>, entries: &[(u128, u16)]) {
    let begin = bytes.len();
    bytes.extend([0; SUM]);
    bytes.extend(entries.iter().flat_map(|(id, _)| id.to_le_bytes()));
    bytes.extend(entries.iter().flat_map(|(_, generation)| generation.to_le_bytes()));
    seal(&mut bytes[begin..]);
}

/// The identities of a cell, and their generations.
pub(super) fn open_cell(cell: &[u8]) -> (&[[u8; ID]], &[[u8; GENERATION]]) {
    let entries = cell.get(SUM..).unwrap_or_default();
    let (ids, generations) = entries.split_at(entries.len() / (ID + GENERATION) * ID);
    (ids.as_chunks().0, generations.as_chunks().0)
}

/// The bits of a filter that an identity sets. Identities are hashes, so their own bits choose; the upper ones not, for neighbours share
/// them.
#[derive(Clone, Copy)]
pub(super) struct Probes([u16; PROBES]);

impl Probes {
    #[inline]
    pub(super) fn of(id: u128) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "fifteen bits are left, and a number below `BITS` of them")]
        let probe = |place: usize| {
            let choice = (id >> (place * CHOICE)) as usize & ((1 << CHOICE) - 1);
            ((choice * BITS) >> CHOICE) as u16
        };
        Self(std::array::from_fn(probe))
    }

    /// Whether the filter has all of them. It looks at all, for a processor guesses badly which is the first that is missing.
    #[inline]
    pub(super) fn are_in(self, filter: &Block) -> bool {
        let all = self.0.iter().fold(1, |all, probe| all & (filter[FENCES + usize::from(probe >> 3)] >> (probe & 7)));
        all & 1 == 1
    }

    fn set(self, filter: &mut Block) {
        for probe in self.0 {
            filter[FENCES + usize::from(probe >> 3)] |= 1 << (probe & 7);
        }
    }
}

/// The filter of a group.
pub(super) fn filter(entries: &[(u128, u16)]) -> Block {
    let mut filter = [0; BLOCK];
    let fences = filter[SUM..FENCES].as_chunks_mut().0.iter_mut();
    for (fence, cell) in fences.zip(entries.chunks(CELL).skip(1)) {
        *fence = cell[0].0.to_le_bytes();
    }
    for (id, _) in entries {
        Probes::of(*id).set(&mut filter);
    }
    seal(&mut filter);
    filter
}

/// The cell of a group of so many identities that has this one, if any has.
pub(super) fn cell_of(filter: &Block, count: usize, id: u128) -> usize {
    let fences = &filter[SUM..FENCES].as_chunks().0[..count.div_ceil(CELL).saturating_sub(1)];
    fences.partition_point(|fence| u128::from_le_bytes(*fence) <= id)
}
