//! Where the engine's socket lies: in the data directory; when that has too long a name for a socket, in a directory of its own.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

/// A socket's path has at most 107 bytes; the engine binds it under a name that is a little longer first.
const MAX_PATH: usize = 100;

/// Where the socket lies. A directory that was made for it goes with this value.
#[derive(Debug)]
pub(crate) struct Place {
    socket: PathBuf,
    own: Option<PathBuf>,
}

impl Place {
    /// A place for the socket of the engine that works on this data directory.
    ///
    /// # Errors
    /// When no directory can be made for it.
    pub(crate) fn choose(data_dir: &Path) -> io::Result<Self> {
        let socket = std::path::absolute(data_dir)?.join("engine.sock");
        if socket.as_os_str().len() <= MAX_PATH {
            return Ok(Self { socket, own: None });
        }
        // A new name each time, readable by us alone: nobody can have laid something there before.
        let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let own = base.join(format!("postlens-{:016x}", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&own)?;
        Ok(Self { socket: own.join("engine.sock"), own: Some(own) })
    }

    /// The socket's path.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            // Nothing of value lies there.
            let _ = fs::remove_dir_all(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_lies_in_the_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::choose(dir.path()).unwrap();
        assert_eq!(place.socket(), dir.path().join("engine.sock"));
    }

    #[test]
    fn a_data_directory_with_a_long_name_gets_a_socket_elsewhere_that_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::choose(&dir.path().join("x".repeat(120))).unwrap();
        let (socket, own) = (place.socket().to_owned(), place.socket().parent().unwrap().to_owned());
        assert!(socket.as_os_str().len() <= MAX_PATH && own.is_dir());
        std::os::unix::net::UnixListener::bind(&socket).unwrap();
        drop(place);
        assert!(!own.exists());
    }
}
