//! How an answer is to be shown: as which format, with which options.

use crate::{
    SpecError,
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
}

impl Format {
    /// All, those liked most first.
    pub const ALL: [Self; 6] = [Self::Json, Self::Csv, Self::Png, Self::Ndjson, Self::Xlsx, Self::Svg];

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
        }
    }
}

/// How an answer is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// The form asked for; `None` when the caller named none.
    pub format: Option<Format>,
    /// For CSV, NDJSON and XLSX.
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
            found.ok_or_else(|| SpecError::value("format", name, "use json, csv, ndjson, xlsx, png or svg"))
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
