//! A running service process: its output, its address, its end. It never outlives the test, not even one that is killed.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::binary::binary;

/// How long a service may take to say where it listens: a debug build on a busy machine is slow.
const STARTUP: Duration = Duration::from_mins(2);

/// A process of `postlens serve`.
#[derive(Debug)]
pub struct Process {
    child: Child,
    guard: Guard,
    address: mpsc::Receiver<String>,
    url: String,
}

impl Process {
    /// Starts it. What it prints is appended to `log`.
    pub(super) fn spawn(directory: &Path, environment: &[(String, String)], log: &Path) -> Self {
        let append = || OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let mut child = serve(directory, environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(append())
            .spawn()
            .expect("the built binary starts");
        let guard = Guard::over(child.id(), directory);
        let address = listen(&mut child, append());
        Self { child, guard, address, url: String::new() }
    }

    /// Starts it and waits until it listens.
    pub(super) fn start(directory: &Path, environment: &[(String, String)], log: &Path) -> Self {
        let mut process = Self::spawn(directory, environment, log);
        match process.address.recv_timeout(STARTUP) {
            Ok(url) => process.url = url,
            Err(error) => panic!("the service did not start ({error}): {}", tail(log)),
        }
        process
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.end();
    }

    /// SIGTERM; answers its exit code.
    #[must_use]
    pub fn terminate(mut self) -> Option<i32> {
        signal(self.id(), "TERM");
        let status = self.child.wait().expect("a child can be waited for");
        status.code()
    }

    /// Waits until it ends by itself; answers its exit code.
    pub(super) fn end_by_itself(mut self, limit: Duration) -> Option<i32> {
        until("the service ends by itself", limit, || self.child.try_wait().expect("a child can be asked")).code()
    }

    fn end(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // First the guard, so that it never kills a stranger who got the same id.
        self.guard.dismiss();
        self.end();
    }
}

fn serve(directory: &Path, environment: &[(String, String)]) -> Command {
    let mut command = postlens(directory, environment);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

/// The command `postlens` with this environment and no settings from elsewhere.
pub(super) fn postlens(directory: &Path, environment: &[(String, String)]) -> Command {
    let mut command = Command::new(binary());
    let ours = ["POSTLENS_LIBCHDB", "POSTLENS_CACHE"];
    for (name, _) in std::env::vars_os() {
        let foreign = name.to_str().is_some_and(|name| name.starts_with("POSTLENS_") && !ours.contains(&name));
        if foreign {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).envs(environment.iter().cloned());
    command
}

/// Copies standard output to the log, and tells the address that it names.
fn listen(child: &mut Child, mut log: File) -> mpsc::Receiver<String> {
    let output = child.stdout.take().expect("the output is a pipe");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("listening on ") {
                // Nobody waits any more when the start took too long.
                let _ = sender.send(url.trim().to_owned());
            }
            writeln!(log, "{line}").expect("the log can be written");
        }
    });
    receiver
}

/// A shell that kills a process and removes its directory when the tests end without having done so, as they end without that
/// of the shared service: it notices by its standard input.
#[derive(Debug)]
struct Guard {
    shell: Child,
    _input: Option<ChildStdin>,
}

impl Guard {
    fn over(process: u32, directory: &Path) -> Self {
        // The engine needs a moment to notice that it is alone.
        let script = "read -r _; kill -9 \"$1\"; sleep 2; rm -rf \"$2\"";
        let mut shell = Command::new("sh")
            .args(["-c", script, "guard", &process.to_string()])
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let input = shell.stdin.take();
        Self { shell, _input: input }
    }

    fn dismiss(&mut self) {
        // An error means that it has ended already.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// The last lines of a log, without those that only tell that somebody waited.
pub(super) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("/readyz")).collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// The ids of the children of a process that still run, with their command lines.
#[must_use]
pub fn children_of(parent: u32) -> Vec<(u32, String)> {
    let processes = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| state(*id).is_some_and(|(state, of)| of == parent && state != "Z"))
        .map(|id| {
            let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            (id, String::from_utf8_lossy(&command).replace('\0', " "))
        })
        .collect()
}

/// Whether a process still runs; one that waits to be buried does not.
#[must_use]
pub fn is_alive(id: u32) -> bool {
    state(id).is_some_and(|(state, _)| state != "Z" && state != "X")
}

/// State and parent of a process, out of `/proc/ID/stat`.
fn state(id: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// Sends a signal to a process, which must be there.
pub fn signal(id: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "the process was there to get SIG{name}");
}

/// kill -9 of a process that may be gone already; waits until it is.
pub(super) fn end(id: u32) {
    let mut kill = Command::new("kill");
    // An error means that it has ended already.
    let _ = kill.args(["-KILL", &id.to_string()]).stderr(Stdio::null()).status();
    until("a killed process is gone", STARTUP, || (!is_alive(id)).then_some(()));
}

/// Asks again and again until there is an answer; gives up after the limit.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < limit, "{what}: not within {} s", limit.as_secs());
        thread::sleep(Duration::from_millis(20));
    }
}
