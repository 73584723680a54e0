//! The report as CSV (RFC 4180): a header, one row a group (and interval), what was cut, and the total last on request.
//!
//! Texts that a spreadsheet would take for a formula get an apostrophe in front. Our own numbers stay as they are: at most a
//! minus is in front. A rate is a fraction; where it does not exist the cell is empty. With `intervals`, what is known of a rate's
//! certainty stands beside it; with `compare`, what each number was in the other period, and how it changed. A cell that is hidden for
//! the few people that it stands for, or would tell, is `suppressed`.

use std::borrow::Cow;

use chrono_tz::Tz;
use csv::{Terminator, Writer, WriterBuilder};

use crate::{
    table::{Cell, Column},
    zone::{instant, rfc3339},
};

/// What writes records of CSV.
pub(crate) fn writer(capacity: usize) -> Writer<Vec<u8>> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::with_capacity(capacity))
}

/// Writes the header.
pub(crate) fn header(writer: &mut Writer<Vec<u8>>, columns: &[Column]) {
    record(writer, columns.iter().map(|column| safe(&column.name).into_owned()).collect());
}

/// Writes a row.
pub(crate) fn row(writer: &mut Writer<Vec<u8>>, cells: &[Cell], tz: Tz) {
    let text = |cell: &Cell| match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => safe(text).into_owned(),
        Cell::Time(time) => rfc3339(tz, *time),
        Cell::Instant(at) => instant(*at),
        Cell::Count(count) => count.to_string(),
        Cell::Fraction(fraction) => fraction.to_string(),
    };
    record(writer, cells.iter().map(text).collect());
}

pub(crate) fn record(writer: &mut Writer<Vec<u8>>, cells: Vec<String>) {
    writer.write_record(cells).and_then(|()| Ok(writer.flush()?)).expect("writing to a Vec does not fail");
}

/// A text that no spreadsheet takes for a formula.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    let blank = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
    };
    let starts = |letter: char| matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '−');
    let dangerous = text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(blank).starts_with(starts);
    if dangerous { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}
