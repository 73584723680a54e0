//! Reports against the real engine, compared with a count by brute force over the same cells.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breakdown;
mod compared;
mod generate;
mod intervals;
mod judge;
mod latency;
mod migration;
mod properties;
mod support;

use std::time::Duration;

use generate::{START, time};
use query::{
    Body, Kind, Limits, QueryError, Report, ReportSpec, SeriesRequest, SplitRequest, SummaryRequest, from_pairs,
};
use schema::{AccountId, Basis, ClickHouse, Endpoint, Measure, Measures, Millis, OTHER};
use support::{Cell, database, insert};

#[test]
#[ignore = "is the engine that the other tests ask, not a test"]
fn engine() {
    support::serve_if_asked();
}

async fn ask(clickhouse: &ClickHouse, spec: &ReportSpec) -> Result<Report, QueryError> {
    let account: AccountId = "default".parse().unwrap();
    query::run(clickhouse, &account, spec, Millis(0), &Limits::default()).await
}

/// A cell of the account `default` on the `sent` basis with that many of each measure.
fn plain(domain: &str, count: i64) -> Cell {
    let mut measures = Measures::default();
    for measure in Measure::ALL {
        measures[*measure] = count;
    }
    Cell {
        account: "default".parse().unwrap(),
        basis: Basis::Sent,
        bucket: u32::try_from(START).unwrap(),
        campaign: String::new(),
        subject: String::new(),
        sender: String::new(),
        domain: domain.to_owned(),
        fields: Vec::new(),
        measures,
    }
}

fn whole_range(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let range = [("from".to_owned(), time(START)), ("to".to_owned(), time(START + 86_400))];
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    range.into_iter().chain(more).collect()
}

#[tokio::test]
async fn a_group_whose_deliveries_were_all_retracted_is_not_shown() {
    let clickhouse = database("retracted").await;
    insert(&clickhouse, &[plain("gone.example", 3), plain("here.example", 2)]).await;
    insert(&clickhouse, &[plain("gone.example", -3)]).await;
    let request: SplitRequest = from_pairs(whole_range(&[("by", "recipient_domain"), ("limit", "1")])).unwrap();
    let report = ask(&clickhouse, &ReportSpec::split(&request).unwrap()).await.unwrap();
    let Body::Split { rows, remainder, .. } = report.body() else { panic!("a split") };
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].key, ["here.example"]);
    assert_eq!(*remainder, None);
    assert_eq!(report.total()[Measure::Queued], 2);
}

#[tokio::test]
async fn only_the_account_s_own_rows_count() {
    let clickhouse = database("accounts").await;
    let foreign = Cell { account: "other".parse().unwrap(), ..plain("a.example", 7) };
    insert(&clickhouse, &[plain("a.example", 1), foreign]).await;
    let request: SummaryRequest = from_pairs(whole_range(&[])).unwrap();
    let report = ask(&clickhouse, &ReportSpec::summary(&request).unwrap()).await.unwrap();
    assert_eq!(report.spec().kind(), Kind::Summary);
    assert_eq!(report.total()[Measure::Queued], 1);
}

#[tokio::test]
async fn nothing_at_all_makes_reports_of_zeros() {
    let clickhouse = database("nothing").await;
    let split: SplitRequest = from_pairs(whole_range(&[("by", "subject")])).unwrap();
    let report = ask(&clickhouse, &ReportSpec::split(&split).unwrap()).await.unwrap();
    assert!(report.total().is_zero());
    let summary: SummaryRequest = from_pairs(whole_range(&[("measures", ""), ("rates", "")])).unwrap();
    let report = ask(&clickhouse, &ReportSpec::summary(&summary).unwrap()).await.unwrap();
    assert!(report.total().is_zero());
    for by in ["", "campaign", "campaign,field:x"] {
        let pairs = whole_range(&[("interval", "hour"), ("by", by), ("measures", ""), ("rates", "")]);
        let series: SeriesRequest = from_pairs(pairs).unwrap();
        let report = ask(&clickhouse, &ReportSpec::series(&series).unwrap()).await.unwrap();
        let Body::Series { times, remainder, .. } = report.body() else { panic!("a series") };
        assert_eq!((times.len(), remainder), (24, &None), "{by}");
    }
}

