//! The router as a whole, over a real store of keys and a real spool. ClickHouse is away: what needs it says so.

use std::{io::Write as _, path::Path, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use schema::{AccountId, ClickHouse, Endpoint, Identifier, Millis, Secret, SystemClock};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::*;
use crate::{
    admission::Admission,
    alerts::{Alerts, Ways},
    auth::Keys,
    connection::Peer,
    exports::{self, Exports},
    metadata::{Metadata, NewKey, Role},
    outgoing::{Outgoing, Permit},
    sources::{Sources, verify::Verifier},
    state::Limits,
    telemetry::Telemetry,
    token::Token,
};

mod alerts;
mod saved_reports;
mod segments;
mod signed;
mod sources;

const EVENT: &str = r#"{"event":"queued","time":1700000000,"message_id":"<a@acme.org>","recipient":"pat@example.com"}"#;

struct Bench {
    router: Router,
    state: AppState,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Admission::new(1 << 30, 8)).await
    }

    async fn with(admission: Admission) -> Self {
        Self::telling(admission, None).await
    }

    async fn telling(admission: Admission, metrics_key: Option<&Token>) -> Self {
        let verifier = Verifier::with_public_roots(Outgoing::new(Permit::Public).unwrap());
        Self::verifying(admission, metrics_key, verifier).await
    }

    async fn verifying(admission: Admission, metrics_key: Option<&Token>, verifier: Verifier) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let metadata = Metadata::open(None, dir.path()).await.unwrap();
        let clickhouse = ClickHouse::new(&Endpoint::Socket(dir.path().join("nobody.sock")), "test");
        let settings = exports::Settings { rows: 1_000, keep: Duration::from_mins(1), disk: 1 << 30 };
        let exports = Exports::open(metadata.clone(), Arc::<SystemClock>::clone(&clock), dir.path(), settings).unwrap();
        let state = AppState {
            exports,
            alerts: Alerts::new(
                metadata.clone(),
                Arc::<SystemClock>::clone(&clock),
                &Secret::new([1; 32]),
                Ways {
                    outgoing: Outgoing::new(Permit::Public).unwrap(),
                    mailer: None,
                    charts: None,
                    reports: None,
                    link: None,
                },
            ),
            sources: Sources::new(metadata.clone(), Arc::<SystemClock>::clone(&clock), &Secret::new([1; 32]), verifier),
            keys: Keys::new(metadata, Arc::<SystemClock>::clone(&clock)),
            ingest: open_ingest(dir.path(), clickhouse.clone()).await,
            clickhouse,
            admission,
            drawing: Arc::new(Semaphore::new(1)),
            limits: Limits {
                body_timeout: Duration::from_mins(1),
                report_timeout: Duration::from_mins(1),
                report: query::Limits::default(),
            },
            suppression: Arc::default(),
            telemetry: Telemetry::apart(metrics_key.map(Token::digest)),
            clock,
        };
        Self { router: router(state.clone()), state, _dir: dir }
    }

    async fn key(&self, account: &str, role: Role) -> Token {
        let (token, account) = (Token::generate(), account.parse::<AccountId>().unwrap());
        let metadata = self.state.keys.metadata();
        metadata.ensure_account(&account, Millis(0)).await.unwrap();
        let (id, digest) = (token.id(), token.digest());
        let key = NewKey { id, account, role, name: String::new(), digest, created_at: Millis(0) };
        assert!(metadata.insert_key(&key).await.unwrap());
        token
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply { parts, body: to_bytes(body, usize::MAX).await.unwrap().to_vec() }
    }

    async fn post(&self, key: &Token, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        let mut request = Request::post(path).header(header::AUTHORIZATION, format!("Bearer {}", key.expose()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn call(&self, key: &Token, method: Method, path: &str, body: Value) -> Reply {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", key.expose()));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn get(&self, key: &Token, path: &str) -> Reply {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", key.expose()));
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

async fn open_ingest(dir: &Path, clickhouse: ClickHouse) -> ingest::Ingest {
    let options = ingest::Options { dir: dir.to_owned(), retention_days: 36_500, ..ingest::Options::default() };
    let identifier = Identifier::new(&Secret::new([1; 32]));
    ingest::Ingest::open(options, identifier, clickhouse, Arc::new(SystemClock)).await.unwrap()
}

struct Reply {
    parts: axum::http::response::Parts,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.parts.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is a problem document in every respect, and tells which.
    fn problem(&self) -> (u16, String) {
        let document = self.json();
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json");
        assert_eq!(document["status"], self.parts.status.as_u16());
        assert_eq!(document["instance"], self.header("x-request-id"));
        assert!(document["title"].is_string() && document["detail"].is_string());
        let kind = document["type"].as_str().unwrap().strip_prefix("urn:postlens:problem:").unwrap();
        (self.parts.status.as_u16(), kind.to_owned())
    }
}

fn is(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");

/// The URL of a webhook, and of an export's file, is its key.
fn is_its_own_key(path: &str) -> bool {
    path.starts_with("/v1/hooks/") || path.starts_with("/v1/exports/") && path.ends_with("/download")
}

#[tokio::test]
async fn every_data_operation_needs_a_key_and_every_answer_has_a_request_id() {
    let bench = Bench::new().await;
    for (path, item) in document().paths.paths {
        let operations = [
            (Method::GET, item.get),
            (Method::POST, item.post),
            (Method::PUT, item.put),
            (Method::PATCH, item.patch),
            (Method::DELETE, item.delete),
        ];
        for (method, _) in operations.into_iter().filter(|(_, operation)| operation.is_some()) {
            let path =
                path.replace("{id}", "x").replace("{number}", "1").replace("{source}", "x").replace("{token}", "x");
            let path = path.replace("{name}", "x").replace("{dimension}", "subject");
            let request = Request::builder().method(&method).uri(&path).body(Body::empty()).unwrap();
            let reply = bench.send(request).await;
            assert_eq!(reply.header("x-request-id").len(), 16, "{method} {path}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff");
            if is_its_own_key(&path) {
                assert_eq!(reply.problem(), is(404, "not-found"), "{method} {path}");
            } else if path.starts_with("/v1/") {
                assert_eq!(reply.problem(), is(401, "unauthenticated"), "{method} {path}");
                assert!(reply.header(header::WWW_AUTHENTICATE).starts_with("Bearer"), "{method} {path}");
                assert_eq!(reply.header(header::CACHE_CONTROL), "no-store", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_does_what_its_role_is_for_and_nothing_else() {
    let bench = Bench::new().await;
    let report = "/v1/reports/summary?from=2026-11-01&to=2026-11-02";
    for (role, events, reports, keys) in
        [(Role::Ingest, true, false, false), (Role::Read, false, true, false), (Role::Admin, true, true, true)]
    {
        let key = bench.key("acme", role).await;
        let allowed = |reply: &Reply| reply.parts.status != StatusCode::FORBIDDEN;
        assert_eq!(allowed(&bench.post(&key, "/v1/events", &[NDJSON], EVENT).await), events, "{role}");
        assert_eq!(allowed(&bench.get(&key, "/v1/ingest/status").await), reports, "{role}");
        assert_eq!(allowed(&bench.get(&key, report).await), reports, "{role}");
        assert_eq!(allowed(&bench.get(&key, "/v1/keys").await), keys, "{role}");
    }
}

#[tokio::test]
async fn events_are_accepted_onto_disk_while_clickhouse_is_away() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let body = format!("{EVENT}\n{{\"event\":\"nonsense\"}}\n");
    let reply = bench.post(&key, "/v1/events", &[NDJSON], body).await;
    assert_eq!(reply.parts.status, StatusCode::ACCEPTED);
    let outcome = reply.json();
    assert_eq!((&outcome["accepted"], &outcome["rejected"]), (&json!(1), &json!(1)));
    assert_eq!(outcome["errors"][0]["index"], 1);

    let status = bench.get(&key, "/v1/ingest/status").await.json();
    assert_eq!(status["events_waiting"], 1);
    assert!(status["spool_bytes"].as_u64().unwrap() > 0 && status["oldest_waiting_ms"].is_u64());
    assert_eq!(status["last_batch"], Value::Null);
}

#[tokio::test]
async fn a_batch_is_taken_in_every_form_and_encoding() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Ingest).await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(EVENT.as_bytes()).unwrap();
    let zstd = zstd::encode_all(EVENT.as_bytes(), 1).unwrap();
    for (headers, body) in [
        (vec![NDJSON], EVENT.as_bytes().to_vec()),
        (vec![JSON], EVENT.as_bytes().to_vec()),
        (vec![("content-type", "application/json; charset=utf-8")], format!("[{EVENT}]").into_bytes()),
        (vec![NDJSON, ("content-encoding", "gzip")], gzip.finish().unwrap()),
        (vec![NDJSON, ("content-encoding", "zstd")], zstd),
    ] {
        let reply = bench.post(&key, "/v1/events", &headers, body).await;
        assert_eq!((reply.parts.status.as_u16(), &reply.json()["accepted"]), (202, &json!(1)), "{headers:?}");
    }
}

#[tokio::test]
async fn an_atomic_batch_with_one_wrong_event_is_refused_as_a_whole_with_the_same_members() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let reply = bench.post(&key, "/v1/events?atomic=true", &[NDJSON], format!("{EVENT}\n{{}}")).await;
    assert_eq!(reply.problem(), is(422, "events-refused"));
    let document = reply.json();
    assert_eq!((&document["accepted"], &document["rejected"]), (&json!(0), &json!(1)));
    assert_eq!(document["errors"][0]["index"], 1);
    assert_eq!(bench.get(&key, "/v1/ingest/status").await.json()["events_waiting"], 0);
}

#[tokio::test(flavor = "current_thread")]
async fn waiting_for_the_reports_ends_with_the_same_body_when_they_do_not_come() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let reply = tokio::spawn({
        let router = bench.router.clone();
        let authorization = format!("Bearer {}", key.expose());
        async move {
            let request = Request::post("/v1/events?wait=applied").header(NDJSON.0, NDJSON.1);
            let request = request.header(header::AUTHORIZATION, authorization).body(Body::from(EVENT)).unwrap();
            router.oneshot(request).await.unwrap()
        }
    });
    while bench.state.ingest.status().events_waiting == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    let response = reply.await.unwrap();
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap();
    assert_eq!(body, json!({"accepted": 1, "rejected": 0, "errors": []}));
}

#[tokio::test]
async fn bodies_that_are_no_batch_are_refused_with_the_status_that_says_why() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Ingest).await;
    let many = format!("{EVENT}\n").repeat(100_001);
    let deep = "[".repeat(100_000);
    for (path, headers, body, problem) in [
        ("/v1/events", vec![JSON], b"{\"event\":".to_vec(), is(400, "malformed-request")),
        ("/v1/events", vec![JSON], deep.into_bytes(), is(400, "malformed-request")),
        ("/v1/events", vec![JSON], b"\xff\xfe".to_vec(), is(400, "malformed-request")),
        ("/v1/events", vec![NDJSON, ("content-encoding", "gzip")], b"x".to_vec(), is(400, "malformed-request")),
        ("/v1/events", vec![NDJSON], many.into_bytes(), is(413, "too-large")),
        ("/v1/events", vec![NDJSON], vec![b' '; (64 << 20) + 1], is(413, "too-large")),
        ("/v1/events", vec![], EVENT.into(), is(415, "unsupported-media-type")),
        ("/v1/events", vec![("content-type", "text/csv")], EVENT.into(), is(415, "unsupported-media-type")),
        ("/v1/events", vec![NDJSON, ("content-encoding", "br")], EVENT.into(), is(415, "unsupported-media-type")),
        ("/v1/events?account=b", vec![NDJSON], EVENT.into(), is(422, "invalid-parameter")),
    ] {
        assert_eq!(bench.post(&key, path, &headers, body).await.problem(), problem, "{path} {headers:?}");
    }
}

#[tokio::test]
async fn too_much_at_once_is_answered_with_when_to_come_back() {
    let bench = Bench::with(Admission::new(10, 1)).await;
    let key = bench.key("acme", Role::Admin).await;
    let reply = bench.post(&key, "/v1/events", &[NDJSON], EVENT).await;
    assert_eq!(reply.problem(), is(503, "overloaded"));
    assert_eq!(reply.header(header::RETRY_AFTER), "1");
    let _entered = bench.state.admission.enter(&"acme".parse().unwrap()).unwrap();
    for reply in [
        bench.post(&key, "/v1/events", &[NDJSON], EVENT).await,
        bench.get(&key, "/v1/reports/summary?from=2026-11-01&to=2026-11-02").await,
    ] {
        assert_eq!(reply.problem(), is(429, "too-many-requests"));
        assert_eq!(reply.header(header::RETRY_AFTER), "1");
    }
}

#[tokio::test]
async fn a_report_names_the_parameter_that_is_wrong() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Read).await;
    for (query, status, parameter) in [
        ("by=campaign&from=2026-11-01&to=2026-11-02&limit=0", 422, "limit"),
        ("by=campaign&from=2026-11-02&to=2026-11-01", 422, "to"),
        ("by=campaign&from=2026-11-01&to=2026-11-02&tz=Mars/Olympus", 422, "tz"),
        ("by=recipient&from=2026-11-01&to=2026-11-02", 422, "by"),
        ("by=campaign&from=2026-11-01&to=2026-11-02&format=pdf", 422, "format"),
        ("by=campaign&from=2026-11-01T10:07:00Z&to=2026-11-02", 422, "from"),
        ("by=campaign&by=subject&from=2026-11-01&to=2026-11-02", 422, "by"),
        ("by=campaign&from=2026-11-01&to=2026-11-02&account=other", 400, ""),
    ] {
        let reply = bench.get(&key, &format!("/v1/reports/split?{query}")).await;
        assert_eq!(reply.problem().0, status, "{query}");
        assert_eq!(reply.json()["parameter"].as_str().unwrap_or(""), parameter, "{query}");
    }
}

