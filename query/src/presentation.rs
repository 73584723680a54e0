//! How an answer is to be shown: as which format, with which options.

use crate::{
    SpecError,
    chart::{ChartOptions, Theme},
    csv::CsvOptions,
    spec::truth,
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
}

/// How an answer is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// The form asked for; `None` when the caller named none.
    pub format: Option<Format>,
    /// For CSV.
    pub csv: CsvOptions,
    /// For PNG.
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
        let format = match format {
            None => None,
            Some("json") => Some(Format::Json),
            Some("csv") => Some(Format::Csv),
            Some("png") => Some(Format::Png),
            Some(other) => return Err(SpecError::value("format", other, "use json, csv or png")),
        };
        let total = truth("total", total)?;
        let theme = match theme {
            None | Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            Some(other) => return Err(SpecError::value("theme", other, "use light or dark")),
        };
        let default = ChartOptions::default();
        let width = pixels("width", width, default.width())?;
        let height = pixels("height", height, default.height())?;
        Ok(Self { format, csv: CsvOptions { total }, chart: ChartOptions::new(width, height, theme)? })
    }
}

fn pixels(parameter: &'static str, text: Option<&str>, default: u32) -> Result<u32, SpecError> {
    let Some(text) = text else { return Ok(default) };
    text.parse().map_err(|_| SpecError::value(parameter, text, "use a whole number of pixels"))
}
