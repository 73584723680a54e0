//! The report as a workbook (Office Open XML): typed cells under a header that stays in sight, and a sheet of what was asked.
//!
//! Texts are texts: no spreadsheet takes one for a formula or a link. Counts and rates are numbers, times are date-times in the
//! zone of the report, days are dates.

use std::{
    io::{Seek, Write},
    path::Path,
};

use chrono::{NaiveDate, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::table::{Cell, Column, Content, Table};

/// The most letters of a cell.
const MOST_LETTERS: usize = 32_767;
/// The day 1970-01-01 as spreadsheets count days.
const EPOCH: f64 = 25_569.0;
const DAY: f64 = 86_400.0;

/// Why there is no workbook.
#[derive(Debug, thiserror::Error)]
#[error("the workbook cannot be written")]
pub struct BookError(#[from] XlsxError);

/// The table as a workbook. Takes up to some 100 MB of memory for the largest reports.
///
/// # Errors
/// When it cannot be written.
pub fn write(table: Table) -> Result<Vec<u8>, BookError> {
    let mut book = Book::new(table.columns, table.tz)?;
    for cells in table.rows {
        book.row(&cells)?;
    }
    Ok(book.finished(&table.about)?.save_to_buffer()?)
}

/// A workbook while it is written, row by row.
pub(crate) struct Book {
    workbook: Workbook,
    sheet: Worksheet,
    columns: Vec<Column>,
    formats: Formats,
    tz: Tz,
    next: u32,
}

struct Formats {
    header: Format,
    count: Format,
    rate: Format,
    probability: Format,
    seconds: Format,
    time: Format,
    day: Format,
}

impl Formats {
    fn new() -> Self {
        let number = |format: &str| Format::new().set_num_format(format);
        Self {
            header: Format::new().set_bold(),
            count: number("#,##0"),
            rate: number("0.00%"),
            probability: number("0.0000"),
            seconds: number("#,##0.0"),
            time: number("yyyy-mm-dd hh:mm:ss"),
            day: number("yyyy-mm-dd"),
        }
    }

    fn of(&self, content: Content) -> &Format {
        match content {
            Content::Probability => &self.probability,
            Content::Seconds => &self.seconds,
            _ => &self.rate,
        }
    }
}

impl Book {
    /// All of it in memory.
    pub(crate) fn new(columns: Vec<Column>, tz: Tz) -> Result<Self, XlsxError> {
        Self::begun(Workbook::new(), Worksheet::new(), columns, tz)
    }

    /// A row at a time in memory, and the rows before it in a nameless file of the directory.
    pub(crate) fn on_disk(columns: Vec<Column>, tz: Tz, directory: &Path) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(directory)?;
        let sheet = workbook.new_worksheet_with_constant_memory()?;
        Self::begun(workbook, sheet, columns, tz)
    }

    fn begun(workbook: Workbook, mut sheet: Worksheet, columns: Vec<Column>, tz: Tz) -> Result<Self, XlsxError> {
        let formats = Formats::new();
        sheet.set_name("Report")?.set_freeze_panes(1, 0)?;
        for (place, column) in (0..).zip(&columns) {
            sheet.set_column_width(place, width(column))?;
            sheet.write_string_with_format(0, place, legible(&column.name), &formats.header)?;
        }
        Ok(Self { workbook, sheet, columns, formats, tz, next: 1 })
    }

    /// Writes the next row.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), XlsxError> {
        for ((place, cell), column) in (0..).zip(cells).zip(&self.columns) {
            write_cell(&mut self.sheet, (self.next, place), cell, column.content, &self.formats, self.tz)?;
        }
        self.next += 1;
        Ok(())
    }

    /// The workbook, ready to be saved. `about` are names and values of what was asked.
    pub(crate) fn finished(mut self, about: &[(&'static str, Cell)]) -> Result<Workbook, XlsxError> {
        // A workbook says when it was made: that is when its numbers were.
        if let Some((_, Cell::Instant(as_of))) = about.iter().find(|(name, _)| *name == "as_of") {
            let made = ExcelDateTime::from_timestamp(as_of.0.div_euclid(1000))?;
            let properties = DocProperties::new().set_title("Postlens report").set_creation_datetime(&made);
            self.workbook.set_properties(&properties);
        }
        if let Some(last) = u16::try_from(self.columns.len()).ok().and_then(|columns| columns.checked_sub(1)) {
            self.sheet.autofilter(0, 0, self.next - 1, last)?;
        }
        self.workbook.push_worksheet(self.sheet);
        let sheet = self.workbook.add_worksheet();
        sheet.set_name("Parameters")?.set_freeze_panes(1, 0)?.set_column_width(0, 14)?.set_column_width(1, 60)?;
        sheet.write_string_with_format(0, 0, "parameter", &self.formats.header)?;
        sheet.write_string_with_format(0, 1, "value", &self.formats.header)?;
        for (row, (name, value)) in (1..).zip(about) {
            sheet.write_string(row, 0, *name)?;
            write_cell(sheet, (row, 1), value, Content::Text, &self.formats, self.tz)?;
        }
        Ok(self.workbook)
    }

    /// Writes the workbook to a file.
    pub(crate) fn save<W: Write + Seek + Send>(mut workbook: Workbook, file: W) -> Result<(), XlsxError> {
        workbook.save_to_writer(file)
    }
}

fn width(column: &Column) -> u16 {
    let usual = match column.content {
        Content::Time => 19,
        Content::Day | Content::Count | Content::Rate | Content::Probability | Content::Seconds => 11,
        Content::Text => 28,
    };
    let name = u16::try_from(column.name.chars().count()).unwrap_or(u16::MAX);
    usual.max(name.saturating_add(4)).min(40)
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    content: Content,
    formats: &Formats,
    tz: Tz,
) -> Result<(), XlsxError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) => match (content, day(text)) {
            (Content::Day, Some(day)) => {
                sheet.write_number_with_format(row, column, day, &formats.day)?;
            }
            _ => {
                sheet.write_string(row, column, legible(text))?;
            }
        },
        Cell::Time(time) => {
            sheet.write_number_with_format(row, column, local(tz, *time), &formats.time)?;
        }
        Cell::Instant(at) => {
            sheet.write_number_with_format(row, column, local(tz, at.0.div_euclid(1000)), &formats.time)?;
        }
        Cell::Count(count) => {
            sheet.write_number_with_format(row, column, *count as f64, &formats.count)?;
        }
        Cell::Fraction(fraction) => {
            sheet.write_number_with_format(row, column, *fraction, formats.of(content))?;
        }
    }
    Ok(())
}

/// A time on the clock of a zone, as spreadsheets count days.
fn local(tz: Tz, time: i64) -> f64 {
    let utc = chrono::DateTime::from_timestamp(time, 0).unwrap_or_default().naive_utc();
    let ahead = tz.offset_from_utc_datetime(&utc).fix().local_minus_utc();
    (time + i64::from(ahead)) as f64 / DAY + EPOCH
}

/// A day as spreadsheets count them.
fn day(text: &str) -> Option<f64> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() as f64 / DAY + EPOCH)
}

/// A text that a cell can hold: no letters that XML does not know, and not too many.
fn legible(text: &str) -> String {
    let known = |letter: char| match letter {
        '\t' | '\n' => letter,
        '\0'..'\u{20}' | '\u{FFFE}' | '\u{FFFF}' => '\u{FFFD}',
        _ => letter,
    };
    let mut units = 0;
    let fits = |letter: &char| {
        units += letter.len_utf16();
        units <= MOST_LETTERS
    };
    text.chars().map(known).take_while(fits).collect()
}
