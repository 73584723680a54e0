//! Sources by HTTP, and the webhooks that they are. ClickHouse is away: a webhook does not need it.

use std::{fs, time::Duration};

use ring::hmac;

use super::*;

impl Bench {
    async fn source(&self, key: &Token, request: Value) -> Value {
        let reply = self.call(key, Method::POST, "/v1/sources", request).await;
        assert_eq!(reply.parts.status, StatusCode::CREATED, "{}", reply.json());
        reply.json()
    }

    async fn hook(&self, source: &Value, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        self.hook_at(source["path"].as_str().unwrap(), headers, body).await
    }

    async fn hook_at(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn of(&self, key: &Token, source: &Value, after: &str) -> Value {
        self.get(key, &format!("{}{after}", at(source))).await.json()
    }
}

fn at(source: &Value) -> String {
    format!("/v1/sources/{}", source["id"].as_str().unwrap())
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{}/../fixtures/providers/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A body of Mailgun's, signed now.
fn mailgun(key: &str, token: &str, at: Millis) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&fixture("mailgun/delivered.json")).unwrap();
    let time = at.0.div_euclid(1_000).to_string();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), format!("{time}{token}").as_bytes());
    let signature = blake3::Hash::from_slice(tag.as_ref()).unwrap().to_hex().to_string();
    body["signature"] = json!({"timestamp": time, "token": token, "signature": signature});
    body.to_string().into_bytes()
}

#[tokio::test]
async fn what_a_provider_posts_is_accepted_counted_and_never_needs_clickhouse() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let source = bench.source(&key, json!({"provider": "sendgrid", "name": "news"})).await;
    assert!(source["url"].as_str().unwrap().ends_with(source["path"].as_str().unwrap()));
    assert_eq!(source["last_seen_at"], Value::Null);

    let body = fixture("sendgrid/delivered.json");
    let reply = bench.hook(&source, &[], body.clone()).await;
    let answer = json!({"accepted": 1, "rejected": 0, "ignored": 0, "reasons": {}, "repeated": false});
    assert_eq!((reply.parts.status, reply.json()), (StatusCode::OK, answer));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&body).unwrap();
    let zipped = bench.hook(&source, &[("content-encoding", "gzip")], gzip.finish().unwrap()).await;
    assert_eq!(zipped.json()["accepted"], 1);
    let ignored = bench.hook(&source, &[], fixture("sendgrid/group_resubscribe.json")).await;
    assert_eq!((ignored.parts.status, &ignored.json()["ignored"]), (StatusCode::OK, &json!(1)));
    let unknown = bench.hook(&source, &[], r#"[{"event":"teleported","timestamp":1}]"#).await;
    assert_eq!((unknown.parts.status, &unknown.json()["ignored"]), (StatusCode::OK, &json!(1)));
    let wrong = bench.hook(&source, &[], fixture("sendgrid/wrong_without_time.json")).await;
    assert_eq!((wrong.parts.status, &wrong.json()["rejected"]), (StatusCode::OK, &json!(1)));

    assert_eq!(bench.state.ingest.status().events_waiting, 2);
    let stats = bench.of(&key, &source, "/stats").await;
    assert_eq!(stats["received"]["bodies"], 5);
    assert!(stats["received"]["bytes"].as_u64().unwrap() > 2 * body.len() as u64);
    assert_eq!((&stats["accepted"], &stats["rejected"], &stats["ignored"]), (&json!(2), &json!(1), &json!(2)));
    assert_eq!(stats["repeated_bodies"], 1);
    assert_eq!(stats["ignored_by_type"], json!({"group_resubscribe": 1, "teleported": 1}));
    assert_eq!(stats["rejected_by_reason"], json!({"missing_field": 1}));
    assert!(stats["last_seen_at"].is_string());
}