#[tokio::test]
async fn latencies_are_asked_for_like_a_split() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Read).await;
    for (query, status, parameter) in [
        ("latency?from=2026-11-01&to=2026-11-02&of=opening", 422, "of"),
        ("latency?from=2026-11-01&to=2026-11-02&by=campaign&limit=5000", 422, "limit"),
        ("latency?from=2026-11-01&to=2026-11-02&format=pdf", 422, "format"),
        ("latency?from=2026-11-01&to=2026-11-02&format=svg&width=1", 422, "width"),
        ("latency?from=2026-11-01&to=2026-11-02&basis=event", 400, ""),
        ("decay?from=2026-11-01&to=2026-11-02&filter=campaign", 422, "filter"),
        ("decay?from=2026-11-01&to=2026-11-02&by=nothing", 422, "by"),
        ("decay?from=2026-11-01&to=2026-11-02&of=open", 400, ""),
        ("decay?from=2026-11-01&to=2026-11-02", 503, ""),
    ] {
        let reply = bench.get(&key, &format!("/v1/reports/{query}")).await;
        assert_eq!(reply.problem().0, status, "{query}");
        assert_eq!(reply.json()["parameter"].as_str().unwrap_or(""), parameter, "{query}");
    }
    let request = Request::get("/v1/reports/decay?from=2026-11-01&to=2026-11-02")
        .header(header::AUTHORIZATION, format!("Bearer {}", key.expose()))
        .header(header::ACCEPT, "video/mp4");
    assert_eq!(bench.send(request.body(Body::empty()).unwrap()).await.problem(), is(406, "not-acceptable"));
}

