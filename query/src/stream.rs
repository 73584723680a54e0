//! An answer of any length, line by line: a line is read, handed on and forgotten, so the length takes no memory.

use std::time::Duration;

use clickhouse::query::BytesCursor;
use schema::ClickHouse;

use crate::{
    Limits, QueryError,
    run::{GRACE, judge, malformed, prepared, settings},
    sql::Sql,
};

/// How long a piece of an answer may take at least, beyond which ClickHouse counts as hanging: the first comes when all is read and put in
/// order.
const PIECE: Duration = Duration::from_mins(10);

/// What is waited for, and taken, at most.
pub(crate) struct Bounds {
    /// How long the whole answer may take: its reader may be slow.
    pub(crate) longest: Duration,
    /// The longest line, in bytes.
    pub(crate) line: usize,
}

/// An answer while it is read.
pub(crate) struct Lines {
    cursor: BytesCursor,
    /// What has come of a line whose end has not.
    begun: Vec<u8>,
    patience: Duration,
    longest_line: usize,
}

impl Lines {
    /// Asks, for rows as `JSONCompactEachRow` writes them.
    pub(crate) fn begin(
        clickhouse: &ClickHouse,
        sql: &Sql,
        limits: &Limits,
        bounds: &Bounds,
    ) -> Result<Self, QueryError> {
        let mut query = prepared(clickhouse, sql);
        // There is no limit of rows, for none is held; and many are put in order on disk.
        let own = [
            ("max_result_rows", "0".to_owned()),
            ("max_execution_time", bounds.longest.as_secs().to_string()),
            ("max_bytes_before_external_sort", (limits.memory / 2).to_string()),
        ];
        for (name, value) in settings(limits).into_iter().chain(own) {
            query = query.with_setting(name, value);
        }
        let cursor = query.fetch_bytes("JSONCompactEachRow").map_err(judge)?;
        Ok(Self { cursor, begun: Vec::new(), patience: PIECE.max(limits.time) + GRACE, longest_line: bounds.line })
    }

    /// Hands on the lines that come next; false when there are no more.
    pub(crate) async fn next(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), QueryError>,
    ) -> Result<bool, QueryError> {
        let came = tokio::time::timeout(self.patience, self.cursor.next()).await;
        let came = came.map_err(|elapsed| QueryError::Unavailable(Box::new(elapsed)))?.map_err(judge)?;
        let Some(bytes) = came else {
            return if self.begun.is_empty() { Ok(false) } else { Err(malformed("a row without an end")) };
        };
        let mut rest = &bytes[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            each(&self.begun)?;
            self.begun.clear();
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > self.longest_line { Err(malformed("a row without an end")) } else { Ok(true) }
    }
}
