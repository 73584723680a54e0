//! How far an import came, kept so that an interrupted one goes on where it was acknowledged.
//!
//! One small file in the user's state directory, named after the imported file (where it lies, its size, its time, its first
//! mebibyte), the service with its key, and the format. A lost or outdated one costs time and nothing else: what is sent again is recognised.

use std::{
    env, fs,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use super::{batches::Place, tally::Counts};

/// So much of the file is part of its identity.
const PREFIX: u64 = 1 << 20;

/// Everything before it was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Uncompressed bytes.
    offset: u64,
    /// Lines, or messages.
    lines: u64,
    /// What became of them.
    pub(super) counts: Counts,
}

impl Progress {
    /// Progress up to a place.
    pub(super) fn new(place: Place, counts: Counts) -> Self {
        Self { offset: place.offset, lines: place.lines, counts }
    }

    /// Where to go on.
    pub(super) fn place(&self) -> Place {
        Place { offset: self.offset, lines: self.lines }
    }
}

/// Where the progress of one import is kept.
#[derive(Debug)]
pub(super) struct Checkpoint(PathBuf);

impl Checkpoint {
    /// The checkpoint of importing `file` into the service, and in the format, that `target` tells from others.
    pub(super) fn new(dir: &Path, file: &Path, target: [&str; 3]) -> io::Result<Self> {
        Ok(Self(dir.join(format!("{}.json", &identity(file, target)?[..32]))))
    }

    /// What was acknowledged before; nothing when there is no checkpoint or it cannot be read.
    pub(super) fn load(&self) -> Progress {
        let text = fs::read(&self.0).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Keeps the progress; an interruption leaves the old or the new one.
    pub(super) fn save(&self, progress: &Progress) -> io::Result<()> {
        let text = serde_json::to_vec(progress)?;
        if let Some(dir) = self.0.parent() {
            fs::create_dir_all(dir)?;
        }
        let new = self.0.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.0)
    }

    /// Forgets it.
    pub(super) fn remove(&self) {
        // What is not there is as good as removed; what cannot be removed was told when it was saved.
        let _ = fs::remove_file(&self.0);
    }
}

/// The directory for checkpoints (XDG Base Directory Specification); `None` for a user without a home.
pub(super) fn directory() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("postlens/import"))
}

fn identity(path: &Path, target: [&str; 3]) -> io::Result<String> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut prefix = Vec::new();
    file.by_ref().take(PREFIX).read_to_end(&mut prefix)?;
    let path = fs::canonicalize(path)?;
    let mut hasher = blake3::Hasher::new_derive_key("Postlens 1 import checkpoint");
    let [url, key, format] = target.map(str::as_bytes);
    for part in [path.as_os_str().as_encoded_bytes(), &prefix, url, key, format] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.update(&metadata.len().to_le_bytes()).update(&modified.as_nanos().to_le_bytes());
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: [&str; 3] = ["http://h", "key", "native"];

    fn progress() -> Progress {
        Progress::new(Place { offset: 1 << 40, lines: 7 }, Counts { events: 6, accepted: 5, rejected: 1, ignored: 0 })
    }

    #[test]
    fn what_was_saved_is_found_again_until_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("events");
        fs::write(&file, "x").unwrap();
        let checkpoint = Checkpoint::new(&dir.path().join("state"), &file, TARGET).unwrap();
        assert_eq!(checkpoint.load(), Progress::default());
        checkpoint.save(&progress()).unwrap();
        let again = Checkpoint::new(&dir.path().join("state"), &file, TARGET).unwrap();
        assert_eq!(again.load(), progress());
        again.remove();
        assert_eq!(checkpoint.load(), Progress::default());
    }

    #[test]
    fn another_file_service_key_or_format_has_a_checkpoint_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "x").unwrap();
        fs::copy(&a, &b).unwrap();
        let known = identity(&a, TARGET).unwrap();
        assert_eq!(identity(&a, TARGET).unwrap(), known);
        assert_ne!(identity(&b, TARGET).unwrap(), known);
        assert_ne!(identity(&a, ["http://i", "key", "native"]).unwrap(), known);
        assert_ne!(identity(&a, ["http://h", "other", "native"]).unwrap(), known);
        assert_ne!(identity(&a, ["http://h", "key", "dsn"]).unwrap(), known);
        fs::write(&a, "xy").unwrap();
        assert_ne!(identity(&a, TARGET).unwrap(), known);
    }

    #[test]
    fn a_torn_checkpoint_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint(dir.path().join("c.json"));
        checkpoint.save(&progress()).unwrap();
        fs::write(&checkpoint.0, "{\"offset\":12").unwrap();
        assert_eq!(checkpoint.load(), Progress::default());
    }
}
