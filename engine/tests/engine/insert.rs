//! Inserts: where their statement and data stand, how they stream, what happens when they break off or repeat.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
};

use crate::harness::{Engine, eventually, shared};

fn table(name: &str) -> (&'static Engine, String) {
    let engine = shared();
    let database = engine.database(name);
    engine.sql(&format!("CREATE TABLE {database}.t (a UInt64, s String DEFAULT 'd') ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100"));
    (engine, format!("database={database}"))
}

#[test]
fn data_may_follow_the_statement_in_url_or_body() {
    let (engine, database) = table("insert_places");
    for (target, body) in [
        ("query=INSERT+INTO+t+FORMAT+CSV", "1,one\n"),
        ("query=INSERT+INTO+t+(s,a)+SETTINGS+max_threads=1+FORMAT+TSV", "two\t2\n"),
        ("", "INSERT INTO t FORMAT JSONEachRow\n{\"a\":3,\"s\":\"three\"}"),
        ("", "INSERT INTO t FORMAT JSONEachRow {\"a\":4}\n{\"a\":5}"),
        ("", "INSERT INTO t VALUES (6, 'six'), (3 + 4, upper('seven'));"),
        ("query=INSERT+INTO+t+VALUES", "(8, 'eight')"),
        ("param_a=9", "INSERT INTO t VALUES ({a:UInt64}, 'nine')"),
        ("", "INSERT INTO t SELECT a + 10, s FROM t WHERE a = 1"),
        ("", "INSERT INTO t SELECT 12, 'twelve'"),
        ("param_t=t", "INSERT INTO {t:Identifier} FORMAT CSV\n13,thirteen"),
        ("query=INSERT+INTO+t+FORMAT+CSV", ""),
    ] {
        let reply = engine.curl(&format!("/?{database}&{target}"), &["--data-binary", body]);
        assert_eq!((reply.status, reply.text().as_str()), (200, ""), "{target} {body}");
    }
    let rows = engine
        .curl(&format!("/?{database}"), &["-d", "SELECT groupArray((a, s)) FROM (SELECT * FROM t ORDER BY a)"])
        .text();
    assert_eq!(
        rows.trim_end(),
        "[(1,'one'),(2,'two'),(3,'three'),(4,'d'),(5,'d'),(6,'six'),(7,'SEVEN'),(8,'eight'),(9,'nine'),(11,'one'),(12,'twelve'),(13,'thirteen')]"
    );
}

#[test]
fn several_megabytes_stream_in_plain_and_compressed() {
    let (engine, database) = table("insert_stream");
    let rows = |from: u64| {
        let lines: Vec<String> = (from..from + 400_000).map(|row| format!("{row},row number {row}")).collect();
        lines.join(
            "
",
        )
    };
    let dir = tempfile::tempdir().unwrap();
    let (plain, packed) = (dir.path().join("plain"), dir.path().join("packed"));
    std::fs::write(&plain, rows(0)).unwrap();
    let mut encoder =
        flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(rows(400_000).as_bytes()).unwrap();
    encoder.finish().unwrap();
    let target = format!("/?{database}&query=INSERT+INTO+t+FORMAT+CSV");
    let reply = engine.curl(&target, &["--data-binary", &format!("@{}", plain.display())]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let summary: serde_json::Value = serde_json::from_str(reply.header("X-ClickHouse-Summary").unwrap()).unwrap();
    assert_eq!(summary["written_rows"], "400000");
    let reply = engine.curl(
        &target,
        &[
            "--data-binary",
            &format!("@{}", packed.display()),
            "-H",
            "Content-Encoding: gzip",
            "-H",
            "Transfer-Encoding: chunked",
        ],
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let counted =
        engine.curl(&format!("/?{database}"), &["-d", "SELECT count(), uniqExact(a), sum(a), uniqExact(s) FROM t"]);
    assert_eq!(counted.text(), "800000\t800000\t319999600000\t800000\n");
}

#[test]
fn wrong_data_is_refused_with_the_reason_and_nothing_is_kept() {
    let (engine, database) = table("insert_wrong");
    let target = format!("/?{database}&query=INSERT+INTO+t+FORMAT+CSV");
    let small = engine.curl(&target, &["--data-binary", "1,a\nx,b\n"]);
    assert_eq!((small.status, small.header("X-ClickHouse-Exception-Code")), (400, Some("27")), "{}", small.text());
    // The engine notices long before the client has sent everything; the client still gets the reason.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("data");
    std::fs::write(&file, format!("1,a\nx,b\n{}", "2,c\n".repeat(3_000_000))).unwrap();
    let large = engine.curl(&target, &["--data-binary", &format!("@{}", file.display())]);
    assert_eq!((large.curl, large.status), (0, 400), "{}", large.text());
    assert_eq!(engine.curl(&format!("/?{database}&query=INSERT+INTO+nowhere+FORMAT+CSV"), &["-d", "1"]).status, 404);
    assert_eq!(engine.curl(&format!("/?{database}"), &["-d", "SELECT count() FROM t"]).text(), "0\n");
    let staged = engine
        .curl(&format!("/?{database}"), &["-d", "INSERT INTO t (a) SELECT a FROM input('a UInt64') FORMAT CSV\n1"]);
    assert_eq!(staged.status, 501, "{}", staged.text());
}

#[test]
fn a_body_that_breaks_off_inserts_nothing() {
    let (engine, database) = table("insert_broken");
    let rows = "7,seven\n".repeat(1000);
    for framing in [
        format!("Content-Length: {}\r\n\r\n{rows}", rows.len() + 1),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{rows}\r\n", rows.len()),
    ] {
        let mut stream = UnixStream::connect(&engine.socket).unwrap();
        write!(stream, "POST /?{database}&query=INSERT+INTO+t+FORMAT+CSV HTTP/1.1\r\nHost: localhost\r\n{framing}")
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        let _reset = stream.read_to_string(&mut answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    eventually("the inserts are over", || {
        (engine.sql("SELECT count() FROM system.processes WHERE current_database = 'insert_broken'") == "0")
            .then_some(())
    });
    assert_eq!(engine.curl(&format!("/?{database}"), &["-d", "SELECT count() FROM t"]).text(), "0\n");
}

#[test]
fn a_repeated_token_inserts_nothing() {
    let (engine, database) = table("insert_token");
    let insert = |token: &str, data: &str| {
        let reply = engine.curl(
            &format!("/?{database}&insert_deduplication_token={token}&query=INSERT+INTO+t+FORMAT+CSV"),
            &["--data-binary", data],
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    insert("p0%3A1-2", "1,a\n");
    insert("p0%3A1-2", "1,a\n");
    insert("p0%3A1-2", "2,b\n");
    insert("p0%3A3-4", "1,a\n");
    assert_eq!(engine.curl(&format!("/?{database}"), &["-d", "SELECT sum(a), count() FROM t"]).text(), "2\t2\n");
    assert_eq!(engine.sql("SELECT getSetting('insert_deduplication_token'), getSetting('async_insert')"), "\tfalse");
}
