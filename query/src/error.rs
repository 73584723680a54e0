//! Why a request makes no report: each error names the parameter, what is wrong with it and what to change.

/// A request that makes no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The request as a whole cannot be read: an unknown parameter, or a value of the wrong type.
    #[error("the request cannot be read: {detail}")]
    Request {
        /// What is wrong and where.
        detail: String,
    },
    /// A parameter stands twice.
    #[error("`{parameter}` is given twice: give it once (only `filter` and `segment` may be repeated)")]
    Repeated {
        /// Its name.
        parameter: String,
    },
    /// A required parameter is absent or empty.
    #[error("`{parameter}` is required: {expected}")]
    Missing {
        /// Its name.
        parameter: &'static str,
        /// What it should be.
        expected: String,
    },
    /// A value is not what the parameter takes.
    #[error("`{parameter}` does not take `{given}`: {expected}")]
    Value {
        /// Its name.
        parameter: &'static str,
        /// The value given, shortened.
        given: String,
        /// What it takes instead.
        expected: String,
    },
    /// A time that is not on a quarter of an hour.
    #[error("`{parameter}` must be on a quarter of an hour: the nearest is {nearest}")]
    OffQuarter {
        /// Its name.
        parameter: &'static str,
        /// The nearest quarter, RFC 3339 with the offset of the time given.
        nearest: String,
    },
    /// The range is empty, inverted or too long.
    #[error("`to` does not fit `from`: {expected}")]
    Range {
        /// What to change.
        expected: String,
    },
    /// A parameter has more entries than it takes.
    #[error("`{parameter}` takes at most {limit} entries: leave some out")]
    TooMany {
        /// Its name.
        parameter: &'static str,
        /// The most it takes.
        limit: usize,
    },
    /// A dimension stands twice in `by`.
    #[error("`by` names {dimension} twice: name each dimension once")]
    Duplicate {
        /// The dimension.
        dimension: String,
    },
    /// A filter that cannot be understood.
    #[error("`filter` number {number} {problem}")]
    Filter {
        /// Which of the filters, from 1.
        number: usize,
        /// What is wrong with it and what to change.
        problem: String,
    },
    /// More points than a series may have.
    #[error("`interval` would make {points} points, more than {limit}: {change}")]
    TooManyPoints {
        /// How many there would be (rows × groups).
        points: u64,
        /// The most there may be.
        limit: u64,
        /// What to change.
        change: String,
    },
}

impl SpecError {
    /// The parameter that must change; `request` when it is the request as a whole.
    #[must_use]
    pub fn parameter(&self) -> &str {
        match self {
            Self::Request { .. } => "request",
            Self::Repeated { parameter } => parameter,
            Self::Missing { parameter, .. }
            | Self::Value { parameter, .. }
            | Self::OffQuarter { parameter, .. }
            | Self::TooMany { parameter, .. } => parameter,
            Self::Range { .. } => "to",
            Self::Duplicate { .. } => "by",
            Self::Filter { .. } => "filter",
            Self::TooManyPoints { .. } => "interval",
        }
    }

    /// A value that the parameter does not take.
    pub(crate) fn value(parameter: &'static str, given: &str, expected: impl Into<String>) -> Self {
        Self::Value { parameter, given: excerpt(given), expected: expected.into() }
    }
}

/// The beginning of a text: an answer need not repeat kilobytes.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
