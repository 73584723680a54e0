//! Latencies in tables that had none, and what merges make of the steps.

use query::{LatencyRequest, LatencySpec, Limits, Presentable as _, from_pairs, sheet};
use schema::{
    AccountId, COARSE, CUBE, ClickHouse, Grain, LATENCY_COUNTS, LATENCY_STEPS, Latency, Measure, Millis, ROLLUP,
    WEIGHT, migrate,
};
use serde_json::{Value, json};

use crate::{
    generate::START,
    plain,
    support::{database, insert},
    whole_range,
};

/// The number of the migration that adds latencies.
const MIGRATION: u32 = 8;

async fn execute(clickhouse: &ClickHouse, sql: &str) {
    let query = clickhouse.client().query_raw(sql).with_setting("insert_deduplicate", "0");
    query.with_setting("optimize_on_insert", "0").execute().await.unwrap();
}

async fn ask(clickhouse: &ClickHouse, more: &[(&str, &str)]) -> (Value, String) {
    let account: AccountId = "default".parse().unwrap();
    let request: LatencyRequest = from_pairs(whole_range(more)).unwrap();
    let spec = LatencySpec::latencies(&request).unwrap();
    let report = query::latencies(clickhouse, &account, &spec, Millis(0), &Limits::default()).await.unwrap();
    (serde_json::to_value(&report).unwrap(), sheet::csv(report.table()).collect())
}

/// Deliveries of a campaign took so long until they were opened: so many more, as a batch would write it.
async fn write(clickhouse: &ClickHouse, campaign: &str, opened: &[(i64, i64)]) {
    let list = |value: &dyn Fn(&(i64, i64)) -> i64| {
        opened.iter().map(|entry| value(entry).to_string()).collect::<Vec<_>>().join(", ")
    };
    let steps = list(&|(millis, _)| Latency::Open.step(*millis).0.into());
    let counts = list(&|(_, count)| *count);
    let sum: i64 = opened.iter().map(|(_, count)| count).sum();
    let (opens, map) = (Measure::Opened.name(), format!("{LATENCY_STEPS}, {LATENCY_COUNTS}"));
    execute(
        clickhouse,
        &format!(
            "INSERT INTO {CUBE} (account, basis, bucket, campaign, queued, {opens}, {WEIGHT}, {map})
             VALUES ('default', 0, {START}, '{campaign}', {sum}, {sum}, {sum} * 2, [{steps}], [{counts}])"
        ),
    )
    .await;
    for grain in Grain::COARSE.map(Grain::name) {
        execute(
            clickhouse,
            &format!(
                "INSERT INTO {COARSE} (account, basis, grain, bucket, campaign, queued, {opens}, {WEIGHT}, {map})
                 VALUES ('default', 0, '{grain}', {START}, '{campaign}', {sum}, {sum}, {sum} * 2, [{steps}], [{counts}])"
            ),
        )
        .await;
    }
    for (dimension, value) in [("", ""), ("campaign", campaign)] {
        execute(
            clickhouse,
            &format!(
                "INSERT INTO {ROLLUP} (account, basis, dimension, bucket, value, queued, {opens}, {WEIGHT}, {map})
                 VALUES ('default', 0, '{dimension}', {START}, '{value}', {sum}, {sum}, {sum} * 2, [{steps}], [{counts}])"
            ),
        )
        .await;
    }
}

#[tokio::test]
async fn tables_that_had_no_latencies_get_them_and_say_so_until_what_was_counted_has_its_own() {
    let clickhouse = database("latencies").await;
    for (table, column) in
        [(CUBE, LATENCY_STEPS), (CUBE, LATENCY_COUNTS), (ROLLUP, LATENCY_STEPS), (ROLLUP, LATENCY_COUNTS)]
    {
        execute(&clickhouse, &format!("ALTER TABLE {table} DROP COLUMN {column}")).await;
    }
    execute(&clickhouse, &format!("DELETE FROM migrations WHERE version >= {MIGRATION}")).await;
    // What was counted before: it was opened, and nobody knows how soon.
    execute(
        &clickhouse,
        &format!("INSERT INTO {ROLLUP} (account, basis, bucket, queued, opened, {WEIGHT}) VALUES ('default', 0, {START}, 5, 5, 10)"),
    )
    .await;
    migrate(&clickhouse).await.unwrap();
    // As a migration that was broken off after its first statement.
    execute(&clickhouse, &format!("DELETE FROM migrations WHERE version >= {MIGRATION}")).await;
    migrate(&clickhouse).await.unwrap();
    write(&clickhouse, "autumn", &[(5, 1), (7, 2), (120_000, 1)]).await;
    // Seven milliseconds were six, and one is taken back.
    write(&clickhouse, "autumn", &[(6, 1), (7, -2)]).await;
    write(&clickhouse, "winter", &[(3, 1)]).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let (all, _) = ask(&clickhouse, &[("of", "open")]).await;
        assert!(all["notes"][0].as_str().is_some_and(|note| note.contains("rebuild")), "{all}");
        let (by, csv) = ask(&clickhouse, &[("by", "campaign"), ("total", "true")]).await;
        assert_eq!(by["notes"], Value::Null, "those of campaigns are complete: {by}");
        told.push((all["total"].clone(), by["rows"].clone(), csv));
        for table in [CUBE, ROLLUP] {
            execute(&clickhouse, &format!("OPTIMIZE TABLE {table} FINAL")).await;
        }
    }
    assert_eq!(told[0], told[1], "merges change nothing");
    let (total, rows, csv) = &told[0];
    let open = |count, p50: f64| json!({"count": count, "p50": p50});
    let short = |open: &Value| json!({"count": open["count"], "p50": open["p50"]});
    assert_eq!(short(&total["open"]), open(4, 0.005), "{total}");
    assert_eq!(short(&rows[0]["open"]), open(3, 0.006), "{rows}");
    assert_eq!(rows[0]["click"], json!({"count": 0, "p50": null, "p90": null, "p99": null}));
    let long = rows[0]["open"]["p99"].as_f64().unwrap();
    assert!((long - 120.0).abs() < 6.0, "{long}");
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("campaign,delivery_count,delivery_p50,"), "{csv}");
    assert!(
        lines[1].starts_with("autumn,0,,,,3,0.006,") && lines[2].starts_with("winter,0,,,,1,0.003,0.003,0.003,0,,,"),
        "{csv}"
    );
    assert!(lines[3].starts_with("(total),0,,,,4,0.005,"), "{csv}");
}

#[tokio::test]
async fn retracted_steps_are_gone_from_merged_rows() {
    let clickhouse = database("steps").await;
    insert(&clickhouse, &[plain("a.example", 1)]).await;
    write(&clickhouse, "autumn", &[(5, 1), (7, 1)]).await;
    write(&clickhouse, "autumn", &[(7, -1), (9, 1)]).await;
    execute(&clickhouse, &format!("OPTIMIZE TABLE {CUBE} FINAL")).await;
    let sql = format!("SELECT {LATENCY_STEPS}, {LATENCY_COUNTS} FROM {CUBE} WHERE campaign = 'autumn'");
    let text = clickhouse.client().query_raw(&sql).fetch_bytes("TSV").unwrap().collect().await.unwrap();
    let steps = [5, 9].map(|millis| Latency::Open.step(millis).0);
    assert_eq!(text, format!("[{},{}]\t[1,1]\n", steps[0], steps[1]).as_bytes());
}
