//! Saved filters by HTTP. ClickHouse is away: a report that says so was understood.

use super::*;

const SPLIT: &str = "/v1/reports/split?by=subject&from=2026-11-01&to=2026-11-08";

async fn put(bench: &Bench, key: &Token, name: &str, filter: Value) -> Reply {
    bench.call(key, Method::PUT, &format!("/v1/segments/{name}"), json!({"filter": filter})).await
}

#[tokio::test]
async fn a_segment_is_made_shown_changed_and_deleted() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    let tree = json!([{"any": ["campaign:is:autumn", {"dimension": "subject", "contains": "visit"}]}]);
    let made = put(&bench, &key, "visits", tree.clone()).await;
    assert_eq!((made.parts.status, &made.json()["filter"]), (StatusCode::OK, &tree));
    let changed = put(&bench, &key, "visits", json!("subject:is:x")).await;
    assert_eq!(changed.json()["filter"], json!(["subject:is:x"]));
    assert_eq!(changed.json()["created_at"], made.json()["created_at"]);
    assert_eq!(bench.get(&key, "/v1/segments/visits").await.json(), changed.json());
    assert_eq!(bench.get(&key, "/v1/segments").await.json()["segments"], json!([changed.json()]));
    let gone = bench.call(&key, Method::DELETE, "/v1/segments/visits", Value::Null).await;
    assert_eq!(gone.parts.status, StatusCode::NO_CONTENT);
    assert_eq!(bench.get(&key, "/v1/segments/visits").await.parts.status, StatusCode::NOT_FOUND);
    let gone = bench.call(&key, Method::DELETE, "/v1/segments/visits", Value::Null).await;
    assert_eq!(gone.parts.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_segment_is_refused_and_named() {
    let bench = Bench::new().await;
    let key = bench.key("acme", Role::Admin).await;
    for (name, filter, parameter) in [
        ("Visits", json!("subject:is:x"), "name"),
        ("a,b", json!("subject:is:x"), "name"),
        ("visits", json!([]), "filter"),
        ("visits", json!("topic:is:x"), "filter"),
        ("visits", json!({"segment": "other"}), "filter"),
    ] {
        let reply = put(&bench, &key, name, filter).await;
        assert_eq!(reply.parts.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {}", reply.json());
        assert_eq!(reply.json()["parameter"], parameter, "{name}");
    }
    let reader = bench.key("acme", Role::Read).await;
    assert_eq!(put(&bench, &reader, "visits", json!("subject:is:x")).await.parts.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.get(&reader, "/v1/segments").await.json(), json!({"segments": []}));
}

#[tokio::test]
async fn a_report_takes_the_segments_of_its_account_and_no_others() {
    let bench = Bench::new().await;
    let (key, other) = (bench.key("acme", Role::Admin).await, bench.key("other", Role::Admin).await);
    let none = bench.get(&key, &format!("{SPLIT}&segment=visits")).await;
    assert_eq!(none.parts.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.json()["detail"].as_str().unwrap().contains("this account has none"), "{}", none.json());
    put(&bench, &key, "visits", json!("subject:contains:visit")).await;
    put(&bench, &key, "small", json!("mailbox_provider:is_not:gmail")).await;
    put(&bench, &other, "theirs", json!("subject:is:secret")).await;

    for path in [format!("{SPLIT}&segment=visits"), format!("{SPLIT}&segment=visits,small&segment=visits")] {
        assert_eq!(bench.get(&key, &path).await.parts.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    for name in ["theirs", "", "visits,", "Visits"] {
        let reply = bench.get(&key, &format!("{SPLIT}&segment={name}")).await;
        assert_eq!(
            (reply.parts.status, &reply.json()["parameter"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("segment"))
        );
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.ends_with("there are small, visits"), "{detail}");
    }
    for (kind, more) in
        [("split", json!({"by": "subject"})), ("summary", json!({})), ("series", json!({"interval": "day"}))]
    {
        for (name, status) in
            [("visits", StatusCode::SERVICE_UNAVAILABLE), ("theirs", StatusCode::UNPROCESSABLE_ENTITY)]
        {
            let mut document = more.clone();
            document["from"] = json!("2026-11-01");
            document["to"] = json!("2026-11-08");
            document["filter"] = json!({"any": ["campaign:is:x", {"not": {"segment": name}}]});
            let reply = bench.call(&key, Method::POST, &format!("/v1/reports/{kind}"), document).await;
            assert_eq!(reply.parts.status, status, "{kind} {name}: {}", reply.json());
        }
    }
}
