//! Disks that are full: a small file system of its own, and a limit on the size of a process's files.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A small file system in memory, unmounted when it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many mebibytes; `None` where that is not allowed.
    #[must_use]
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let directory = tempfile::Builder::new().prefix("postlens-disk-").tempdir().expect("there is room for tests");
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self { directory })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).expect("a file can be opened");
        for size in [1 << 20, 4096, 1] {
            let block = vec![0; size];
            let error = std::iter::repeat_with(|| ballast.write_all(&block)).find_map(Result::err);
            assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::StorageFull));
        }
    }

    /// Makes room again.
    pub fn clear(&self) {
        fs::remove_file(self.ballast()).expect("the ballast can be thrown out");
    }

    fn ballast(&self) -> PathBuf {
        self.directory.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is still ending keeps it busy. What lies there is gone with it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// Sets how long a process's files may become, in bytes; `None` lifts the limit.
pub fn limit_file_size(process: u32, bytes: Option<u64>) {
    let limit = format!("--fsize={}:", bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string()));
    let status = Command::new("prlimit").args(["--pid", &process.to_string(), &limit]).status();
    assert!(status.is_ok_and(|status| status.success()), "the process's limit can be set");
}
