//! `postlens import` against a small stand-in for the service that keeps what it is sent and fails on demand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use tempfile::TempDir;

/// What the stand-in was sent, and how it fails.
#[derive(Default)]
struct Memory {
    /// So many requests are answered 503.
    busy: usize,
    /// Batches that begin with this number or a higher one are refused for good, once the client knows that everything before
    /// is acknowledged.
    refuse_from: Option<usize>,
    /// Every line that was accepted, as often as it was.
    lines: Vec<String>,
    keys: BTreeSet<String>,
    queries: Vec<String>,
    batches: usize,
}

/// A stand-in for the service.
struct Service {
    address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    runtime: Option<tokio::runtime::Runtime>,
    home: Arc<TempDir>,
}

impl Service {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let home = Arc::new(TempDir::new().unwrap());
        let state = (Arc::clone(&memory), Arc::clone(&home));
        let router = Router::new().route("/v1/events", post(events)).with_state(state);
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, memory, runtime: Some(runtime), home }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postlens"));
        command.env_clear().env("HOME", self.home.path()).env("POSTLENS_KEY", "a key of some length");
        command.args(["import", "--url", &format!("http://{}", self.address)]);
        command
    }

    fn import(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn fail_after_two_batches(&self, file: &Path) {
        self.memory().refuse_from = Some(40_000);
        let output = self.import(&[path(file)]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("postlens: not with this key (403 forbidden)\n  hint: "), "{error}");
        let mut memory = self.memory();
        assert_eq!(sorted(std::mem::take(&mut memory.lines)), sorted(lines()[..40_000].to_vec()));
        memory.refuse_from = None;
    }
}

