//! The report as NDJSON: one object a row, with the columns of CSV as its members; what is empty there is null here.

use chrono_tz::Tz;
use serde::{Serialize, Serializer};

use crate::{
    table::{Cell, Column},
    zone::{instant, rfc3339},
};

/// Writes a row as a line.
pub(crate) fn row(out: &mut Vec<u8>, columns: &[Column], cells: &[Cell], tz: Tz) {
    serde_json::to_writer(&mut *out, &Line { columns, cells, tz }).expect("texts and numbers can be written");
    out.push(b'\n');
}

struct Line<'a> {
    columns: &'a [Column],
    cells: &'a [Cell],
    tz: Tz,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.columns.iter().zip(self.cells);
        serializer.collect_map(members.map(|(column, cell)| (&column.name, Member(cell, self.tz))))
    }
}

struct Member<'a>(&'a Cell, Tz);

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cell::Empty => serializer.serialize_none(),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Time(time) => serializer.serialize_str(&rfc3339(self.1, *time)),
            Cell::Instant(at) => serializer.serialize_str(&instant(*at)),
            Cell::Count(count) => serializer.serialize_i64(*count),
            Cell::Fraction(fraction) => serializer.serialize_f64(*fraction),
        }
    }
}
