//! Writes a table as Parquet (the format's specification, version 1 of data pages): a few groups of rows, each column of a group one
//! page, its values plain and compressed with Zstandard, every value optional. No more than one group is held.

mod thrift;

use std::io::{self, Write};

use self::thrift::Struct;
use crate::table::{Cell, Column, Content};

const MAGIC: &[u8] = b"PAR1";
/// The most rows of a group.
const GROUP_ROWS: usize = 65_536;
/// The most bytes of a group, before they are compressed.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// The format's numbers for what is used here.
mod code {
    pub(super) const INT64: i32 = 2;
    pub(super) const DOUBLE: i32 = 5;
    pub(super) const BYTE_ARRAY: i32 = 6;
    pub(super) const OPTIONAL: i32 = 1;
    pub(super) const UTF8: i32 = 0;
    pub(super) const PLAIN: i32 = 0;
    pub(super) const RLE: i32 = 3;
    pub(super) const ZSTD: i32 = 6;
    pub(super) const DATA_PAGE: i32 = 0;
}

/// A file while it is written.
pub(crate) struct Parquet<W> {
    out: W,
    /// How many bytes were written.
    at: i64,
    columns: Vec<Building>,
    held: usize,
    rows: i64,
    groups: Vec<Struct>,
}

/// A column of the group that is held.
struct Building {
    name: String,
    kind: i32,
    present: Vec<bool>,
    values: Vec<u8>,
}

