//! Bodies of `POST /v1/events` that are too large, broken or hostile: each gets a clear answer, and what is right among them counts.

use fixtures::{Event, Kind};
use postlens_tests::{
    check::counted,
    harness::{Client, Encoding, Receipt, Reply, Report, Service},
};
use reqwest::{Method, blocking::Body};
use serde_json::{Value, json};

use crate::{refusals::refused, traffic};

/// The most that a body may be, decoded.
const MOST: usize = 64 << 20;

fn post(client: &Client, media_type: &str, encoding: Encoding, body: impl Into<Body>) -> Reply {
    let mut request = client.request(Method::POST, "/v1/events").header("content-type", media_type);
    if encoding != Encoding::Identity {
        request = request.header("content-encoding", encoding.name());
    }
    Client::send(request.body(body)).unwrap()
}

/// A valid event with further members.
fn event(more: &Value) -> Value {
    let mut event = json!({
        "event": "queued", "time": traffic::some_days_ago().timestamp(), "message_id": "m", "recipient": "pat@example.com"
    });
    for (key, value) in more.as_object().unwrap() {
        event[key] = value.clone();
    }
    event
}

/// How many deliveries the account is told of.
fn queued(client: &Client) -> i64 {
    let last = Event {
        kind: Kind::Queued,
        time: traffic::some_days_ago(),
        message_id: "the last one".into(),
        recipient: "last@example.com".into(),
        event_id: None,
        sender: None,
        subject: None,
        campaign: None,
        fields: std::collections::BTreeMap::new(),
        machine: None,
        class: None,
        method: None,
        url: None,
        reason: None,
    };
    client.wait_applied(&last);
    let report: Report =
        client.get("/v1/reports/summary", &[("from", "2024-01-01".into()), ("to", "2033-01-01".into())]).json();
    counted(&report.total)["queued"] - 1
}

#[test]
fn a_body_that_is_too_large_is_refused_however_it_is_packed() {
    let (_, client) = Service::shared().account();
    let blank = vec![b' '; MOST + 1];
    for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
        let reply = post(&client, "application/x-ndjson", encoding, encoding.encode(blank.clone()));
        refused(&reply, 413, "too-large", encoding.name());
    }
    let bomb = |encoding: Encoding| encoding.encode(vec![0; 1 << 30]);
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        refused(&post(&client, "application/json", encoding, bomb(encoding)), 413, "too-large", encoding.name());
    }
    let line = event(&json!({})).to_string() + "\n";
    refused(
        &post(&client, "application/x-ndjson", Encoding::Identity, line.repeat(100_001)),
        413,
        "too-large",
        "events",
    );
    let reply = post(&client, "application/x-ndjson", Encoding::Identity, blank[..MOST].to_vec());
    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(queued(&client), 0);
}

#[test]
fn a_body_that_is_not_what_its_headers_say_is_refused() {
    let (_, client) = Service::shared().account();
    let line = event(&json!({})).to_string();
    for media_type in
        ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
    {
        let reply = post(&client, media_type, Encoding::Identity, line.clone());
        refused(&reply, 415, "unsupported-media-type", media_type);
    }
    for encoding in ["br", "deflate", "gzip, gzip", "compress"] {
        let request = client
            .request(Method::POST, "/v1/events")
            .header("content-type", "application/x-ndjson")
            .header("content-encoding", encoding);
        refused(&Client::send(request.body(line.clone())).unwrap(), 415, "unsupported-media-type", encoding);
    }
    let packed = Encoding::Gzip.encode(line.clone().into_bytes());
    for (encoding, body) in [
        (Encoding::Gzip, line.clone().into_bytes()),
        (Encoding::Zstd, line.clone().into_bytes()),
        (Encoding::Gzip, packed[..packed.len() - 4].to_vec()),
        (Encoding::Gzip, [packed.as_slice(), b"more"].concat()),
        (Encoding::Zstd, packed),
    ] {
        refused(&post(&client, "application/x-ndjson", encoding, body), 400, "malformed-request", encoding.name());
    }
    assert_eq!(queued(&client), 0);
}

#[test]
fn json_that_is_broken_as_a_whole_is_refused_as_a_whole() {
    let (_, client) = Service::shared().account();
    let one = event(&json!({})).to_string();
    let deep = "[".repeat(1_000_000);
    let deep_object = "{\"a\":".repeat(1_000_000);
    let bodies = [
        "",
        " ",
        "7",
        "null",
        "\"x\"",
        "[1,",
        &format!("[{one}"),
        &format!("[{one}]]"),
        &format!("[{one},]"),
        &deep,
        &deep_object,
    ];
    for body in bodies {
        let context: String = body.chars().take(30).collect();
        let reply = post(&client, "application/json", Encoding::Identity, body.to_owned());
        refused(&reply, 400, "malformed-request", &context);
    }
    assert_eq!(queued(&client), 0);
}

