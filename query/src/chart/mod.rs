//! The report as a picture (PNG).

mod options;

pub use options::{ChartError, ChartOptions, Theme};

use crate::Report;

/// Draws the report.
///
/// # Errors
/// When the picture cannot be encoded.
pub fn png(_report: &Report, _options: &ChartOptions) -> Result<Vec<u8>, ChartError> {
    Err(ChartError::Encode(png::EncodingError::IoError(std::io::Error::other("not drawn yet"))))
}
