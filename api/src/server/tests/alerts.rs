//! Alerts by HTTP: rules, channels, maintenance windows and observations.

use super::*;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn rule() -> Value {
    json!({"name": "Campaigns", "watch": "spam_rate", "when": {"above": 0.002}, "by": "campaign", "severity": "warning"})
}

#[tokio::test]
async fn every_account_has_the_default_rules_and_can_tune_and_restore_them() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let rules = bench.get(&key, "/v1/alerts/rules").await.json();
    let ids: Vec<_> = rules["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 8);
    assert_eq!(ids[..2], ["spam-warning", "spam-critical"]);

    let found = bench.get(&key, "/v1/alerts/rules/unencrypted").await.json();
    assert_eq!((&found["default"], &found["updated_at"]), (&json!(true), &Value::Null));
    let mut tuned = found["rule"].clone();
    assert_eq!(tuned["enabled"], false);
    tuned["enabled"] = json!(true);
    let reply = bench.call(&key, Method::PUT, "/v1/alerts/rules/unencrypted", tuned).await;
    assert_eq!(reply.parts.status, StatusCode::OK);
    assert_eq!(bench.get(&key, "/v1/alerts/rules/unencrypted").await.json()["rule"]["enabled"], true);
    let until = json!({"until": "2030-01-01T00:00:00Z"});
    let muted = bench.call(&key, Method::POST, "/v1/alerts/rules/unencrypted/mute", until).await.json();
    assert_eq!((&muted["muted_until"], &muted["rule"]["enabled"]), (&json!("2030-01-01T00:00:00.000Z"), &json!(true)));
    let deleted = bench.call(&key, Method::DELETE, "/v1/alerts/rules/unencrypted", Value::Null).await;
    assert_eq!(deleted.parts.status, StatusCode::NO_CONTENT);
    let restored = bench.get(&key, "/v1/alerts/rules/unencrypted").await.json();
    assert_eq!((&restored["rule"]["enabled"], &restored["muted_until"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn a_rule_is_made_and_one_that_is_none_is_refused_by_its_member() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let made = bench.post(&key, "/v1/alerts/rules", JSON, rule().to_string()).await;
    assert_eq!((made.parts.status, &made.json()["rule"]["window"]), (StatusCode::CREATED, &json!(["24h"])));
    for (member, value) in [
        ("watch", json!("nothing")),
        ("when", json!({"above": 7})),
        ("window", json!("1m")),
        ("severity", json!("terrible")),
        ("channels", json!(["missing"])),
        ("filter", json!(["x"])),
    ] {
        let mut wrong = rule();
        wrong[member] = value;
        let reply = bench.post(&key, "/v1/alerts/rules", JSON, wrong.to_string()).await;
        let document = reply.json();
        let malformed = reply.parts.status == StatusCode::BAD_REQUEST && member == "severity";
        assert!(malformed || document["parameter"] == member, "{member}: {document}");
    }
    let reply = bench.call(&key, Method::PUT, "/v1/alerts/rules/No%20Id", rule()).await;
    assert_eq!(reply.json()["parameter"], "id");
}

#[tokio::test]
async fn readers_see_and_admins_change_and_nobody_sees_another_account() {
    let bench = Bench::new().await;
    let (admin, reader) = (bench.key("acme", Role::Admin).await, bench.key("acme", Role::Read).await);
    let stranger = bench.key("other", Role::Admin).await;
    let id = bench.post(&admin, "/v1/alerts/rules", JSON, rule().to_string()).await.json()["id"].clone();
    let path = format!("/v1/alerts/rules/{}", id.as_str().unwrap());
    assert_eq!(bench.get(&reader, &path).await.parts.status, StatusCode::OK);
    assert_eq!(bench.call(&reader, Method::PUT, &path, rule()).await.parts.status, StatusCode::FORBIDDEN);
    for path in
        ["/v1/alerts", "/v1/alerts/history", "/v1/alerts/channels", "/v1/alerts/maintenance", "/v1/alerts/deliveries"]
    {
        assert_eq!(bench.get(&reader, path).await.parts.status, StatusCode::OK, "{path}");
    }
    assert_eq!(bench.get(&stranger, &path).await.parts.status, StatusCode::NOT_FOUND);
    assert_eq!(bench.call(&stranger, Method::DELETE, &path, Value::Null).await.parts.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_secret_of_a_channel_is_shown_when_it_is_made_and_never_again() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let channel = json!({"name": "ops", "kind": "webhook", "url": "https://ops.example.org/T0K3N"});
    let made = bench.post(&key, "/v1/alerts/channels", JSON, channel.to_string()).await.json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    assert_eq!((&made["target"], &made["least"]), (&json!("https://ops.example.org"), &json!("info")));
    let list = String::from_utf8(bench.get(&key, "/v1/alerts/channels").await.body).unwrap();
    assert!(!list.contains("T0K3N") && !list.contains(secret), "{list}");
    let rows = bench.state.keys.metadata().channels(&"acme".parse().unwrap()).await.unwrap();
    assert!(!format!("{rows:?}").contains("T0K3N"));

    for (wrong, member) in [
        (json!({"name": "", "kind": "slack", "url": "https://x.org"}), "name"),
        (json!({"name": "x", "kind": "slack", "url": "ftp://x.org"}), "url"),
        (json!({"name": "x", "kind": "webhook", "url": "https://x.org", "secret": "short"}), "secret"),
        (json!({"name": "x", "kind": "pagerduty", "routing_key": "no no"}), "routing_key"),
        (json!({"name": "x", "kind": "email", "to": ["nobody"]}), "to"),
    ] {
        let reply = bench.post(&key, "/v1/alerts/channels", JSON, wrong.to_string()).await;
        assert_eq!(reply.json()["parameter"], member, "{wrong}");
    }
    let reply = bench.post(&key, "/v1/alerts/channels", JSON, r#"{"name":"x","kind":"pigeon"}"#).await;
    assert_eq!(reply.parts.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn observations_are_taken_as_a_whole_or_not_at_all() {
    let bench = Bench::new().await;
    let (key, reader) = (bench.key("acme", Role::Ingest).await, bench.key("acme", Role::Read).await);
    let path = "/v1/observations/spam-rate";
    let observation = |domain: &str, day: &str, rate: f64| json!({"domain": domain, "day": day, "rate": rate});
    let today = bench.state.clock.now().to_datetime().unwrap().date_naive().to_string();
    let good = observation("Acme.ORG", &today, 0.004);
    for (bad, member) in [
        (observation("no domain", &today, 0.1), "domain"),
        (observation("a.org", "2026-13-01", 0.1), "day"),
        (observation("a.org", &today, 1.1), "rate"),
    ] {
        let reply = bench.call(&key, Method::PUT, path, json!({"observations": [good, bad]})).await;
        assert_eq!(reply.json()["parameter"], member);
    }
    assert_eq!(bench.get(&reader, path).await.json(), json!({"observations": []}));
    let stored = bench.call(&key, Method::PUT, path, json!({"observations": [good]})).await;
    assert_eq!(stored.json(), json!({"stored": 1}));
    let listed = bench.get(&reader, path).await.json();
    assert_eq!(listed["observations"][0]["domain"], "acme.org");
    assert_eq!(listed["observations"][0]["source"], "postmaster_tools");
}

#[tokio::test]
async fn times_limits_and_parameters_that_are_none_are_refused() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    for (path, parameter) in [
        ("/v1/alerts/history?limit=0", "limit"),
        ("/v1/alerts/deliveries?state=lost", "state"),
        ("/v1/alerts/deliveries?limit=1&limit=2", "limit"),
    ] {
        assert_eq!(bench.get(&key, path).await.json()["parameter"], parameter, "{path}");
    }
    assert_eq!(bench.get(&key, "/v1/alerts/history?x=1").await.parts.status, StatusCode::BAD_REQUEST);
    let window = json!({"from": "2026-11-21T22:00:00Z", "to": "2026-11-21T20:00:00Z"});
    assert_eq!(bench.call(&key, Method::POST, "/v1/alerts/maintenance", window).await.json()["parameter"], "to");
    let mute = json!({"until": "tomorrow"});
    assert_eq!(
        bench.call(&key, Method::POST, "/v1/alerts/rules/failures/mute", mute).await.json()["parameter"],
        "until"
    );
    for path in ["/v1/alerts/0123/acknowledge", "/v1/alerts/0123/mute"] {
        let reply = bench.call(
            &key,
            Method::POST,
            path,
            if path.ends_with("mute") { json!({"until": null}) } else { json!({}) },
        );
        assert_eq!(reply.await.parts.status, StatusCode::NOT_FOUND);
    }
}