#[test]
fn a_bad_event_is_told_and_keeps_no_other_from_counting() {
    let (_, client) = Service::shared().account();
    let good = |number: usize| event(&json!({"message_id": format!("good {number}")})).to_string();
    let text = |key: &str, value: &str| event(&json!({ key: value })).to_string();
    let raw = |from: &str, to: &str| event(&json!({})).to_string().replace(from, to);
    let time = traffic::some_days_ago().timestamp().to_string();
    let nested = format!("{{\"event\":{}", "[".repeat(200_000));
    let mut invalid = b"{\"event\":\"queued\",\"subject\":\"".to_vec();
    invalid.extend([0xff, 0xfe, b'"', b'}']);
    let bad: Vec<(Vec<u8>, &str)> = vec![
        (b"{broken".to_vec(), "invalid_json"),
        (b"nonsense".to_vec(), "invalid_json"),
        (b"[]".to_vec(), "invalid_event"),
        (b"7".to_vec(), "invalid_event"),
        (nested.into_bytes(), "invalid_json"),
        (b"{\"a\":\"\0\"}".to_vec(), "invalid_json"),
        (invalid, "invalid_utf8"),
        (b"{}".to_vec(), "missing_field"),
        (text("account", "other").into_bytes(), "unknown_field"),
        (text("event", "bounced").into_bytes(), "unknown_event"),
        (text("event", "queued'; DROP TABLE events; --").into_bytes(), "unknown_event"),
        (text("recipient", "pat").into_bytes(), "invalid_recipient"),
        (text("recipient", "p\u{0}t@example.com").into_bytes(), "invalid_recipient"),
        (text("recipient", &format!("{}@example.com", "p".repeat(400))).into_bytes(), "invalid_recipient"),
        (text("message_id", " <> ").into_bytes(), "invalid_message_id"),
        (text("sender", "a\nb@example.com").into_bytes(), "invalid_sender"),
        (text("subject", &"s".repeat(999)).into_bytes(), "too_long"),
        (text("class", "hard").into_bytes(), "not_applicable"),
        (raw(&time, "1e400").into_bytes(), "invalid_json"),
        (raw(&time, "1e300").into_bytes(), "invalid_type"),
        (raw(&time, &"9".repeat(400)).into_bytes(), "invalid_json"),
        (raw(&time, "-9223372036854775808").into_bytes(), "invalid_type"),
        (raw(&time, "\"0000-00-00T00:00:00Z\"").into_bytes(), "invalid_type"),
        (raw(&time, "\"2262-04-12T00:00:00Z\"").into_bytes(), "time_in_future"),
        (raw(&time, "0").into_bytes(), "time_too_old"),
        (raw(&time, "{}").into_bytes(), "invalid_type"),
        (event(&json!({"fields": {"a b": "x"}})).to_string().into_bytes(), "invalid_field_name"),
        (event(&json!({"fields": {"a'); --": "x"}})).to_string().into_bytes(), "invalid_field_name"),
        (event(&json!({"fields": {"a": {"b": "c"}}})).to_string().into_bytes(), "invalid_type"),
        (event(&json!({"machine": "yes"})).to_string().into_bytes(), "invalid_type"),
    ];
    let mut body = Vec::new();
    for (number, (line, _)) in bad.iter().enumerate() {
        body.extend([line.as_slice(), b"\n", good(number).as_bytes(), b"\r\n\n"].concat());
    }
    let reply = post(&client, "application/x-ndjson", Encoding::Zstd, Encoding::Zstd.encode(body.clone()));
    assert_eq!(reply.status, 202, "{}", reply.text());
    let receipt: Receipt = reply.json();
    assert_eq!((receipt.accepted, receipt.rejected), (bad.len(), bad.len()));
    for (number, ((line, code), error)) in bad.iter().zip(&receipt.errors).enumerate() {
        let shown: String = String::from_utf8_lossy(line).chars().take(80).collect();
        assert_eq!((error.index, error.code.as_str()), (2 * number, *code), "{shown}: {error:?}");
    }
    assert_eq!(queued(&client), i64::try_from(bad.len()).unwrap());

    let request = client.request(Method::POST, "/v1/events?atomic=true").header("content-type", "application/x-ndjson");
    let body = String::from_utf8_lossy(&body).replace("good", "none of these");
    let reply = Client::send(request.body(body)).unwrap();
    refused(&reply, 422, "events-refused", "atomic");
    assert_eq!(reply.json::<Value>()["errors"].as_array().unwrap().len(), bad.len());
    assert_eq!(queued(&client), i64::try_from(bad.len()).unwrap(), "an atomic body with an error changes nothing");
}

#[test]
fn only_the_first_hundred_errors_are_told_and_all_are_counted() {
    let (_, client) = Service::shared().account();
    let reply = post(&client, "application/x-ndjson", Encoding::Identity, "{}\n".repeat(5_000));
    let receipt: Receipt = reply.json();
    assert_eq!((reply.status, receipt.accepted, receipt.rejected, receipt.errors.len()), (202, 0, 5_000, 100));
}

#[test]
fn parameters_that_events_do_not_take_are_refused() {
    let (_, client) = Service::shared().account();
    for query in ["atomic=yes", "wait=1", "wait=applied&wait=applied", "account=other", "%00=1", "Atomic=true"] {
        let path = format!("/v1/events?{query}");
        let request = client.request(Method::POST, &path).header("content-type", "application/x-ndjson");
        let body = event(&json!({})).to_string();
        refused(&Client::send(request.body(body)).unwrap(), 422, "invalid-parameter", query);
    }
    assert_eq!(queued(&client), 0);
}
