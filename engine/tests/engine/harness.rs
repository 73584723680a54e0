//! Starts real engines and talks to them with curl and with the clickhouse crate.

use std::{
    fs,
    future::Future,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    pin::Pin,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock, mpsc},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::Uri;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;

/// Nothing here takes this long unless it hangs.
const HANGS: Duration = Duration::from_mins(1);

/// A running engine; killed when dropped.
pub(crate) struct Engine {
    pub(crate) child: Mutex<Child>,
    pub(crate) socket: PathBuf,
    /// What it logged until it was ready.
    pub(crate) log: String,
}

/// The program that the examples folder builds, next to the tests.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let target = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    let program = target.join("examples/engine");
    assert!(program.is_file(), "build it first: cargo build -p engine --examples");
    program
}

/// A command that runs an engine in `dir`, with memory for a small machine.
pub(crate) fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("--path").arg(dir.join("data")).arg("--socket").arg(dir.join("socket"));
    command.args(["--memory-limit", "1500000000"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).env_remove("RUST_LOG");
    command
}

impl Engine {
    /// Starts an engine in `dir` and waits until it is ready.
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Self {
        let mut child = command(dir, arguments).spawn().expect("the engine starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut log = String::new();
            while !log.contains("the engine is ready") && stderr.read_line(&mut log).is_ok_and(|read| read > 0) {}
            // The reader goes on, so that the engine never blocks on a full pipe.
            let _dropped = sender.send(log);
            let mut rest = String::new();
            while stderr.read_line(&mut rest).is_ok_and(|read| read > 0) {
                eprint!("{rest}");
                rest.clear();
            }
        });
        let log = receiver.recv_timeout(HANGS).expect("a log");
        assert!(log.contains("the engine is ready"), "{log}");
        Self { child: Mutex::new(child), socket: dir.join("socket"), log }
    }

    /// Runs a statement and gives its result without the last line break; panics on an error.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let reply = self.curl("/", &["--data-binary", sql]);
        assert_eq!(reply.status, 200, "{sql}: {}", reply.text());
        reply.text().trim_end_matches('\n').to_owned()
    }

    /// Sends a request with curl.
    pub(crate) fn curl(&self, target: &str, arguments: &[&str]) -> Reply {
        curl(
            &[
                &["--unix-socket", self.socket.to_str().expect("UTF-8"), &format!("http://localhost{target}")],
                arguments,
            ]
            .concat(),
        )
    }

    /// The clickhouse crate's client, for a database.
    pub(crate) fn client(&self, database: &str) -> clickhouse::Client {
        let connector = UnixConnector(self.socket.clone());
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        clickhouse::Client::with_http_client(http).with_url("http://localhost").with_database(database)
    }

    /// A database of its own for a test.
    pub(crate) fn database(&self, name: &str) -> String {
        self.sql(&format!("CREATE DATABASE {name} ENGINE = Atomic"));
        name.to_owned()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.lock().expect("not poisoned").id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill runs").success());
    }

    /// Waits for the process to end.
    pub(crate) fn wait(&self) -> ExitStatus {
        let mut child = self.child.lock().expect("not poisoned");
        eventually("the engine exits", || child.try_wait().expect("a child"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(child) = self.child.get_mut() {
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// The engine that most tests share, each in a database of its own. It ends with the test process.
pub(crate) fn shared() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        remove_leftovers(root);
        let dir = root.join(format!("{SHARED}{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        Engine::start(&dir, &["--exit-with-stdin", "--tcp", "127.0.0.1:0"])
    })
}

const SHARED: &str = "engine-shared-";

/// A static is never dropped, so each run removes what earlier ones have left.
fn remove_leftovers(root: &Path) {
    for entry in fs::read_dir(root).expect("cargo has made it").flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if name.strip_prefix(SHARED).is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _raced = fs::remove_dir_all(entry.path());
        }
    }
}

/// Repeats `attempt` until it gives something.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(begun.elapsed() < HANGS, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What curl got.
#[derive(Debug)]
pub(crate) struct Reply {
    /// curl's exit code: 0 unless the answer broke off or the like.
    pub(crate) curl: i32,
    pub(crate) status: u16,
    headers: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next_back()
    }
}

/// Runs curl.
pub(crate) fn curl(arguments: &[&str]) -> Reply {
    let dir = tempfile::tempdir().expect("a directory");
    let (headers, body) = (dir.path().join("headers"), dir.path().join("body"));
    let output = Command::new("curl")
        .args(["--silent", "--globoff", "--max-time", "60", "--dump-header"])
        .arg(&headers)
        .arg("--output")
        .arg(&body)
        .args(arguments)
        .output()
        .expect("curl is installed");
    let headers = fs::read_to_string(headers).unwrap_or_default();
    let status =
        headers.lines().rev().find_map(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()).unwrap_or(0);
    Reply { curl: output.status.code().unwrap_or(-1), status, headers, body: fs::read(body).unwrap_or_default() }
}

#[derive(Clone)]
struct UnixConnector(PathBuf);

impl tower::Service<Uri> for UnixConnector {
    type Response = TokioIo<UnixStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<TokioIo<UnixStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = self.0.clone();
        Box::pin(async move { UnixStream::connect(path).await.map(TokioIo::new) })
    }
}
