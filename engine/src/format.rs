//! How the formatted blocks of a streamed result go together.
//!
//! The engine formats every fetched block as a whole of its own. Row formats can be sent one after the other; formats
//! with a header repeat it, so it is cut from all but the first; documents (JSON, Parquet, …) cannot be streamed.

use crate::statement::Statement;

/// How to make one result of several blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Block after block.
    Concatenate,
    /// The header once, then block after block.
    Header(Header),
    /// Not at all: the engine has to format the result in one go.
    Whole,
}

/// What a header looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// A count, then as many names, `rows` times (the second time types, without a count), each with its length.
    Binary { rows: u8 },
    /// Lines.
    Lines { rows: u8 },
    /// Lines in which a quoted field may hold line breaks.
    QuotedLines { rows: u8 },
}

/// The framing of a statement's result in `format`.
pub(crate) fn framing(format: &str, statement: &Statement) -> Framing {
    let format = format.to_ascii_lowercase();
    if !statement.select {
        return Framing::Whole;
    }
    let (base, rows) = match (format.strip_suffix("withnamesandtypes"), format.strip_suffix("withnames")) {
        (Some(base), _) => (base, 2),
        (None, Some(base)) => (base, 1),
        (None, None) => (format.as_str(), 0),
    };
    match (base, rows) {
        ("native" | "rowbinary", 0) => Framing::Concatenate,
        ("rowbinary", rows) => Framing::Header(Header::Binary { rows }),
        // Totals and extremes come behind the rows, in a layout of their own.
        _ if statement.decorated => Framing::Whole,
        (
            "tabseparated"
            | "tsv"
            | "tabseparatedraw"
            | "tsvraw"
            | "raw"
            | "csv"
            | "tskv"
            | "jsoneachrow"
            | "jsonlines"
            | "ndjson"
            | "jsonstringseachrow"
            | "jsoncompacteachrow"
            | "jsoncompactstringseachrow"
            | "msgpack"
            | "bsoneachrow",
            0,
        ) => Framing::Concatenate,
        ("tabseparated" | "tsv" | "jsoncompacteachrow" | "jsoncompactstringseachrow", rows) => {
            Framing::Header(Header::Lines { rows })
        }
        ("csv", rows) => Framing::Header(Header::QuotedLines { rows }),
        _ => Framing::Whole,
    }
}

/// Joins blocks.
pub(crate) struct Joiner {
    framing: Framing,
    header: Option<Vec<u8>>,
}

impl Joiner {
    /// For the blocks of one result.
    pub(crate) fn new(framing: Framing) -> Self {
        Self { framing, header: None }
    }

    /// What of the next block belongs into the result.
    pub(crate) fn part<'b>(&mut self, block: &'b [u8]) -> &'b [u8] {
        let Framing::Header(header) = self.framing else { return block };
        if let Some(header) = &self.header {
            return block.strip_prefix(header.as_slice()).unwrap_or(block);
        }
        self.header = Some(block[..header.length(block).min(block.len())].to_vec());
        block
    }
}

impl Header {
    fn length(self, block: &[u8]) -> usize {
        match self {
            Self::Binary { rows } => binary_length(block, rows).unwrap_or(0),
            Self::Lines { rows } => memchr::memchr_iter(b'\n', block).nth(usize::from(rows) - 1).map_or(0, |at| at + 1),
            Self::QuotedLines { rows } => quoted_length(block, rows),
        }
    }
}

fn binary_length(block: &[u8], rows: u8) -> Option<usize> {
    let (columns, mut at) = varint(block, 0)?;
    for _ in 0..columns.checked_mul(usize::from(rows))? {
        let (length, start) = varint(block, at)?;
        at = start.checked_add(length).filter(|end| *end <= block.len())?;
    }
    Some(at)
}

/// A LEB128 number at `at`, and where it ends.
fn varint(block: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *block.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
    }
    None
}

fn quoted_length(block: &[u8], rows: u8) -> usize {
    let mut left = rows;
    let mut quoted = false;
    for (at, byte) in block.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                left -= 1;
                if left == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    0
}

/// The media type of a format.
pub(crate) fn content_type(format: &str) -> &'static str {
    let format = format.to_ascii_lowercase();
    match format.as_str() {
        "json"
        | "jsoncompact"
        | "jsonstrings"
        | "jsoncompactstrings"
        | "jsoncolumns"
        | "jsoncompactcolumns"
        | "jsoncolumnswithmetadata"
        | "jsonobjecteachrow" => "application/json; charset=UTF-8",
        "xml" => "application/xml; charset=UTF-8",
        "csv" => "text/csv; charset=UTF-8; header=absent",
        "csvwithnames" | "csvwithnamesandtypes" => "text/csv; charset=UTF-8; header=present",
        "markdown" => "text/markdown; charset=UTF-8",
        _ if format.starts_with("json") || format == "ndjson" => "application/x-ndjson; charset=UTF-8",
        _ if format.starts_with("tabseparated") || format.starts_with("tsv") || format == "raw" => {
            "text/tab-separated-values; charset=UTF-8"
        }
        _ if format.starts_with("pretty")
            || matches!(format.as_str(), "vertical" | "values" | "tskv" | "null" | "sqlinsert") =>
        {
            "text/plain; charset=UTF-8"
        }
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(framing: Framing, blocks: &[&[u8]]) -> Vec<u8> {
        let mut joiner = Joiner::new(framing);
        blocks.iter().flat_map(|block| joiner.part(block).to_vec()).collect()
    }

    #[test]
    fn a_header_stands_once() {
        let binary = [b"\x01\x01a\x05UInt8".as_slice(), b"\x01\x01a\x05UInt8\x07", b"\x01\x01a\x05UInt8\x08"];
        assert_eq!(joined(Framing::Header(Header::Binary { rows: 2 }), &binary), b"\x01\x01a\x05UInt8\x07\x08");
        let lines = [b"a\tb\n1\t2\n".as_slice(), b"a\tb\n3\t4\n"];
        assert_eq!(joined(Framing::Header(Header::Lines { rows: 1 }), &lines), b"a\tb\n1\t2\n3\t4\n");
        let quoted = [b"\"a\n\"\"b\"\n1\n".as_slice(), b"\"a\n\"\"b\"\n2\n"];
        assert_eq!(joined(Framing::Header(Header::QuotedLines { rows: 1 }), &quoted), b"\"a\n\"\"b\"\n1\n2\n");
    }

    #[test]
    fn documents_and_totals_are_not_streamed() {
        let select = |decorated| Statement { format: None, select: true, decorated };
        for format in ["JSON", "JSONCompact", "Parquet", "XML", "Pretty", "ArrowStream", "Values", "Unheard"] {
            assert_eq!(framing(format, &select(false)), Framing::Whole, "{format}");
        }
        assert_eq!(framing("CSV", &select(true)), Framing::Whole);
        assert_eq!(framing("Native", &select(true)), Framing::Concatenate);
    }
}
