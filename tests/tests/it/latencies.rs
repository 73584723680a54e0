//! Latencies and decay curves of random sets of events, in any order and any batches: the counts are the count, percentiles are within 5 %,
//! before and after merges.

use std::{collections::BTreeMap, sync::OnceLock};

use chrono::TimeDelta;
use fixtures::{Class, Event, Kind};
use postlens_tests::{
    harness::{Client, Engine, SECRET, Service},
    latency,
    oracle::{Filter, Oracle, Question, Test},
};
use proptest::prelude::*;
use schema::{Basis, Dimension};

use crate::{
    budget,
    properties::{beginning, report, reports},
};

/// A service upon an engine that takes orders.
struct Bench {
    engine: Engine,
    service: Service,
}

impl Bench {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Bench> = OnceLock::new();
        SHARED.get_or_init(|| {
            let engine = Engine::start();
            let url = format!("http://{}", engine.address());
            let service = Service::with(&[("POSTLENS_CLICKHOUSE_URL", &url)]);
            Self { engine, service }
        })
    }

    /// Has the tables sum up what can be.
    fn merge(&self) {
        for table in ["cube", "coarse", "rollup"] {
            self.engine.execute(&format!("OPTIMIZE TABLE {table} FINAL"));
        }
    }
}

/// Totals, single dimensions over whole days and over parts of them, several dimensions, filters, few rows.
fn questions() -> Vec<Question> {
    let question = |by: &str, from: i64, to: i64| Question {
        by: by.split(',').filter(|name| !name.is_empty()).map(|name| name.parse().unwrap()).collect(),
        basis: Basis::Sent,
        from: beginning() + TimeDelta::minutes(15 * from),
        to: beginning() + TimeDelta::minutes(15 * to),
        filters: Vec::new(),
        limit: 1_000,
    };
    let autumn = Filter { dimension: Dimension::Campaign, test: Test::Is("c".to_owned()) };
    vec![
        question("", -1, 3 * 96),
        question("", 0, 1),
        question("campaign", -300, 5 * 96),
        question("field:payer", -300, 5 * 96),
        question("recipient_domain", 1, 96),
        question("subject,sender", -1, 3 * 96),
        Question { limit: 1, ..question("sender", -300, 5 * 96) },
        Question { filters: vec![autumn], ..question("mailbox_provider", -300, 5 * 96) },
    ]
}

fn compare(client: &Client, oracle: &Oracle) {
    let tally = oracle.tally();
    for question in questions() {
        latency::latencies(client, &tally, &question);
        latency::decay(client, &tally, &question);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: budget::RANDOM_LATENCIES,
        max_shrink_time: u32::try_from(budget::SHRINKING.as_millis()).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_events_in_any_order_and_any_batches_give_the_latencies_before_and_after_merges((events, cuts) in reports()) {
        let bench = Bench::shared();
        let (account, client) = bench.service.account();
        let mut oracle = Oracle::new(&account, SECRET);
        report(&client, &mut oracle, &events, &cuts);
        compare(&client, &oracle);
        bench.merge();
        compare(&client, &oracle);
    }
}

/// An event of the message, so many milliseconds after the beginning.
fn event(kind: Kind, millis: i64) -> Event {
    Event {
        kind,
        time: beginning() + TimeDelta::milliseconds(millis),
        message_id: "m".to_owned(),
        recipient: "pat@gmail.com".to_owned(),
        event_id: None,
        sender: None,
        subject: None,
        campaign: Some("c".to_owned()),
        fields: BTreeMap::new(),
        machine: None,
        class: (kind == Kind::Failed).then_some(Class::Hard),
        method: None,
        url: None,
        reason: None,
    }
}

#[test]
fn what_comes_late_takes_back_what_was_told() {
    let bench = Bench::shared();
    let (account, client) = bench.service.account();
    let mut oracle = Oracle::new(&account, SECRET);
    // Delivered, opened late, opened earlier, and of another message: failed after all.
    let other = |kind, millis| Event { message_id: "n".to_owned(), ..event(kind, millis) };
    let steps = [
        vec![
            event(Kind::Queued, 0),
            event(Kind::Delivered, 1_500),
            other(Kind::Queued, 7),
            other(Kind::Delivered, 9_000),
        ],
        vec![event(Kind::Opened, 7_200_000)],
        vec![event(Kind::Opened, 59_999)],
        vec![other(Kind::Failed, 100_000)],
        vec![event(Kind::Clicked, 61_000)],
        vec![event(Kind::Delivered, 1_200)],
        vec![event(Kind::Queued, -90_000)],
    ];
    for events in steps {
        report(&client, &mut oracle, &events, &[(1, true)]);
        compare(&client, &oracle);
        bench.merge();
        compare(&client, &oracle);
    }
    let asked =
        [("from", "2020-01-01"), ("to", "2029-01-01"), ("format", "csv")].map(|(name, value)| (name, value.to_owned()));
    let text = client.get("/v1/reports/decay", &asked).text();
    assert!(
        text.starts_with(
            "age,seconds,delivered,opened,clicked,opened_share,clicked_share\r\n1m,60,1,0,0,0,0\r\n5m,300,1,1,1,1,1\r\n"
        ),
        "{text}"
    );
    let by = [("by", "campaign".to_owned()), ("total", "true".to_owned())];
    let text = client.get("/v1/reports/decay", &[&asked[..], &by].concat()).text();
    assert!(
        text.starts_with("campaign,age,seconds,delivered,") && text.contains("\r\n(total),1m,60,1,0,0,0,0\r\n"),
        "{text}"
    );
    let text = client
        .get(
            "/v1/reports/latency",
            &[&asked[..], &[("by", "campaign".to_owned()), ("of", "open,delivery".to_owned())]].concat(),
        )
        .text();
    let header =
        "campaign,delivery_count,delivery_p50,delivery_p90,delivery_p99,open_count,open_p50,open_p90,open_p99\r\nc,1,";
    assert!(text.starts_with(header), "{text}");

    let forms: [(&str, &[u8]); 5] =
        [("png", b"\x89PNG"), ("svg", b"<svg "), ("xlsx", b"PK"), ("parquet", b"PAR1"), ("ndjson", b"{\"")];
    for (format, begins) in forms {
        let mut asked = asked.to_vec();
        asked[2].1 = format.to_owned();
        for report in ["latency", "decay"] {
            let reply = client.get(&format!("/v1/reports/{report}"), &asked);
            let by_itself = format == "ndjson" && report == "latency";
            assert_eq!(reply.status, 200, "{report} {format}");
            assert!(reply.body.starts_with(begins) || by_itself && reply.body.is_empty(), "{report} {format}");
        }
    }
    let url = bench.service.url();
    let shown = |report: &str| {
        let range = ["--from", "2020-01-01", "--to", "2029-01-01", "--url", &url, "--key", client.key()];
        bench.service.command(&[&["report", report][..], &range].concat())
    };
    let (latency, decay) = (shown("latency"), shown("decay"));
    assert!(latency.contains("p99") && latency.contains("click"), "{latency}");
    let range = ["--from", "2020-01-01", "--to", "2029-01-01", "--url", &url, "--key", client.key()];
    let groups = bench.service.command(&[&["report", "decay", "--by", "campaign"][..], &range].concat());
    assert!(groups.contains("total") && groups.contains("clicked"), "{groups}");
    assert!(decay.contains("younger than") && decay.contains("of 1 delivered"), "{decay}");
}
