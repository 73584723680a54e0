//! Queries and their parameters, settings, formats and errors, by curl.

use std::io::{Read as _, Write as _};

use crate::harness::shared;

#[test]
fn ping_answers_ok() {
    for path in ["/ping", "/"] {
        let reply = shared().curl(path, &[]);
        assert_eq!((reply.status, reply.text().as_str()), (200, "Ok.\n"));
    }
    assert_eq!(shared().curl("/nowhere", &[]).status, 404);
}

#[test]
fn a_query_may_come_by_get_by_post_and_in_two_halves() {
    let engine = shared();
    assert_eq!(engine.curl("/?query=SELECT%201", &[]).text(), "1\n");
    assert_eq!(engine.curl("/", &["-d", "SELECT 2"]).text(), "2\n");
    assert_eq!(engine.curl("/?query=SELECT+3", &["-d", ""]).text(), "3\n");
    assert_eq!(engine.curl("/?query=SELECT+number+FROM", &["-d", "numbers(2)"]).text(), "0\n1\n");
    assert_eq!(engine.curl("/", &["-d", "SELECT 4", "-H", "Transfer-Encoding: chunked"]).text(), "4\n");
    assert_eq!(engine.curl("/?query=SELECT%205", &["-I"]).status, 200);
}

#[test]
fn every_way_to_write_a_statement_works() {
    let engine = shared();
    let database = engine.database("query_kinds");
    engine.sql(&format!("CREATE TABLE {database}.t (a UInt8) ENGINE = Memory"));
    for (sql, result) in [
        ("(SELECT 1) UNION ALL (SELECT 1)", "1\n1"),
        ("WITH 2 AS x SELECT x", "2"),
        ("WITH c AS (SELECT 3 AS a) INSERT INTO query_kinds.t SELECT a FROM c", ""),
        ("FROM query_kinds.t SELECT a", "3"),
        ("/* a comment */ SELECT -- another\n 4;", "4"),
        ("EXISTS TABLE query_kinds.t", "1"),
        ("SHOW TABLES FROM query_kinds", "t"),
        (
            "DESCRIBE TABLE query_kinds.t FORMAT JSONCompactColumns",
            "[\n\t[\"a\"],\n\t[\"UInt8\"],\n\t[\"\"],\n\t[\"\"],\n\t[\"\"],\n\t[\"\"],\n\t[\"\"]\n]",
        ),
        ("EXPLAIN SYNTAX SELECT 1 FROM t", "SELECT 1\nFROM t"),
        ("ALTER TABLE query_kinds.t ADD COLUMN b UInt8", ""),
        ("TRUNCATE TABLE query_kinds.t", ""),
    ] {
        assert_eq!(engine.sql(sql), result, "{sql}");
    }
}

#[test]
fn get_changes_nothing() {
    let reply = shared().curl("/?query=CREATE+TABLE+default.by_get+(a+Int8)+ENGINE=Memory", &[]);
    assert_eq!((reply.status, reply.header("X-ClickHouse-Exception-Code")), (500, Some("164")));
    assert!(reply.text().contains("Cannot execute query in readonly mode"), "{}", reply.text());
    assert_eq!(shared().curl("/?readonly=0&query=CREATE+TABLE+default.by_get+(a+Int8)+ENGINE=Memory", &[]).status, 500);
    assert_eq!(shared().sql("EXISTS TABLE default.by_get"), "0");
}