impl<W: Write> Parquet<W> {
    /// Begins a file.
    pub(crate) fn begin(mut out: W, columns: &[Column]) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        let columns = columns.iter().map(|column| Building {
            name: column.name.clone(),
            kind: match column.content {
                Content::Time | Content::Count => code::INT64,
                Content::Rate | Content::Probability => code::DOUBLE,
                Content::Day | Content::Text => code::BYTE_ARRAY,
            },
            present: Vec::new(),
            values: Vec::new(),
        });
        Ok(Self { out, at: 4, columns: columns.collect(), held: 0, rows: 0, groups: Vec::new() })
    }

    /// Writes a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(&cell);
        }
        self.held += 1;
        let bytes: usize = self.columns.iter().map(|column| column.values.len()).sum();
        if self.held == GROUP_ROWS || bytes >= GROUP_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes the group that is held.
    fn flush(&mut self) -> io::Result<()> {
        if self.held == 0 {
            return Ok(());
        }
        let rows = i64::try_from(self.held).unwrap_or_default();
        let (mut chunks, mut size) = (Vec::new(), 0);
        for column in &mut self.columns {
            let (header, page, plain) = column.page()?;
            let begins = self.at;
            for bytes in [&header, &page] {
                self.out.write_all(bytes)?;
                self.at += length(bytes);
            }
            let (plain, packed) = (length(&header) + plain, length(&header) + length(&page));
            size += plain;
            let mut about = Struct::default();
            about.i32(1, column.kind);
            about.list_i32(2, &[code::PLAIN, code::RLE]);
            about.list_texts(3, &[&column.name]);
            about.i32(4, code::ZSTD);
            about.i64(5, rows);
            about.i64(6, plain);
            about.i64(7, packed);
            about.i64(9, begins);
            let mut chunk = Struct::default();
            chunk.i64(2, begins);
            chunk.structure(3, about);
            chunks.push(chunk);
        }
        let mut group = Struct::default();
        group.list(1, chunks);
        group.i64(2, size);
        group.i64(3, rows);
        self.groups.push(group);
        self.rows += rows;
        self.held = 0;
        Ok(())
    }

    /// Writes what is held and what says what was written, with names and values about the file.
    pub(crate) fn finish(mut self, about: &[(&str, String)]) -> io::Result<W> {
        self.flush()?;
        let mut schema = vec![root(self.columns.len())];
        schema.extend(self.columns.iter().map(Building::element));
        let pairs = about.iter().map(|(name, value)| {
            let mut pair = Struct::default();
            pair.text(1, &format!("postlens.{name}"));
            pair.text(2, value);
            pair
        });
        let mut footer = Struct::default();
        footer.i32(1, 1);
        footer.list(2, schema);
        footer.i64(3, self.rows);
        footer.list(4, self.groups);
        footer.list(5, pairs.collect());
        footer.text(6, concat!("postlens version ", env!("CARGO_PKG_VERSION")));
        let footer = footer.done();
        self.out.write_all(&footer)?;
        self.out.write_all(&u32::try_from(footer.len()).map_err(io::Error::other)?.to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The root of the schema.
fn root(columns: usize) -> Struct {
    let mut root = Struct::default();
    root.text(4, "report");
    root.i32(5, i32::try_from(columns).unwrap_or_default());
    root
}

impl Building {
    fn push(&mut self, cell: &Cell) {
        let before = self.values.len();
        match (self.kind, cell) {
            (code::INT64, Cell::Count(number) | Cell::Time(number)) => self.values.extend(number.to_le_bytes()),
            (code::DOUBLE, Cell::Fraction(number)) => self.values.extend(number.to_le_bytes()),
            (code::BYTE_ARRAY, Cell::Text(text)) => {
                self.values.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
                self.values.extend(text.as_bytes());
            }
            _ => {}
        }
        self.present.push(self.values.len() > before);
    }

    /// What the schema says of it.
    fn element(&self) -> Struct {
        let mut element = Struct::default();
        element.i32(1, self.kind);
        element.i32(3, code::OPTIONAL);
        element.text(4, &self.name);
        if self.kind == code::BYTE_ARRAY {
            element.i32(6, code::UTF8);
            let mut logical = Struct::default();
            logical.structure(1, Struct::default());
            element.structure(10, logical);
        }
        element
    }

    /// The page of what is held: its header, its bytes, and how many they were before they were compressed.
    fn page(&mut self) -> io::Result<(Vec<u8>, Vec<u8>, i64)> {
        let levels = levels(&self.present);
        let mut plain = u32::try_from(levels.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
        plain.extend(levels);
        plain.append(&mut self.values);
        let page = zstd::bulk::compress(&plain, 3)?;
        let size = |bytes: &[u8]| i32::try_from(bytes.len()).map_err(io::Error::other);
        let mut data = Struct::default();
        data.i32(1, size_of(self.present.len()));
        data.i32(2, code::PLAIN);
        data.i32(3, code::RLE);
        data.i32(4, code::RLE);
        let mut header = Struct::default();
        header.i32(1, code::DATA_PAGE);
        header.i32(2, size(&plain)?);
        header.i32(3, size(&page)?);
        header.structure(5, data);
        self.present.clear();
        Ok((header.done(), page, length(&plain)))
    }
}

/// Which values are there, one bit each: a run where all are alike, else packed by eights.
fn levels(present: &[bool]) -> Vec<u8> {
    let mut levels = Vec::new();
    match present.first() {
        Some(first) if present.iter().all(|one| one == first) => {
            thrift::varint(&mut levels, (present.len() as u64) << 1);
            levels.push(u8::from(*first));
        }
        _ => {
            thrift::varint(&mut levels, (present.len().div_ceil(8) as u64) << 1 | 1);
            let byte = |eight: &[bool]| eight.iter().rev().fold(0, |byte, one| byte << 1 | u8::from(*one));
            // What is missing of the last eight is zero, in the upper bits.
            levels.extend(present.chunks(8).map(byte));
        }
    }
    levels
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn size_of(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_a_run_or_bits() {
        assert_eq!(levels(&[true; 300]), [0xD8, 0x04, 1]);
        assert_eq!(levels(&[false; 3]), [6, 0]);
        assert_eq!(levels(&[true, false, true, true, false, false, false, false, true]), [5, 0b1101, 1]);
    }

    #[test]
    fn a_file_begins_and_ends_as_it_should_and_holds_no_more_than_a_group() {
        let column = |name: &str, content| Column { name: name.to_owned(), content };
        let columns = [column("a", Content::Text), column("n", Content::Count), column("r", Content::Rate)];
        let mut file = Parquet::begin(Vec::new(), &columns).unwrap();
        for number in 0..150_000 {
            let rate = if number % 3 == 0 { Cell::Empty } else { Cell::Fraction(0.5) };
            file.row(vec![Cell::Text(format!("name {number}")), Cell::Count(number), rate]).unwrap();
            assert!(file.held < GROUP_ROWS && file.columns[0].values.len() < GROUP_BYTES);
        }
        assert_eq!(file.groups.len(), 2);
        let bytes = file.finish(&[("tz", "UTC".to_owned())]).unwrap();
        assert!(bytes.starts_with(MAGIC) && bytes.ends_with(MAGIC));
        let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
        assert_eq!(bytes[bytes.len() - 8 - length..][..3], [0x15, 2, 0x19], "the footer begins with its version");
    }
}
