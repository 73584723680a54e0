//! The sockets that the engine listens on.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener as StdUnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener};

use crate::EngineError;

/// A bound Unix socket; its file goes with it.
pub(crate) struct Socket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Somebody else may have removed it already.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Binds a Unix socket that only this user can connect to, in place of a stale one.
pub(crate) fn unix(path: &Path) -> Result<Socket, EngineError> {
    let failed = |source| EngineError::Listen { on: path.display().to_string(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(failed(io::Error::other("it exists and is not a socket")));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => return Err(failed(io::ErrorKind::AddrInUse.into())),
        _ => {}
    }
    // Bound under another name first, so that nobody can connect before the permissions are set.
    let mut name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?.to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let _absent = fs::remove_file(&new);
    let listener = StdUnixListener::bind(&new).map_err(failed)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))
        .and_then(|()| fs::rename(&new, path))
        .map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(Socket { listener: UnixListener::from_std(listener).map_err(failed)?, path: path.to_owned() })
}

/// Binds a TCP port of the loopback interface.
pub(crate) async fn tcp(address: SocketAddr) -> Result<TcpListener, EngineError> {
    TcpListener::bind(address).await.map_err(|source| EngineError::Listen { on: address.to_string(), source })
}
