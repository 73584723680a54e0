//! Exports: a split of any number of groups, streamed from ClickHouse into a file.
//!
//! The statement is that of the report, so the rows are those of its pages, one after the other. **rows** reads them, some at a time;
//! **file** writes them in the form asked for, through the **table** that every format of a report is written from. Neither holds
//! more than a few thousand rows.

mod file;
mod rows;

use serde::{Deserialize, Serialize};

pub use self::{
    file::{ExportError, ExportFile},
    rows::Export,
};
use crate::{Format, ReportSpec, SpecError, SplitRequest, doubt::ShownRate};

/// The form of an exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// RFC 4180, with a header.
    Csv,
    /// One object a line.
    Ndjson,
    /// A workbook of typed cells.
    Xlsx,
    /// Typed columns.
    Parquet,
}

impl ExportFormat {
    /// All.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Ndjson, Self::Xlsx, Self::Parquet];

    /// The format of the file.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            Self::Csv => Format::Csv,
            Self::Ndjson => Format::Ndjson,
            Self::Xlsx => Format::Xlsx,
            Self::Parquet => Format::Parquet,
        }
    }

    /// The name in the API, which is the ending of files, too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.format().name()
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What is exported, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSpec {
    pub(crate) report: ReportSpec,
    pub(crate) format: ExportFormat,
    /// Whether the last row is the total.
    pub(crate) total: bool,
    /// Whether groups beyond the limit may be left out: the caller named it.
    pub(crate) cuts: bool,
}

impl ExportSpec {
    /// Judges what is asked. `most` is how many groups an export may have.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn new(request: &SplitRequest, format: ExportFormat, most: u32) -> Result<Self, SpecError> {
        for (name, given) in [
            ("format", request.format.as_deref()),
            ("cursor", request.cursor.as_deref()),
            ("width", request.width.as_deref()),
            ("height", request.height.as_deref()),
            ("theme", request.theme.as_deref()),
        ] {
            if let Some(given) = given {
                return Err(SpecError::value(name, given, "leave it out: it means nothing in an export's report"));
            }
        }
        let total = request.presentation()?.table.total;
        let limit = match request.limit.as_deref() {
            None => most,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| SpecError::value("limit", text, format!("use a whole number from 1 to {most}")))?,
        };
        let report = ReportSpec::split(&SplitRequest { limit: None, ..request.clone() })?;
        if report.intervals {
            return Err(SpecError::value(
                "intervals",
                "true",
                "an export does not tell how sure rates are; a report does",
            ));
        }
        for (name, given) in
            [("compare", request.compare.as_deref()), ("suppress_below", request.suppress_below.as_deref())]
        {
            if let Some(given) = given {
                return Err(SpecError::value(name, given, "an export does not do that; a report does"));
            }
        }
        if report.fbl {
            let name = ShownRate::Told.name();
            return Err(SpecError::value("rates", name, "an export does not show it; a report does"));
        }
        Ok(Self { report: ReportSpec { limit, ..report }, format, total, cuts: request.limit.is_some() })
    }

    /// What is reported.
    #[must_use]
    pub const fn report(&self) -> &ReportSpec {
        &self.report
    }
}
