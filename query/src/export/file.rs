//! Writes an export into a file, piece by piece.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use ::parquet::errors::ParquetError;
use schema::Millis;

use super::{ExportFormat, ExportSpec};
use crate::{
    Report, csv, ndjson,
    parameters::parameters,
    parquet::Parquet,
    table::{Cell, Column, Rows, columns},
    xlsx::{Book, BookError},
};

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The disk refused.
    #[error("the file cannot be written")]
    File(#[from] io::Error),
    /// The workbook could not be made.
    #[error("the workbook cannot be written")]
    Book(#[from] BookError),
    /// The Parquet file could not be made.
    #[error("the Parquet file cannot be written")]
    Parquet(#[from] ParquetError),
}

/// A file while it is written. It blocks.
pub struct ExportFile {
    spec: ExportSpec,
    as_of: Millis,
    columns: Vec<Column>,
    form: Form,
    /// Of the groups written: those that the notes tell of.
    notes: Vec<String>,
    rows: u64,
}

enum Form {
    Csv(BufWriter<File>),
    Ndjson(BufWriter<File>),
    Xlsx(Box<Book>, File),
    Parquet(Box<Parquet<BufWriter<File>>>),
}

impl ExportFile {
    /// Begins a file. `directory` holds what is needed until it is whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(spec: &ExportSpec, as_of: Millis, file: File, directory: &Path) -> Result<Self, ExportError> {
        let columns = columns(&spec.report, false);
        let form = match spec.format {
            ExportFormat::Csv => {
                let mut header = csv::writer(1024);
                csv::header(&mut header, &columns);
                let mut out = BufWriter::new(file);
                out.write_all(&header.into_inner().unwrap_or_default())?;
                Form::Csv(out)
            }
            ExportFormat::Ndjson => Form::Ndjson(BufWriter::new(file)),
            ExportFormat::Xlsx => Form::Xlsx(
                Box::new(Book::on_disk(columns.clone(), spec.report.tz, directory).map_err(BookError::from)?),
                file,
            ),
            ExportFormat::Parquet => Form::Parquet(Box::new(Parquet::begin(BufWriter::new(file), &columns)?)),
        };
        Ok(Self { spec: spec.clone(), as_of, columns, form, notes: Vec::new(), rows: 0 })
    }

    /// Writes the rows of a piece.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, piece: &Report) -> Result<(), ExportError> {
        for note in piece.notes() {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        let last = matches!(piece.body(), crate::Body::Split { rows, .. } if rows.is_empty());
        let mut text = Vec::new();
        let mut lines = csv::writer(0);
        for cells in Rows::new(piece, last && self.spec.total) {
            self.rows += 1;
            match &mut self.form {
                Form::Csv(_) => csv::row(&mut lines, &cells, self.spec.report.tz),
                Form::Ndjson(_) => ndjson::row(&mut text, &self.columns, &cells, self.spec.report.tz),
                Form::Xlsx(book, _) => book.row(&cells).map_err(BookError::from)?,
                Form::Parquet(parquet) => parquet.row(cells)?,
            }
        }
        match &mut self.form {
            Form::Csv(out) => out.write_all(&lines.into_inner().unwrap_or_default())?,
            Form::Ndjson(out) => out.write_all(&text)?,
            Form::Xlsx(..) | Form::Parquet(_) => {}
        }
        Ok(())
    }

    /// How many rows were written.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what comes after the rows, and brings all to the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), ExportError> {
        let Self { spec, as_of, form, notes, .. } = self;
        let about = parameters(&spec.report, as_of, &notes);
        let file = match form {
            Form::Csv(out) | Form::Ndjson(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?,
            Form::Xlsx(book, file) => {
                let workbook = book.finished(&about).map_err(BookError::from)?;
                let kept = file.try_clone()?;
                Book::save(workbook, file).map_err(BookError::from)?;
                kept
            }
            Form::Parquet(parquet) => {
                let text = |cell: Cell| match cell {
                    Cell::Time(time) => crate::zone::rfc3339(spec.report.tz, time),
                    Cell::Instant(at) => crate::zone::instant(at),
                    Cell::Count(count) => count.to_string(),
                    Cell::Fraction(fraction) => fraction.to_string(),
                    Cell::Text(text) => text,
                    Cell::Empty => String::new(),
                };
                let all: Vec<_> = about.into_iter().map(|(name, cell)| (name, text(cell))).collect();
                parquet.finish(all)?.into_inner().map_err(io::IntoInnerError::into_error)?
            }
        };
        Ok(file.sync_all()?)
    }
}

impl std::fmt::Debug for ExportFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExportFile").field("format", &self.spec.format).finish_non_exhaustive()
    }
}
