//! The report as a table: the rows, what was cut, and the total last on request.

use schema::Millis;

use super::{Breakdown, Row};
use crate::{
    TableOptions,
    parameters::framed,
    report::shown,
    table::{Cell, Column, Content, Table, column, others},
};

impl Breakdown {
    /// The report as a table; it has at most some ten thousand rows.
    #[must_use]
    pub fn table(&self, options: &TableOptions) -> Table {
        let key = |key: &str, row: &Row| self.cells(key.to_owned(), row);
        let mut rows: Vec<_> = self.rows.iter().map(|row| key(shown(&row.key), row)).collect();
        if let Some((groups, row)) = &self.remainder {
            rows.push(key(&others(*groups), row));
        }
        if options.total {
            rows.push(key("(total)", &self.total));
        }
        let about = framed(self.spec.name(), &self.spec.frame, self.as_of, &self.notes());
        Table { columns: self.columns(), rows: Box::new(rows.into_iter()), tz: self.spec.frame.tz, about }
    }

    fn columns(&self) -> Vec<Column> {
        let spec = &self.spec;
        let times: &[&str] = if spec.tells_times() { &["first_at", "last_at"] } else { &[] };
        let key = column(spec.by(), Content::Text);
        let measures = spec.measures().map(|name| column(name, Content::Count));
        let rate = column(spec.rate_name(), Content::Rate);
        let times = times.iter().map(|name| column(name, Content::Time));
        std::iter::once(key).chain(measures).chain([rate]).chain(times).collect()
    }

    fn cells(&self, key: String, row: &Row) -> Vec<Cell> {
        let mut cells = vec![Cell::Text(key)];
        cells.extend(row.measures.iter().copied().map(Cell::Count));
        cells.push(self.rate(row).into());
        if self.spec.tells_times() {
            let time = |at: Option<i64>| at.map_or(Cell::Empty, |at| Cell::Instant(Millis(at)));
            cells.extend([time(row.seen.map(|(first, _)| first)), time(row.seen.map(|(_, last)| last))]);
        }
        cells
    }
}
