//! Webhooks of providers, end to end: made by the API, verified over their bytes, counted, kept when they cannot be decoded.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use postlens_tests::harness::{Client, Reply, Service, http, repository, signal, until};
use reqwest::Method;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

/// The fixtures' days.
const SPAN: &str = "from=2026-11-01&to=2026-12-15";
/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_secs(30);
/// What stands before the point of a P-256 key in its SPKI form.
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn fixture(provider: &str, name: &str) -> Vec<u8> {
    fs::read(repository().join(format!("fixtures/providers/{provider}/{name}.json"))).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

struct Source {
    client: Client,
    id: String,
    /// The webhook's path.
    path: String,
}

impl Source {
    fn create(client: Client, request: &Value) -> Self {
        let made = Client::send(client.request(Method::POST, "/v1/sources").json(request)).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
        let made: Value = made.json();
        let text = |name: &str| made[name].as_str().expect(name).to_owned();
        Self { id: text("id"), path: text("path"), client }
    }

    fn post(&self, body: &[u8], headers: &[(&str, String)]) -> Reply {
        post_to(&self.client, &self.path, body, headers)
    }

    fn get(&self, rest: &str) -> Reply {
        self.client.get(&format!("/v1/sources/{}{rest}", self.id), &[])
    }

    fn act(&self, method: Method, rest: &str, body: &Value) -> Reply {
        let request = self.client.request(method, &format!("/v1/sources/{}{rest}", self.id));
        Client::send(request.json(body)).unwrap()
    }

    fn stats(&self) -> Value {
        self.get("/stats").json()
    }

    /// The measures of all that is counted, once it is.
    fn measures(&self) -> Value {
        until("everything is applied", PATIENCE, || {
            let status: Value = self.client.get("/v1/ingest/status", &[]).json();
            (status["events_waiting"] == 0).then_some(())
        });
        let summary: Value = self.client.get(&format!("/v1/reports/summary?basis=event&{SPAN}"), &[]).json();
        summary["total"]["measures"].clone()
    }
}

fn post_to(client: &Client, path: &str, body: &[u8], headers: &[(&str, String)]) -> Reply {
    let mut request = http().post(client.url() + path).header("content-type", "application/json").body(body.to_vec());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    Client::send(request).unwrap()
}

#[test]
fn what_every_provider_posts_is_counted() {
    let service = Service::shared();
    for (provider, name, counted) in [
        ("sparkpost", "batch", "delivered"),
        ("mailgun", "delivered", "delivered"),
        ("sendgrid", "bounce", "failed"),
        ("postmark", "hard_bounce", "failed"),
        ("ses", "bounce_of_two", "failed"),
        ("mailjet", "batch", "clicks"),
        ("postal", "sent", "secured"),
        ("kumomta", "feedback", "complained"),
    ] {
        let source = Source::create(service.account().1, &json!({"provider": provider, "name": "all"}));
        let body = fixture(provider, name);
        let reply = source.post(&body, &[]);
        assert_eq!(reply.status, 200, "{provider}: {}", reply.text());
        let measures = source.measures();
        assert!(measures[counted].as_i64() >= Some(1), "{provider}: {measures}");
        let found: Value = source.client.get(&format!("/v1/messages?{SPAN}&limit=1"), &[]).json();
        let message = found["messages"][0]["id"].as_str().unwrap_or_else(|| panic!("{provider}: {found}"));
        let timeline: Value = source.client.get(&format!("/v1/messages/{message}"), &[]).json();
        assert_eq!(timeline["events"][0]["source"], json!(source.id), "{provider}: {timeline}");
        let before = source.stats()["duplicates"].as_u64().unwrap();
        let retry: Value = source.post(&body, &[]).json();
        assert_eq!(source.measures(), measures, "{provider}: a retry changes no number");
        let stats = source.stats();
        assert_eq!(
            stats["duplicates"].as_u64().map(|all| all - before),
            retry["accepted"].as_u64(),
            "{provider}: {stats}"
        );
    }
}

#[test]
fn a_type_that_is_unknown_is_acknowledged_and_counted() {
    let source = Source::create(Service::shared().account().1, &json!({"provider": "mailjet", "name": "of tomorrow"}));
    let reply = source.post(&fixture("mailjet", "future_type"), &[]);
    assert_eq!((reply.status, reply.json::<Value>()["ignored"].as_u64()), (200, Some(1)));
    // One that lacks what an event needs would not get better by being sent again.
    let reply = source.post(&fixture("mailjet", "wrong_without_message"), &[]);
    assert_eq!((reply.status, reply.json::<Value>()["rejected"].as_u64()), (200, Some(1)));
    let stats = source.stats();
    assert_eq!(stats["ignored_by_type"], json!({"typofix": 1}), "{stats}");
    assert_eq!(stats["rejected_by_reason"], json!({"missing_field": 1}), "{stats}");
    assert_eq!(stats["received"]["bodies"], 2, "{stats}");
}

#[test]
fn what_cannot_be_decoded_is_kept_and_decoded_once_more() {
    let source = Source::create(Service::shared().account().1, &json!({"provider": "postmark", "name": "rejects"}));
    let body = b"{\"RecordType\": \"Open\", oops pat@patients.example";
    assert_eq!(source.post(body, &[]).status, 400);
    let rejects: Value = source.get("/rejects").json();
    let number = rejects["rejects"][0]["number"].as_u64().expect("it is kept");
    assert!(!rejects.to_string().contains("patients.example"), "{rejects}");
    let kept = source.get(&format!("/rejects/{number}"));
    assert_eq!((kept.status, kept.body.as_slice()), (200, &body[..]));
    let replayed = source.act(Method::POST, "/rejects/replay", &json!({}));
    assert_eq!(replayed.status, 200, "{}", replayed.text());
    assert_eq!(replayed.json::<Value>()["remaining"], 1, "it is as wrong as before");
    assert!(matches!(source.act(Method::DELETE, &format!("/rejects/{number}"), &json!({})).status, 200 | 204));
    assert_eq!(source.get("/rejects").json::<Value>()["rejects"], json!([]));
}

#[test]
fn a_url_is_valid_until_its_overlap_is_over_and_tells_nobody_of_sources() {
    let service = Service::shared();
    let source = Source::create(service.account().1, &json!({"provider": "postmark", "name": "rotated"}));
    let body = fixture("postmark", "delivery");
    let rotate = |hours: u32| {
        let reply = source.act(Method::POST, "/token", &json!({"overlap_hours": hours}));
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
        reply.json::<Value>()["path"].as_str().unwrap().to_owned()
    };
    let second = rotate(1);
    assert_eq!((source.post(&body, &[]).status, post_to(&source.client, &second, &body, &[]).status), (200, 200));
    let third = rotate(0);
    assert_eq!(post_to(&source.client, &second, &body, &[]).status, 404);
    assert_eq!(post_to(&source.client, &third, &body, &[]).status, 200);
    let (wrong, nobodys) = (source.path.clone(), format!("/v1/hooks/000000000000/{}", "x".repeat(43)));
    let [wrong, nobodys] = [wrong, nobodys].map(|path| {
        let reply = post_to(&source.client, &path, &body, &[]);
        let mut problem: Value = reply.json();
        problem.as_object_mut().unwrap().remove("request_id");
        problem.as_object_mut().unwrap().remove("instance");
        (reply.status, problem)
    });
    assert_eq!(wrong, nobodys, "a wrong token and an unknown source look alike");
    let log = service.log();
    for path in [&source.path, &second, &third] {
        let token = path.rsplit('/').next().unwrap();
        assert!(!log.contains(token), "the log holds no token");
        assert!(!source.get("").text().contains(token), "nor does an answer");
    }
    let (_, stranger) = service.account();
    assert_eq!(stranger.get(&format!("/v1/sources/{}", source.id), &[]).status, 404);
    assert_eq!(source.act(Method::DELETE, "", &json!({})).status, 204);
    assert_eq!(post_to(&source.client, &third, &body, &[]).status, 404);
}

#[test]
fn a_body_that_mailgun_signed_is_taken_and_any_other_is_not() {
    let request = json!({"provider": "mailgun", "name": "signed",
        "verification": {"kind": "signature", "keys": ["first-key", "second-key"]}});
    let source = Source::create(Service::shared().account().1, &request);
    let event: Value = serde_json::from_slice(&fixture("mailgun", "delivered")).unwrap();
    let signed = |key: &str, time: u64, token: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let tag = hmac::sign(&key, format!("{time}{token}").as_bytes());
        let hex = tag.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let signature = json!({"timestamp": time.to_string(), "token": token, "signature": hex});
        serde_json::to_vec(&json!({"signature": signature, "event-data": event["event-data"]})).unwrap()
    };
    for (key, token) in [("first-key", "a"), ("second-key", "b")] {
        let body = signed(key, now(), &token.repeat(50));
        assert_eq!(source.post(&body, &[]).status, 200, "{key}");
        assert_eq!(source.post(&body, &[]).status, 406, "{key}: not again");
    }
    assert_eq!(source.post(&signed("another-key", now(), &"c".repeat(50)), &[]).status, 401);
    assert_eq!(source.post(&signed("first-key", now() - 86_400, &"d".repeat(50)), &[]).status, 406, "stale");
    assert_eq!(source.post(&fixture("mailgun", "delivered"), &[]).status, 406, "of another day, and of no key of ours");
    let stats = source.stats();
    assert_eq!((&stats["accepted"], &stats["repeated_bodies"]), (&json!(2), &json!(2)), "{stats}");
    assert!(stats["refused_by_reason"]["wrong"].as_u64() >= Some(1), "{stats}");
    let shown = source.get("").text();
    assert!(!shown.contains("first-key") && !shown.contains("second-key"), "{shown}");
}

