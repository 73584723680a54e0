//! The connector against a server that speaks the documented API: it checks assertions and tokens, and pages its answers.

#![expect(clippy::disallowed_types, reason = "Google refuses in its own form")]

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as Captured, Query, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject as _};
use schema::{ManualClock, Millis};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};

use super::{
    pull::Pulled,
    task::{Schedule, round},
    *,
};
use crate::{
    metadata::alerts::ObservationRow,
    sources::verify::tests::{FIRST, FIRST_PUBLIC, SECOND},
};

/// 2026-11-20T14:03:07.123Z.
const NOW: Millis = Millis(1_795_183_387_123);
const HOUR: i64 = 3_600_000;

/// What Google knows, and what it was asked.
#[derive(Default)]
struct Known {
    /// Items of the list of domains, a page each.
    domains: Vec<&'static str>,
    /// Answers about a domain, a page each.
    stats: Vec<Value>,
    /// Answered instead.
    refusal: Option<u16>,
    assertions: Vec<Value>,
    tokens: usize,
    questions: Vec<Value>,
}

type Shared = Arc<Mutex<Known>>;

struct Google {
    known: Shared,
    url: String,
    server: AbortHandle,
}

impl Drop for Google {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Google {
    async fn start(known: Known) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let known: Shared = Arc::new(Mutex::new(known));
        let router = Router::new()
            .route("/token", post(token))
            .route("/v2/domains", get(domains))
            .route("/v2/domains/{domain}/{question}", post(stats))
            .with_state((Arc::clone(&known), url.clone()));
        let server = tokio::spawn(axum::serve(listener, router).into_future()).abort_handle();
        Self { known, url, server }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }
}

/// Gives a token for an assertion that the first key signed.
async fn token(State((known, url)): State<(Shared, String)>, body: Bytes) -> Result<Json<Value>, StatusCode> {
    let form: std::collections::HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (signed, signature) = form["assertion"].rsplit_once('.').unwrap();
    let read = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let spki = SubjectPublicKeyInfoDer::from_pem_slice(FIRST_PUBLIC.as_bytes()).unwrap();
    let (_, parsed) = x509_parser::prelude::FromDer::from_der(spki.as_ref())
        .map(|(rest, info): (_, x509_parser::x509::SubjectPublicKeyInfo<'_>)| {
            (rest.len(), info.subject_public_key.data.into_owned())
        })
        .unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, parsed);
    if key.verify(signed.as_bytes(), &read(signature)).is_err() {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&read(header)).unwrap();
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    let claims: Value = serde_json::from_slice(&read(claims)).unwrap();
    assert_eq!(claims["aud"], format!("{url}/token"));
    let mut known = known.lock().unwrap();
    known.assertions.push(claims);
    known.tokens += 1;
    Ok(Json(json!({"access_token": format!("token-{}", known.tokens), "expires_in": 3599, "token_type": "Bearer"})))
}

