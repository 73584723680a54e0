//! ClickHouse's Native format, as inserts need it: column by column into one buffer, repeated texts as dictionaries.
//!
//! The client library's own builder writes every text in full, as it does not write `LowCardinality` yet. Senders, campaigns, domains and
//! subjects repeat all the time, so that most of an insert was copies of them. The format is described in ClickHouse's documentation
//! ("Native format", "`LowCardinality`").

use bytes::Bytes;

use crate::{
    buffers::Buffers,
    texts::{FieldsId, TextId, Texts},
};

/// The version of dictionaries that come with their keys in the block.
const KEYS_WITH_BLOCK: u64 = 1;
/// Flags of a dictionary: it has keys of its own, and it takes the place of the one before.
const OWN_KEYS: u64 = 1 << 9 | 1 << 10;

/// A block that is being written: every column has `rows` values.
pub(super) struct Block<'b, 's> {
    texts: &'b Texts<'s>,
    rows: usize,
    columns: u64,
    body: Vec<u8>,
    buffers: &'b Buffers,
    dictionary: Dictionary,
}

/// A block, ready to be sent in this order.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) head: Bytes,
    pub(crate) body: Bytes,
}

/// A column's texts, each once; kept from column to column for its memory.
struct Dictionary {
    /// Where a text of the batch is in `keys`, by its number; `NOWHERE` if it is not.
    places: Vec<u32>,
    keys: Vec<TextId>,
    indexes: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

impl Dictionary {
    fn clear(&mut self) {
        for key in self.keys.drain(..) {
            self.places[key.index()] = NOWHERE;
        }
        self.indexes.clear();
    }

    fn push(&mut self, text: TextId) {
        let place = &mut self.places[text.index()];
        if *place == NOWHERE {
            *place = u32::try_from(self.keys.len()).unwrap_or(NOWHERE);
            self.keys.push(text);
        }
        self.indexes.push(*place);
    }
}

impl<'b, 's> Block<'b, 's> {
    /// A block of so many rows, each of about so many bytes.
    pub(super) fn new(texts: &'b Texts<'s>, rows: usize, (row, buffers): (usize, &'b Buffers)) -> Self {
        let dictionary = Dictionary { places: vec![NOWHERE; texts.len()], keys: Vec::new(), indexes: Vec::new() };
        Self { texts, rows, columns: 0, body: buffers.take(rows * row), buffers, dictionary }
    }

    /// A column of numbers, or of what ClickHouse keeps as numbers.
    pub(super) fn fixed<const N: usize>(&mut self, name: &str, kind: &str, values: impl Iterator<Item = [u8; N]>) {
        self.begin(name, kind);
        let start = self.body.len();
        self.body.reserve(self.rows * N);
        for value in values {
            self.body.extend_from_slice(&value);
        }
        debug_assert_eq!(self.body.len() - start, self.rows * N, "{name} has a value a row");
    }

    /// Columns of numbers of one kind, written row by row: what a row holds lies together.
    pub(super) fn numbers<const N: usize, R: IntoIterator<Item = [u8; N]>>(
        &mut self,
        names: &[&str],
        kind: &str,
        rows: impl Iterator<Item = R>,
    ) {
        let mut column = |name: &&str| {
            self.begin(name, kind);
            let start = self.body.len();
            self.body.resize(start + self.rows * N, 0);
            start
        };
        let starts: Vec<usize> = names.iter().map(&mut column).collect();
        let mut count = 0;
        for row in rows {
            for (start, value) in starts.iter().zip(row) {
                self.body[start + count * N..][..N].copy_from_slice(&value);
            }
            count += 1;
        }
        debug_assert_eq!(count, self.rows, "{names:?} have a value a row");
    }

    /// A column of texts that differ.
    pub(super) fn text<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        self.begin(name, "String");
        for value in values {
            text(&mut self.body, value);
        }
    }

    /// A column of texts that repeat.
    pub(super) fn dictionary(&mut self, name: &str, values: impl Iterator<Item = TextId>) {
        self.begin(name, "LowCardinality(String)");
        self.dictionary.clear();
        for value in values {
            self.dictionary.push(value);
        }
        debug_assert_eq!(self.dictionary.indexes.len(), self.rows, "{name} has a value a row");
        let Dictionary { keys, indexes, .. } = &self.dictionary;
        let keys = keys.iter().map(|key| self.texts.text(*key));
        self.body.extend_from_slice(&KEYS_WITH_BLOCK.to_le_bytes());
        write_dictionary(&mut self.body, keys, indexes.iter().copied(), self.rows);
    }