#[tokio::test]
async fn an_unknown_source_and_a_wrong_token_are_told_in_the_same_words() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let source = bench.source(&key, json!({"provider": "postmark", "name": "news"})).await;
    let (id, body) = (source["id"].as_str().unwrap(), fixture("postmark/delivery.json"));
    let mut told = Vec::new();
    for path in [
        format!("/v1/hooks/{id}/wrong"),
        format!("/v1/hooks/{id}/{}", "A".repeat(32)),
        format!("/v1/hooks/000000000000/{}", "A".repeat(32)),
        "/v1/hooks/%00/%00".to_owned(),
    ] {
        let reply = bench.hook_at(&path, &[("x-request-id", "same")], body.clone()).await;
        assert_eq!(reply.problem(), is(404, "not-found"), "{path}");
        told.push(reply.body);
    }
    assert!(told.iter().all(|text| *text == told[0]));
    assert_eq!(bench.state.ingest.status().events_waiting, 0);
    assert_eq!(bench.of(&key, &source, "/stats").await["received"]["bodies"], 0);
}

#[tokio::test]
async fn a_token_is_rotated_with_an_overlap_or_at_once() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let source = bench.source(&key, json!({"provider": "postmark", "name": "news"})).await;
    let first = source["path"].as_str().unwrap();
    let body = fixture("postmark/delivery.json");
    assert_eq!(bench.hook_at(first, &[], body.clone()).await.parts.status, StatusCode::OK);
    let path = format!("{}/token", at(&source));
    let second = bench.call(&key, Method::POST, &path, json!({})).await.json();
    assert!(second["token"]["previous_until"].is_string());
    let second = second["path"].as_str().unwrap();
    for path in [first, second] {
        assert_eq!(bench.hook_at(path, &[], body.clone()).await.parts.status, StatusCode::OK);
    }
    let third = bench.call(&key, Method::POST, &path, json!({"overlap_hours": 0})).await.json();
    assert_eq!(third["token"]["previous_until"], Value::Null);
    for (path, status) in [(first, 404), (second, 404), (third["path"].as_str().unwrap(), 200)] {
        assert_eq!(bench.hook_at(path, &[], body.clone()).await.parts.status.as_u16(), status);
    }
    let long = bench.call(&key, Method::POST, &path, json!({"overlap_hours": 721})).await;
    assert_eq!(long.json()["parameter"], "overlap_hours");
}

