//! Where libchdb is.

use std::path::{Path, PathBuf};

use crate::EngineError;

/// The file that `fetch-libchdb` puts into the cache.
const FILE: &str = "libchdb.so";
/// The release that `fetch-libchdb` fetches.
const RELEASE: &str = "libchdb-26.7.3-stable.1";

/// Finds the library: the path given, else `POSTLENS_LIBCHDB`, else the cache, else next to the executable.
pub(crate) fn find(given: Option<&Path>) -> Result<PathBuf, EngineError> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = given.map(Path::to_owned).or_else(|| variable("POSTLENS_LIBCHDB")) {
        return if path.is_file() { Ok(path) } else { Err(EngineError::LibraryNotFound { tried: vec![path] }) };
    }
    let cache = variable("POSTLENS_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|base| base.join("postlens")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/postlens")))
        .map(|cache| cache.join(RELEASE).join(FILE));
    let beside = std::env::current_exe().ok().and_then(|binary| Some(binary.parent()?.join(FILE)));
    let tried: Vec<PathBuf> = cache.into_iter().chain(beside).collect();
    tried.iter().find(|path| path.is_file()).cloned().ok_or(EngineError::LibraryNotFound { tried })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_does_not_exist_is_named_in_the_error() {
        let error = find(Some(Path::new("/nowhere/libchdb.so"))).expect_err("no such file");
        let text = error.to_string();
        assert!(text.contains("/nowhere/libchdb.so") && text.contains("make setup"), "{text}");
    }
}
