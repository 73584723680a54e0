//! How an answer is to be shown: as which format, with which options.

use chrono_tz::Tz;
use schema::Millis;

use crate::{
    Range, SpecError,
    chart::{ChartOptions, Theme},
    spec::truth,
    table::TableOptions,
};

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The report as a JSON document.
    Json,
    /// Rows for a spreadsheet.
    Csv,
    /// A picture.
    Png,
    /// Rows for a program, one object a line.
    Ndjson,
    /// A workbook of typed cells.
    Xlsx,
    /// A picture that can be scaled.
    Svg,
    /// Typed columns.
    Parquet,
}

impl Format {
    /// All, those liked most first.
    pub const ALL: [Self; 7] = [Self::Json, Self::Csv, Self::Png, Self::Ndjson, Self::Xlsx, Self::Svg, Self::Parquet];

    /// The name in the API, which is the ending of files, too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Png => "png",
            Self::Ndjson => "ndjson",
            Self::Xlsx => "xlsx",
            Self::Svg => "svg",
            Self::Parquet => "parquet",
        }
    }

    /// The media type: type and subtype.
    #[must_use]
    pub const fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::Csv => ("text", "csv"),
            Self::Png => ("image", "png"),
            Self::Ndjson => ("application", "x-ndjson"),
            Self::Xlsx => ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            Self::Svg => ("image", "svg+xml"),
            Self::Parquet => ("application", "vnd.apache.parquet"),
        }
    }

    /// What stands in `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> String {
        let (kind, subtype) = self.media_type();
        let parameters = if self == Self::Csv { "; charset=utf-8; header=present" } else { "" };
        format!("{kind}/{subtype}{parameters}")
    }
}

/// A name for the file, out of the kind of report and the local day on which it begins; without its ending.
#[must_use]
pub fn file_name(kind: &str, range: Range, tz: Tz) -> String {
    let from = Millis(i64::from(range.from) * 1000).to_datetime().unwrap_or_default();
    format!("postlens-{kind}-{}", from.with_timezone(&tz).format("%Y-%m-%d"))
}

/// How an answer is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// The form asked for; `None` when the caller named none.
    pub format: Option<Format>,
    /// For CSV, NDJSON, XLSX and Parquet.
    pub table: TableOptions,
    /// For PNG and SVG.
    pub chart: ChartOptions,
}

impl Presentation {
    pub(crate) fn new(
        format: Option<&str>,
        total: Option<&str>,
        width: Option<&str>,
        height: Option<&str>,
        theme: Option<&str>,
    ) -> Result<Self, SpecError> {
        let named = |name: &str| {
            let found = Format::ALL.into_iter().find(|format| format.name() == name);
            found.ok_or_else(|| SpecError::value("format", name, "use json, csv, ndjson, xlsx, parquet, png or svg"))
        };
        let format = format.map(named).transpose()?;
        let total = truth("total", total)?;
        let theme = match theme {
            None | Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            Some(other) => return Err(SpecError::value("theme", other, "use light or dark")),
        };
        let default = ChartOptions::default();
        let width = pixels("width", width, default.width())?;
        let height = pixels("height", height, default.height())?;
        Ok(Self { format, table: TableOptions { total }, chart: ChartOptions::new(width, height, theme)? })
    }
}

fn pixels(parameter: &'static str, text: Option<&str>, default: u32) -> Result<u32, SpecError> {
    let Some(text) = text else { return Ok(default) };
    text.parse().map_err(|_| SpecError::value(parameter, text, "use a whole number of pixels"))
}