#[tokio::test]
async fn a_signature_is_demanded_where_a_key_is_set_and_two_keys_are_valid_while_one_is_changed() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let signature = json!({"kind": "signature", "keys": ["0ld-k3y"]});
    let source = bench.source(&key, json!({"provider": "mailgun", "name": "m", "verification": signature})).await;
    let now = bench.state.clock.now();
    let status = async |key: &str, token: &str, at: Millis| {
        let reply = bench.hook(&source, &[], mailgun(key, token, at)).await;
        if reply.parts.status == StatusCode::OK { is(200, "") } else { reply.problem() }
    };
    assert_eq!(status("0ld-k3y", "t1", now).await, is(200, ""));
    assert_eq!(status("0ld-k3y", "t1", now).await, is(406, "not-again"));
    assert_eq!(status("0th3r", "t2", now).await, is(401, "unverified"));
    assert_eq!(status("0ld-k3y", "t3", Millis(now.0 - 10 * 3_600_000)).await, is(406, "not-again"));
    assert_eq!(bench.hook(&source, &[], "{}").await.problem(), is(401, "unverified"));

    let path = at(&source);
    let change = |change: Value| bench.call(&key, Method::PATCH, &path, change);
    let two = change(json!({"next_secret": "n3w-k3y"})).await.json();
    assert_eq!(two["verification"]["secrets"].as_array().unwrap().len(), 2);
    assert_eq!((status("0ld-k3y", "t4", now).await, status("n3w-k3y", "t5", now).await), (is(200, ""), is(200, "")));
    let one = change(json!({"retire_secret": true})).await.json();
    assert_eq!(one["verification"]["secrets"], json!([two["verification"]["secrets"][1]]));
    assert_eq!(
        (status("0ld-k3y", "t6", now).await, status("n3w-k3y", "t7", now).await),
        (is(401, "unverified"), is(200, ""))
    );

    let counted = bench.of(&key, &source, "/stats").await;
    assert_eq!(counted["refused_by_reason"], json!({"missing": 1, "stale": 1, "wrong": 2}));
    assert_eq!((&counted["accepted"], &counted["repeated_bodies"]), (&json!(4), &json!(1)));
    let rows = bench.state.keys.metadata().sources(&"acme".parse().unwrap()).await.unwrap();
    let shown = [bench.get(&key, "/v1/sources").await.body, bench.get(&key, &at(&source)).await.body].concat();
    for text in [format!("{rows:?}"), String::from_utf8(shown).unwrap()] {
        assert!(!text.contains("k3y") && !text.contains(source["path"].as_str().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn numbers_of_a_source_hold_what_was_answered_though_others_store_them_or_give_up() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let source = bench.source(&key, json!({"provider": "sendgrid", "name": "busy"})).await;
    for bodies in 1..=20 {
        let reply = bench.hook(&source, &[], r#"[{"event":"teleported","timestamp":1}]"#).await;
        assert_eq!(reply.parts.status, StatusCode::OK);
        // Begun, and dropped before it ends.
        let _ = tokio::time::timeout(Duration::ZERO, bench.state.sources.flush(&bench.state.ingest)).await;
        assert_eq!(bench.of(&key, &source, "/stats").await["received"]["bodies"], bodies);
    }
}

#[tokio::test]
async fn a_request_that_sendgrid_repeats_is_answered_so_that_it_stops() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let vector: Value = serde_json::from_slice(&fixture("sendgrid/signed.json")).unwrap();
    let signature = json!({"kind": "signature", "keys": [vector["public_key"]]});
    let source = bench.source(&key, json!({"provider": "sendgrid", "name": "s", "verification": signature})).await;
    let text = |member: &str| vector[member].as_str().unwrap().to_owned();
    let (signature, timestamp) = (text("signature"), text("timestamp"));
    let headers = [
        ("x-twilio-email-event-webhook-signature", signature.as_str()),
        ("x-twilio-email-event-webhook-timestamp", timestamp.as_str()),
    ];
    // It was signed years ago.
    assert_eq!(bench.hook(&source, &headers, text("body")).await.problem(), is(406, "not-again"));
    assert_eq!(bench.hook(&source, &headers[..1], text("body")).await.problem(), is(401, "unverified"));
}

#[tokio::test]
async fn basic_credentials_and_a_header_of_one_s_own_protect_a_source_too() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let body = fixture("sparkpost/delivery.json");
    let basic = json!({"kind": "basic", "user": "spark", "passwords": ["p4ss"]});
    let source = bench.source(&key, json!({"provider": "sparkpost", "name": "b", "verification": basic})).await;
    let reply = bench.hook(&source, &[], body.clone()).await;
    assert_eq!(reply.problem(), is(401, "unverified"));
    assert!(reply.header(header::WWW_AUTHENTICATE).starts_with("Basic"));
    let right = [("authorization", "Basic c3Bhcms6cDRzcw==")];
    assert_eq!(bench.hook(&source, &right, body.clone()).await.json()["accepted"], 1);
    let ping = bench.hook(&source, &right, fixture("sparkpost/ping.json")).await;
    assert_eq!((ping.parts.status, &ping.json()["accepted"]), (StatusCode::OK, &json!(0)));

    let named = json!({"kind": "header", "name": "X-Secret", "values": ["p4ss"]});
    let source = bench.source(&key, json!({"provider": "sparkpost", "name": "h", "verification": named})).await;
    assert_eq!(bench.hook(&source, &[("x-secret", "pass")], body.clone()).await.problem(), is(401, "unverified"));
    assert_eq!(bench.hook(&source, &[("x-secret", "p4ss")], body).await.json()["accepted"], 1);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_kept_once_shown_and_replayed() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let source = bench.source(&key, json!({"provider": "sendgrid", "name": "s"})).await;
    let other = fixture("postmark/delivery.json");
    let text = "no JSON of pat@example.com";
    for body in [text.as_bytes(), text.as_bytes(), &other] {
        let reply = bench.hook(&source, &[], body.to_vec()).await;
        assert_eq!(reply.problem(), is(400, "undecodable"), "{}", String::from_utf8_lossy(&reply.body));
        assert!(!String::from_utf8(reply.body).unwrap().contains("pat@"));
    }
    let list = bench.of(&key, &source, "/rejects").await;
    let rejects = list["rejects"].as_array().unwrap();
    assert_eq!((rejects.len(), &rejects[1]["times"], &rejects[1]["bytes"]), (2, &json!(2), &json!(text.len())));
    let number = |reject: &Value| reject["number"].as_i64().unwrap();
    let path = format!("{}/rejects/{}", at(&source), number(&rejects[1]));
    assert_eq!(bench.get(&key, &path).await.body, text.as_bytes());
    let rows = bench.state.keys.metadata().reject(source["id"].as_str().unwrap(), number(&rejects[1])).await.unwrap();
    assert!(!format!("{rows:?}").contains("pat@"));

    // Nothing can be done for the one; the other is of another provider, whose source this becomes as if after an upgrade.
    let replay = bench.call(&key, Method::POST, &format!("{path}/replay"), Value::Null).await.json();
    assert_eq!((&replay["decoded"], &replay["remaining"]), (&json!(0), &json!(1)));
    assert!(replay["reason"].as_str().is_some_and(|reason| !reason.contains("pat@")));
    let mut row =
        bench.state.sources.find(&"acme".parse().unwrap(), source["id"].as_str().unwrap()).await.unwrap().unwrap();
    row.provider = ingest::Provider::Postmark;
    let ready = bench.state.sources.ready(row).unwrap();
    let all = bench.state.sources.replay_all(&bench.state.ingest, &ready).await.unwrap();
    assert_eq!((all.decoded, all.remaining, all.outcome.accepted), (1, 1, 1));
    assert_eq!(bench.of(&key, &source, "/rejects").await["rejects"].as_array().unwrap().len(), 1);

    assert_eq!(bench.call(&key, Method::DELETE, &path, Value::Null).await.parts.status, StatusCode::NO_CONTENT);
    for path in [path, format!("{}/rejects/x", at(&source))] {
        assert_eq!(bench.get(&key, &path).await.problem(), is(404, "not-found"));
    }
    let stats = bench.of(&key, &source, "/stats").await;
    assert_eq!(
        (&stats["undecodable_bodies"], &stats["rejects"], &stats["accepted"]),
        (&json!(3), &json!(0), &json!(1))
    );
}

#[tokio::test]
async fn mailgun_is_told_not_to_send_again_what_is_kept() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let source = bench.source(&key, json!({"provider": "mailgun", "name": "m"})).await;
    assert_eq!(bench.hook(&source, &[], "no JSON").await.problem(), is(406, "not-again"));
    assert_eq!(bench.of(&key, &source, "/stats").await["rejects"], 1);
}