#[tokio::test]
async fn the_same_questions_can_be_asked_by_a_document() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Read).await;
    let asked = json!({"by": ["campaign"], "from": "2026-11-01", "to": "2026-11-02", "limit": 0}).to_string();
    let reply = bench.post(&key, "/v1/reports/split", &[JSON], asked.clone()).await;
    assert_eq!((reply.problem().0, &reply.json()["parameter"]), (422, &json!("limit")));
    assert_eq!(bench.post(&key, "/v1/reports/split", &[JSON], "{").await.problem(), is(400, "malformed-request"));
    let reply = bench.post(&key, "/v1/reports/split", &[], asked).await;
    assert_eq!(reply.problem(), is(415, "unsupported-media-type"));
}

#[tokio::test]
async fn without_clickhouse_reports_are_unavailable_and_the_service_is_alive_but_not_ready() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Read).await;
    let reply = bench.get(&key, "/v1/reports/split?by=campaign&from=2026-11-01&to=2026-11-02").await;
    assert_eq!(reply.problem(), is(503, "reports-unavailable"));
    assert!(!reply.header(header::RETRY_AFTER).is_empty());

    let healthz = bench.send(Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(healthz.parts.status, StatusCode::OK);
    let readyz = bench.send(Request::get("/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!(readyz.problem(), is(503, "not-ready"));
    assert_eq!(readyz.json()["parts"]["clickhouse"], false);
    assert_eq!(readyz.json()["parts"]["metadata"], true);
}

#[tokio::test]
async fn a_format_that_nobody_has_is_not_acceptable() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Read).await;
    let request = Request::get("/v1/reports/summary?from=2026-11-01&to=2026-11-02")
        .header(header::AUTHORIZATION, format!("Bearer {}", key.expose()))
        .header(header::ACCEPT, "text/html");
    assert_eq!(bench.send(request.body(Body::empty()).unwrap()).await.problem(), is(406, "not-acceptable"));
}

