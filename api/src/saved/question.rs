//! What a saved report asks: the document of one of the reports, read and judged.

use query::{
    Presentation, ReportSpec, Segmented as _, Segments, SeriesRequest, SpecError, SplitRequest, SummaryRequest,
    from_json,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Which report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SavedReportKind)]
pub(crate) enum ReportKind {
    /// One row for each group.
    Split,
    /// One row for each interval.
    Series,
    /// The total alone.
    Summary,
}

/// A report as it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "document", rename_all = "lowercase")]
pub(crate) enum Question {
    Split(SplitRequest),
    Series(SeriesRequest),
    Summary(SummaryRequest),
}

impl Question {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is no document of that report.
    pub(crate) fn read(kind: ReportKind, document: Map<String, Value>) -> Result<Self, SpecError> {
        let document = Value::Object(document).to_string();
        Ok(match kind {
            ReportKind::Split => Self::Split(from_json(document.as_bytes())?),
            ReportKind::Series => Self::Series(from_json(document.as_bytes())?),
            ReportKind::Summary => Self::Summary(from_json(document.as_bytes())?),
        })
    }

    /// What metrics and files call the report.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Split(_) => "split",
            Self::Series(_) => "series",
            Self::Summary(_) => "summary",
        }
    }

    /// What it says of saved filters.
    pub(crate) fn segments(&mut self) -> Segments<'_> {
        match self {
            Self::Split(request) => request.segments(),
            Self::Series(request) => request.segments(),
            Self::Summary(request) => request.segments(),
        }
    }

    /// Judges it, for an account that hides numbers of fewer people than `least`.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub(crate) fn judged(&self, least: Option<u32>) -> Result<(ReportSpec, Presentation), SpecError> {
        let (spec, presentation) = match self {
            Self::Split(request) => (ReportSpec::split(request)?, request.presentation()?),
            Self::Series(request) => (ReportSpec::series(request)?, request.presentation()?),
            Self::Summary(request) => (ReportSpec::summary(request)?, request.presentation()?),
        };
        Ok((spec.suppressed_below(least)?, presentation))
    }
}
