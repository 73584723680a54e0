//! The tables are made wrong by hand: `postlens verify` and the scrubber notice and name what differs, `postlens rebuild` puts it right,
//! killed at any moment, too.

use std::{collections::BTreeSet, thread, time::Duration};

use chrono::{NaiveDate, TimeDelta};
use postlens_tests::{
    harness::{Engine, Service, signal, until},
    latency,
    oracle::Question,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use schema::Dimension;
use serde_json::Value;

use super::Account;
use crate::{budget::killed_rebuildings, traffic::Work};

/// Distinct events of an account: enough for every table to have many rows on many days.
const EVENTS: usize = 5_000;
/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_mins(1);

struct Bench {
    engine: Engine,
    service: Service,
    account: Account,
}

impl Bench {
    fn start(seed: u64, settings: &[(&str, &str)]) -> Self {
        let engine = Engine::start();
        let url = format!("http://{}", engine.address());
        let service = Service::with(&[settings, &[("POSTLENS_CLICKHOUSE_URL", &url)]].concat());
        let account = Account::of(&service, seed, EVENTS);
        Work::cut(&account.events, 900, seed).run(&account.client, 2);
        account.client.wait_applied(&account.events[0]);
        Self { engine, service, account }
    }

    /// Makes the tables wrong; `ACCOUNT` stands for the account.
    fn plant(&self, sql: &str) {
        self.engine.execute(&sql.replace("ACCOUNT", &self.account.name));
    }

    fn is_clean(&self) {
        let (code, said) = self.service.attempt(&["verify"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("Everything agrees"), "{said}");
    }

    /// What `verify` says of tables that are wrong.
    fn differs(&self) -> String {
        let (code, said) = self.service.attempt(&["verify"]);
        assert_eq!(code, Some(1), "{said}");
        for event in &self.account.events {
            assert!(!said.contains(&event.recipient), "no recipient is printed");
        }
        said
    }

    fn rebuild(&self, more: &[&str]) {
        let (code, said) = self.service.attempt(&[&["rebuild"], more].concat());
        assert_eq!(code, Some(0), "{said}");
    }

    fn status(&self) -> Value {
        self.account.client.get("/v1/ingest/status", &[]).json()
    }
}

/// A cell that nobody counted, in the midst of the traffic.
const STRANGE_CELL: &str = "INSERT INTO cube (account, basis, bucket, subject, queued, weight)
    SELECT account, basis, bucket, 'planted', 3, 3 FROM cube WHERE account = 'ACCOUNT' AND basis = 0 ORDER BY bucket LIMIT 1 OFFSET 100";
/// The same, known to one of the coarser grains alone.
const STRANGE_DAY: &str = "INSERT INTO coarse (account, basis, grain, bucket, subject, recipient_domain, queued, weight)
    SELECT account, basis, 'domain', toStartOfDay(bucket), 'planted', 'p.example', 3, 3 FROM cube WHERE account = 'ACCOUNT' AND basis = 1
    ORDER BY bucket LIMIT 1 OFFSET 100";
/// The same, known to its longer times alone.
const STRANGE_FOURTH: &str = "INSERT INTO coarse (account, basis, grain, bucket, subject, recipient_domain, queued, weight)
    SELECT account, basis, grain, bucket, 'planted', 'p.example', 3, 3 FROM coarse WHERE account = 'ACCOUNT' AND basis = 1 AND grain = 'fourth'
    ORDER BY bucket LIMIT 1";
const LOST_FOURTH: &str = "ALTER TABLE coarse DELETE WHERE account = 'ACCOUNT' AND grain = 'fourth' AND bucket = (
    SELECT min(bucket) FROM coarse WHERE account = 'ACCOUNT' AND grain = 'fourth')";
/// Latencies that nobody counted, and the loss of all that were: as after a migration of tables that had none.
const STRANGE_LATENCY: &str = "INSERT INTO cube (account, basis, bucket, subject, latencyMap.step, latencyMap.count)
    SELECT account, basis, bucket, 'planted', [700], [2] FROM cube WHERE account = 'ACCOUNT' AND basis = 0 ORDER BY bucket LIMIT 1 OFFSET 100";
const LOST_LATENCIES: &str = "ALTER TABLE rollup UPDATE `latencyMap.step` = [], `latencyMap.count` = []
    WHERE account = 'ACCOUNT' AND dimension = 'campaign'";
const LOST_ROW: &str = "ALTER TABLE rollup DELETE WHERE account = 'ACCOUNT' AND dimension = 'recipient_domain' AND (basis, bucket, value) IN (
    SELECT basis, bucket, value FROM rollup WHERE account = 'ACCOUNT' AND dimension = 'recipient_domain'
    GROUP BY basis, bucket, value HAVING sum(queued) > 0 ORDER BY basis, bucket, value LIMIT 1)";
