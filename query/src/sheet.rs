//! A table as text, line by line: CSV or NDJSON, in chunks of a few kilobytes, each made when it is asked for.

use crate::{Table, csv, ndjson};

/// Chunks are about this long, in bytes.
const CHUNK: usize = 16 * 1024;

/// The table as CSV.
pub fn csv(mut table: Table) -> impl Iterator<Item = String> + Send {
    let mut headed = false;
    std::iter::from_fn(move || {
        let mut writer = csv::writer(CHUNK + 1024);
        if !std::mem::replace(&mut headed, true) {
            csv::header(&mut writer, &table.columns);
        }
        while writer.get_ref().len() < CHUNK {
            let Some(cells) = table.rows.next() else { break };
            csv::row(&mut writer, &cells, table.tz);
        }
        text(writer.into_inner().unwrap_or_default())
    })
}

/// The table as NDJSON.
pub fn ndjson(mut table: Table) -> impl Iterator<Item = String> + Send {
    std::iter::from_fn(move || {
        let mut lines = Vec::with_capacity(CHUNK + 1024);
        while lines.len() < CHUNK {
            let Some(cells) = table.rows.next() else { break };
            ndjson::row(&mut lines, &table.columns, &cells, table.tz);
        }
        text(lines)
    })
}

fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}