/// Whether the request bears the latest token; refuses what is to be refused.
fn admit(known: &Known, headers: &HeaderMap) -> Result<(), StatusCode> {
    if let Some(refusal) = known.refusal {
        return Err(StatusCode::from_u16(refusal).unwrap());
    }
    let bears = headers.get("authorization").is_some_and(|value| *value == format!("Bearer token-{}", known.tokens));
    if bears { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
}

async fn domains(
    State((known, _)): State<(Shared, String)>,
    Query(query): Query<std::collections::HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let known = known.lock().unwrap();
    admit(&known, &headers)?;
    let place: usize = query["pageToken"].strip_prefix("p ").map_or(0, |number| number.parse().unwrap());
    let next = if place + 1 < known.domains.len() { format!("p {}", place + 1) } else { String::new() };
    let name = format!("domains/{}", known.domains[place]);
    Ok(Json(json!({"domains": [{"name": name, "permission": "READER"}], "nextPageToken": next})))
}

async fn stats(
    State((known, _)): State<(Shared, String)>,
    Captured((domain, question)): Captured<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    assert_eq!(question, "domainStats:query");
    let mut known = known.lock().unwrap();
    admit(&known, &headers)?;
    if domain == "refused.example" {
        return Err(StatusCode::FORBIDDEN);
    }
    let place: usize = body["pageToken"].as_str().unwrap().parse().unwrap_or(0);
    known.questions.push(body);
    let next = if place + 1 < known.stats.len() { (place + 1).to_string() } else { String::new() };
    let stats = known.stats.get(place).cloned().unwrap_or_else(|| json!([]));
    Ok(Json(json!({"domainStats": stats, "nextPageToken": next})))
}

/// A rate of a day in November 2026.
fn stat(day: u32, value: &Value) -> Value {
    json!({"metric": "spam_rate", "date": {"year": 2026, "month": 11, "day": day}, "value": value})
}

struct Bench {
    postmaster: Postmaster,
    clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
}

fn key_file(token_uri: &str, key: &str) -> String {
    let pem = &key[key.find("-----").unwrap()..];
    json!({"type": "service_account", "client_email": "reader@project.example", "private_key_id": "k1",
        "private_key": pem, "token_uri": token_uri})
    .to_string()
}

fn configured(
    dir: &std::path::Path,
    metadata: &Metadata,
    clock: &Arc<ManualClock>,
    (google, key, domains): (&Google, &str, &str),
) -> Postmaster {
    let path = dir.join("key.json");
    std::fs::write(&path, key_file(&format!("{}/token", google.url), key)).unwrap();
    let settings = config::Postmaster {
        key_file: Some(path),
        account: "acme".to_owned(),
        domains: domains.to_owned(),
        api: google.url.clone(),
        ..config::Postmaster::default()
    };
    let outgoing = (Outgoing::new(Permit::Anywhere).unwrap(), Permit::Anywhere);
    Postmaster::configured(&settings, outgoing, metadata.clone(), Arc::<ManualClock>::clone(clock)).unwrap().unwrap()
}

impl Bench {
    async fn new(google: &Google, domains: &str) -> Self {
        Self::with_key(google, FIRST, domains).await
    }

    async fn with_key(google: &Google, key: &str, domains: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metadata = Metadata::open(None, dir.path()).await.unwrap();
        metadata.ensure_account(&"acme".parse().unwrap(), NOW).await.unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let postmaster = configured(dir.path(), &metadata, &clock, (google, key, domains));
        Self { postmaster, clock, dir }
    }

    fn pass_time(&self, millis: i64) {
        self.clock.set(Millis(self.postmaster.clock.now().0 + millis));
    }

    async fn stored(&self) -> Vec<(String, String, f64)> {
        let rows = self.postmaster.metadata.observations(&self.postmaster.account, "2026-01-01").await.unwrap();
        assert!(rows.iter().all(|row| row.source == SOURCE));
        rows.into_iter().map(|ObservationRow { domain, day, rate, .. }| (domain, day, rate)).collect()
    }
}

fn six_hours() -> Schedule {
    Schedule::new(6 * HOUR)
}

#[tokio::test]
async fn what_google_tells_of_every_domain_and_day_is_stored_once_and_what_it_does_not_tell_is_not() {
    let known = Known {
        domains: vec!["News.Acme.example", "acme.example"],
        stats: vec![
            json!([stat(18, &json!({"doubleValue": 0.0012})), stat(17, &json!({"floatValue": 0}))]),
            json!([stat(16, &json!({})), stat(15, &json!({"doubleValue": 7})), stat(31, &json!({"doubleValue": 0.5})), {"metric": "another", "date": {"year": 2026, "month": 11, "day": 14}, "value": {"doubleValue": 0.5}}]),
        ],
        ..Known::default()
    };
    let google = Google::start(known).await;
    let bench = Bench::new(&google, "").await;
    let pulled = round(&bench.postmaster, "one", &mut six_hours()).await.unwrap();
    assert_eq!(pulled, Some(Pulled { domains: 2, failed: 0, rates: 4 }));
    let expected: Vec<_> = ["acme.example", "news.acme.example"]
        .iter()
        .flat_map(|domain| {
            [("2026-11-17", 0.0), ("2026-11-18", 0.0012)]
                .map(|(day, rate)| ((*domain).to_owned(), day.to_owned(), rate))
        })
        .collect();
    assert_eq!(bench.stored().await, expected);
    round(&bench.postmaster, "one", &mut six_hours()).await.unwrap();
    assert_eq!(bench.stored().await, expected);

    let known = google.known();
    let claims = &known.assertions[0];
    assert_eq!(
        (&claims["iss"], &claims["iat"], &claims["exp"]),
        (&json!("reader@project.example"), &json!(1_795_183_387), &json!(1_795_186_987))
    );
    let scopes: Vec<_> =
        claims["scope"].as_str().unwrap().split(' ').map(|scope| scope.rsplit('/').next().unwrap()).collect();
    assert_eq!(scopes, ["postmaster.traffic.readonly", "postmaster.domain"]);
    let question = &known.questions[0];
    let range = json!({"start": {"year": 2026, "month": 11, "day": 6}, "end": {"year": 2026, "month": 11, "day": 20}});
    assert_eq!(question["timeQuery"]["dateRanges"]["dateRanges"], json!([range]));
    assert_eq!(question["metricDefinitions"][0]["baseMetric"]["standardMetric"], "SPAM_RATE");
    assert_eq!(question["aggregationGranularity"], "DAILY");
    assert_eq!(known.tokens, 1, "a token is used as long as it is valid");
}

#[tokio::test]
async fn a_token_is_asked_for_again_when_it_runs_out_and_when_it_is_refused() {
    let google = Google::start(Known { stats: vec![json!([])], ..Known::default() }).await;
    let bench = Bench::new(&google, "acme.example").await;
    bench.postmaster.pull().await.unwrap();
    bench.pass_time(HOUR);
    bench.postmaster.pull().await.unwrap();
    assert_eq!(google.known().tokens, 2);
    // Google knows the token no more.
    google.known().tokens = 7;
    assert!(bench.postmaster.pull().await.is_err());
    bench.postmaster.pull().await.unwrap();
    assert_eq!(google.known().tokens, 8);
}

#[tokio::test]
async fn a_domain_that_is_refused_keeps_no_other_from_being_stored() {
    let known = Known { stats: vec![json!([stat(18, &json!({"doubleValue": 0.5}))])], ..Known::default() };
    let google = Google::start(known).await;
    let bench = Bench::new(&google, "refused.example, acme.example").await;
    assert_eq!(bench.postmaster.pull().await.unwrap(), Pulled { domains: 2, failed: 1, rates: 1 });
    let alone = Bench::new(&google, "refused.example").await;
    let error = crate::problem::chain(&alone.postmaster.pull().await.unwrap_err());
    assert!(error.contains("403"), "{error}");
}

#[tokio::test]
async fn what_google_refuses_is_waited_for_longer_and_longer() {
    let google = Google::start(Known { refusal: Some(429), ..Known::default() }).await;
    let bench = Bench::new(&google, "a.example,b.example").await;
    let mut schedule = six_hours();
    let mut tries = Vec::new();
    for minute in 0..60 {
        if round(&bench.postmaster, "one", &mut schedule).await.is_err() {
            tries.push(minute);
        }
        bench.pass_time(60_000);
    }
    assert_eq!(tries, [0, 5, 15, 35]);
    google.known().refusal = None;
    bench.pass_time(6 * HOUR);
    assert!(round(&bench.postmaster, "one", &mut schedule).await.unwrap().is_some());
    bench.pass_time(5 * HOUR);
    assert_eq!(round(&bench.postmaster, "one", &mut schedule).await.unwrap(), None);
    bench.pass_time(HOUR);
    assert!(round(&bench.postmaster, "one", &mut schedule).await.unwrap().is_some());
}

#[tokio::test]
async fn of_two_services_one_pulls_until_it_is_gone() {
    let google = Google::start(Known { stats: vec![json!([])], ..Known::default() }).await;
    let bench = Bench::new(&google, "acme.example").await;
    let second =
        configured(bench.dir.path(), &bench.postmaster.metadata, &bench.clock, (&google, FIRST, "acme.example"));
    let mut schedules = [six_hours(), six_hours()];
    assert!(round(&bench.postmaster, "one", &mut schedules[0]).await.unwrap().is_some());
    for _ in 0..20 {
        assert_eq!(round(&second, "two", &mut schedules[1]).await.unwrap(), None);
        assert_eq!(round(&bench.postmaster, "one", &mut schedules[0]).await.unwrap(), None);
        bench.pass_time(60_000);
    }
    bench.pass_time(11 * 60_000);
    assert!(round(&second, "two", &mut schedules[1]).await.unwrap().is_some());
}

#[tokio::test]
async fn answers_that_cannot_be_read_and_keys_that_are_not_known_are_errors_that_tell_nothing() {
    let google = Google::start(Known { stats: vec![json!("oops s3cret")], ..Known::default() }).await;
    let bench = Bench::new(&google, "acme.example").await;
    let error = crate::problem::chain(&bench.postmaster.pull().await.unwrap_err());
    assert!(error.contains("cannot be read") && !error.contains("s3cret"), "{error}");
    let stranger = Bench::with_key(&google, SECOND, "acme.example").await;
    let error = crate::problem::chain(&stranger.postmaster.pull().await.unwrap_err());
    assert!(error.contains("the access token") && error.contains("401"), "{error}");
}

#[tokio::test]
async fn a_wrong_setting_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = Metadata::open(None, dir.path()).await.unwrap();
    let path = dir.path().join("key.json");
    let wrong = |text: &str, settings: config::Postmaster| {
        std::fs::write(&path, text).unwrap();
        let outgoing = (Outgoing::new(Permit::Public).unwrap(), Permit::Public);
        let settings = config::Postmaster { key_file: Some(path.clone()), ..settings };
        let made = Postmaster::configured(&settings, outgoing, metadata.clone(), Arc::new(ManualClock::at(NOW)));
        made.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let (good, plain) = (key_file("https://token.example", FIRST), config::Postmaster::default);
    assert_eq!(wrong(&good, plain()), "");
    assert!(wrong("{}", plain()).contains("no key file of a service account"));
    assert!(wrong(&good.replace("BEGIN PRIVATE", "BEGIN PUBLIC"), plain()).contains("`private_key`"));
    assert!(wrong(&key_file("http://token.example", FIRST), plain()).contains("https://"));
    assert!(
        wrong(&good, config::Postmaster { api: "http://api.example".into(), ..plain() }).contains("postmaster.api")
    );
    assert!(wrong(&good, config::Postmaster { account: "a b/c".into(), ..plain() }).contains("postmaster.account"));
    let none = Postmaster::configured(
        &plain(),
        (Outgoing::new(Permit::Public).unwrap(), Permit::Public),
        metadata.clone(),
        Arc::new(ManualClock::at(NOW)),
    );
    assert!(none.unwrap().is_none());
}