#[test]
fn a_body_that_sendgrid_signed_is_taken_and_any_other_is_not() {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pair.as_ref(), &random).unwrap();
    let public = STANDARD.encode([&SPKI[..], pair.public_key().as_ref()].concat());
    let request = json!({"provider": "sendgrid", "name": "signed",
        "verification": {"kind": "signature", "keys": [public]}});
    let source = Source::create(Service::shared().account().1, &request);
    let body = fixture("sendgrid", "batch");
    let signed = |time: u64, body: &[u8]| {
        let time = time.to_string();
        let signature = pair.sign(&random, &[time.as_bytes(), body].concat()).unwrap();
        [
            ("X-Twilio-Email-Event-Webhook-Signature", STANDARD.encode(signature.as_ref())),
            ("X-Twilio-Email-Event-Webhook-Timestamp", time),
        ]
    };
    let headers = signed(now(), &body);
    assert_eq!(source.post(&body, &headers).status, 200);
    let again = source.post(&body, &headers);
    assert_eq!((again.status, &again.json::<Value>()["repeated"]), (200, &json!(true)));
    assert_eq!(source.post(&[&body[..], b" "].concat(), &headers).status, 401, "another byte");
    assert_eq!(source.post(&body, &[]).status, 401);
    assert_eq!(source.post(&body, &signed(now() - 7 * 86_400, &body)).status, 406, "stale");
}

