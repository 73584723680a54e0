//! The engine alone, on a port of its own, as a ClickHouse server would be.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::binary::binary;

/// How long it may take to start.
const STARTUP: Duration = Duration::from_mins(2);

/// A process of `postlens engine`. It ends when this is dropped, and with the tests.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Engine {
    /// Starts it and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("postlens-engine-").tempdir().expect("there is room for tests");
        let mut child = Command::new(binary())
            .args(["engine", "--exit-with-stdin", "--tcp", "127.0.0.1:0", "--path"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let log = child.stderr.take().expect("the log is a pipe");
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                let address = line.split_once("tcp=Some(").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
                if let Some(address) = address {
                    // Nobody waits any more when the start took too long.
                    let _ = sender.send(address);
                }
            }
        });
        let address = receiver.recv_timeout(STARTUP).expect("the engine says where it listens");
        Self { child, address, _directory: directory }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Executes a statement that is no question.
    pub fn execute(&self, sql: &str) {
        let url = format!("http://{}/?database=postlens&mutations_sync=1", self.address);
        let answer = super::http().post(url).body(sql.to_owned()).send().expect("it answers");
        let (status, text) = (answer.status(), answer.text().expect("it answers in full"));
        assert!(status.is_success(), "{sql}: {text}");
    }

    /// The one number that a statement answers.
    #[must_use]
    pub fn number(&self, sql: &str) -> u64 {
        let url = format!("http://{}/", self.address);
        let answer = super::http().get(url).query(&[("query", sql)]).send().expect("it answers");
        let text = answer.text().expect("it answers in full");
        text.trim().parse().unwrap_or_else(|_| panic!("{sql}: {text}"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
