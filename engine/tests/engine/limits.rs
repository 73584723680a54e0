//! What one request may take, and what happens to a request whose client has gone.

use std::process::{Child, Command, Stdio};

use crate::harness::{Engine, curl, eventually, shared};

/// Takes longer than any test.
const ENDLESS: &str = "SELECT count() FROM numbers(100000000000000)";

fn client_of(engine: &Engine, target: &str, sql: &str) -> Child {
    Command::new("curl")
        .args([
            "--silent",
            "--unix-socket",
            engine.socket.to_str().unwrap(),
            "--data-binary",
            sql,
            &format!("http://localhost{target}"),
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn code(reply: &crate::harness::Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("X-ClickHouse-Exception-Code"))
}

#[test]
fn a_query_has_limits_of_memory_and_time() {
    let engine = shared();
    assert_eq!(engine.sql("SELECT getSetting('max_memory_usage'), getSetting('max_execution_time')"), "750000000\t300");
    let greedy = engine
        .curl("/?max_memory_usage=50000000", &["-d", "SELECT length(groupArray(number)) FROM numbers(100000000)"]);
    assert_eq!(code(&greedy), (500, Some("241")), "{}", greedy.text());
    let slow = engine.curl("/?max_execution_time=1", &["-d", ENDLESS]);
    assert_eq!(code(&slow), (408, Some("159")), "{}", slow.text());
}

#[test]
fn a_document_that_would_not_fit_into_memory_is_refused() {
    let reply = shared().curl("/?default_format=JSON", &["-d", "SELECT number, number FROM numbers(100000000)"]);
    assert_eq!(code(&reply), (500, Some("396")), "{}", reply.text());
}

#[test]
fn a_large_result_streams() {
    let reply = shared().curl("/?default_format=RowBinary", &["-d", "SELECT number FROM numbers(20000000)"]);
    assert_eq!((reply.curl, reply.status, reply.body.len()), (0, 200, 160_000_000));
    assert_eq!(reply.body[159_999_992..], 19_999_999_u64.to_le_bytes());
}

#[test]
fn an_error_in_the_middle_breaks_the_answer_off() {
    let sql = "SELECT throwIf(number = 150000, 'too far') FROM numbers(200000) SETTINGS max_block_size = 1000, max_threads = 1";
    for target in ["/", "/?enable_http_compression=1"] {
        let reply = shared().curl(target, &["-H", "Accept-Encoding: gzip", "-d", sql]);
        assert_eq!((reply.curl, reply.status), (18, 200), "curl must say that the transfer is not complete");
    }
    let reply = shared().curl("/", &["-d", sql]);
    let tag = reply.header("X-ClickHouse-Exception-Tag").unwrap().to_owned();
    let text = reply.text();
    assert!(
        text.contains("too far") && text.ends_with(&format!(" {tag}\r\n__exception__\r\n")),
        "{}",
        &text[text.len() - 300..]
    );
    // Asked to wait for the end, the engine knows before it answers.
    assert_eq!(code(&shared().curl("/?wait_end_of_query=1", &["-d", sql])), (500, Some("395")));
}

#[test]
fn a_query_waits_for_a_connection_only_so_long() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path(), &["--connections", "1", "--max-wait-ms", "100", "--query-threads", "1"]);
    let mut holder = client_of(&engine, "/", ENDLESS);
    let refused = eventually("the only connection is taken", || {
        Some(engine.curl("/", &["-d", "SELECT 1"])).filter(|reply| reply.status != 200)
    });
    assert_eq!(code(&refused), (503, Some("202")), "{}", refused.text());
    assert!(refused.text().contains("TOO_MANY_SIMULTANEOUS_QUERIES"));
    assert_eq!(engine.curl("/ping", &[]).text(), "Ok.\n");
    // When its client goes away, the query goes too.
    holder.kill().unwrap();
    holder.wait().unwrap();
    eventually("the connection is free again", || {
        (engine.curl("/", &["-d", "SELECT 1"]).text() == "1\n").then_some(())
    });
}

#[test]
fn whatever_a_client_leaves_behind_is_cancelled() {
    let engine = shared();
    let database = engine.database("limits_cancel");
    engine.sql(&format!("CREATE TABLE {database}.t (a UInt64) ENGINE = Null"));
    let running = || engine.sql("SELECT count() FROM system.processes WHERE current_database = 'limits_cancel'");
    for (format, sql) in [
        ("TSV", ENDLESS),
        ("JSON", ENDLESS),
        ("TSV", "SELECT number FROM numbers(100000000000000) WHERE number % 1000000007 = 1000000006"),
        ("TSV", "INSERT INTO t SELECT number FROM numbers(100000000000000)"),
    ] {
        let mut client = client_of(
            engine,
            &format!("/?database={database}&default_format={format}&max_threads=1&log_comment=mine"),
            sql,
        );
        eventually("the query runs", || (running() == "1").then_some(()));
        client.kill().unwrap();
        client.wait().unwrap();
        eventually("the query is cancelled", || (running() == "0").then_some(()));
    }
}

#[test]
fn tcp_serves_this_machine_but_no_web_page() {
    let log = &shared().log;
    let (_, rest) = log.split_once("127.0.0.1:").expect("the log names the address");
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let url = format!("http://127.0.0.1:{port}/?query=SELECT+1");
    assert_eq!(curl(&[&url]).text(), "1\n");
    assert_eq!(curl(&[&url, "-H", "Host: localhost:1"]).text(), "1\n");
    assert_eq!(curl(&[&url, "-H", "Host: evil.example"]).status, 403);
    assert_eq!(curl(&[&url, "-H", "Origin: http://evil.example"]).status, 403);
}

#[test]
fn an_endless_head_or_statement_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("long");
    std::fs::write(&file, format!("SELECT '{}'", "x".repeat(65 << 20))).unwrap();
    let reply = shared().curl("/", &["--data-binary", &format!("@{}", file.display())]);
    assert_eq!(code(&reply), (413, Some("229")), "{}", reply.text());
    // More than twice what is read at once.
    let fields: Vec<_> = (0..8).map(|number| format!("X-Long-{number}: {}", "x".repeat(120_000))).collect();
    let head = fields.iter().flat_map(|field| ["-H", field]);
    let reply = shared().curl("/", &head.chain(["-d", "SELECT 1"]).collect::<Vec<_>>());
    assert_eq!(reply.status, 431);
    assert_eq!(shared().sql("SELECT 1"), "1");
}
