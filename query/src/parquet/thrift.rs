//! Thrift's compact protocol, as much as Parquet's metadata needs.

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A structure while it is written; its fields are given in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    pub(super) fn i32(&mut self, field: u8, value: i32) {
        self.begin(field, I32);
        zigzag(&mut self.bytes, value.into());
    }

    pub(super) fn i64(&mut self, field: u8, value: i64) {
        self.begin(field, I64);
        zigzag(&mut self.bytes, value);
    }

    pub(super) fn text(&mut self, field: u8, text: &str) {
        self.begin(field, BINARY);
        write_text(&mut self.bytes, text);
    }

    pub(super) fn structure(&mut self, field: u8, value: Self) {
        self.begin(field, STRUCT);
        self.bytes.extend(value.done());
    }

    pub(super) fn list(&mut self, field: u8, values: Vec<Self>) {
        self.begin_list(field, values.len(), STRUCT);
        for value in values {
            self.bytes.extend(value.done());
        }
    }

    pub(super) fn list_i32(&mut self, field: u8, values: &[i32]) {
        self.begin_list(field, values.len(), I32);
        for value in values {
            zigzag(&mut self.bytes, i64::from(*value));
        }
    }

    pub(super) fn list_texts(&mut self, field: u8, values: &[&str]) {
        self.begin_list(field, values.len(), BINARY);
        for value in values {
            write_text(&mut self.bytes, value);
        }
    }

    /// The whole structure.
    pub(super) fn done(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }

    /// The numbers used here are less than 16 apart.
    fn begin(&mut self, field: u8, kind: u8) {
        self.bytes.push((field - self.last) << 4 | kind);
        self.last = field;
    }

    fn begin_list(&mut self, field: u8, length: usize, kind: u8) {
        self.begin(field, LIST);
        match u8::try_from(length) {
            Ok(short) if short < 15 => self.bytes.push(short << 4 | kind),
            _ => {
                self.bytes.push(0xF0 | kind);
                varint(&mut self.bytes, length as u64);
            }
        }
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    varint(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

fn zigzag(bytes: &mut Vec<u8>, value: i64) {
    varint(bytes, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Seven bits a byte, the lowest first.
pub(super) fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}
