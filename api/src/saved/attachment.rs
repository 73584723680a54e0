//! A report as a file that is attached to e-mail: the formats that there are of it.

use query::{Format, Presentation, Report, sheet, xlsx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The format of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SheetFormat {
    /// Comma-separated values, as the report's own `format=csv`.
    #[default]
    Csv,
    /// A workbook, as the report's own `format=xlsx`.
    Xlsx,
}

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    /// Its format.
    pub(crate) format: Format,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

impl SheetFormat {
    /// The report as a file. A workbook of many rows takes some 100 ms of computing.
    ///
    /// # Errors
    /// When the workbook cannot be written.
    pub(crate) fn sheet(self, report: &Report, presentation: &Presentation) -> Result<Sheet, xlsx::BookError> {
        let table = report.clone().into_table(&presentation.table);
        let (format, bytes) = match self {
            Self::Csv => (Format::Csv, sheet::csv(table).collect::<String>().into_bytes()),
            Self::Xlsx => (Format::Xlsx, xlsx::write(table)?),
        };
        Ok(Sheet { format, bytes })
    }
}
