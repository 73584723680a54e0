//! Who may do what, and what a report does not take: a clear refusal for each, and nothing of one account in another.

use postlens_tests::harness::{Client, Reply, Service};
use reqwest::{Method, blocking::RequestBuilder};
use serde_json::Value;

use crate::traffic;

/// The answer is this problem, written as RFC 9457 has it.
#[track_caller]
pub(crate) fn refused(reply: &Reply, status: u16, slug: &str, context: &str) {
    assert_eq!(reply.status, status, "{context}: {}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json", "{context}");
    let document: Value = reply.json();
    assert_eq!(document["type"], format!("urn:postlens:problem:{slug}"), "{context}: {document}");
    assert_eq!(document["status"], status, "{context}");
    for text in ["title", "detail"] {
        assert!(document[text].as_str().is_some_and(|text| text.len() > 5), "{context}: {document}");
    }
    assert_eq!(document["instance"], reply.header("x-request-id"), "{context}");
}

fn send(request: RequestBuilder) -> Reply {
    Client::send(request).unwrap()
}

const REPORT: &str = "/v1/reports/summary?from=2026-01-01&to=2026-01-02";

#[test]
fn without_a_valid_key_there_is_nothing() {
    let service = Service::shared();
    let (_, known) = service.account();
    let forged = {
        let (head, secret) = known.key().rsplit_once('_').unwrap();
        format!("{head}_{}", "A".repeat(secret.len()))
    };
    let long = "x".repeat(4000);
    let keys = ["", "x", "pl__", "pl_x_y", "' OR 1=1 --", "pl_%00_x", &forged, &known.key()[..20], &long];
    let paths = [
        (Method::GET, REPORT),
        (Method::GET, "/v1/ingest/status"),
        (Method::POST, "/v1/events"),
        (Method::GET, "/v1/keys"),
    ];
    for (method, path) in paths {
        for key in keys {
            let reply = send(service.client(key).request(method.clone(), path));
            refused(&reply, 401, "unauthenticated", &format!("{path} with {key}"));
            assert!(reply.header("www-authenticate").starts_with("Bearer"), "{path}");
        }
        for header in ["Basic abc", &format!("Basic {}", known.key()), known.key(), "Bearer", "Bearer a b"] {
            let reply = send(service.client("").request(method.clone(), path).header("authorization", header));
            refused(&reply, 401, "unauthenticated", &format!("{path} with {header}"));
        }
        let twice = known.request(method.clone(), path).header("authorization", "Bearer x");
        let reply = send(twice);
        refused(&reply, 401, "unauthenticated", &format!("{path} with two keys"));
    }
}

#[test]
fn a_role_allows_what_it_is_for_and_no_more() {
    let service = Service::shared();
    let (account, admin) = service.account();
    let (ingest, read) =
        (service.client(&service.key(&account, "ingest")), service.client(&service.key(&account, "read")));
    let status = |client: &Client, method: Method, path: &str| {
        let request = client.request(method, path).header("content-type", "application/x-ndjson").body("");
        send(request)
    };
    for (path, method, allowed, denied) in [
        (REPORT, Method::GET, &read, &ingest),
        ("/v1/ingest/status", Method::GET, &read, &ingest),
        ("/v1/events", Method::POST, &ingest, &read),
        ("/v1/keys", Method::GET, &admin, &read),
        ("/v1/keys", Method::GET, &admin, &ingest),
    ] {
        assert!(status(allowed, method.clone(), path).status < 300, "{path}");
        assert!(status(&admin, method.clone(), path).status < 300, "{path}");
        refused(&status(denied, method, path), 403, "forbidden", path);
    }
}