#[tokio::test]
async fn a_body_that_cannot_be_kept_is_answered_so_that_it_comes_again() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let source = bench.source(&key, json!({"provider": "postmark", "name": "news"})).await;
    let body = fixture("postmark/delivery.json");
    let large = bench.hook(&source, &[], vec![b' '; (16 << 20) + 1]).await;
    assert_eq!(large.problem(), is(413, "too-large"));
    bench.state.ingest.close().await;
    let reply = bench.hook(&source, &[], body).await;
    assert_eq!(reply.problem(), is(503, "shutting-down"));
    assert!(!reply.header(header::RETRY_AFTER).is_empty());
}

#[tokio::test]
async fn admins_manage_the_sources_of_their_own_account_and_no_other() {
    let bench = Bench::new().await;
    let (admin, reader) = (bench.key("acme", Role::Admin).await, bench.key("acme", Role::Read).await);
    let (reporter, stranger) = (bench.key("acme", Role::Ingest).await, bench.key("other", Role::Admin).await);
    let source = bench.source(&admin, json!({"provider": "sendgrid", "name": "news"})).await;
    bench.hook(&source, &[], "no JSON").await;
    let path = at(&source);
    for (method, after) in [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::POST, "/token"),
        (Method::GET, "/stats"),
        (Method::GET, "/rejects"),
        (Method::GET, "/rejects/1"),
        (Method::POST, "/rejects/replay"),
        (Method::POST, "/rejects/1/replay"),
        (Method::DELETE, "/rejects/1"),
        (Method::DELETE, "/rejects"),
    ] {
        let path = format!("{path}{after}");
        let foreign = bench.call(&stranger, method.clone(), &path, json!({})).await;
        assert_eq!(foreign.problem(), is(404, "not-found"), "{method} {path}");
        for key in [&reader, &reporter] {
            assert_eq!(bench.call(key, method.clone(), &path, json!({})).await.problem(), is(403, "forbidden"));
        }
    }
    assert_eq!(bench.get(&stranger, "/v1/sources").await.json(), json!({"sources": []}));
    assert_eq!(bench.of(&admin, &source, "/rejects").await["rejects"].as_array().unwrap().len(), 1);
    let renamed =
        bench.call(&admin, Method::PATCH, &path, json!({"name": "other", "mapping": {"campaign": "none"}})).await;
    assert_eq!((&renamed.json()["name"], &renamed.json()["mapping"]), (&json!("other"), &json!({"campaign": "none"})));
    assert_eq!(bench.call(&admin, Method::DELETE, &path, Value::Null).await.parts.status, StatusCode::NO_CONTENT);
    let gone = bench.hook(&source, &[], fixture("sendgrid/delivered.json")).await;
    assert_eq!(gone.problem(), is(404, "not-found"));
}

