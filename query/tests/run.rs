//! Reports against the real engine, compared with a count by brute force over the same cells.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{collections::BTreeMap, time::Duration};

use chrono_tz::Tz;
use proptest::{prelude::*, strategy::ValueTree};
use query::{
    Body, Kind, Limits, QueryError, Report, ReportSpec, SeriesRequest, SplitRequest, SummaryRequest, from_pairs,
};
use schema::{AccountId, Basis, ClickHouse, Endpoint, Measure, Measures, Millis, Rate};
use support::{
    Cell,
    brute::{Check, Question, label},
    database, insert,
};

#[test]
#[ignore = "is the engine that the other tests ask, not a test"]
fn engine() {
    support::serve_if_asked();
}

/// 2026-10-25T00:00:00Z: a week in which London, Lord Howe's neighbours and New York change their clocks.
const START: i64 = 1_792_886_400;
const QUARTERS: u32 = 9 * 96;
const ZONES: [&str; 7] = [
    "UTC",
    "America/New_York",
    "Europe/London",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Adelaide",
    "Pacific/Chatham",
];
const DIMENSIONS: [&str; 8] = [
    "subject",
    "sender",
    "sender_domain",
    "recipient_domain",
    "mailbox_provider",
    "campaign",
    "field:payer",
    "field:clinic",
];

/// Values with everything that could break a quoting.
const SUBJECTS: [&str; 9] = [
    "",
    "Your visit",
    "a|b\\c",
    "it's \"q\" `t` {account:String}",
    "tab\tand\nline",
    "Grüße 🏥",
    "%_?",
    "\\N",
    "a\u{1}b",
];

fn text(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(values).prop_map(str::to_owned)
}

fn cell() -> impl Strategy<Value = Cell> {
    let place = (prop::sample::select(vec!["default", "other"]), any::<bool>(), 0..QUARTERS);
    let names = (
        text(&SUBJECTS),
        text(&["", "autumn", "winter"]),
        text(&["", "news@acme.org", "info@clinic.example"]),
        text(&["gmail.com", "yahoo.com", "example.org", "xn--bcher-kva.example"]),
        text(&["", "p1", "p'2"]),
        text(&["", "north"]),
    );
    let counts = prop::collection::vec(0..50i64, Measure::ALL.len());
    (place, names, counts).prop_map(|((account, sent, quarter), names, counts)| {
        let (subject, campaign, sender, domain, payer, clinic) = names;
        let mut measures = Measures::default();
        for (measure, count) in Measure::ALL.iter().zip(counts) {
            measures[*measure] = count;
        }
        let fields = [("payer", payer), ("clinic", clinic)];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        Cell {
            account: account.parse().unwrap(),
            basis: if sent { Basis::Sent } else { Basis::Event },
            bucket: u32::try_from(START).unwrap() + quarter * 900,
            campaign,
            subject,
            sender,
            domain,
            fields: fields.map(|(name, value)| (name.to_owned(), value)).collect(),
            measures,
        }
    })
}

fn check() -> impl Strategy<Value = Check> {
    let subject = || text(&SUBJECTS);
    prop_oneof![
        subject().prop_map(|text| Check::Is("subject", text)),
        subject().prop_map(|text| Check::IsNot("subject", text)),
        prop::collection::vec(subject(), 1..4).prop_map(|texts| Check::In("subject", texts)),
        text(&["a", "\\", "'", "🏥", "\t"]).prop_map(|text| Check::Contains("subject", text)),
        text(&["Your", "a|", "\\N", "%"]).prop_map(|text| Check::StartsWith("subject", text)),
        text(&["", "p1", "p'2"]).prop_map(|text| Check::Is("field:payer", text)),
        text(&["gmail.com", "yahoo.com"]).prop_map(|text| Check::IsNot("recipient_domain", text)),
        text(&["gmail", "other"]).prop_map(|text| Check::Is("mailbox_provider", text)),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let range = (0..i64::from(QUARTERS) - 1, 1..i64::from(QUARTERS));
    let by = prop::sample::subsequence(DIMENSIONS.to_vec(), 1..=3);
    let checks = prop::collection::vec(check(), 0..3);
    (any::<bool>(), range, by, checks).prop_map(|(sent, (first, length), by, checks)| {
        let from = START + first * 900;
        Question {
            account: "default".to_owned(),
            basis: if sent { Basis::Sent } else { Basis::Event },
            from,
            to: from + length * 900,
            checks,
            by,
        }
    })
}

fn time(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339()
}

/// The question as the pairs of a query string.
fn pairs(question: &Question, more: &[(&str, String)]) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("from".to_owned(), time(question.from)),
        ("to".to_owned(), time(question.to)),
        ("basis".to_owned(), question.basis.name().to_owned()),
    ];
    pairs.extend(question.checks.iter().map(|check| ("filter".to_owned(), check.text())));
    pairs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    pairs
}

async fn ask(clickhouse: &ClickHouse, spec: &ReportSpec) -> Result<Report, QueryError> {
    let account: AccountId = "default".parse().unwrap();
    query::run(clickhouse, &account, spec, Millis(0), &Limits::default()).await
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Measures>) -> Measures {
    all.into_iter().fold(Measures::default(), |mut total, measures| {
        total += measures;
        total
    })
}

