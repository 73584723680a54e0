//! A PostgreSQL server of the tests' own: started once per test process, in a directory that goes with it, reached by a Unix
//! socket alone, so that no port is taken.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// A server that is asked to stop when its standard input closes: when this process ends, however it ends.
struct Server {
    socket: PathBuf,
}

/// The URL of a new, empty database on the server.
pub(super) async fn database(name: &str) -> String {
    let url = |database: &str| format!("postgres://postgres@localhost/{database}?host={}", SERVER.socket.display());
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url("postgres")).await.unwrap();
    let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
    sqlx::raw_sql(statement).execute(&pool).await.unwrap();
    pool.close().await;
    url(name)
}

impl Server {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap().keep();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        let data = dir.join("data");
        let initdb = format!("'{}' -D '{}' -A trust -U postgres --no-sync", program("initdb"), data.display());
        let serve = format!(
            "'{}' -D '{}' -k '{}' -c listen_addresses= -c fsync=off",
            program("postgres"),
            data.display(),
            dir.display()
        );
        // One shell waits for this process to end, however it ends, and stops the server; another one clears up.
        let live = format!(
            "{initdb} >/dev/null && {{ {serve} >'{}/log' 2>&1 & cat >/dev/null; kill -INT $!; wait; }}",
            dir.display()
        );
        let script = format!("\"$@\"; rm -rf '{}'", dir.display());
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]).args(ordinary_user()).args(["sh", "-c", &live]);
        let mut child = command.current_dir("/").stdin(Stdio::piped()).spawn().unwrap();
        // Kept open to the end of this process.
        std::mem::forget(child.stdin.take());
        wait_for(&dir.join(".s.PGSQL.5432"), &mut child);
        Self { socket: dir }
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
    let found = debian.map(|version| version.path().join("bin").join(name)).find(|path| path.exists());
    found.map_or_else(|| name.to_owned(), |path| path.display().to_string())
}

fn wait_for(socket: &Path, child: &mut std::process::Child) {
    let started = Instant::now();
    while !socket.exists() {
        assert!(child.try_wait().unwrap().is_none(), "PostgreSQL ended: install Debian's package postgresql");
        assert!(started.elapsed() < Duration::from_mins(1), "PostgreSQL did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}
