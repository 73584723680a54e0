//! The installation's secret: the key of every hash that stands for a person's address. Read once, never shown.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use schema::Secret;

use crate::config::Sensitive;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The setting or the file does not hold 64 hexadecimal digits.
    #[error("{0} must hold 64 hexadecimal digits (32 bytes)")]
    Malformed(String),
    /// The file cannot be read or written.
    #[error("cannot read or make the secret {}", .0.display())]
    File(PathBuf, #[source] io::Error),
}

/// The secret that is configured, else the one in `DATA_DIR/secret`, which is made (mode 0600) when it is not there.
///
/// # Errors
/// When it is malformed or the file cannot be read or made.
pub(crate) fn load(configured: Option<&Sensitive>, data_dir: &Path) -> Result<Secret, SecretError> {
    if let Some(text) = configured {
        return parse(text.expose()).ok_or_else(|| SecretError::Malformed("the setting `secret`".to_owned()));
    }
    let path = data_dir.join("secret");
    match fs::read_to_string(&path) {
        Ok(text) => parse(text.trim()).ok_or_else(|| SecretError::Malformed(path.display().to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(&path).map_err(|error| SecretError::File(path, error))
        }
        Err(error) => Err(SecretError::File(path, error)),
    }
}

/// Makes the data directory, readable by nobody else: what lies in it is PHI.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

/// Written beside its place, synced and linked to it: it is there whole or not at all, and of two makers one wins.
fn make(path: &Path) -> io::Result<Secret> {
    let bytes: [u8; 32] = rand::random();
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    writeln!(file, "{}", blake3::Hash::from_bytes(bytes).to_hex())?;
    file.sync_all()?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => {
            fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(Secret::new(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            parse(fs::read_to_string(path)?.trim()).ok_or_else(|| io::ErrorKind::InvalidData.into())
        }
        Err(error) => Err(error),
    }
}

fn parse(text: &str) -> Option<Secret> {
    blake3::Hash::from_hex(text).ok().map(|bytes| Secret::new(*bytes.as_bytes()))
}

#[cfg(test)]
mod tests {
    use schema::Identifier;

    use super::*;

    fn fingerprint(secret: &Secret) -> u128 {
        Identifier::new(secret).recipient(&"a".parse().unwrap(), "x@example.com").0
    }

    #[test]
    fn the_secret_is_made_once_and_readable_by_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = load(None, dir.path()).unwrap();
        let again = load(None, dir.path()).unwrap();
        assert_eq!(fingerprint(&first), fingerprint(&again));
        let mode = fs::metadata(dir.path().join("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_installation_has_another_secret() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_ne!(fingerprint(&load(None, a.path()).unwrap()), fingerprint(&load(None, b.path()).unwrap()));
    }

    #[test]
    fn a_malformed_secret_is_refused_and_not_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let error = load(Some(&"deadbeef".into()), dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "the setting `secret` must hold 64 hexadecimal digits (32 bytes)");
        fs::write(dir.path().join("secret"), "not hex").unwrap();
        assert!(matches!(load(None, dir.path()), Err(SecretError::Malformed(_))));
    }
}
