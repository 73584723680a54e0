//! A PostgreSQL server of our own, in a directory that goes with it, reached by a Unix socket alone, so that no port is taken.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A server with an empty database. It ends when this is dropped, or when this process ends.
#[derive(Debug)]
pub struct Postgres {
    server: Child,
    directory: TempDir,
}

impl Postgres {
    /// Starts the server on an empty directory, with these settings (`-c NAME=VALUE`). Nothing is synced.
    #[must_use]
    pub fn start(settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        // The server runs as another user, for it refuses to run as root.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("the directory is ours");
        let place = directory.path().display();
        let initdb = format!("'{}' -D '{place}/data' -A trust -U postgres --no-sync", program("initdb"));
        let serve = format!(
            "'{}' -D '{place}/data' -k '{place}' -c listen_addresses= -c fsync=off {settings}",
            program("postgres")
        );
        // The shell waits until its standard input ends, which it does with this process, and stops the server.
        let live = format!(
            "{initdb} >/dev/null && {{ {serve} >'{place}/log' 2>&1 & cat >/dev/null; kill -INT $!; wait; rm -rf '{place}/data'; }}"
        );
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\"", "sh"]).args(ordinary_user()).args(["sh", "-c", &live]);
        let server = command.current_dir("/").stdin(Stdio::piped()).spawn().expect("a shell starts");
        let mut postgres = Self { server, directory };
        let (socket, started) = (postgres.directory.path().join(".s.PGSQL.5432"), Instant::now());
        while !socket.exists() {
            let ended = postgres.server.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "PostgreSQL ended: install Debian's package postgresql");
            assert!(started.elapsed() < Duration::from_mins(2), "PostgreSQL did not start");
            thread::sleep(Duration::from_millis(50));
        }
        postgres
    }

    /// Its URL, as a configuration has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.directory.path().display())
    }

    /// Its own client, to be told what to do.
    #[must_use]
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("psql"));
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"]);
        command.arg(self.directory.path()).args(arguments);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Closing its standard input stops the server; the shell clears away what belongs to the other user.
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

/// What to put before a command so that it does not run as root, which PostgreSQL refuses.
fn ordinary_user() -> &'static [&'static str] {
    let root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if root { &["runuser", "-u", "postgres", "--"] } else { &[] }
}

/// Debian keeps the server's programs out of the path.
fn program(name: &str) -> String {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = debian.map(|version| version.path().join("bin").join(name)).find(|path| Path::exists(path));
    found.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}
