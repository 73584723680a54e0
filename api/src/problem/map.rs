//! What each crate's error becomes for the client: one exhaustive place.

use std::error::Error;

use ingest::IngestError;
use query::{QueryError, SpecError, chart::ChartError};

use super::{Kind, Problem};
use crate::{metadata::MetadataError, routes::events::Outcome, sources::SourceError};

impl From<MetadataError> for Problem {
    fn from(error: MetadataError) -> Self {
        let kind = match error {
            MetadataError::Database(_) => Kind::MetadataUnavailable,
            MetadataError::Url | MetadataError::Migration(_) | MetadataError::Unreadable(_) => Kind::Internal,
        };
        Self::new(kind, "the store of accounts and keys does not answer; try again").retry_after(5).caused_by(&error)
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Metadata(error) => error.into(),
            SourceError::Sealed(_) | SourceError::Verification => {
                Self::new(Kind::Internal, "what is secret of the source cannot be read; set its verification anew")
                    .caused_by(&error)
            }
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Malformed(detail) => Self::new(Kind::Malformed, detail),
            IngestError::TooManyEvents(limit) => {
                Self::new(Kind::TooLarge, format!("a body has at most {limit} events; send several"))
            }
            IngestError::TooLong(limit) => {
                Self::new(Kind::TooLarge, format!("the events of a body come to at most {limit} bytes; send several"))
            }
            IngestError::Refused(receipt) => {
                let outcome = Outcome::from(receipt);
                Self::new(
                    Kind::EventsRefused,
                    "`errors` tells what to change; with `atomic=true` one wrong event refuses all",
                )
                .with("accepted", outcome.accepted)
                .with("rejected", outcome.rejected)
                .with("errors", outcome.errors)
            }
            IngestError::SpoolFull { .. } => {
                let detail = "so many events wait for the reports that no more can be kept; send this body again later";
                Self::new(Kind::SpoolFull, detail).retry_after(10)
            }
            IngestError::Closed => {
                Self::new(Kind::ShuttingDown, "send this body again; it was not accepted").retry_after(5)
            }
            IngestError::Spool(_) | IngestError::Ledger(_) | IngestError::Directory(..) | IngestError::Locked(_) => {
                let detail = "events cannot be written to disk; send this body again later";
                Self::new(Kind::StorageUnavailable, detail).retry_after(10).caused_by(&error)
            }
            IngestError::Panicked => {
                Self::new(Kind::Internal, "the body could not be worked on; its id helps to find out why")
                    .caused_by(&error)
            }
        }
    }
}

impl From<SpecError> for Problem {
    fn from(error: SpecError) -> Self {
        let detail = error.to_string();
        match error {
            SpecError::Request { .. } => Self::new(Kind::Malformed, detail),
            other => Self::parameter(other.parameter(), detail),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let again = "ClickHouse does not answer, or is busy; try again";
        let less = "the report takes more time or memory than it may; ask for a shorter range or fewer groups";
        let defect = "the report could not be made; its id helps to find out why";
        let cause = cause_of(&error);
        let (kind, detail) = match &error {
            error if passes_by_itself(error) => (Kind::ReportsUnavailable, again),
            QueryError::TooExpensive(_) => (Kind::ReportTooExpensive, less),
            _ => (Kind::Internal, defect),
        };
        let problem = Self::new(kind, detail).cause(format!("{error}: {cause}"));
        if kind == Kind::ReportsUnavailable { problem.retry_after(5) } else { problem }
    }
}

/// Why there is no report, for the log.
pub(crate) fn cause_of(error: &QueryError) -> String {
    std::error::Error::source(error).map_or_else(String::new, without_values)
}

/// Whether ClickHouse is only away, or has no tables yet: they are made as soon as it answers after the first start.
pub(crate) fn passes_by_itself(error: &QueryError) -> bool {
    match error {
        QueryError::Unavailable(_) => true,
        QueryError::Failed(_) => NO_TABLES.iter().any(|code| cause_of(error).contains(code)),
        _ => false,
    }
}

/// How ClickHouse says that there is no such database or table.
const NO_TABLES: [&str; 2] = ["UNKNOWN_DATABASE", "UNKNOWN_TABLE"];

impl From<ChartError> for Problem {
    fn from(error: ChartError) -> Self {
        Self::new(Kind::Internal, "the picture could not be drawn; its id helps to find out why").caused_by(&error)
    }
}

/// A database's error for the log. Its messages quote values, which may be subjects or addresses: only number and name are kept.
pub(crate) fn without_values(error: &(dyn Error + 'static)) -> String {
    let chain = super::chain(error);
    let Some((_, rest)) = chain.split_once("Code: ") else { return chain };
    let code: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let is_name = |name: &&str| name.len() > 3 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let name = rest.rsplit('(').filter_map(|part| part.split(')').next()).find(is_name).unwrap_or("unnamed");
    format!("ClickHouse refused: code {code} ({name})")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_database_s_error_is_logged_without_the_values_that_it_quotes() {
        let text = "bad response: Code: 386. DB::Exception: There is no supertype for (SECRET) 'Pat (ILL)'. (NO_COMMON_TYPE) (version 26.7.3)";
        assert_eq!(without_values(&io::Error::other(text)), "ClickHouse refused: code 386 (NO_COMMON_TYPE)");
        assert_eq!(without_values(&io::Error::other("connection refused")), "connection refused");
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let error = SpecError::Repeated { parameter: "from".to_owned() };
        let problem = Problem::from(error);
        assert_eq!(problem.kind(), Kind::InvalidParameter);
        assert_eq!(problem.document().members.get("parameter"), Some(&"from".into()));
    }

    #[test]
    fn only_what_passes_is_worth_trying_again() {
        let source = || Box::new(io::Error::other("x"));
        for (error, kind, again) in [
            (QueryError::Unavailable(source()), Kind::ReportsUnavailable, true),
            (QueryError::TooExpensive(source()), Kind::ReportTooExpensive, false),
            (QueryError::Failed(source()), Kind::Internal, false),
            (
                QueryError::Failed("Code: 81. DB::Exception: Database x does not exist. (UNKNOWN_DATABASE)".into()),
                Kind::ReportsUnavailable,
                true,
            ),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.kind(), problem.0.retry_after.is_some()), (kind, again));
        }
        let full = Problem::from(IngestError::SpoolFull { waiting_bytes: 1, limit: 1 });
        assert_eq!((full.kind(), full.0.retry_after.is_some()), (Kind::SpoolFull, true));
    }
}