#[tokio::test]
async fn admins_manage_the_keys_of_their_own_account_and_no_other() {
    let bench = Bench::new().await;
    let (admin, stranger) = (bench.key("acme", Role::Admin).await, bench.key("other", Role::Admin).await);
    let made = bench.post(&admin, "/v1/keys", &[JSON], r#"{"role":"read","name":"dashboard"}"#).await;
    assert_eq!(made.parts.status, StatusCode::CREATED);
    let made = made.json();
    let key = Token::presented(made["key"].as_str().unwrap());
    assert_eq!(made["account"], "acme");
    assert_eq!(bench.get(&key, "/v1/ingest/status").await.parts.status, StatusCode::OK);

    let listed = bench.get(&admin, "/v1/keys").await;
    assert_eq!(listed.json()["keys"].as_array().unwrap().len(), 2);
    assert!(!String::from_utf8_lossy(&listed.body).contains(key.expose()));
    assert_eq!(bench.get(&stranger, "/v1/keys").await.json()["keys"].as_array().unwrap().len(), 1);

    let revoke = |by: &Token| {
        let request = Request::delete(format!("/v1/keys/{}", key.id()));
        request.header(header::AUTHORIZATION, format!("Bearer {}", by.expose())).body(Body::empty()).unwrap()
    };
    assert_eq!(bench.send(revoke(&stranger)).await.problem(), is(404, "not-found"));
    let nobody = Request::delete("/v1/keys/%00%ff").header(header::AUTHORIZATION, format!("Bearer {}", admin.expose()));
    assert_eq!(bench.send(nobody.body(Body::empty()).unwrap()).await.problem(), is(404, "not-found"));
    assert_eq!(bench.send(revoke(&admin)).await.parts.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.get(&key, "/v1/ingest/status").await.problem(), is(401, "unauthenticated"));
}

#[tokio::test]
async fn a_wrong_path_and_a_wrong_method_are_problems_too() {
    let bench = Bench::new().await;
    let send = async |method: Method, path: &str| {
        bench.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    };
    assert_eq!(send(Method::GET, "/v2/events").await.problem(), is(404, "not-found"));
    let reply = send(Method::DELETE, "/v1/events").await;
    assert_eq!(reply.problem(), is(405, "method-not-allowed"));
    assert_eq!(reply.header(header::ALLOW), "POST");
}

#[tokio::test]
async fn a_request_id_that_a_client_chose_is_kept() {
    let bench = Bench::new().await;
    let request = Request::get("/nothing").header("x-request-id", "trace-42").body(Body::empty()).unwrap();
    let reply = bench.send(request).await;
    assert_eq!((reply.header("x-request-id"), &reply.json()["instance"]), ("trace-42", &json!("trace-42")));
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing_of_it() {
    async fn broken() -> StatusCode {
        panic!("pat@example.com")
    }
    let panics = Router::new()
        .route("/", axum::routing::get(broken))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(request::observe));
    let response = panics.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let reply = Reply { parts, body: to_bytes(body, 1 << 20).await.unwrap().to_vec() };
    assert_eq!(reply.problem(), is(500, "internal"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("pat@"));
}

#[tokio::test]
async fn the_documentation_needs_nothing_from_elsewhere() {
    let bench = Bench::new().await;
    let page = bench.send(Request::get("/docs/").body(Body::empty()).unwrap()).await;
    assert_eq!(page.parts.status, StatusCode::OK);
    assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("script-src 'self'"));
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("<script>"), "{text}");
    for file in ["swagger-ui-bundle.js", "swagger-ui.css", "swagger-initializer.js"] {
        let reply = bench.send(Request::get(format!("/docs/{file}")).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.parts.status, StatusCode::OK, "{file}");
    }
}