const WRONG_STATE: &str = "INSERT INTO deliveries
    SELECT * REPLACE (version + 1 AS version, 'planted' AS outcome, 'nobody@planted.example' AS recipient)
    FROM deliveries FINAL WHERE account = 'ACCOUNT' LIMIT 1";
const LOST_STATE: &str = "INSERT INTO deliveries SELECT * REPLACE (version + 1 AS version, 1 AS deleted)
    FROM deliveries FINAL WHERE account = 'ACCOUNT' LIMIT 1";
const STRANGE_STATE: &str = "INSERT INTO deliveries SELECT * REPLACE (delivery + 1 AS delivery)
    FROM deliveries FINAL WHERE account = 'ACCOUNT' LIMIT 1";

#[test]
fn what_is_wrong_in_the_tables_is_named_and_put_right() {
    let bench = Bench::start(61, &[]);
    bench.is_clean();
    let planted = [
        (STRANGE_CELL, "cube account=ACCOUNT basis=sent", "subject=\"planted\" queued: expected 0, found 3"),
        (
            STRANGE_DAY,
            "coarse account=ACCOUNT basis=event",
            "grain=\"domain\" subject=\"planted\" recipient_domain=\"p.example\" queued: expected 0, found 3",
        ),
        (
            STRANGE_FOURTH,
            "coarse account=ACCOUNT basis=event",
            "grain=\"fourth\" subject=\"planted\" recipient_domain=\"p.example\" queued: expected 0, found 3",
        ),
        (LOST_FOURTH, "coarse account=ACCOUNT", "grain=\"fourth\""),
        (LOST_ROW, "rollup account=ACCOUNT", "dimension=\"recipient_domain\""),
        (
            STRANGE_LATENCY,
            "cube account=ACCOUNT basis=sent",
            "subject=\"planted\" latency step 700: expected 0, found 2",
        ),
        (LOST_LATENCIES, "rollup account=ACCOUNT basis=sent", "dimension=\"campaign\""),
        (WRONG_STATE, "deliveries account=ACCOUNT", "outcome: expected"),
        (LOST_STATE, "deliveries account=ACCOUNT", "row: expected present, found absent"),
        (STRANGE_STATE, "deliveries account=ACCOUNT", "row: expected absent, found present"),
    ];
    for (sql, row, what) in planted {
        bench.plant(sql);
        let (said, row) = (bench.differs(), row.replace("ACCOUNT", &bench.account.name));
        assert!(said.lines().any(|line| line.contains(&row) && line.contains(what)), "{row} … {what}: {said}");
        assert!(!said.contains("nobody@planted.example"), "{said}");
        bench.rebuild(&[]);
        bench.is_clean();
    }
    // The same again: what was put right once is put right again.
    bench.plant(STRANGE_CELL);
    bench.differs();
    bench.rebuild(&[]);
    bench.is_clean();
    let tally = bench.account.compare();
    let campaigns = Question { by: vec![Dimension::Campaign], limit: 1_000, ..bench.account.everything() };
    latency::latencies(&bench.account.client, &tally, &campaigns);
}

