//! Saved reports by HTTP.

use super::*;

const ALL: &str = "/v1/saved-reports";

async fn channel(bench: &Bench, key: &Token, settings: Value) -> String {
    let reply = bench.call(key, Method::POST, "/v1/alerts/channels", settings).await;
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn webhook(bench: &Bench, key: &Token) -> String {
    channel(bench, key, json!({"name": "hook", "kind": "webhook", "url": "https://ops.example.org/hook"})).await
}

fn weekly(channel: &str) -> Value {
    json!({"name": "Weekly", "channels": [channel], "format": "csv",
        "report": {"kind": "split", "range": "last_week", "document": {"by": ["subject"], "tz": "Europe/Berlin"}},
        "schedule": {"every": "weekly", "on": "monday", "at": "07:00"}})
}

#[tokio::test]
async fn a_report_is_saved_shown_changed_run_and_deleted() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let hook = webhook(&bench, &key).await;
    let made = bench.call(&key, Method::POST, ALL, weekly(&hook)).await;
    assert_eq!(made.parts.status, StatusCode::CREATED, "{}", made.json());
    let made = made.json();
    for (member, value) in weekly(&hook).as_object().unwrap() {
        assert_eq!(&made[member], value);
    }
    // Seven in Berlin.
    let next = made["next_at"].as_str().unwrap();
    assert!(next.ends_with("T06:00:00.000Z") || next.ends_with("T05:00:00.000Z"), "{next}");
    assert_eq!(bench.get(&key, ALL).await.json()["saved_reports"], json!([made]));
    let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
    assert_eq!(bench.get(&key, &path).await.json()["deliveries"], json!([]));

    let ordered = bench.call(&key, Method::POST, &format!("{path}/run"), Value::Null).await;
    assert_eq!(ordered.parts.status, StatusCode::ACCEPTED, "{}", ordered.json());
    let told = bench.get(&key, &path).await.json()["deliveries"][0].clone();
    assert_eq!((&told["delivery"], &told["channel"]), (&ordered.json()["delivery"], &json!(hook)));
    assert_eq!(told["state"], "waiting");
    let listed = bench.get(&key, "/v1/alerts/deliveries").await.json()["deliveries"][0].clone();
    assert_eq!((&listed["rule"], &listed["change"]), (&made["id"], &json!("report")));

    let mut changed = weekly(&hook);
    changed["schedule"] = Value::Null;
    let changed = bench.call(&key, Method::PUT, &path, changed).await;
    assert_eq!((changed.parts.status, &changed.json()["next_at"]), (StatusCode::OK, &Value::Null));
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND] {
        assert_eq!(bench.call(&key, Method::DELETE, &path, Value::Null).await.parts.status, status);
    }
}

#[tokio::test]
async fn what_cannot_be_delivered_is_not_saved() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let hook = webhook(&bench, &key).await;
    let slack = json!({"name": "slack", "kind": "slack", "url": "https://hooks.slack.example/x"});
    let slack = channel(&bench, &key, slack).await;
    let theirs = webhook(&bench, &bench.key("other", Role::Admin).await).await;
    for (pointer, value, parameter) in [
        ("/name", json!(""), "name"),
        ("/name", json!("x".repeat(201)), "name"),
        ("/channels", json!([slack]), "channels"),
        ("/channels", json!([theirs]), "channels"),
        ("/channels", json!(["none"]), "channels"),
        ("/channels", json!([hook, hook]), "channels"),
        ("/channels", json!([]), "channels"),
        ("/schedule/at", json!("25:00"), "at"),
        ("/schedule/on", json!("someday"), "on"),
        ("/report/range", Value::Null, "range"),
        ("/report/document/tz", json!("Mars/Olympus"), "tz"),
        ("/report/document", json!({"by": ["topic"]}), "by"),
        ("/report/document", json!({"by": ["subject"], "segment": "none"}), "segment"),
        ("/report/document", json!({"by": ["subject"], "from": "2026-11-01"}), "from"),
        ("/report/document", json!({"by": ["subject"], "format": "png"}), "format"),
        (
            "/report/document",
            json!({"by": ["subject"], "filter": format!("subject:is:{}", "x".repeat(70_000))}),
            "document",
        ),
    ] {
        let mut document = weekly(&hook);
        *document.pointer_mut(pointer).unwrap() = value;
        let reply = bench.call(&key, Method::POST, ALL, document).await;
        assert_eq!(reply.parts.status, StatusCode::UNPROCESSABLE_ENTITY, "{pointer}: {}", reply.json());
        assert_eq!(reply.json()["parameter"], parameter, "{pointer}: {}", reply.json());
    }
    let mut unknown = weekly(&hook);
    unknown["report"]["kind"] = json!("failures");
    assert_eq!(bench.call(&key, Method::POST, ALL, unknown).await.parts.status, StatusCode::BAD_REQUEST);
    let reader = bench.key("acme", Role::Read).await;
    assert_eq!(bench.call(&reader, Method::POST, ALL, weekly(&hook)).await.parts.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.get(&reader, ALL).await.json(), json!({"saved_reports": []}));
}

#[tokio::test]
async fn another_account_s_report_is_not_there() {
    let bench = Bench::new().await;
    let (key, other) = (bench.key("acme", Role::Admin).await, bench.key("other", Role::Admin).await);
    let hook = webhook(&bench, &key).await;
    let made = bench.call(&key, Method::POST, ALL, weekly(&hook)).await.json();
    let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
    for (method, after) in [(Method::GET, ""), (Method::PUT, ""), (Method::DELETE, ""), (Method::POST, "/run")] {
        let reply = bench.call(&other, method.clone(), &format!("{path}{after}"), weekly(&hook)).await;
        assert_eq!(reply.parts.status, StatusCode::NOT_FOUND, "{method}");
    }
}

#[tokio::test]
async fn a_segment_that_a_saved_report_uses_is_not_deleted() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let hook = webhook(&bench, &key).await;
    let segment = "/v1/segments/visits";
    bench.call(&key, Method::PUT, segment, json!({"filter": "subject:contains:visit"})).await;
    let mut document = weekly(&hook);
    document["report"]["document"]["filter"] = json!({"not": {"segment": "visits"}});
    let made = bench.call(&key, Method::POST, ALL, document).await.json();
    let kept = bench.call(&key, Method::DELETE, segment, Value::Null).await;
    assert_eq!((kept.parts.status, &kept.json()["saved_report"]), (StatusCode::CONFLICT, &made["id"]));
    let path = format!("{ALL}/{}", made["id"].as_str().unwrap());
    bench.call(&key, Method::DELETE, &path, Value::Null).await;
    let gone = bench.call(&key, Method::DELETE, segment, Value::Null).await;
    assert_eq!(gone.parts.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_an_account_refuses_is_refused_when_saved_and_when_run() {
    let mut bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let hook = webhook(&bench, &key).await;
    let mut document = weekly(&hook);
    document["report"]["document"]["compare"] = json!("previous");
    let made = bench.call(&key, Method::POST, ALL, document.clone()).await.json();
    bench.state.suppression = Arc::new("acme=11".parse().unwrap());
    bench.router = router(bench.state.clone());
    let run = format!("{ALL}/{}/run", made["id"].as_str().unwrap());
    for (path, body) in [(ALL, document), (run.as_str(), Value::Null)] {
        let reply = bench.call(&key, Method::POST, path, body).await;
        assert_eq!(reply.parts.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(reply.json()["parameter"], "compare");
    }
}