#[test]
fn values_of_parameters_arrive_as_they_were_sent() {
    let engine = shared();
    // As ClickHouse has it, values are escaped like tab-separated ones.
    let hard = "it's \"quoted\"\\n\\t\\\\ {x:String} -- ü 漢 🦀 \\0 ; DROP";
    let plain = "it's \"quoted\"\n\t\\ {x:String} -- ü 漢 🦀 \0 ; DROP";
    let hex =
        |text: &str, before: &str| text.bytes().map(|byte| format!("{before}{byte:02X}")).collect::<Vec<_>>().concat();
    let (encoded, hex) = (hex(hard, "%"), hex(plain, ""));
    let by_url = engine.curl(&format!("/?param_v={encoded}"), &["-d", "SELECT hex({v:String})"]);
    assert_eq!(by_url.text().trim_end(), hex);
    let by_form = engine.curl(
        "/",
        &[
            "--form-string",
            "query=SELECT hex({v:String}), {n:UInt8} + 1",
            "--form-string",
            &format!("param_v={hard}"),
            "-F",
            "param_n=41",
        ],
    );
    assert_eq!(by_form.text().trim_end(), format!("{hex}\t42"));
    let mixed = engine.curl("/?query=SELECT+{a:Int32}%2B{b:Int32}&param_a=1", &["-F", "param_b=2"]);
    assert_eq!(mixed.text(), "3\n");
    let missing = engine.curl("/", &["-d", "SELECT {v:String}"]);
    assert_eq!(missing.header("X-ClickHouse-Exception-Code"), Some("456"), "{}", missing.text());
}

#[test]
fn settings_hold_for_one_request_only() {
    let engine = shared();
    let select = "SELECT getSetting('max_block_size'), getSetting('log_comment')";
    let before = engine.sql("SELECT getSetting('max_block_size')");
    for _ in 0..20 {
        let reply = engine.curl("/?max_block_size=1234&log_comment=o%27clock%5C", &["-d", select]);
        assert_eq!(reply.text(), "1234\to\\'clock\\\\\n");
        // Also those that the statement itself sets, and temporary tables.
        engine.sql("SET max_block_size = 77");
        engine.sql("CREATE TEMPORARY TABLE fleeting (a Int8) ENGINE = Memory");
        engine.sql("USE system");
        assert_eq!(engine.sql("SELECT getSetting('max_block_size')"), before);
        assert_eq!(engine.sql("SELECT currentDatabase()"), "default");
        assert_eq!(engine.curl("/", &["-d", "SELECT * FROM fleeting"]).status, 404);
    }
    let unknown = engine.curl("/?no_such_setting=1", &["-d", "SELECT 1"]);
    assert_eq!((unknown.status, unknown.header("X-ClickHouse-Exception-Code")), (404, Some("115")));
    assert_eq!(engine.curl("/?max_threads%3D1%2C+readonly=1", &["-d", "SELECT 1"]).status, 400);
}

#[test]
fn the_database_holds_for_one_request_only() {
    let engine = shared();
    assert_eq!(engine.curl("/?database=system", &["-d", "SELECT currentDatabase()"]).text(), "system\n");
    assert_eq!(
        engine.curl("/", &["-H", "X-ClickHouse-Database: system", "-d", "SELECT currentDatabase()"]).text(),
        "system\n"
    );
    assert_eq!(engine.sql("SELECT currentDatabase()"), "default");
    let unknown = engine.curl("/?database=no%60such", &["-d", "SELECT 1"]);
    assert_eq!(
        (unknown.status, unknown.header("X-ClickHouse-Exception-Code")),
        (404, Some("81")),
        "{}",
        unknown.text()
    );
}

#[test]
fn an_error_of_one_request_leaves_nothing_for_the_next() {
    let engine = shared();
    for _ in 0..20 {
        // Documents are formatted whole: what was written before the error must not come with the next result.
        let broken = engine.curl(
            "/?default_format=JSON",
            &["-d", "SELECT throwIf(number = 3) FROM numbers(5) SETTINGS max_block_size = 1"],
        );
        assert_eq!(broken.status, 500);
        assert_eq!(engine.sql("SELECT 1"), "1");
        assert_eq!(engine.sql("SELECT 1 AS x FORMAT JSONCompactColumns"), "[\n\t[1]\n]");
    }
}