#[test]
fn a_rebuilding_that_clickhouse_refuses_is_given_up_and_events_go_on() {
    let bench = Bench::start(63, &[]);
    bench.plant(STRANGE_CELL);
    let said = bench.differs();
    let day = said.lines().find_map(|line| line.split_once(" at=")?.1.get(..10)).expect("a row has a day");
    let day: NaiveDate = day.parse().unwrap();
    let (from, to) = (day.to_string(), (day + TimeDelta::days(1)).to_string());
    bench.plant("RENAME TABLE rollup TO elsewhere");
    let (code, said) = bench.service.attempt(&["rebuild", "--from", &from, "--to", &to]);
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains("ClickHouse"), "{said}");
    bench.plant("RENAME TABLE elsewhere TO rollup");
    bench.account.client.report_plainly(&bench.account.events[..500]);
    assert_eq!(bench.status()["rebuilding"], Value::Null, "nothing waits for it");
    bench.rebuild(&["--from", &from, "--to", &to]);
    bench.is_clean();
    bench.account.compare();
}

#[test]
fn days_are_verified_and_put_right_by_themselves() {
    let bench = Bench::start(62, &[]);
    bench.plant(STRANGE_CELL);
    bench.plant(LOST_ROW);
    bench.plant(WRONG_STATE);
    let said = bench.differs();
    let wrong: BTreeSet<NaiveDate> =
        said.lines().filter_map(|line| line.split_once(" at=")?.1.get(..10)?.parse().ok()).collect();
    assert!((1..=3).contains(&wrong.len()), "{said}");
    let first = *wrong.first().unwrap();
    let right = (1..5).map(|days| first - TimeDelta::days(days)).find(|day| !wrong.contains(day)).unwrap();
    let on = |day: NaiveDate, command: &[&str]| {
        let (from, to) = (day.to_string(), (day + TimeDelta::days(1)).to_string());
        bench.service.attempt(&[command, &["--from", &from, "--to", &to]].concat())
    };
    let (code, said) = on(right, &["verify"]);
    assert_eq!(code, Some(0), "{said}");
    for day in wrong {
        let (code, said) = on(day, &["verify", "--account", &bench.account.name]);
        assert_eq!(code, Some(1), "{said}");
        let mut rows = said.lines().filter(|line| line.contains(" at="));
        assert!(rows.all(|line| line.contains(&format!(" at={day}"))), "{said}");
        for (account, command) in [("somebody-else", "verify"), ("", "rebuild"), ("", "verify")] {
            let account: &[&str] = if account.is_empty() { &[] } else { &["--account", account] };
            let (code, said) = on(day, &[&[command], account].concat());
            assert_eq!(code, Some(0), "{command} {day}: {said}");
        }
    }
    bench.is_clean();
    // A fourth of a month is seen and put right from each of its days.
    for sql in [STRANGE_FOURTH, LOST_FOURTH] {
        bench.plant(sql);
        let said = bench.differs();
        let firsts: BTreeSet<NaiveDate> =
            said.lines().filter_map(|line| line.split_once(" at=")?.1.get(..10)?.parse().ok()).collect();
        for first in firsts {
            let last = first + TimeDelta::days(6);
            for (command, expected) in [("verify", 1), ("rebuild", 0), ("verify", 0)] {
                let (code, said) = on(last, &[command]);
                assert_eq!(code, Some(expected), "{command} {last}: {said}");
                assert!(expected == 0 || said.contains(&format!(" at={first}")), "{said}");
            }
        }
        bench.is_clean();
    }
    bench.account.client.report_plainly(&bench.account.events[..500]);
    bench.account.compare();
    bench.is_clean();
}

#[test]
fn events_that_come_while_everything_is_rebuilt_are_acknowledged_and_counted() {
    let bench = Bench::start(63, &[]);
    let other = Account::of(&bench.service, 64, EVENTS);
    let work = Work::cut(&other.events, 300, 64);
    bench.plant(STRANGE_CELL);
    thread::scope(|scope| {
        scope.spawn(|| work.run(&other.client, 2));
        scope.spawn(|| bench.rebuild(&[]));
        let whole = bench.account.everything();
        for _ in 0..10 {
            assert_eq!(bench.account.client.get("/v1/reports/summary", &whole.parameters()).status, 200);
        }
    });
    other.client.report_plainly(&other.events[..1_000]);
    bench.account.compare();
    other.compare();
    bench.is_clean();
}

