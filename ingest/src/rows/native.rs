//! ClickHouse's Native format, as inserts need it: column by column into one buffer, repeated texts as dictionaries.
//!
//! The client library's own builder writes every text in full, as it does not write `LowCardinality` yet. Senders, campaigns, domains and
//! subjects repeat all the time, so that most of an insert was copies of them. The format is described in ClickHouse's documentation
//! ("Native format", "`LowCardinality`").

use bytes::Bytes;
use rustc_hash::FxHashMap;

/// The version of dictionaries that come with their keys in the block.
const KEYS_WITH_BLOCK: u64 = 1;
/// Flags of a dictionary: it has keys of its own, and it takes the place of the one before.
const OWN_KEYS: u64 = 1 << 9 | 1 << 10;

/// A block that is being written: every column has `rows` values.
pub(super) struct Block {
    rows: usize,
    columns: u64,
    body: Vec<u8>,
}

/// A block, ready to be sent in this order.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) head: Bytes,
    pub(crate) body: Bytes,
}

impl Block {
    /// A block of so many rows; `row_bytes` is a guess at the length of one.
    pub(super) fn new(rows: usize, row_bytes: usize) -> Self {
        Self { rows, columns: 0, body: Vec::with_capacity(rows * row_bytes) }
    }

    /// A column of numbers, or of what ClickHouse keeps as numbers.
    pub(super) fn fixed<const N: usize>(&mut self, name: &str, kind: &str, values: impl Iterator<Item = [u8; N]>) {
        self.begin(name, kind);
        let start = self.body.len();
        for value in values {
            self.body.extend_from_slice(&value);
        }
        debug_assert_eq!(self.body.len() - start, self.rows * N, "{name} has a value a row");
    }

    /// A column of texts that differ.
    pub(super) fn text<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        self.begin(name, "String");
        for value in values {
            text(&mut self.body, value);
        }
    }

    /// A column of texts that repeat.
    pub(super) fn dictionary<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        self.begin(name, "LowCardinality(String)");
        let mut places: FxHashMap<&str, u32> = FxHashMap::default();
        let mut keys: Vec<&str> = Vec::new();
        let mut indexes: Vec<u32> = Vec::with_capacity(self.rows);
        for value in values {
            let last = indexes.last().copied().filter(|last| keys[*last as usize] == value);
            indexes.push(last.unwrap_or_else(|| {
                *places.entry(value).or_insert_with(|| {
                    keys.push(value);
                    u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
                })
            }));
        }
        debug_assert_eq!(indexes.len(), self.rows, "{name} has a value a row");
        self.write_dictionary(&keys, &indexes);
    }

    fn write_dictionary(&mut self, keys: &[&str], indexes: &[u32]) {
        let width: u64 = match keys.len() {
            0..=0x100 => 0,
            0x101..=0x1_0000 => 1,
            _ => 2,
        };
        let body = &mut self.body;
        for number in [KEYS_WITH_BLOCK, OWN_KEYS | width, keys.len() as u64] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        for key in keys {
            text(body, key);
        }
        body.extend_from_slice(&(indexes.len() as u64).to_le_bytes());
        for index in indexes {
            body.extend_from_slice(&index.to_le_bytes()[..1 << width]);
        }
    }

    /// A column of maps from text to text.
    pub(super) fn map<'v>(&mut self, name: &str, maps: impl Iterator<Item = &'v [(&'v str, &'v str)]> + Clone) {
        self.begin(name, "Map(String, String)");
        let mut end = 0;
        for map in maps.clone() {
            end += map.len() as u64;
            self.body.extend_from_slice(&end.to_le_bytes());
        }
        for (key, _) in maps.clone().flatten() {
            text(&mut self.body, key);
        }
        for (_, value) in maps.flatten() {
            text(&mut self.body, value);
        }
    }

    fn begin(&mut self, name: &str, kind: &str) {
        self.columns += 1;
        text(&mut self.body, name);
        text(&mut self.body, kind);
    }

    /// The block as it is sent.
    pub(super) fn finish(self) -> Encoded {
        let mut head = Vec::new();
        varint(&mut head, self.columns);
        varint(&mut head, self.rows as u64);
        Encoded { head: head.into(), body: self.body.into() }
    }
}

fn text(into: &mut Vec<u8>, value: &str) {
    varint(into, value.len() as u64);
    into.extend_from_slice(value.as_bytes());
}

/// LEB128: seven bits a byte, the lowest first.
fn varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_names_each_text_once() {
        let mut block = Block::new(4, 8);
        block.dictionary("d", ["x", "y", "y", "x"].into_iter());
        let bytes = block.finish();
        assert_eq!(bytes.head[..], [1, 4]);
        let start = b"\x01d\x16LowCardinality(String)".len();
        let numbers = |at: usize| u64::from_le_bytes(std::array::from_fn(|place| bytes.body[start + at + place]));
        assert_eq!((numbers(0), numbers(8), numbers(16)), (1, 0x600, 2));
        assert_eq!(bytes.body[start + 24..start + 28], *b"\x01x\x01y");
        assert_eq!(numbers(28), 4);
        assert_eq!(bytes.body[start + 36..], [0, 1, 1, 0]);
    }

    #[test]
    fn long_texts_have_long_lengths() {
        let mut bytes = Vec::new();
        varint(&mut bytes, 300);
        assert_eq!(bytes, [0xac, 0x02]);
    }
}