#[test]
fn errors_are_worded_and_numbered_as_by_a_server() {
    let engine = shared();
    let version = engine.sql("SELECT version()");
    for (sql, status, code, name) in [
        ("SELECT * FROM nowhere", 404, "60", "UNKNOWN_TABLE"),
        ("SELECT FROM WHERE", 400, "62", "SYNTAX_ERROR"),
        ("gibberish", 400, "62", "SYNTAX_ERROR"),
        ("", 400, "62", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, "62", "SYNTAX_ERROR"),
        ("SELECT nothing", 404, "47", "UNKNOWN_IDENTIFIER"),
        ("SELECT 1 SETTINGS no_such = 1", 404, "115", "UNKNOWN_SETTING"),
        ("SELECT 1 FORMAT NoSuch", 404, "73", "UNKNOWN_FORMAT"),
        ("SELECT throwIf(1)", 500, "395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 INTO OUTFILE '/tmp/outfile'", 500, "358", "INTO_OUTFILE_NOT_ALLOWED"),
    ] {
        let reply = engine.curl("/", &["-d", sql]);
        let text = reply.text();
        assert_eq!((reply.status, reply.header("X-ClickHouse-Exception-Code")), (status, Some(code)), "{sql}: {text}");
        assert!(text.starts_with(&format!("Code: {code}. DB::Exception: ")), "{text}");
        assert_eq!(text.matches("DB::Exception").count(), 1, "{text}");
        assert!(text.ends_with(&format!("({name}) (version {version} (official build))\n")), "{text}");
    }
}

#[test]
fn headers_tell_what_happened() {
    let reply =
        shared().curl("/?query_id=my-query&default_format=JSONEachRow", &["-d", "SELECT number FROM numbers(7)"]);
    assert_eq!(reply.header("X-ClickHouse-Query-Id"), Some("my-query"));
    assert_eq!(reply.header("X-ClickHouse-Format"), Some("JSONEachRow"));
    assert_eq!(reply.header("X-ClickHouse-Timezone"), Some("UTC"));
    assert_eq!(reply.header("Content-Type"), Some("application/x-ndjson; charset=UTF-8"));
    let summary: serde_json::Value = serde_json::from_str(reply.header("X-ClickHouse-Summary").unwrap()).unwrap();
    assert_eq!((&summary["read_rows"], &summary["result_rows"]), (&"7".into(), &"7".into()));
    let made_up = shared().curl("/", &["-d", "SELECT 1"]);
    assert_eq!(made_up.header("X-ClickHouse-Query-Id").map(str::len), Some(36));
    assert_eq!(shared().sql("SELECT toString(toDateTime(0)), timezone()"), "1970-01-01 00:00:00\tUTC");
}

#[test]
fn a_streamed_result_is_the_same_as_one_made_whole() {
    let engine = shared();
    let sql = "SELECT number AS n, concat('x\n\"', toString(number)) AS `a \"b\"`, number % 3 = 0 ? [] : [n] AS l FROM numbers(1000) SETTINGS max_block_size = 7, max_threads = 1";
    for format in [
        "Native",
        "RowBinary",
        "RowBinaryWithNames",
        "RowBinaryWithNamesAndTypes",
        "TabSeparated",
        "TSVWithNames",
        "TSVWithNamesAndTypes",
        "TSVRaw",
        "CSV",
        "CSVWithNames",
        "CSVWithNamesAndTypes",
        "JSONEachRow",
        "JSONStringsEachRow",
        "JSONCompactEachRow",
        "JSONCompactEachRowWithNames",
        "JSONCompactEachRowWithNamesAndTypes",
        "TSKV",
        "MsgPack",
        "BSONEachRow",
        "Values",
        "JSONColumns",
        "Parquet",
        "Markdown",
        "ArrowStream",
    ] {
        for rows in [" LIMIT 1000", " LIMIT 0"] {
            let sql = sql.replace(" SETTINGS", &format!("{rows} SETTINGS"));
            let streamed = engine.curl(&format!("/?default_format={format}"), &["-d", &sql]);
            // The engine's own whole result. (Native's blocks are what they are; their rows are compared elsewhere.)
            let whole = engine.curl(&format!("/?wait_end_of_query=1&default_format={format}"), &["-d", &sql]);
            assert_eq!((streamed.status, whole.status), (200, 200), "{format}");
            assert_eq!(streamed.body, whole.body, "{format}{rows}");
        }
    }
}