#[test]
fn a_revoked_key_opens_nothing_and_another_account_s_key_cannot_be_revoked() {
    let service = Service::shared();
    let (account, admin) = service.account();
    let (_, stranger) = service.account();
    let reader = service.client(&service.key(&account, "read"));
    assert_eq!(reader.get(REPORT, &[]).status, 200);
    let id = reader.key().split('_').nth(1).unwrap();
    let revoke = |client: &Client| send(client.request(Method::DELETE, &format!("/v1/keys/{id}")));
    refused(&revoke(&stranger), 404, "not-found", "another account's key");
    assert_eq!(reader.get(REPORT, &[]).status, 200);
    assert_eq!(revoke(&admin).status, 204);
    refused(&reader.get(REPORT, &[]), 401, "unauthenticated", "a revoked key");
}

#[test]
fn what_a_key_made_through_the_api_shows_once_is_shown_by_nothing_else() {
    let (_, admin) = Service::shared().account();
    let made = send(admin.request(Method::POST, "/v1/keys").json(&serde_json::json!({"role": "read", "name": "x"})));
    assert_eq!(made.status, 201, "{}", made.text());
    let key: Value = made.json();
    let (key, id) = (key["key"].as_str().unwrap().to_owned(), key["id"].as_str().unwrap().to_owned());
    assert_eq!(Service::shared().client(&key).get(REPORT, &[]).status, 200);
    let list = admin.get("/v1/keys", &[]).text();
    let secret = key.rsplit('_').next().unwrap();
    assert!(list.contains(&id) && !list.contains(secret), "{list}");
}

#[test]
fn an_account_sees_nothing_of_another_however_it_asks() {
    let service = Service::shared();
    let options = traffic::options(21, 300);
    let events: Vec<_> = fixtures::events(&options).collect();
    let (owner, mine) = service.account();
    let (_, stranger) = service.account();
    mine.report_plainly(&events);
    mine.wait_applied(&events[0]);
    let range = [("from", "2020-01-01".to_owned()), ("to", "2029-01-01".to_owned())];
    for path in ["/v1/reports/split?by=subject", "/v1/reports/summary?", "/v1/reports/series?interval=month"] {
        let asked = |client: &Client, more: &[(&str, String)]| client.get(path, &[&range, more].concat());
        let queued = |reply: &Reply| reply.json::<Value>()["total"]["measures"]["queued"].as_i64().unwrap();
        assert!(queued(&asked(&mine, &[])) > 0, "{path}");
        assert_eq!(queued(&asked(&stranger, &[])), 0, "{path}");
        for value in ["subject:is_not:x' OR account = 'y", "subject:contains:a", "campaign:is:(none)"] {
            assert_eq!(queued(&asked(&stranger, &[("filter", value.into())])), 0, "{path} {value}");
        }
        let reply = asked(&stranger, &[("account", owner.clone())]);
        refused(&reply, 400, "malformed-request", &format!("{path} naming an account"));
    }
    let post = stranger.request(Method::POST, "/v1/reports/split");
    let document = serde_json::json!({"by": ["subject"], "from": "2020-01-01", "to": "2029-01-01", "account": owner});
    refused(&send(post.json(&document)), 400, "malformed-request", "a document that names an account");
}