/// The groups in the order asked for: by a measure or a rate, absent rates last, equals by their keys.
fn sorted(groups: &BTreeMap<Vec<String>, Measures>, name: &str, descending: bool) -> Vec<(Vec<String>, Measures)> {
    let value = |measures: &Measures| match Measure::from_name(name) {
        Some(measure) => Some(measures[measure] as f64),
        None => Rate::from_name(name).unwrap().of(measures),
    };
    let mut groups: Vec<_> = groups.iter().map(|(key, measures)| (key.clone(), *measures)).collect();
    groups.sort_by(|(_, one), (_, other)| match (value(one), value(other)) {
        (Some(one), Some(other)) if descending => other.total_cmp(&one),
        (Some(one), Some(other)) => one.total_cmp(&other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    });
    groups
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn splits_are_what_a_count_by_brute_force_says() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let runtime = runtime();
    let cells = prop::collection::vec(cell(), 300).new_tree(&mut runner).unwrap().current();
    let clickhouse = runtime.block_on(async {
        let clickhouse = database("splits").await;
        insert(&clickhouse, &cells).await;
        clickhouse
    });
    let how = (prop::sample::select(vec!["queued", "delivered", "ctr", "spam_rate"]), any::<bool>(), 1..12usize);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&(question(), how), |(question, (sort, descending, limit))| {
        let dash = if descending { "-" } else { "" };
        let more = [("by", question.by.join(",")), ("sort", format!("{dash}{sort}")), ("limit", limit.to_string())];
        let request: SplitRequest = from_pairs(pairs(&question, &more)).unwrap();
        let report = runtime.block_on(ask(&clickhouse, &ReportSpec::split(&request).unwrap())).unwrap();

        let groups = question.groups(&cells);
        prop_assert_eq!(*report.total(), sum(groups.values()));
        let expected = sorted(&groups, sort, descending);
        let Body::Split { rows, remainder } = report.body() else { panic!("a split") };
        let (shown, cut) = expected.split_at(limit.min(expected.len()));
        prop_assert_eq!(rows.iter().map(|row| (row.key.clone(), row.measures)).collect::<Vec<_>>(), shown);
        match remainder {
            None => prop_assert!(cut.is_empty()),
            Some(remainder) => {
                prop_assert_eq!(remainder.groups, cut.len() as u64);
                prop_assert_eq!(remainder.measures, sum(cut.iter().map(|(_, measures)| measures)));
            }
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn series_are_what_a_count_by_brute_force_says_across_changes_of_the_clock() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let runtime = runtime();
    let cells = prop::collection::vec(cell(), 300).new_tree(&mut runner).unwrap().current();
    let clickhouse = runtime.block_on(async {
        let clickhouse = database("series").await;
        insert(&clickhouse, &cells).await;
        clickhouse
    });
    let how = (
        prop::sample::select(&ZONES[..]),
        prop::sample::select(vec!["15m", "hour", "day", "week", "month"]),
        any::<bool>(),
        1..4usize,
    );
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&(question(), how), |(mut question, (zone, interval, split, limit))| {
        question.by.truncate(if split { 2 } else { 0 });
        let mut more = vec![("tz", zone.to_owned()), ("interval", interval.to_owned())];
        if split {
            more.extend([("by", question.by.join(",")), ("limit", limit.to_string())]);
        }
        let request: SeriesRequest = from_pairs(pairs(&question, &more)).unwrap();
        let report = runtime.block_on(ask(&clickhouse, &ReportSpec::series(&request).unwrap())).unwrap();

        let tz: Tz = zone.parse().unwrap();
        let points = question.series(&cells, tz, interval);
        let Body::Series { times, groups, remainder } = report.body() else { panic!("a series") };
        let labels: Vec<_> = times.iter().map(|time| label(tz, interval, *time)).collect();
        // Every interval of the range has exactly one row, whether something happened in it or not.
        let mut every: Vec<_> =
            (question.from..question.to).step_by(900).map(|time| label(tz, interval, time)).collect();
        every.dedup();
        prop_assert_eq!(&labels, &every);

        let by_key = question.groups(&cells);
        let top: Vec<_> = sorted(&by_key, "queued", true).into_iter().map(|(key, _)| key).collect();
        let shown = if split { limit.min(top.len()) } else { 1 };
        prop_assert_eq!(groups.len(), shown);
        for (place, line) in groups.iter().enumerate() {
            prop_assert!(!split || line.key == top[place]);
            for (label, measures) in labels.iter().zip(&line.points) {
                let expected = points.get(&(line.key.clone(), label.clone())).copied().unwrap_or_default();
                prop_assert_eq!(*measures, expected);
            }
        }
        let lines = groups.iter().chain(remainder.iter().map(|(_, line)| line));
        prop_assert_eq!(sum(lines.clone().map(|line| &line.total)), *report.total());
        prop_assert_eq!(sum(lines.flat_map(|line| &line.points)), *report.total());
        prop_assert_eq!(*report.total(), sum(by_key.values()));
        let cut = remainder.as_ref().map_or(0, |(count, _)| *count);
        prop_assert_eq!(cut, if split { (top.len() - shown) as u64 } else { 0 });
        Ok(())
    });
    result.unwrap();
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
    let Body::Split { rows, remainder } = report.body() else { panic!("a split") };
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
