//! Reports over `deliveries` and `events` against the real engine: the patterns, codes and providers of the database are those of the code.

#[path = "../../src/pattern.rs"]
#[expect(dead_code, reason = "of the module, what makes patterns of reasons is tested here")]
mod pattern;

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use query::{BreakdownSpec, FailuresRequest, Limits, LinksRequest, from_pairs};
use schema::{
    ClickHouse, ENHANCED_STATUS_PATTERN, MailboxProvider, Millis, REPLY_CODE_PATTERN, enhanced_status, reply_code,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    generate::START,
    support::{database, quoted},
};

#[derive(Deserialize)]
struct Answer {
    data: Vec<(String,)>,
}

/// What an expression makes of each of these reasons and recipients.
async fn computed(clickhouse: &ClickHouse, with: &str, expression: &str, rows: &[(String, String)]) -> Vec<String> {
    let mut all = Vec::new();
    for rows in rows.chunks(100) {
        let list =
            |of: fn(&(String, String)) -> &str| rows.iter().map(|row| quoted(of(row))).collect::<Vec<_>>().join(", ");
        let (reasons, recipients) = (list(|(reason, _)| reason), list(|(_, recipient)| recipient));
        let sql = format!(
            "WITH {with} SELECT {expression} FROM (SELECT row.1 AS number, row.2 AS reason, row.3 AS recipient \
             FROM (SELECT arrayJoin(arrayZip(range({}), [{reasons}], [{recipients}])) AS row)) ORDER BY number",
            rows.len()
        );
        let mut answer = clickhouse.client().query_raw(&sql).fetch_bytes("JSONCompact").unwrap();
        let answer: Answer = serde_json::from_slice(&answer.collect().await.unwrap()).unwrap();
        all.extend(answer.data.into_iter().map(|(text,)| text));
    }
    all
}

/// Random reasons, and recipients that some of them name.
fn reasons() -> Vec<(String, String)> {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let strategy = (pattern::tests::reasons(), "[a-z]{1,5}");
    let fixed = [
        "550 5.1.1 pat... User unknown, Pat; spam=pat 'patent'",
        "421 4.7.0 [TSS04] from 203.0.113.7; see https://postmaster.example/x#y",
        "455\u{10378}R: a combining letter behind the code",
        "smtp;\u{85}550\u{a0}5.7.1 blanks of other scripts",
        "550 blocked using zen.spamhaus.org [2001:db8::1] at Thu, 26 Nov 2026 16:22:03 +0000",
    ];
    let fixed = fixed.map(|text| (text.to_owned(), "pat".to_owned()));
    let random = (0..1_500).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    fixed.into_iter().chain(random).map(|(reason, local)| (reason, format!("{local}@example.com"))).collect()
}

#[tokio::test]
async fn the_database_folds_reasons_and_finds_codes_as_the_code_does() {
    let clickhouse = database("patterns").await;
    let reasons = reasons();
    let with = pattern::sql("reason", "recipient").join(", ");
    let patterns = computed(&clickhouse, &with, "pattern", &reasons).await;
    let extract = |found: &str| format!("extract(reason, {})", pattern::literal(found));
    let statuses = computed(&clickhouse, "1 AS one", &extract(ENHANCED_STATUS_PATTERN), &reasons).await;
    let replies = computed(&clickhouse, "1 AS one", &extract(REPLY_CODE_PATTERN), &reasons).await;
    assert_eq!(patterns.len(), reasons.len());
    for (place, (reason, recipient)) in reasons.iter().enumerate() {
        assert_eq!(patterns[place], pattern::tests::fold(reason, recipient), "{reason:?} to {recipient}");
        assert_eq!(statuses[place], enhanced_status(reason).unwrap_or_default(), "{reason:?}");
        let reply = reply_code(reason.trim()).map(|code| code.to_string()).unwrap_or_default();
        assert_eq!(replies[place], reply, "{reason:?}");
    }
}

#[tokio::test]
async fn the_database_knows_the_providers_of_domains() {
    let clickhouse = database("providers").await;
    let domains = [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.co.uk",
        "live.nl",
        "live.co",
        "yahoo.com.br",
        "yahoo.co.jp",
        "yahoo.example.com",
        "live.example",
        "xyahoo.de",
        "yahoo.de.",
        "aol.com",
        "icloud.com",
        "web.de",
        "ya.ru",
        "yandex.com.tr",
        "163.com",
        "example.org",
        "",
        "[192.0.2.1]",
    ];
    let rows = domains.map(|domain| (domain.to_owned(), String::new()));
    let names = computed(&clickhouse, "1 AS one", &MailboxProvider::sql_of_domain("reason"), &rows).await;
    let known: Vec<_> = domains.iter().map(|domain| MailboxProvider::of_domain(domain).name()).collect();
    assert_eq!(names, known);
}

