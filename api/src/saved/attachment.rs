//! A report as a file that is attached to e-mail: the one place that knows the formats.

use query::{Presentation, Report, sheet, xlsx};
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
    /// The end of its name.
    pub(crate) extension: &'static str,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

impl SheetFormat {
    /// The report as a file. A workbook of many rows takes some 100 ms of computing.
    ///
    /// # Errors
    /// When the workbook cannot be written.
    pub(crate) fn sheet(self, report: &Report, presentation: &Presentation) -> Result<Sheet, xlsx::BookError> {
        const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
        let table = report.clone().into_table(&presentation.table);
        let (extension, media_type, bytes) = match self {
            Self::Csv => {
                let text: String = sheet::csv(table).collect();
                ("csv", "text/csv; charset=utf-8; header=present", text.into_bytes())
            }
            Self::Xlsx => ("xlsx", WORKBOOK, xlsx::write(table)?),
        };
        Ok(Sheet { extension, media_type, bytes })
    }
}
