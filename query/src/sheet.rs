//! A report as text, line by line: CSV or NDJSON, in chunks of a few kilobytes, each made when it is asked for.

use std::borrow::Borrow;

use crate::{
    Report, csv, ndjson,
    table::{Column, Rows, columns},
};

/// Chunks are about this long, in bytes.
const CHUNK: usize = 16 * 1024;

/// What a table contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Whether the last row is the total.
    pub total: bool,
}

/// The report as CSV.
pub fn csv<R: Borrow<Report>>(report: R, options: &TableOptions) -> impl Iterator<Item = String> + use<R> {
    let columns = columns(&report.borrow().spec);
    let mut rows = Rows::new(report, options.total);
    let mut headed = false;
    std::iter::from_fn(move || {
        let mut writer = csv::writer(CHUNK + 1024);
        if !std::mem::replace(&mut headed, true) {
            csv::header(&mut writer, &columns);
        }
        while writer.get_ref().len() < CHUNK {
            let Some(cells) = rows.next() else { break };
            csv::row(&mut writer, &cells, rows.report().spec.tz);
        }
        text(writer.into_inner().unwrap_or_default())
    })
}

/// The report as NDJSON.
pub fn ndjson<R: Borrow<Report>>(report: R, options: &TableOptions) -> impl Iterator<Item = String> + use<R> {
    let columns: Vec<Column> = columns(&report.borrow().spec);
    let mut rows = Rows::new(report, options.total);
    std::iter::from_fn(move || {
        let mut lines = Vec::with_capacity(CHUNK + 1024);
        while lines.len() < CHUNK {
            let Some(cells) = rows.next() else { break };
            ndjson::row(&mut lines, &columns, &cells, rows.report().spec.tz);
        }
        text(lines)
    })
}

fn text(bytes: Vec<u8>) -> Option<String> {
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}
