//! The report as CSV (RFC 4180): a header, the rows, what was cut, and the total last on request. Texts that a spreadsheet would take for a
//! formula get an apostrophe in front; a rate or a time that does not exist is an empty cell.

use csv::{Terminator, WriterBuilder};

use super::{Breakdown, Row, json::time};
use crate::{
    csv::{CsvOptions, record, safe},
    report::shown,
};

impl Breakdown {
    /// The document; a report has at most some ten thousand rows.
    #[must_use]
    pub fn csv(&self, options: &CsvOptions) -> String {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        let spec = &self.spec;
        let times: &[&str] = if spec.tells_times() { &["first_at", "last_at"] } else { &[] };
        let header = [spec.by()].into_iter().chain(spec.measures()).chain([spec.rate_name()]);
        record(&mut writer, header.chain(times.iter().copied()).map(str::to_owned).collect());
        for row in &self.rows {
            record(&mut writer, self.cells(&safe(shown(&row.key)), row));
        }
        if let Some((groups, row)) = &self.remainder {
            let noun = if *groups == 1 { "group" } else { "groups" };
            record(&mut writer, self.cells(&format!("(other: {groups} {noun})"), row));
        }
        if options.total {
            record(&mut writer, self.cells("(total)", &self.total));
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    fn cells(&self, key: &str, row: &Row) -> Vec<String> {
        let mut cells = vec![key.to_owned()];
        cells.extend(row.measures.iter().map(ToString::to_string));
        cells.push(self.rate(row).map_or_else(String::new, |rate| rate.to_string()));
        if self.spec.tells_times() {
            cells.extend(
                [row.seen.map(|(first, _)| first), row.seen.map(|(_, last)| last)]
                    .map(|at| at.map_or_else(String::new, time)),
            );
        }
        cells
    }
}
