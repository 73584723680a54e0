//! What people would use instead: the events as they are in one MergeTree table of the same engine, counted by `uniqExactIf`.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use postlens_tests::harness::binary;
use reqwest::blocking::Client;
use tempfile::TempDir;

use crate::{load::send_all, traffic::Traffic};

const TABLE: &str = "CREATE TABLE plain (
    event LowCardinality(String), time DateTime64(3, 'UTC'), message_id String, recipient String, event_id String,
    sender LowCardinality(String), subject String, campaign LowCardinality(String), fields Map(LowCardinality(String), String),
    machine Bool, class LowCardinality(String), method LowCardinality(String), url String, reason String,
    recipient_domain LowCardinality(String) MATERIALIZED lower(splitByChar('@', recipient)[-1])
) ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY (time, message_id)";

/// The parameters of an insert.
const INSERT: [(&str, &str); 2] =
    [("query", "INSERT INTO plain FORMAT JSONEachRow"), ("date_time_input_format", "best_effort")];

/// An engine of its own with the plain table.
pub(crate) struct Plain {
    engine: Child,
    url: String,
    http: Client,
    _directory: TempDir,
}

impl Plain {
    /// Starts the engine and creates the table.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("there is room for the benchmark");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("loopback has a free port").port();
        let engine = Command::new(binary())
            .args(["engine", "--log-level", "warn", "--tcp", &format!("127.0.0.1:{port}"), "--path"])
            .arg(directory.path().join("engine"))
            .stdout(Stdio::null())
            .spawn()
            .expect("the engine starts");
        let http = Client::builder().timeout(None).build().expect("a client needs nothing");
        let plain = Self { engine, url: format!("http://127.0.0.1:{port}"), http, _directory: directory };
        while plain.http.get(format!("{}/ping", plain.url)).send().is_err() {
            thread::sleep(Duration::from_millis(50));
        }
        plain.ask(TABLE);
        plain
    }

    /// Inserts everything with one statement, as people load a file; how long it took.
    pub(crate) fn load_at_once(&self, traffic: &Traffic) -> Duration {
        self.ask("TRUNCATE TABLE plain");
        let body = traffic.bodies.concat();
        let started = Instant::now();
        let answer = self.http.post(&self.url).query(&INSERT).body(body).send().expect("the engine answers");
        assert!(answer.status().is_success(), "{}", answer.text().unwrap_or_default());
        started.elapsed()
    }

    /// Inserts all bodies, by as many clients as post them to us; how long it took.
    pub(crate) fn load(&self, traffic: &Traffic) -> Duration {
        self.ask("TRUNCATE TABLE plain");
        let started = Instant::now();
        send_all(traffic, |http, body| {
            let answer = http.post(&self.url).query(&INSERT).body(body).send().expect("the engine answers");
            assert!(answer.status().is_success(), "{}", answer.text().unwrap_or_default());
        });
        started.elapsed()
    }

    /// Runs a statement and returns what it answers.
    pub(crate) fn ask(&self, sql: &str) -> String {
        let answer = self.http.post(&self.url).body(sql.to_owned()).send().expect("the engine answers");
        let ok = answer.status().is_success();
        let text = answer.text().expect("the answer is text");
        assert!(ok, "{text}");
        text
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.engine.kill();
        let _ = self.engine.wait();
    }
}