#[test]
fn a_rebuilding_can_be_killed_at_any_moment() {
    let bench = Bench::start(65, &[]);
    let mut random = StdRng::seed_from_u64(65);
    let other = Account::of(&bench.service, 66, EVENTS);
    let parts: Vec<_> = other.events.chunks(other.events.len().div_ceil(killed_rebuildings())).collect();
    for (number, part) in parts.iter().enumerate() {
        bench.plant([STRANGE_CELL, LOST_ROW, WRONG_STATE, LOST_STATE][number % 4]);
        thread::scope(|scope| {
            // The service goes away in its midst, unless it was quick.
            scope.spawn(|| bench.service.attempt(&["rebuild"]));
            let note = bench.service.directory().join("data/rebuild.json");
            until("the rebuilding begins", PATIENCE, || note.exists().then_some(()));
            other.client.report_plainly(part);
            thread::sleep(Duration::from_millis(random.random_range(0..600)));
            bench.service.kill();
        });
        bench.service.start_and_kill(Duration::from_millis(random.random_range(0..2000)));
        bench.service.restart();
    }
    bench.rebuild(&[]);
    bench.is_clean();
    other.compare();
    bench.account.compare();
}

#[test]
fn without_a_service_the_commands_work_by_themselves() {
    let service = Service::start();
    let account = Account::of(&service, 67, EVENTS);
    account.client.report_plainly(&account.events);
    account.client.wait_applied(&account.events[0]);
    assert_eq!(service.terminate(), Some(0));
    for command in ["verify", "rebuild", "verify"] {
        let (code, said) = service.attempt(&[command]);
        assert_eq!(code, Some(0), "{command}: {said}");
    }
    service.restart();
    account.compare();
}

#[test]
fn the_engine_can_be_killed_while_everything_is_verified() {
    let service = Service::start();
    let account = Account::of(&service, 69, EVENTS);
    account.client.report_plainly(&account.events);
    account.client.wait_applied(&account.events[0]);
    let said = thread::scope(|scope| {
        let verifying = scope.spawn(|| service.attempt(&["verify"]));
        thread::sleep(Duration::from_millis(100));
        signal(service.engine(), "KILL");
        verifying.join().unwrap()
    });
    assert_eq!(said.0, Some(0), "{}", said.1);
    account.compare();
}

#[test]
fn the_scrubber_tells_of_a_day_that_differs_until_it_is_put_right() {
    let bench = Bench::start(68, &[("POSTLENS_SCRUBBER_INTERVAL", "200ms")]);
    let (_, stranger) = bench.service.account();
    let scrubbed = |key: &str| bench.status()["scrubber"][key].as_u64().expect("a number");
    until("a day is checked", PATIENCE, || (scrubbed("days_checked") > 0).then_some(()));
    assert_eq!(scrubbed("days_differing"), 0);
    bench.plant(STRANGE_CELL);
    // Days are checked in no order: it may take many before it is this one's turn.
    until("the day is found", 10 * PATIENCE, || (scrubbed("days_differing") == 1).then_some(()));
    let of_stranger: Value = stranger.get("/v1/ingest/status", &[]).json();
    assert_eq!(of_stranger["scrubber"]["days_differing"], 0, "{of_stranger}");
    let metrics = bench.account.client.get("/metrics", &[]).text();
    assert!(metrics.contains("postlens_scrubbed_days_differing 1"), "{metrics}");
    assert!(bench.service.log().contains("are not what the events say"));
    bench.rebuild(&[]);
    until("the day is right", 10 * PATIENCE, || (scrubbed("days_differing") == 0).then_some(()));
    bench.is_clean();
}

#[test]
fn an_event_that_nobody_can_read_refuses_a_rebuilding_and_stops_no_other_event() {
    let bench = Bench::start(67, &[]);
    bench.plant("INSERT INTO events (account, kind) VALUES ('ACCOUNT', '')");
    for scope in [&[][..], &["--from", "2026-01-01", "--to", "2026-01-02"]] {
        let (code, said) = bench.service.attempt(&[&["rebuild"], scope].concat());
        assert_ne!(code, Some(0), "{said}");
        assert!(said.contains("a row that this Postlens cannot read"), "{said}");
    }
    Work::cut(&bench.account.events[..900], 900, 68).run(&bench.account.client, 1);
    bench.account.client.wait_applied(&bench.account.events[0]);
    bench.plant("ALTER TABLE events DELETE WHERE kind = '' SETTINGS mutations_sync = 1");
    bench.is_clean();
}