#[test]
fn what_a_report_does_not_take_is_refused_by_name() {
    let (_, client) = Service::shared().account();
    let table: &[(&str, &str)] = &[
        ("split?from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=account&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=subject,subject&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=subject,sender,campaign,sender_domain&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=field:a%20b&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=field:&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=subject%27%3B%20DROP%20TABLE%20cube%3B%20--&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=subject%00&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=subject&by=sender&from=2026-01-01&to=2026-01-02", "by"),
        ("split?by=subject&to=2026-01-02", "from"),
        ("split?by=subject&from=2026-01-01", "to"),
        ("summary?from=2026-01-02&to=2026-01-01", "to"),
        ("summary?from=2026-01-01&to=2026-01-01", "to"),
        ("summary?from=1970-01-01&to=2026-01-01", "to"),
        ("summary?from=2026-01-01T00:00:01Z&to=2026-01-02", "from"),
        ("summary?from=2026-01-01&to=2026-01-02T00:07:00Z", "to"),
        ("summary?from=2026-01-01T00:00:00.001Z&to=2026-01-02", "from"),
        ("summary?from=2026-13-01&to=2026-01-02", "from"),
        ("summary?from=99999999999999999999&to=2026-01-02", "from"),
        ("summary?from=-292277022657-01-27&to=2026-01-02", "from"),
        ("summary?from=2026-01-01T24:00:00Z&to=2026-01-03", "from"),
        ("summary?from=2026-01-01&to=2026-01-02&tz=Mars/Olympus", "tz"),
        ("summary?from=2026-01-01&to=2026-01-02&tz=", "tz"),
        ("summary?from=2026-01-01&to=2026-01-02&tz=..%2F..%2Fetc%2Fpasswd", "tz"),
        ("summary?from=2026-01-01&to=2026-01-02&tz=UTC%27)%3B%20DROP%20TABLE%20cube%3B%20--", "tz"),
        ("summary?from=2026-01-01&to=2026-01-02&basis=now", "basis"),
        ("summary?from=2026-01-01&to=2026-01-02&basis=0%20OR%201%3D1", "basis"),
        ("summary?from=2026-01-01&to=2026-01-02&measures=queued,weight", "measures"),
        ("summary?from=2026-01-01&to=2026-01-02&measures=queued)%20FROM%20cube%20--", "measures"),
        ("summary?from=2026-01-01&to=2026-01-02&rates=ctr,1", "rates"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&sort=queued;DROP%20TABLE%20cube", "sort"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&sort=sender", "sort"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&sort=--queued", "sort"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&limit=0", "limit"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&limit=10001", "limit"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&limit=-1", "limit"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&limit=1e3", "limit"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&limit=99999999999999999999999999", "limit"),
        ("split?by=subject&from=2026-01-01&to=2026-01-02&limit=1%20UNION%20SELECT%201", "limit"),
        ("summary?from=2026-01-01&to=2026-01-02&filter=subject", "filter"),
        ("summary?from=2026-01-01&to=2026-01-02&filter=subject:like:x", "filter"),
        ("summary?from=2026-01-01&to=2026-01-02&filter=account:is:other", "filter"),
        ("summary?from=2026-01-01&to=2026-01-02&filter=subject:contains:", "filter"),
        ("summary?from=2026-01-01&to=2026-01-02&filter=", "filter"),
        ("summary?from=2026-01-01&to=2026-01-02&format=xml", "format"),
        ("summary?from=2026-01-01&to=2026-01-02&format=png&width=0", "width"),
        ("summary?from=2026-01-01&to=2026-01-02&format=png&height=99999999999", "height"),
        ("summary?from=2026-01-01&to=2026-01-02&format=png&theme=pink", "theme"),
        ("series?from=2026-01-01&to=2026-01-02", "interval"),
        ("series?interval=minute&from=2026-01-01&to=2026-01-02", "interval"),
        ("series?interval=15m&from=2020-01-01&to=2026-01-02", "interval"),
        ("series?interval=hour&by=subject&limit=10000&from=2026-01-01&to=2026-01-12", "interval"),
    ];
    for (path, parameter) in table {
        let reply = client.get(&format!("/v1/reports/{path}"), &[]);
        refused(&reply, 422, "invalid-parameter", path);
        assert_eq!(reply.json::<Value>()["parameter"], *parameter, "{path}");
    }
    let off = client.get("/v1/reports/summary?from=2026-01-01T00:08:00Z&to=2026-01-02", &[]);
    assert!(off.text().contains("2026-01-01T00:15:00Z"), "the nearest quarter is named: {}", off.text());
}