fn checkpoints(home: &TempDir) -> Vec<String> {
    let files = std::fs::read_dir(home.path().join(".local/state/postlens/import")).into_iter().flatten();
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default()).collect()
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn events(
    State((memory, home)): State<(Arc<Mutex<Memory>>, Arc<TempDir>)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["content-type"], "application/x-ndjson");
    if body.is_empty() {
        memory.lock().unwrap().queries.extend(query);
        return (StatusCode::OK, r#"{"accepted":0,"rejected":0,"errors":[]}"#).into_response();
    }
    assert_eq!(headers["content-encoding"], "zstd");
    let text = String::from_utf8(zstd::decode_all(&body[..]).unwrap()).unwrap();
    let refuse_from = memory.lock().unwrap().refuse_from;
    let first = text.strip_prefix("{\"n\":").and_then(|rest| rest.split('}').next()?.parse::<usize>().ok());
    if let Some(from) = refuse_from.filter(|from| first >= Some(*from)) {
        let acknowledged = format!("\"lines\":{from}");
        while !checkpoints(&home).iter().any(|checkpoint| checkpoint.contains(&acknowledged)) {
            tokio::task::yield_now().await;
        }
        let problem = r#"{"type":"urn:postlens:problem:forbidden","title":"No","detail":"not with this key"}"#;
        return (StatusCode::FORBIDDEN, problem).into_response();
    }
    let mut memory = memory.lock().unwrap();
    memory.keys.insert(headers["authorization"].to_str().unwrap().to_owned());
    if memory.busy > 0 {
        memory.busy -= 1;
        let problem = r#"{"type":"urn:postlens:problem:spool-full","title":"The queue is full"}"#;
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")], problem).into_response();
    }
    memory.batches += 1;
    let mut errors = Vec::new();
    let mut accepted = 0;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("bad") {
            errors.push(format!(r#"{{"index":{index},"code":"invalid_json","field":null,"detail":"no object"}}"#));
        } else {
            accepted += 1;
            memory.lines.push(line.to_owned());
        }
    }
    let (rejected, errors) = (errors.len(), errors.join(","));
    let receipt = format!(r#"{{"accepted":{accepted},"rejected":{rejected},"errors":[{errors}]}}"#);
    (StatusCode::ACCEPTED, receipt).into_response()
}

/// Lines enough for five batches of 20,000.
fn lines() -> Vec<String> {
    (0..90_000).map(|number| format!("{{\"n\":{number}}}")).collect()
}

fn text(lines: &[String]) -> Vec<u8> {
    (lines.join("\n") + "\n").into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Each line once: a batch that was on its way when the import failed may be read by the stand-in afterwards. The service itself counts
/// such lines once.
fn distinct(lines: Vec<String>) -> BTreeSet<String> {
    lines.into_iter().collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[test]
fn a_file_is_sent_whole_in_batches_however_it_is_compressed() {
    let plain = text(&lines());
    for bytes in [plain.clone(), gzip(&plain), zstd::encode_all(&plain[..], 1).unwrap()] {
        let service = Service::start();
        let file = service.file("events", &bytes);
        let output = service.import(&[path(&file), "--wait"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(told(&output).starts_with("90,000 events: 90,000 accepted, 0 rejected; "), "{}", told(&output));
        let memory = service.memory();
        assert_eq!(sorted(memory.lines.clone()), sorted(lines()));
        assert_eq!((memory.batches, memory.queries.as_slice()), (5, &["wait=applied".to_owned()][..]));
        assert_eq!(memory.keys.iter().collect::<Vec<_>>(), ["Bearer a key of some length"]);
        drop(memory);
        assert!(checkpoints(&service.home).is_empty(), "nothing is left behind");
    }
}

#[test]
fn standard_input_is_read_to_its_end_and_told_apart_by_its_first_bytes() {
    let service = Service::start();
    for bytes in [text(&lines()[..10]), gzip(&text(&lines()[10..20]))] {
        let mut child = service.command().arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(told(&output).starts_with("10 events: 10 accepted"), "{}", told(&output));
    }
    assert_eq!(sorted(service.memory().lines.clone()), sorted(lines()[..20].to_vec()));
}

#[test]
fn an_import_that_failed_goes_on_where_it_was_acknowledged() {
    let plain = text(&lines());
    for bytes in [plain.clone(), gzip(&plain)] {
        let service = Service::start();
        let file = service.file("events", &bytes);
        service.fail_after_two_batches(&file);
        let output = service.import(&[path(&file)]);
        assert_eq!(output.status.code(), Some(0));
        let (told, error) = (told(&output), String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(told.starts_with("90,000 events: 90,000 accepted, 0 rejected; "), "{told}");
        assert!(told.contains("\n40,000 of them were acknowledged before the interruption\n"), "{told}");
        assert!(error.starts_with("going on after line 40,000 of "), "{error}");
        assert!(
            distinct(service.memory().lines.clone()) == distinct(lines()[40_000..].to_vec()),
            "the rest, and nothing before"
        );
        assert!(checkpoints(&service.home).is_empty());
    }
}

#[test]
fn restart_sends_everything_again_and_so_does_a_file_that_changed() {
    let service = Service::start();
    let file = service.file("events", &text(&lines()));
    service.fail_after_two_batches(&file);
    assert_eq!(service.import(&["--restart", path(&file)]).status.code(), Some(0));
    assert_eq!(distinct(std::mem::take(&mut service.memory().lines)).len(), 90_000);

    service.fail_after_two_batches(&file);
    // The last batch of the file as it was may be on its way still.
    service.memory().refuse_from = Some(80_000);
    service.file("events", &text(&lines()[..80_000]));
    assert_eq!(service.import(&[path(&file)]).status.code(), Some(0));
    assert_eq!(distinct(service.memory().lines.clone()).len(), 80_000);
}

#[test]
fn a_busy_service_is_asked_again() {
    let service = Service::start();
    service.memory().busy = 3;
    let file = service.file("events", &text(&lines()[..100]));
    let output = service.import(&[path(&file)]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(service.memory().lines.len(), 100);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(error.matches("The queue is full (503 spool-full); trying again").count(), 1, "told once: {error}");
}

#[test]
fn patience_with_a_service_that_stays_busy_ends() {
    let service = Service::start();
    service.memory().busy = usize::MAX;
    let file = service.file("events", &text(&lines()[..100]));
    let output = service.import(&["--retry-for", "0", path(&file)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("The queue is full"));
}

#[test]
fn rejected_events_are_told_by_their_lines_and_make_the_status_1() {
    let service = Service::start();
    let long = "x".repeat((1 << 20) + 1);
    let file = service.file("events", format!("{{}}\n\nbad\n{long}\n{{}}\nbad").as_bytes());
    let output = service.import(&[path(&file)]);
    assert_eq!(output.status.code(), Some(1));
    let told = told(&output);
    assert!(told.starts_with("5 events: 2 accepted, 3 rejected; "), "{told}");
    let reasons: Vec<_> = told.lines().skip(1).collect();
    assert_eq!(
        reasons,
        [
            "  line 3: invalid_json: no object",
            "  line 4: too_long: the line has more than 1,048,576 bytes",
            "  line 6: invalid_json: no object"
        ]
    );
}

#[test]
fn what_cannot_work_is_told_with_a_hint_and_makes_the_status_2() {
    let service = Service::start();
    let file = service.file("events", b"{}\n");
    let run = |arguments: &[&str], key: &str| {
        let output = service.command().env("POSTLENS_KEY", key).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, error) = run(&["/nowhere/events"], "k");
    assert!(status == Some(2) && error.contains("cannot read /nowhere/events"), "{error}");
    let (status, error) = run(&[path(&file)], "");
    assert!(status == Some(2) && error.contains("hint: pass --key or set POSTLENS_KEY"), "{error}");
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_postlens"));
    command.env_clear().args([
        "import",
        "--key",
        "k",
        "--retry-for",
        "0",
        "--url",
        &format!("http://{away}"),
        path(&file),
    ]);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && error.contains("hint: is the service running?"), "{error}");
}