#[test]
fn a_webhook_is_answered_while_the_engine_hangs() {
    let service = Service::start();
    let source = Source::create(service.account().1, &json!({"provider": "sendgrid", "name": "hang"}));
    signal(service.engine(), "STOP");
    let reply = source.post(&fixture("sendgrid", "delivered"), &[]);
    signal(service.engine(), "CONT");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(source.measures()["delivered"], 1);
}

/// Deliveries in SendGrid's words, so many.
fn deliveries(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let one = |number| {
        json!({"email": format!("p{number}@patients.example"), "timestamp": 1_795_183_387, "event": "delivered",
            "sg_event_id": format!("e{number}"), "sg_message_id": format!("m{number}.filter0001"), "tls": 0})
    };
    serde_json::to_vec(&numbers.map(one).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_webhook_says_when_the_queue_is_full_and_what_comes_again_is_counted_once() {
    const BODY: usize = 2_000;
    // Nobody listens there.
    let nowhere = ("POSTLENS_CLICKHOUSE_URL", "http://127.0.0.1:1");
    let service = Service::starting_with(&[nowhere, ("POSTLENS_SPOOL_LIMIT", "1MiB")]);
    let source = Source::create(service.account().1, &json!({"provider": "sendgrid", "name": "full"}));
    let mut kept = 0;
    let refused = (0..50)
        .map(|body| body * BODY..(body + 1) * BODY)
        .find_map(|numbers| {
            let reply = source.post(&deliveries(numbers), &[]);
            kept += if reply.status == 200 { BODY } else { 0 };
            (reply.status != 200).then_some(reply)
        })
        .expect("one mebibyte does not hold all of it");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert!(kept > 0);

    service.kill();
    service.set("POSTLENS_CLICKHOUSE_URL", "");
    service.restart();
    assert_eq!(source.measures()["delivered"], kept, "nothing that was answered 200 is lost");
    for body in 0..=kept / BODY {
        // A provider comes again as often as it is told to.
        until("there is room", PATIENCE, || {
            let reply = source.post(&deliveries(body * BODY..(body + 1) * BODY), &[]);
            assert!(matches!(reply.status, 200 | 503), "{}", reply.text());
            (reply.status == 200).then_some(())
        });
    }
    assert_eq!(source.measures()["delivered"], kept + BODY);
    assert_eq!(source.stats()["duplicates"], kept);
}

#[test]
fn what_a_provider_never_says_the_senders_own_system_says_before_or_after() {
    for queued_first in [true, false] {
        let source = Source::create(Service::shared().account().1, &json!({"provider": "sendgrid", "name": "story"}));
        let events: Value = serde_json::from_slice(&fixture("sendgrid", "click")).unwrap();
        let id = events[0]["sg_message_id"].as_str().unwrap().split('.').next().unwrap().to_owned();
        let queued = json!({"event": "queued", "time": "2026-11-20T14:00:00Z", "message_id": id,
            "recipient": events[0]["email"], "subject": "Your visit", "sender": "news@acme.example"});
        let send = || {
            assert_eq!(source.client.apply(&queued.to_string()).status, 200);
        };
        if queued_first {
            send();
        }
        assert_eq!(source.post(&fixture("sendgrid", "click"), &[]).status, 200);
        source.measures();
        if !queued_first {
            send();
        }
        let split: Value = source.client.get(&format!("/v1/reports/split?by=subject&{SPAN}"), &[]).json();
        let rows = split["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{split}");
        assert_eq!(rows[0]["key"]["subject"], "Your visit", "{split}");
        assert_eq!(rows[0]["measures"]["clicks"], 1, "{split}");
    }
}

#[test]
fn the_command_line_makes_shows_and_deletes_sources() {
    let service = Service::shared();
    let (_, client) = service.account();
    let run = |arguments: &[&str]| {
        let (url, key) = (service.url(), client.key().to_owned());
        service.attempt(&[&["sources", "--url", &url, "--key", &key], arguments].concat())
    };
    let (code, said) = run(&["create", "--provider", "postal", "--name", "by hand"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("/v1/hooks/"), "{said}");
    let (code, said) = run(&["list", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let list: Value = serde_json::from_str(&said).unwrap();
    let id = list["sources"][0]["id"].as_str().unwrap().to_owned();
    for command in ["show", "stats", "rejects", "rotate", "delete"] {
        let (code, said) = run(&[command, &id]);
        assert_eq!(code, Some(0), "{command}: {said}");
    }
    let (code, said) = run(&["show", &id]);
    assert!(code != Some(0) && !said.is_empty(), "{said}");
}