    /// A column of a few words, given by their places in `words`.
    pub(super) fn words(&mut self, name: &str, words: &[&str], places: impl Iterator<Item = u32>) {
        self.begin(name, "LowCardinality(String)");
        self.body.extend_from_slice(&KEYS_WITH_BLOCK.to_le_bytes());
        write_dictionary(&mut self.body, words.iter().copied(), places, self.rows);
    }

    /// A column of maps from text to text, their keys a dictionary.
    pub(super) fn map(&mut self, name: &str, maps: impl Iterator<Item = FieldsId> + Clone) {
        self.begin(name, "Map(LowCardinality(String), String)");
        self.body.extend_from_slice(&KEYS_WITH_BLOCK.to_le_bytes());
        let mut end = 0;
        for map in maps.clone() {
            end += self.texts.fields(map).len();
            self.body.extend_from_slice(&(end as u64).to_le_bytes());
        }
        self.dictionary.clear();
        let fields = maps.flat_map(|map| self.texts.fields(map));
        for (key, _) in fields.clone() {
            self.dictionary.push(*key);
        }
        let Dictionary { keys, indexes, .. } = &self.dictionary;
        let keys = keys.iter().map(|key| self.texts.text(*key));
        write_dictionary(&mut self.body, keys, indexes.iter().copied(), end);
        for (_, value) in fields {
            text(&mut self.body, self.texts.text(*value));
        }
    }

    /// A column of lists of numbers: how long each is, then all that stands in them.
    pub(super) fn lists<const N: usize>(
        &mut self,
        name: &str,
        kind: &str,
        lengths: impl Iterator<Item = usize>,
        values: impl Iterator<Item = [u8; N]>,
    ) {
        self.begin(name, kind);
        let mut end = 0;
        for length in lengths {
            end += length as u64;
            self.body.extend_from_slice(&end.to_le_bytes());
        }
        for value in values {
            self.body.extend_from_slice(&value);
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
        Encoded { head: head.into(), body: self.buffers.lend(self.body) }
    }
}

/// A dictionary of so many values, after its version, which stands before all else of a column. Of no values nothing is written.
fn write_dictionary<'v>(
    body: &mut Vec<u8>,
    keys: impl ExactSizeIterator<Item = &'v str>,
    indexes: impl Iterator<Item = u32>,
    values: usize,
) {
    if values == 0 {
        return;
    }
    let width: u64 = match keys.len() {
        0..=0x100 => 0,
        0x101..=0x1_0000 => 1,
        _ => 2,
    };
    for number in [OWN_KEYS | width, keys.len() as u64] {
        body.extend_from_slice(&number.to_le_bytes());
    }
    for key in keys {
        text(body, key);
    }
    body.extend_from_slice(&(values as u64).to_le_bytes());
    for index in indexes {
        body.extend_from_slice(&index.to_le_bytes()[..1 << width]);
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
        let mut texts = Texts::default();
        let ids = ["x", "y", "y", "x"].map(|text| texts.intern(text));
        let buffers = Buffers::none();
        let mut block = Block::new(&texts, 4, (10, &buffers));
        block.dictionary("d", ids.into_iter());
        block.dictionary("d", ids.into_iter());
        let bytes = block.finish();
        assert_eq!(bytes.head[..], [2, 4]);
        let (first, second) = bytes.body.split_at(bytes.body.len() / 2);
        assert_eq!(first, second, "nothing is left of a column in the next");
        let start = b"\x01d\x16LowCardinality(String)".len();
        let numbers = |at: usize| u64::from_le_bytes(std::array::from_fn(|place| bytes.body[start + at + place]));
        assert_eq!((numbers(0), numbers(8), numbers(16)), (1, 0x600, 2));
        assert_eq!(bytes.body[start + 24..start + 28], *b"\x01x\x01y");
        assert_eq!(numbers(28), 4);
        assert_eq!(first[start + 36..], [0, 1, 1, 0]);
    }

    #[test]
    fn long_texts_have_long_lengths() {
        let mut bytes = Vec::new();
        varint(&mut bytes, 300);
        assert_eq!(bytes, [0xac, 0x02]);
    }
}
