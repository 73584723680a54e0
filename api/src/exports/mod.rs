//! Exports: reports of many rows, written into files by one worker, one after the other, and kept for a while.
//!
//! What was ordered stands in the metadata store; the files lie in `DATA_DIR/exports`, readable by nobody else. A file has its name once
//! it is whole; what a crash leaves is swept away and written anew. Several services may share one store: each writes what was ordered
//! of it, for the file can be downloaded from its machine alone.

mod job;
mod task;

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use query::{ExportFormat, ExportSpec, SpecError, SplitRequest};
use rand::{distr::Alphanumeric, distr::SampleString as _, rng};
use schema::{AccountId, Clock};
use tokio::sync::Notify;

pub(crate) use task::Exporting;

use crate::{
    metadata::{ExportRow, ExportState, Metadata, MetadataError},
    token::Digest,
};

/// What the digest of a link's token is of.
const CONTEXT: &str = "postlens 2026-11 token of an export's link";
/// The most exports of one account that are not done.
const MOST_OPEN: i64 = 20;
/// The most rows that a sheet of a workbook has, but for header, remainder and total.
const MOST_SHEET_ROWS: u32 = 1_048_573;

/// What an operator sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The most groups of an export.
    pub(crate) rows: u32,
    /// How long a file is kept.
    pub(crate) keep: Duration,
    /// How much all files together may take, in bytes.
    pub(crate) disk: u64,
}

/// What routes and the worker share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Exports(Arc<Inner>);

struct Inner {
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    directory: PathBuf,
    place: String,
    settings: Settings,
    ordered: Notify,
}

impl Exports {
    /// The exports of a data directory.
    ///
    /// # Errors
    /// When its directory cannot be made.
    pub(crate) fn open(
        metadata: Metadata,
        clock: Arc<dyn Clock>,
        data_dir: &Path,
        settings: Settings,
    ) -> io::Result<Self> {
        let directory = std::path::absolute(data_dir)?.join("exports");
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        let place = place(&directory)?;
        Ok(Self(Arc::new(Inner { metadata, clock, directory, place, settings, ordered: Notify::new() })))
    }

    /// Judges what is asked of an export.
    pub(crate) fn judge(&self, request: &SplitRequest, format: ExportFormat) -> Result<ExportSpec, SpecError> {
        let most = match format {
            ExportFormat::Xlsx => self.0.settings.rows.min(MOST_SHEET_ROWS),
            ExportFormat::Csv | ExportFormat::Ndjson | ExportFormat::Parquet => self.0.settings.rows,
        };
        ExportSpec::new(request, format, most)
    }

    /// Orders an export that was judged; what it is, and the token of its link, to be shown once. `None` when the account waits for too
    /// many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn order(
        &self,
        account: &AccountId,
        report: String,
        format: ExportFormat,
    ) -> Result<Option<(ExportRow, String)>, MetadataError> {
        let token = Alphanumeric.sample_string(&mut rng(), 43);
        let row = ExportRow {
            id: format!("{:016x}", rand::random::<u64>()),
            account: account.clone(),
            place: self.0.place.clone(),
            format,
            report,
            token: digest(&token).to_hex(),
            state: ExportState::Queued,
            attempts: 0,
            created_at: self.0.clock.now(),
            started_at: None,
            finished_at: None,
            expires_at: None,
            rows: 0,
            expected: None,
            bytes: None,
            error: None,
        };
        let added = self.0.metadata.add_export(&row, MOST_OPEN).await?;
        self.0.ordered.notify_one();
        Ok(added.then_some((row, token)))
    }

    /// The export whose link has this token; `None` when there is none, for whatever reason.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn linked(&self, id: &str, token: &str) -> Result<Option<ExportRow>, MetadataError> {
        let given = digest(token);
        let found = self.0.metadata.export(id).await?;
        // What is compared takes as long when there is no such export.
        let kept = found.as_ref().and_then(|row| Digest::from_hex(&row.token)).unwrap_or_else(|| digest(""));
        Ok(found.filter(|_| kept.matches(&given)).map(|row| self.now(row)))
    }

    /// The export as it is now: its time may be over before that is stored.
    pub(crate) fn now(&self, mut row: ExportRow) -> ExportRow {
        let over = row.expires_at.is_some_and(|time| time <= self.0.clock.now());
        if over && row.state == ExportState::Done {
            row.state = ExportState::Expired;
        }
        row
    }

    /// Whether its file lies here.
    pub(crate) fn is_here(&self, row: &ExportRow) -> bool {
        row.place == self.0.place
    }

    /// Where the file of an export lies once it is whole.
    pub(crate) fn file(&self, id: &str) -> PathBuf {
        self.0.directory.join(id)
    }

    /// Where the file of an export is written.
    fn part(&self, id: &str) -> PathBuf {
        self.0.directory.join(format!("{id}.part"))
    }

    /// Removes the files of exports that nobody can download any more.
    async fn sweep(&self) -> Result<(), MetadataError> {
        const REMEMBERED_MS: i64 = 7 * 24 * 60 * 60 * 1000;
        let now = self.0.clock.now();
        self.0.metadata.expire_exports(now, schema::Millis(now.0 - REMEMBERED_MS)).await?;
        let kept = self.0.metadata.kept_exports(&self.0.place).await?;
        for (path, _) in files(&self.0.directory) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let id = name.strip_suffix(".part").unwrap_or(name);
            if id != PLACE && !kept.iter().any(|kept| kept == id) {
                // What cannot be removed now is tried again.
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    /// How much all files together take, in bytes.
    fn used(&self) -> u64 {
        files(&self.0.directory).map(|(_, bytes)| bytes).sum()
    }
}

/// The name of the file that names the place.
const PLACE: &str = "place";

/// What names this data directory among those that share a store; made at the first start.
fn place(directory: &Path) -> io::Result<String> {
    let path = directory.join(PLACE);
    let made = format!("{:016x}", rand::random::<u64>());
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            io::Write::write_all(&mut file, made.as_bytes())?;
            file.sync_all()?;
            Ok(made)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let place = fs::read_to_string(&path)?;
            if place.is_empty() {
                // It was being made when the machine stopped.
                fs::write(&path, &made)?;
                return Ok(made);
            }
            Ok(place)
        }
        Err(error) => Err(error),
    }
}

fn files(directory: &Path) -> impl Iterator<Item = (PathBuf, u64)> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| (entry.path(), entry.metadata().map_or(0, |metadata| metadata.len())))
}

fn digest(token: &str) -> Digest {
    Digest::of(CONTEXT, token)
}
