//! What people would use instead: the events as they are in one MergeTree table of the same engine, counted by `uniqExactIf`.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use postlens_tests::harness::binary;
use reqwest::blocking::Client;
use tempfile::TempDir;

use crate::{
    load::{http, send_all},
    reports::Question,
};

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
    _directory: TempDir,
}

impl Plain {
    /// Starts the engine and creates the table.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("there is room for the benchmark");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("loopback has a free port").port();
        let engine = Command::new(binary())
            .args(["engine", "--exit-with-stdin", "--log-level", "warn", "--query-time-limit", "3600"])
            .args(["--tcp", &format!("127.0.0.1:{port}"), "--path"])
            .arg(directory.path().join("engine"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the engine starts");
        let plain = Self { engine, url: format!("http://127.0.0.1:{port}"), _directory: directory };
        let http = http();
        while http.get(format!("{}/ping", plain.url)).send().is_err() {
            thread::sleep(Duration::from_millis(50));
        }
        plain.ask(&http, TABLE).expect("the table is one of the engine's");
        plain
    }

    /// Inserts everything with one statement, as people load a file; how long it took.
    pub(crate) fn load_at_once(&self, bodies: &[Bytes]) -> Duration {
        self.empty();
        let body = Bytes::from(bodies.concat());
        let started = Instant::now();
        self.insert(&http(), &body);
        started.elapsed()
    }

    /// Inserts all bodies, by as many clients as post them to us; how long it took.
    pub(crate) fn load(&self, bodies: &[Bytes]) -> Duration {
        self.empty();
        let started = Instant::now();
        send_all(bodies, |http, body| self.insert(http, body));
        started.elapsed()
    }

    /// Inserts a body.
    pub(crate) fn insert(&self, http: &Client, body: &Bytes) {
        let answer = http.post(&self.url).query(&INSERT).body(body.clone()).send().expect("the engine answers");
        assert!(answer.status().is_success(), "{}", answer.text().unwrap_or_default());
    }

    /// How long the table takes to answer a question.
    pub(crate) fn time(&self, http: &Client, question: Question) -> Result<Duration, String> {
        let started = Instant::now();
        self.ask(http, &count(question.column)).map(|_| started.elapsed())
    }

    /// Runs a statement and returns what it answers.
    pub(crate) fn ask(&self, http: &Client, sql: &str) -> Result<String, String> {
        let answer = http.post(&self.url).body(sql.to_owned()).send().map_err(|error| error.to_string())?;
        let ok = answer.status().is_success();
        let text = answer.text().map_err(|error| error.to_string())?;
        if ok { Ok(text) } else { Err(text) }
    }

    fn empty(&self) {
        self.ask(&http(), "TRUNCATE TABLE plain").expect("a table can be emptied");
    }
}

/// The question as people write it over events.
fn count(column: &str) -> String {
    let unique = |condition: &str| format!("uniqExactIf((message_id, recipient), {condition})");
    let measures = [
        "uniqExact((message_id, recipient))".to_owned(),
        unique("event = 'delivered'"),
        unique("event = 'failed'"),
        unique("event IN ('opened', 'clicked') AND NOT machine"),
        unique("event IN ('opened', 'clicked') AND machine"),
        unique("event = 'clicked' AND NOT machine"),
        unique("event = 'complained'"),
        unique("event = 'unsubscribed'"),
        unique("event = 'secured' OR method != ''"),
    ];
    format!("SELECT {column} AS key, {} FROM plain GROUP BY key ORDER BY 2 DESC LIMIT 50", measures.join(", "))
}

impl Drop for Plain {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.engine.kill();
        let _ = self.engine.wait();
    }
}