#[test]
fn the_specification_at_the_root_of_the_repository_is_the_one_that_is_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml");
    let file = std::fs::read_to_string(path).unwrap_or_default();
    assert!(file == crate::openapi::yaml(), "openapi.yaml is not current: run `cargo run -- openapi > openapi.yaml`");
}

#[test]
fn every_operation_is_named_described_and_says_what_it_answers_when_it_fails() {
    let document = serde_json::to_value(document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
                let content = response["content"].as_object().unwrap();
                assert!(
                    content.contains_key("application/problem+json") || status == "504",
                    "{method} {path} {status}"
                );
            }
            if path.starts_with("/v1/") && !is_its_own_key(path) {
                assert!(responses.contains_key("401") && responses.contains_key("403"), "{method} {path}");
            }
        }
    }
}

/// A request for the metrics from that address.
fn scrape(peer: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get("/metrics").extension(Peer(peer.parse().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn without_a_key_of_their_own_metrics_are_for_this_machine_alone() {
    let bench = Bench::new().await;
    for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let reply = bench.send(scrape(peer, &[])).await;
        assert_eq!((reply.parts.status, reply.header(header::CACHE_CONTROL)), (StatusCode::OK, "no-store"), "{peer}");
    }
    for peer in ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        assert_eq!(bench.send(scrape(peer, &[])).await.problem(), is(403, "forbidden"), "{peer}");
    }
    for header in ["forwarded", "x-forwarded-for", "x-real-ip", "via"] {
        let reply = bench.send(scrape("127.0.0.1", &[(header, "anything")])).await;
        assert_eq!(reply.problem(), is(403, "forbidden"), "{header}");
    }
    let nobody_knows_who = Request::get("/metrics").body(Body::empty()).unwrap();
    assert_eq!(bench.send(nobody_knows_who).await.problem(), is(403, "forbidden"));
}

#[tokio::test]
async fn with_a_key_of_their_own_metrics_are_for_whoever_has_it() {
    let key = Token::generate();
    let bench = Bench::telling(Admission::new(1 << 30, 8), Some(&key)).await;
    let admin = bench.key("acme", Role::Admin).await;
    let bearer = |token: &Token| format!("Bearer {}", token.expose());
    for peer in ["127.0.0.1", "192.0.2.1"] {
        let right = scrape(peer, &[("authorization", &bearer(&key)), ("via", "1.1 proxy")]);
        assert_eq!(bench.send(right).await.parts.status, StatusCode::OK, "{peer}");
        let other = scrape(peer, &[("authorization", &bearer(&admin))]);
        assert_eq!(bench.send(other).await.problem(), is(401, "unauthenticated"), "{peer}");
        assert_eq!(bench.send(scrape(peer, &[])).await.problem(), is(401, "unauthenticated"), "{peer}");
    }
}