/// Writes states of deliveries and events by hand: one that failed twice, one with marks of what is beyond limits, and one that was forgotten and
/// clicked in later.
async fn write(clickhouse: &ClickHouse) {
    let at = |seconds: i64| format!("toDateTime64({}, 3, 'UTC')", START + seconds);
    let none = "toDateTime64(0, 3, 'UTC')";
    let state = |delivery: u8,
                 version: u8,
                 recipient: &str,
                 campaign: &str,
                 others: &str,
                 (outcome, class): (&str, &str)| {
        let failed = if outcome == "failed" { at(7) } else { none.to_owned() };
        format!(
            "('default', toDate({sent}), {delivery}, {version}, 0, '{recipient}', '{domain}', '{campaign}', map('payer', 'p'), '{outcome}', '{class}', {sent}, {failed}, {others})",
            sent = at(1),
            domain = schema::domain_of(recipient),
        )
    };
    let states = [
        state(1, 1, "pat@gmail.com", "c", "0", ("delivered", "")),
        state(1, 2, "pat@gmail.com", "c", "0", ("failed", "hard")),
        state(2, 1, "sam@a.example", "d", "bitShiftLeft(toUInt128(1), 2)", ("failed", "soft")),
        state(3, 1, "ann@b.example", "c", "bitShiftLeft(toUInt128(1), 3)", ("delivered", "")),
    ];
    let event = |delivery: u8,
                 id: u8,
                 kind: &str,
                 seconds: i64,
                 campaign: &str,
                 url: &str,
                 reason: &str,
                 late: bool| {
        format!(
            "('default', {delivery}, {id}, '{kind}', {time}, 'x@gmail.com', '{campaign}', '{url}', '{reason}', {late})",
            time = at(seconds)
        )
    };
    let events = [
        event(1, 1, "failed", 5, "", "", "550 5.7.1 <pat@gmail.com>: no", false),
        event(1, 2, "failed", 7, "", "", "550 5.1.1 Pat: unknown", false),
        event(2, 3, "failed", 7, "", "", "452 full", false),
        event(3, 4, "clicked", 3, "", "https://x.example/a?token=1", "", false),
        event(3, 5, "clicked", 4, "", "https://x.example/u/ann%40b.example/x#2", "", false),
        event(4, 6, "clicked", 9, "", "https://x.example/a?token=2", "", true),
        event(4, 7, "opened", 8, "c", "", "", true),
    ];
    for sql in [
        format!(
            "INSERT INTO deliveries (account, sent_day, delivery, version, deleted, recipient, recipient_domain, campaign, fields, outcome, class, sent_at, failed_at, others) VALUES {}",
            states.join(", ")
        ),
        format!(
            "INSERT INTO events (account, delivery, event_id, kind, time, recipient, campaign, url, reason, late) VALUES {}",
            events.join(", ")
        ),
    ] {
        clickhouse.client().query_raw(&sql).execute().await.unwrap();
    }
}

/// The rows and the total of a report, by key: the first measure.
async fn told(clickhouse: &ClickHouse, spec: &BreakdownSpec) -> Vec<(String, i64)> {
    let account = "default".parse().unwrap();
    let report = query::breakdown(clickhouse, &account, spec, Millis(0), &Limits::default()).await.unwrap();
    let document = serde_json::to_value(&report).unwrap();
    let by = document["by"][0].as_str().unwrap();
    let first = if by == "url" { "clicks" } else { "failed" };
    assert_eq!(document["remainder"], json!(null));
    let rows = document["rows"].as_array().unwrap().iter();
    let rows = rows.map(|row| (row["key"][by].as_str().unwrap().to_owned(), row["measures"][first].as_i64().unwrap()));
    rows.chain([("total".to_owned(), document["total"]["measures"][first].as_i64().unwrap())]).collect()
}

#[tokio::test]
async fn late_clicks_forgotten_deliveries_and_values_beyond_limits_count_as_over_the_cube() {
    let clickhouse = database("breakdowns").await;
    write(&clickhouse).await;
    let group = |key: &str, count| (key.to_owned(), count);
    for basis in ["sent", "event"] {
        let failures = |by: &'static str, filter: &'static str| {
            let more = [("by", by), ("basis", basis), ("filter", filter)];
            BreakdownSpec::failures(&from_pairs::<FailuresRequest, _, _>(crate::whole_range(&more)).unwrap()).unwrap()
        };
        let any = "campaign:is_not:x";
        assert_eq!(
            told(&clickhouse, &failures("reason", any)).await,
            [group("452 full", 1), group("550 5.1.1 <address>: unknown", 1), group("total", 2)]
        );
        assert_eq!(
            told(&clickhouse, &failures("status", any)).await,
            [group("452", 1), group("5.1.1", 1), group("total", 2)]
        );
        assert_eq!(told(&clickhouse, &failures("class", "campaign:is:c")).await, [group("hard", 1), group("total", 1)]);
        assert_eq!(
            told(&clickhouse, &failures("class", "campaign:is:(other)")).await,
            [group("soft", 1), group("total", 1)]
        );
        assert_eq!(
            told(&clickhouse, &failures("class", "field:clinic:is:(none)")).await,
            [group("hard", 1), group("soft", 1), group("total", 2)]
        );
        assert_eq!(told(&clickhouse, &failures("class", "campaign:is:d")).await, [group("total", 0)]);
        assert_eq!(
            told(&clickhouse, &failures("domain", "mailbox_provider:is:gmail")).await,
            [group("gmail.com", 1), group("total", 1)]
        );
        let links = |filter: &'static str| {
            let more = [("basis", basis), ("filter", filter)];
            BreakdownSpec::links(&from_pairs::<LinksRequest, _, _>(crate::whole_range(&more)).unwrap()).unwrap()
        };
        let (page, address) = ("https://x.example/a", "https://x.example/u/<address>/x");
        assert_eq!(
            told(&clickhouse, &links("campaign:is:c")).await,
            [group(page, 2), group(address, 1), group("total", 3)]
        );
        assert_eq!(
            told(&clickhouse, &links("field:payer:is:(other)")).await,
            [group(page, 1), group(address, 1), group("total", 2)]
        );
        assert_eq!(told(&clickhouse, &links("mailbox_provider:is:gmail")).await, [group(page, 1), group("total", 1)]);
    }
}