/// How many notes the report of these pairs has, and its groups with what they queued, most first.
async fn split(clickhouse: &ClickHouse, more: &[(&str, &str)]) -> (usize, Vec<(String, i64)>) {
    let request: SplitRequest = from_pairs(more.iter().copied()).unwrap();
    let report = ask(clickhouse, &ReportSpec::split(&request).unwrap()).await.unwrap();
    let Body::Split { rows, .. } = report.body() else { panic!("a split") };
    let rows = rows.iter().map(|row| (row.key.concat(), row.measures[Measure::Queued])).collect();
    (report.notes().len(), rows)
}

#[tokio::test]
async fn values_beyond_a_limit_are_one_group_and_the_report_says_so_where_it_may_hide_them() {
    let clickhouse = database("others").await;
    let from = |sender: &str, subject: &str, count| Cell {
        sender: sender.to_owned(),
        subject: subject.to_owned(),
        ..plain("a.example", count)
    };
    let cells = [from("me@a.example", "hello", 1), from("x@b.example", OTHER, 2), from("y@c.example", OTHER, 4)];
    let senders = ["me@a.example".to_owned(), schema::other_sender("x@b.example"), schema::other_sender("y@c.example")];
    let cells: Vec<_> = cells.into_iter().zip(senders).map(|(cell, sender)| Cell { sender, ..cell }).collect();
    insert(&clickhouse, &cells).await;
    let group = |key: &str, count| (key.to_owned(), count);
    // From whole days, and from a part of one.
    for to in [time(START + 86_400), time(START + 900)] {
        let ask = async |more: &[(&str, &str)]| {
            let range = [("from", time(START)), ("to", to.clone())];
            let range = range.iter().map(|(name, value)| (*name, value.as_str()));
            split(&clickhouse, &range.chain(more.iter().copied()).collect::<Vec<_>>()).await
        };
        assert_eq!(ask(&[("by", "sender")]).await, (1, vec![group(OTHER, 6), group("me@a.example", 1)]));
        assert_eq!(ask(&[("by", "subject"), ("limit", "1")]).await, (1, vec![group(OTHER, 6)]));
        let domains = vec![group("c.example", 4), group("b.example", 2), group("a.example", 1)];
        assert_eq!(ask(&[("by", "sender_domain")]).await, (0, domains));
        let filter = [("by", "campaign"), ("filter", "sender:is:(other)")];
        assert_eq!(ask(&filter).await, (1, vec![group("", 6)]));
        let filters = [("by", "subject"), ("filter", "subject:is:hello"), ("filter", "sender:contains:@a.example")];
        assert_eq!(ask(&filters).await, (2, vec![group("hello", 1)]), "what passes may be among the others");
        assert_eq!(ask(&[("by", "campaign"), ("filter", "sender_domain:is:c.example")]).await, (0, vec![group("", 4)]));
    }
    let (from, to) = (time(START + 86_400), time(START + 2 * 86_400));
    let later = [("from", from.as_str()), ("to", &to), ("by", "campaign"), ("filter", "subject:is:hello")];
    assert_eq!(split(&clickhouse, &later).await, (0, Vec::new()), "another day has no others");
}

