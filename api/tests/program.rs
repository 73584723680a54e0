//! The program as an operator meets it: its commands, its configuration, how it starts and how it ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A directory to work in, and the program in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postlens"));
        command.args(arguments).current_dir(self.path());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTLENS_")) {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The service, with a ClickHouse that is away.
    fn serve(&self, environment: &[(&str, &str)]) -> Service {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("POSTLENS_CLICKHOUSE_URL", "http://127.0.0.1:1").envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let mut log = String::new();
            child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
            panic!("it does not serve: {line}{log}");
        };
        Service { address: address.to_owned(), child }
    }
}

struct Service {
    address: String,
    child: Child,
}

impl Service {
    /// Sends a request as it is and reads the answer to its end.
    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str, key: &str) -> String {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        ))
    }

    fn terminate(&self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// Waits for the end; its status and its log.
    fn end(mut self) -> (Option<i32>, String) {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_mins(1), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const BOOTSTRAP: (&str, &str) = ("POSTLENS_BOOTSTRAP_KEY", "correct-horse-battery-staple");

#[test]
fn a_key_is_printed_alone_once_and_listed_without_its_secret() {
    let place = Place::new();
    let made = place.run(&["keys", "create", "--account", "acme", "--role", "ingest", "--name", "mail server"]);
    let key = text(&made.stdout);
    assert!(made.status.success() && key.starts_with("pl_") && key.lines().count() == 1, "{key}");
    let (id, secret) = key.trim()[3..].split_once('_').unwrap();
    assert!(text(&made.stderr).contains(id) && !text(&made.stderr).contains(secret));

    let list = text(&place.run(&["keys", "list", "--account", "acme"]).stdout);
    assert!(list.contains(id) && list.contains("mail server") && !list.contains(secret), "{list}");
    assert!(!text(&place.run(&["keys", "list", "--account", "other"]).stdout).contains(id));
    let stored = std::fs::read(place.path().join("postlens-data/metadata.sqlite")).unwrap();
    assert!(!text(&stored).contains(secret));

    assert!(place.run(&["keys", "revoke", id]).status.success());
    assert!(!place.run(&["keys", "revoke", "nothing"]).status.success());
}

#[test]
fn a_key_made_beside_a_running_service_works_in_it() {
    let place = Place::new();
    let service = place.serve(&[]);
    let key = text(&place.run(&["keys", "create", "--account", "acme", "--role", "read"]).stdout);
    assert!(service.get("/v1/ingest/status", key.trim()).starts_with("HTTP/1.1 200"));
    assert!(service.get("/v1/ingest/status", "pl_wrong").starts_with("HTTP/1.1 401"));
}

#[test]
fn the_bootstrap_key_is_an_admin_of_the_default_account_and_stays_revoked_when_it_was() {
    let place = Place::new();
    for _ in 0..2 {
        let service = place.serve(&[BOOTSTRAP]);
        assert!(service.get("/v1/keys", BOOTSTRAP.1).contains("\"account\":\"default\",\"role\":\"admin\""));
    }
    let list = text(&place.run(&["keys", "list"]).stdout);
    assert_eq!(list.matches("bootstrap").count(), 1, "{list}");
    let id = list.lines().nth(1).unwrap().split(' ').next().unwrap();
    assert!(place.run(&["keys", "revoke", id]).status.success());
    assert!(place.serve(&[BOOTSTRAP]).get("/v1/keys", BOOTSTRAP.1).starts_with("HTTP/1.1 401"));
}

#[test]
fn a_bootstrap_key_that_can_be_guessed_is_refused() {
    let output =
        Place::new().command(&["serve", "--listen", "127.0.0.1:0"]).env(BOOTSTRAP.0, "secret").output().unwrap();
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(error.contains("at least 24") && !error.contains("`secret`"), "{error}");
}

#[test]
fn a_service_that_is_asked_to_stop_finishes_what_is_running_and_ends_with_status_0() {
    let place = Place::new();
    let service = place.serve(&[BOOTSTRAP]);
    let body = "{\"event\":\"queued\"}";
    let mut stream = TcpStream::connect(&service.address).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\nExpect: 100-continue\r\n\r\n",
        BOOTSTRAP.1,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The service asks for the body: the request is in work.
    let mut continue_line = [0; 25];
    stream.read_exact(&mut continue_line).unwrap();
    assert!(text(&continue_line).starts_with("HTTP/1.1 100"));
    service.terminate();
    while TcpStream::connect(&service.address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("202 Accepted"), "{answer}");
    assert_eq!(service.end().0, Some(0));
}

#[test]
fn a_log_in_json_tells_of_a_request_without_repeating_what_was_sent() {
    let place = Place::new();
    let service = place.serve(&[BOOTSTRAP, ("POSTLENS_LOG_FORMAT", "json")]);
    service.get("/v1/reports/split?by=subject&filter=subject:is:Biopsy&from=2026-11-01&to=2026-11-02", BOOTSTRAP.1);
    service.get("/pat@example.com", "stolen-token");
    service.terminate();
    let (_, log) = service.end();
    for secret in ["Biopsy", "pat@", "stolen-token", BOOTSTRAP.1] {
        assert!(!log.contains(secret), "{secret} stands in {log}");
    }
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let request = lines.iter().find(|line| line["route"] == "/v1/reports/split").unwrap();
    assert_eq!(
        (&request["method"], &request["status"], &request["account"]),
        (&"GET".into(), &503.into(), &"default".into())
    );
    assert!(request["ms"].is_u64() && request["request"].is_string());
}

#[test]
fn a_second_service_on_the_same_data_is_refused() {
    let place = Place::new();
    let _service = place.serve(&[]);
    let second = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(!second.status.success());
    assert!(text(&second.stderr).contains("--data-dir"), "{}", text(&second.stderr));
}

#[test]
fn a_setting_that_is_not_there_is_refused_with_the_nearest_that_is() {
    let place = Place::new();
    std::fs::write(place.path().join("postlens.toml"), "[ingest]\nretention = 3\n").unwrap();
    let output = place.run(&["serve"]);
    assert!(!output.status.success());
    let error = text(&output.stderr);
    assert!(error.contains("postlens.toml") && error.contains("`ingest.retention_days`"), "{error}");
}

#[test]
fn the_configuration_and_the_specification_can_be_printed() {
    let place = Place::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let file = |name| std::fs::read_to_string(root.join(name)).unwrap();
    assert_eq!(text(&place.run(&["serve", "--print-config"]).stdout), file("postlens.example.toml"));
    assert_eq!(text(&place.run(&["openapi"]).stdout), file("openapi.yaml"));
}