#[test]
fn what_cannot_be_read_at_all_is_refused_as_a_whole() {
    let (_, client) = Service::shared().account();
    for path in [
        "/v1/reports/summary?from=2026-01-01&to=2026-01-02&unknown=1",
        "/v1/reports/summary?from=2026-01-01&to=2026-01-02&by=subject",
        "/v1/reports/summary?from=2026-01-01&to=2026-01-02&=",
        "/v1/reports/summary?from=2026-01-01&to=2026-01-02&%ff=%fe",
        "/v1/reports/split?from%5B%5D=2026-01-01",
    ] {
        refused(&client.get(path, &[]), 400, "malformed-request", path);
    }
    for document in
        ["", "{", "[]", "7", "\"x\"", "{\"from\":7}", "{\"by\":{}}", "{\"nope\":1}", &"[".repeat(100_000), "\u{feff}{}"]
    {
        let request = client.request(Method::POST, "/v1/reports/split").header("content-type", "application/json");
        let context: String = document.chars().take(20).collect();
        refused(&send(request.body(document.to_owned())), 400, "malformed-request", &context);
    }
    let odd = client.request(Method::POST, "/v1/reports/split").header("content-type", "text/plain").body("{}");
    refused(&send(odd), 415, "unsupported-media-type", "a document that is plain text");
    let large = client.request(Method::POST, "/v1/reports/split").header("content-type", "application/json");
    refused(&send(large.body(vec![b' '; 3 << 19])), 413, "too-large", "a document of 1.5 MiB");
    let strange = client.request(Method::GET, REPORT).header("accept", "image/webp");
    refused(&send(strange), 406, "not-acceptable", "a format that there is not");
}

#[test]
fn percent_signs_that_decode_to_nonsense_are_answered() {
    let (_, client) = Service::shared().account();
    for value in
        ["%", "%zz", "%ff%fe", "%00", "%C0%AF", "%E2%82", "%u0041", "a%20%26%3D%23", "%25%30%30", "%F0%9F%92%8A"]
    {
        let path = format!("/v1/reports/summary?from=2026-01-01&to=2026-01-02&filter=subject:is:{value}");
        let reply = client.get(&path, &[]);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let path = format!("/v1/reports/split?from=2026-01-01&to=2026-01-02&by={value}");
        refused(&client.get(&path, &[]), 422, "invalid-parameter", &path);
    }
}

#[test]
fn other_paths_and_methods_are_refused_in_the_same_form() {
    let (_, client) = Service::shared().account();
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/events/",
        "/v1/reports",
        "/v2/events",
        "/v1/reports/split/x",
        "/..%2f..%2fetc/passwd",
        "/%ff",
    ] {
        refused(&client.get(path, &[]), 404, "not-found", path);
    }
    for (method, path) in [
        (Method::GET, "/v1/events"),
        (Method::PUT, "/v1/events"),
        (Method::DELETE, "/v1/reports/split"),
        (Method::PATCH, "/v1/keys"),
        (Method::POST, "/healthz"),
    ] {
        let reply = send(client.request(method.clone(), path));
        refused(&reply, 405, "method-not-allowed", &format!("{method} {path}"));
        assert!(!reply.header("allow").is_empty(), "{method} {path}");
    }
}

#[test]
fn what_is_hardly_http_is_refused_and_harms_nobody() {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };
    let (_, client) = Service::shared().account();
    let address = client.url().trim_start_matches("http://").to_owned();
    let ask = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(&address).unwrap();
        // The service may hang up before it has read all of it.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let long = format!("GET /v1/reports/split?filter={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(5_000));
    let key = client.key();
    let cut = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n["
    );
    let chunks = cut.replace("content-length: 99\r\n\r\n[", "transfer-encoding: chunked\r\n\r\nzz\r\n");
    let both = cut.replace("content-length: 99", "content-length: 1\r\ntransfer-encoding: chunked");
    for bytes in [
        long.as_bytes(),
        many.as_bytes(),
        cut.as_bytes(),
        chunks.as_bytes(),
        both.as_bytes(),
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\0\0",
    ] {
        let answer = ask(bytes);
        let status = answer.strip_prefix("HTTP/1.1 ").map(|rest| &rest[..3]);
        let shown: String = String::from_utf8_lossy(bytes).chars().take(60).collect();
        assert!(status.is_none_or(|status| status.starts_with('4')), "{shown}: {answer}");
    }
    assert_eq!(client.get(REPORT, &[]).status, 200);
}