#[tokio::test]
async fn mail_to_those_who_tell_of_no_complaints_does_not_dilute_the_rate_of_the_others() {
    let clickhouse = database("feedback").await;
    let cell = |domain: &str, delivered, complained| {
        let mut cell = plain(domain, 0);
        cell.measures[Measure::Delivered] = delivered;
        cell.measures[Measure::Complained] = complained;
        cell
    };
    insert(&clickhouse, &[cell("gmail.com", 90, 0), cell("yahoo.com", 10, 1), cell("aol.com", 30, 1)]).await;
    let pairs =
        [("by", "recipient_domain"), ("measures", "delivered"), ("rates", "spam_rate,fbl_spam_rate"), ("limit", "2")];
    let split: SplitRequest = from_pairs(whole_range(&[&pairs[..], &[("sort", "-delivered")]].concat())).unwrap();
    let report = ask(&clickhouse, &ReportSpec::split(&split).unwrap()).await.unwrap();
    let document = serde_json::to_value(&report).unwrap();
    let rates =
        |part: &serde_json::Value| (part["rates"]["spam_rate"].as_f64(), part["rates"]["fbl_spam_rate"].as_f64());
    assert_eq!(rates(&document["rows"][0]), (Some(0.0), None));
    assert_eq!(rates(&document["rows"][1]), (Some(1.0 / 30.0), Some(1.0 / 30.0)));
    assert_eq!(rates(&document["remainder"]), (Some(0.1), Some(0.1)));
    assert_eq!(rates(&document["total"]), (Some(2.0 / 130.0), Some(0.05)));
    let summary: SummaryRequest = from_pairs(whole_range(&[("measures", ""), ("rates", "fbl_spam_rate")])).unwrap();
    let report = ask(&clickhouse, &ReportSpec::summary(&summary).unwrap()).await.unwrap();
    assert_eq!(rates(&serde_json::to_value(&report).unwrap()["total"]), (None, Some(0.05)));
    let series: SeriesRequest = from_pairs(whole_range(&[("interval", "hour"), ("rates", "fbl_spam_rate")])).unwrap();
    assert_eq!(ReportSpec::series(&series).unwrap_err().parameter(), "rates");
}

#[tokio::test]
async fn sql_in_a_value_is_a_value() {
    let clickhouse = database("injection").await;
    insert(&clickhouse, &[plain("a.example", 1)]).await;
    for value in [
        "' OR 1=1 --",
        "x'; DROP TABLE cube; --",
        "{account:String}",
        "\\",
        "\0",
        "a\0b",
        "[]",
        "['a.example']",
        "%",
        "NULL",
        "\\N",
    ] {
        for op in ["is", "in", "contains", "starts_with"] {
            let filter = format!("recipient_domain:{op}:{value}");
            let request: SummaryRequest = from_pairs(whole_range(&[("filter", &filter)])).unwrap();
            let report = ask(&clickhouse, &ReportSpec::summary(&request).unwrap()).await.unwrap();
            assert!(report.total().is_zero(), "{filter}");
        }
        let filter = format!("recipient_domain:is_not:{value}");
        let request: SummaryRequest = from_pairs(whole_range(&[("filter", &filter)])).unwrap();
        let report = ask(&clickhouse, &ReportSpec::summary(&request).unwrap()).await.unwrap();
        assert_eq!(report.total()[Measure::Queued], 1, "{filter}");
    }
}

#[tokio::test]
async fn a_query_beyond_its_limits_is_too_expensive_and_a_missing_database_unavailable() {
    let clickhouse = database("limits").await;
    let cells: Vec<_> = (0..2_000).map(|number| plain(&format!("d{number}.example"), 1)).collect();
    insert(&clickhouse, &cells).await;
    let request: SplitRequest = from_pairs(whole_range(&[("by", "recipient_domain"), ("limit", "10000")])).unwrap();
    let spec = ReportSpec::split(&request).unwrap();
    let account: AccountId = "default".parse().unwrap();
    for limits in [Limits { rows: 100, ..Limits::default() }, Limits { memory: 100_000, ..Limits::default() }] {
        let error = query::run(&clickhouse, &account, &spec, Millis(0), &limits).await.unwrap_err();
        assert!(matches!(error, QueryError::TooExpensive(_)), "{limits:?}: {error:?}");
    }
    let nobody = ClickHouse::new(&Endpoint::Socket("/nonexistent/engine.sock".into()), "limits");
    let limits = Limits { time: Duration::from_secs(1), ..Limits::default() };
    let error = query::run(&nobody, &account, &spec, Millis(0), &limits).await.unwrap_err();
    assert!(matches!(error, QueryError::Unavailable(_)), "{error:?}");
}