#[tokio::test]
async fn a_source_that_is_none_is_refused_by_its_member_and_no_secret_is_repeated() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    for (request, parameter) in [
        (json!({"provider": "pigeon", "name": "x"}), "provider"),
        (json!({"provider": "ses", "name": " "}), "name"),
        (json!({"provider": "ses", "name": "x".repeat(201)}), "name"),
        (
            json!({"provider": "ses", "name": "x", "verification": {"kind": "signature", "keys": ["s3cret"]}}),
            "verification",
        ),
        (
            json!({"provider": "ses", "name": "x", "verification": {"kind": "sns", "topics": ["s3cret"]}}),
            "verification",
        ),
        (
            json!({"provider": "sendgrid", "name": "x", "verification": {"kind": "signature", "keys": ["s3cret"]}}),
            "verification",
        ),
        (
            json!({"provider": "mailgun", "name": "x", "verification": {"kind": "signature", "keys": ["a", "b", "s3cret"]}}),
            "verification",
        ),
        (json!({"provider": "mailgun", "name": "x", "mapping": {"campaign": {"metadata": ""}}}), "mapping"),
    ] {
        let reply = bench.call(&key, Method::POST, "/v1/sources", request.clone()).await;
        assert_eq!(reply.json()["parameter"], parameter, "{request}");
        assert!(
            !reply.json().to_string().contains("s3cret") || parameter == "verification" && request["provider"] == "ses"
        );
    }
    for request in [
        json!({"provider": "ses", "name": "x", "surprise": 1}),
        json!({"provider": "ses", "name": "x", "verification": {"kind": "pigeon"}}),
        json!({"provider": "ses", "name": "x", "mapping": {"fields": {"a": "no name"}}}),
    ] {
        let reply = bench.call(&key, Method::POST, "/v1/sources", request).await;
        assert_eq!(reply.problem(), is(400, "malformed-request"));
    }
    let source = bench.source(&key, json!({"provider": "ses", "name": "x"})).await;
    let change = bench.call(&key, Method::PATCH, &at(&source), json!({"next_secret": "s3cret"})).await;
    assert_eq!(change.json()["parameter"], "next_secret");
}

#[tokio::test]
async fn an_account_has_so_many_sources_and_no_more() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    for number in 0..50 {
        bench.source(&key, json!({"provider": "postal", "name": format!("{number}")})).await;
    }
    let reply = bench.call(&key, Method::POST, "/v1/sources", json!({"provider": "postal", "name": "one more"})).await;
    assert_eq!(reply.problem(), is(422, "invalid-parameter"));
}
