//! One export: from ClickHouse into its file.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use query::{Export, ExportError, ExportFile, ExportSpec, Limits, QueryError, Report, SplitRequest, from_json};
use schema::{ClickHouse, Millis};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::Exports;
use crate::metadata::{ExportRow, MetadataError};

/// How often it is said how far an export is, and seen whether it is still wanted.
const SAID: Duration = Duration::from_millis(500);

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    /// It was deleted.
    #[error("nobody wants it any more")]
    Unwanted,
    /// What was ordered cannot be exported.
    #[error("{0}")]
    Refused(String),
    /// ClickHouse.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The disk.
    #[error(transparent)]
    File(#[from] ExportError),
    /// The store.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A defect.
    #[error("the writer of the file is gone")]
    Gone,
}

/// What became of an export.
pub(super) struct Written {
    pub(super) rows: i64,
    pub(super) bytes: i64,
}

/// Writes an export.
pub(super) async fn write(
    exports: &Exports,
    clickhouse: &ClickHouse,
    row: &ExportRow,
    as_of: Millis,
    limits: &Limits,
) -> Result<Written, JobError> {
    let refused = |error: query::SpecError| JobError::Refused(error.to_string());
    let request: SplitRequest = from_json(row.report.as_bytes()).map_err(refused)?;
    let spec = exports.judge(&request, row.format).map_err(refused)?;
    let part = exports.part(&row.id);
    let written = rows(exports, clickhouse, row, (&spec, as_of), limits, &part).await;
    let placed = written.and_then(|rows| Ok((rows, place(&part, &exports.file(&row.id)).map_err(ExportError::from)?)));
    match placed {
        Ok((rows, bytes)) => Ok(Written { rows, bytes }),
        Err(error) => {
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

async fn rows(
    exports: &Exports,
    clickhouse: &ClickHouse,
    row: &ExportRow,
    (spec, as_of): (&ExportSpec, Millis),
    limits: &Limits,
    part: &Path,
) -> Result<i64, JobError> {
    let file = fs::OpenOptions::new().write(true).read(true).create(true).truncate(true).mode(0o600).open(part);
    let file = ExportFile::begin(spec, as_of, file.map_err(ExportError::from)?, &exports.0.directory)?;
    let mut export = Export::begin(clickhouse, &row.account, spec, as_of, limits).await?;
    // Few pieces are on their way: what comes faster than it is written waits in ClickHouse.
    let (pieces, taken) = mpsc::channel(2);
    let writing = spawn_blocking(move || written(file, taken));
    let told = tell(exports, row, spec, &mut export, &pieces).await;
    drop(pieces);
    let rows = writing.await.map_err(|_| JobError::Gone)?;
    told?;
    Ok(i64::try_from(rows?).unwrap_or(i64::MAX))
}

/// Passes the pieces on to the writer, and says how far it is.
async fn tell(
    exports: &Exports,
    row: &ExportRow,
    spec: &ExportSpec,
    export: &mut Export,
    pieces: &mpsc::Sender<Option<Report>>,
) -> Result<(), JobError> {
    let most = spec.report().limit();
    let (mut rows, mut said) = (0_i64, Instant::now());
    while let Some(piece) = export.next().await? {
        let groups = export.groups();
        if export.is_too_large() {
            return Err(JobError::Refused(format!(
                "the report has {groups} groups, and an export at most {most}: name a `limit`, or narrow it by filters or `min_volume`"
            )));
        }
        if let query::Body::Split { rows: found, .. } = piece.body() {
            rows += i64::try_from(found.len()).unwrap_or_default();
        }
        // The writer is gone when it has failed; it tells why.
        if pieces.send(Some(piece)).await.is_err() {
            return Ok(());
        }
        if said.elapsed() >= SAID {
            said = Instant::now();
            let expected = i64::try_from(groups.min(most.into())).unwrap_or(i64::MAX);
            if !exports.0.metadata.advance_export(&row.id, rows, expected).await? {
                return Err(JobError::Unwanted);
            }
            if exports.used() > exports.0.settings.disk {
                return Err(JobError::Refused(
                    "the files of exports take as much disk as they may: delete some, or wait until they expire"
                        .to_owned(),
                ));
            }
        }
    }
    // Without this the writer would take what it has for the whole.
    let _ = pieces.send(None).await;
    Ok(())
}

/// Writes pieces until the last; how many rows they had.
fn written(mut file: ExportFile, mut pieces: mpsc::Receiver<Option<Report>>) -> Result<u64, ExportError> {
    while let Some(piece) = pieces.blocking_recv() {
        let Some(piece) = piece else {
            let rows = file.rows();
            file.finish()?;
            return Ok(rows);
        };
        file.write(&piece)?;
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

/// Gives a file its name, now that it is whole; how long it is.
fn place(part: &Path, file: &Path) -> io::Result<i64> {
    fs::rename(part, file)?;
    if let Some(directory) = file.parent() {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(i64::try_from(fs::metadata(file)?.len()).unwrap_or(i64::MAX))
}
