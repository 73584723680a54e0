//! The queue between the clients and the reports: it holds what ClickHouse cannot take yet, says when it is full, and loses nothing.

use fixtures::Event;
use postlens_tests::{
    check,
    harness::{Body, Encoding, Reply, Service},
    oracle::Question,
};
use serde_json::Value;

use crate::{
    refusals::refused,
    traffic::{self, Work},
};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

#[test]
fn without_clickhouse_events_are_kept_until_the_queue_is_full_and_counted_later() {
    let service = Service::starting_with(&[("POSTLENS_CLICKHOUSE_URL", NOWHERE), ("POSTLENS_SPOOL_LIMIT", "2MiB")]);
    let (account, client) = service.account();
    let options = traffic::options(51, 40_000);
    let events: Vec<Event> = fixtures::events(&options).collect();
    let mut kept = 0;
    let refusal: Reply = events
        .chunks(1_000)
        .find_map(|batch| {
            let reply = client.try_post("", Body::Ndjson.write(batch), Body::Ndjson, Encoding::Identity).unwrap();
            kept += if reply.status == 202 { batch.len() } else { 0 };
            (reply.status != 202).then_some(reply)
        })
        .expect("two mebibytes do not hold all of it");
    refused(&refusal, 503, "spool-full", "a full queue");
    assert!(refusal.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert!(kept > 0);
    let status: Value = client.get("/v1/ingest/status", &[]).json();
    assert_eq!(status["events_waiting"], kept, "{status}");
    assert!(status["error"].is_string() && status["oldest_waiting_ms"].is_number(), "{status}");
    let question = Question { by: vec!["subject".parse().unwrap()], ..traffic::everything(&options) };
    refused(&client.get("/v1/reports/split", &question.parameters()), 503, "reports-unavailable", "no ClickHouse");

    service.kill();
    service.set("POSTLENS_CLICKHOUSE_URL", "");
    service.restart();
    client.wait_applied(&events[0]);
    check::split(&client, &traffic::count(&account, &events[..kept]), &question);
    Work::cut(&events[kept..], 2_000, 51).run(&client, 2);
    client.wait_applied(&events[0]);
    check::split(&client, &traffic::count(&account, &events), &question);
    let status: Value = client.get("/v1/ingest/status", &[]).json();
    assert_eq!((&status["events_waiting"], &status["error"]), (&Value::from(0), &Value::Null), "{status}");
}
