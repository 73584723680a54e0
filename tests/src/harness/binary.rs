//! The binary under test, built before it is used.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The binary `postlens` of the profile that the tests themselves were built in. `POSTLENS_BIN` names another one.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("POSTLENS_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// The root of the repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are one of the repository's folders")
}

fn build() -> PathBuf {
    let own = env::current_exe().expect("a running program has a path");
    let folder = own.parent().expect("a program lies in a folder");
    let folder = if folder.ends_with("deps") || folder.ends_with("examples") { folder.parent() } else { Some(folder) };
    let profile_dir = folder.expect("Cargo builds into TARGET/PROFILE");
    let target_dir = profile_dir.parent().expect("Cargo builds into TARGET/PROFILE");
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What Cargo tells a test of its package would make it build some dependencies anew, back and forth.
    for (name, _) in env::vars_os() {
        let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if name.to_str().is_some_and(|name| of_package.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    let status = command
        .args(["build", "--quiet", "--package", "postlens", "--profile", profile, "--target-dir"])
        .arg(target_dir)
        .current_dir(repository())
        .status()
        .expect("Cargo is there: it built this");
    assert!(status.success(), "the binary under test must build");
    profile_dir.join("postlens")
}
