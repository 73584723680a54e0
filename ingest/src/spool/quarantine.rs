//! Where damaged bytes of the spool are put: out of the way of what is sound, and there for whoever wants to look at them.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The directory of damaged bytes; each file is named by the position that they had in the spool. Nothing here is ever deleted by us.
#[derive(Debug)]
pub(super) struct Quarantine {
    dir: PathBuf,
    bytes: AtomicU64,
}

impl Quarantine {
    /// The quarantine of the spool in `spool`.
    pub(super) fn of(spool: &Path) -> io::Result<Self> {
        let dir = spool.join("quarantine");
        let mut bytes = 0;
        if dir.is_dir() {
            for file in fs::read_dir(&dir)? {
                bytes += file?.metadata()?.len();
            }
        }
        Ok(Self { dir, bytes: AtomicU64::new(bytes) })
    }

    /// How many bytes lie there.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Puts bytes there that lay at `offset` of a segment, and reports them, once however often they are found.
    pub(super) fn put(&self, segment: &Path, offset: u64, position: u64, damaged: &[u8]) {
        let path = self.dir.join(format!("{position:020}.damaged"));
        if path.exists() {
            return;
        }
        let length = damaged.len() as u64;
        self.bytes.fetch_add(length, Ordering::Relaxed);
        let segment = segment.file_name().map(|name| name.to_string_lossy().into_owned());
        tracing::error!(
            segment,
            offset,
            length,
            "the spool is damaged: these bytes are skipped, and events in them are lost to the reports; the rest goes on"
        );
        if let Err(error) = self.write(&path, damaged) {
            tracing::error!(%error, "the spool's damaged bytes could not be copied into quarantine");
        }
    }

    fn write(&self, path: &Path, damaged: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        // Written under another name first: what has the final name is whole.
        let unfinished = path.with_extension("unfinished");
        let mut file = File::create(&unfinished)?;
        file.write_all(damaged)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(&self.dir)?.sync_all()
    }
}