#[test]
fn documents_totals_and_extremes_come_out_whole() {
    let engine = shared();
    let sql = "SELECT number % 3 AS k, count() AS c FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k LIMIT 1";
    let reply = engine.curl("/?default_format=JSONCompact", &["-d", sql]);
    let document: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(document["data"], serde_json::json!([[0, 4]]));
    assert_eq!(document["totals"], serde_json::json!([0, 10]));
    assert_eq!(document["rows_before_limit_at_least"], 3);
    assert_eq!(engine.curl("/?default_format=CSVWithNames", &["-d", sql]).text(), "\"k\",\"c\"\n0,4\n\n0,10\n");
    assert_eq!(engine.curl("/?extremes=1", &["-d", "SELECT number FROM numbers(3)"]).text(), "0\n1\n2\n\n0\n2\n");
    assert_eq!(
        engine
            .curl(
                "/?default_format=JSONEachRow&output_format_json_array_of_rows=1",
                &["-d", "SELECT number FROM numbers(2) SETTINGS max_block_size = 1"]
            )
            .text(),
        "[\n{\"number\":0},\n{\"number\":1}\n]\n"
    );
    assert_eq!(engine.sql("SELECT 1 AS x FORMAT JSONEachRow"), "{\"x\":1}");
}

#[test]
fn answers_are_compressed_on_request_only() {
    let engine = shared();
    let sql = "SELECT repeat('abc', 100) FROM numbers(1000)";
    let plain = engine.curl("/", &["-d", sql, "-H", "Accept-Encoding: gzip"]);
    assert_eq!(plain.header("Content-Encoding"), None);
    let compressed = engine.curl("/?enable_http_compression=1", &["-d", sql, "-H", "Accept-Encoding: br, gzip"]);
    assert_eq!(compressed.header("Content-Encoding"), Some("gzip"));
    assert!(compressed.body.len() * 10 < plain.body.len());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(compressed.body.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    let empty = engine.curl("/?enable_http_compression=1", &["--compressed", "-d", "SELECT 1 LIMIT 0"]);
    assert_eq!((empty.curl, empty.text().as_str()), (0, ""));
}

#[test]
fn a_compressed_query_is_read_and_a_broken_one_refused() {
    let engine = shared();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("query.gz");
    let send = |bytes: &[u8], encoding: &str| {
        std::fs::write(&file, bytes).unwrap();
        engine.curl(
            "/",
            &["--data-binary", &format!("@{}", file.display()), "-H", &format!("Content-Encoding: {encoding}")],
        )
    };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"SELECT 'packed'").unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(send(&packed, "gzip").text(), "packed\n");
    assert_eq!(send(&packed[..packed.len() - 4], "gzip").status, 400);
    assert_eq!(send(b"SELECT 1", "gzip").status, 400);
    assert_eq!(send(b"SELECT 1", "br").status, 501);
}

#[test]
fn what_is_not_supported_is_refused_in_clear_words() {
    for (target, arguments, word) in [
        ("/?compress=1", vec!["-d", "SELECT 1"], "compression"),
        ("/?decompress=1", vec!["-d", "SELECT 1"], "compression"),
        ("/?session_id=s", vec!["-d", "SELECT 1"], "sessions"),
        ("/?query=SELECT+*+FROM+t", vec!["-F", "t=@/dev/null;filename=x"], "external tables"),
        ("/", vec!["-d", "INSERT INTO t FROM INFILE '/etc/hostname' FORMAT CSV"], "INFILE"),
    ] {
        let reply = shared().curl(target, &arguments);
        assert_eq!(
            (reply.status, reply.header("X-ClickHouse-Exception-Code")),
            (501, Some("48")),
            "{target}: {}",
            reply.text()
        );
        assert!(reply.text().contains(word), "{}", reply.text());
    }
    let stranger = shared().curl("/", &["-H", "X-ClickHouse-User: admin", "-d", "SELECT 1"]);
    assert_eq!((stranger.status, stranger.header("X-ClickHouse-Exception-Code")), (403, Some("516")));
    assert_eq!(shared().curl("/", &["-X", "POST"]).status, 411);
}
