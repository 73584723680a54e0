//! The official client works against the engine as it does against a server.

use std::collections::BTreeMap;

use clickhouse::{Row, native::builder::BlockBuilder};
use serde::{Deserialize, Serialize};

use crate::harness::shared;

#[derive(Debug, PartialEq, Row, Serialize, Deserialize)]
struct Mail {
    id: u64,
    subject: String,
    fields: Vec<(String, String)>,
}

#[tokio::test]
async fn rows_go_in_and_come_out() {
    let client = shared().client(&shared().database("client_rows"));
    client.query("CREATE TABLE mails (id UInt64, subject LowCardinality(String), fields Map(LowCardinality(String), String)) ENGINE = MergeTree ORDER BY id").execute().await.unwrap();
    let mail =
        |id: u64| Mail { id, subject: format!("It's {}", id % 5), fields: vec![("payer".into(), format!("p{id}"))] };
    let mut insert = client.insert::<Mail>("mails").await.unwrap();
    for id in 0..10_000 {
        insert.write(&mail(id)).await.unwrap();
    }
    insert.end().await.unwrap();
    // Many small blocks: each comes with a header that must not be taken for rows.
    let rows = client
        .query("SELECT ?fields FROM mails ORDER BY id SETTINGS max_block_size = 100, max_threads = 1")
        .fetch_all::<Mail>()
        .await
        .unwrap();
    assert_eq!(rows.len(), 10_000);
    assert!(rows.into_iter().zip(0..).all(|(row, id)| row == mail(id)));
    assert!(client.query("SELECT ?fields FROM mails WHERE id > 10000").fetch_all::<Mail>().await.unwrap().is_empty());
    let subject: Option<String> =
        client.query("SELECT subject FROM mails WHERE id = ?").bind(7).fetch_optional().await.unwrap();
    assert_eq!(subject.as_deref(), Some("It's 2"));
}

#[tokio::test]
async fn blocks_with_dictionaries_and_maps_go_in_and_come_out() {
    let client = shared().client(&shared().database("client_native"));
    client
        .query("CREATE TABLE cube (account UInt32, subject LowCardinality(String), fields Map(LowCardinality(String), String), queued Int64) ENGINE = SummingMergeTree ORDER BY (account, subject, fields)")
        .execute()
        .await
        .unwrap();
    let mut insert = client.insert_native("cube");
    for part in 0..4_u32 {
        let rows = (0..25_000_u32).map(|row| part * 25_000 + row);
        let mut block = BlockBuilder::new();
        block.upsert_column::<u32>("account").unwrap().add_all(rows.clone()).unwrap();
        block
            .upsert_column::<String>("subject")
            .unwrap()
            .add_all(rows.clone().map(|row| format!("s{}", row % 100)))
            .unwrap();
        let fields = rows.clone().map(|row| BTreeMap::from([("payer".to_owned(), format!("p{}", row % 9))]));
        block.upsert_column::<BTreeMap<String, String>>("fields").unwrap().add_all(fields).unwrap();
        block.upsert_column::<i64>("queued").unwrap().add_all(rows.map(i64::from)).unwrap();
        insert.write(&block.build().unwrap()).await.unwrap();
    }
    insert.end().await.unwrap();
    let mut cursor = client
        .query(
            "SELECT subject, fields, sum(queued) AS q FROM cube GROUP BY ALL ORDER BY ALL SETTINGS max_block_size = 64",
        )
        .fetch_native()
        .unwrap();
    let (mut rows, mut total) = (0, 0);
    while let Some(block) = cursor.next().await.unwrap() {
        rows += block.num_rows();
        total += block["q"].iter::<i64>().unwrap().map(Result::unwrap).sum::<i64>();
        assert!(block["subject"].iter::<String>().unwrap().all(|subject| subject.unwrap().starts_with('s')));
        assert!(
            block["fields"]
                .iter::<BTreeMap<String, String>>()
                .unwrap()
                .all(|fields| fields.unwrap().contains_key("payer"))
        );
    }
    assert_eq!((rows, total), (900, 99_999 * 50_000));
    assert!(
        client
            .query("SELECT * FROM cube WHERE account = 1000000")
            .fetch_native()
            .unwrap()
            .next()
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn parameters_of_any_content_are_bound() {
    let client = shared().client("default");
    for text in ["plain", "it's", "a\nb\tc\\d", "\0", "{x:String}", "üñí 漢字 🦀", "--boundary\r\n\r\n"] {
        let echoed: (String, u64, String) = client
            .query("SELECT {text:String}, {number:UInt64}, arrayStringConcat({list:Array(String)}, '|')")
            .param("text", text)
            .param("number", u64::MAX)
            .param("list", vec![text, ""])
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(echoed, (text.to_owned(), u64::MAX, format!("{text}|")));
    }
}

#[tokio::test]
async fn settings_of_a_query_stay_with_it() {
    let client = shared().client("default");
    let block_size = || client.query("SELECT toUInt64(getSetting('max_block_size'))");
    let before: u64 = block_size().fetch_one().await.unwrap();
    for _ in 0..20 {
        assert_eq!(block_size().with_setting("max_block_size", "4321").fetch_one::<u64>().await.unwrap(), 4321);
        assert_eq!(block_size().fetch_one::<u64>().await.unwrap(), before);
    }
}

#[tokio::test]
async fn errors_reach_the_caller_in_full() {
    let client = shared().client("default");
    let unknown = client.query("SELECT * FROM nowhere").execute().await.unwrap_err().to_string();
    assert!(unknown.contains("UNKNOWN_TABLE"), "{unknown}");
    // In the middle of a result, when the answer had begun as a success.
    let mut cursor = client
        .query("SELECT number, throwIf(number = 150000, 'too far') FROM numbers(200000) SETTINGS max_block_size = 1000, max_threads = 1")
        .fetch::<(u64, u8)>()
        .unwrap();
    let mut rows = 0;
    let error = loop {
        match cursor.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => panic!("the result looks complete after {rows} rows"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(rows > 0 && rows <= 150_000, "{rows}");
    // The client finds the text only if one of its reads has it whole; otherwise it sees that the answer broke off.
    assert!(error.contains("too far") || error.contains("network error"), "{error}");
    let one: u8 = client.query("SELECT 1").fetch_one().await.unwrap();
    assert_eq!(one, 1);
}

#[tokio::test]
async fn an_insert_that_is_dropped_inserts_nothing() {
    let client = shared().client(&shared().database("client_dropped"));
    client.query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    let mut insert = client.insert_native("t");
    let mut block = BlockBuilder::new();
    block.upsert_column::<u64>("a").unwrap().add_all(0..100_000).unwrap();
    insert.write(&block.build().unwrap()).await.unwrap();
    drop(insert);
    let running =
        "SELECT count() FROM system.processes WHERE current_database = 'client_dropped' AND query_kind = 'Insert'";
    while client.query(running).fetch_one::<u64>().await.unwrap() > 0 {}
    assert_eq!(client.query("SELECT count() FROM t").fetch_one::<u64>().await.unwrap(), 0);
}

#[tokio::test]
async fn many_queries_at_once_all_get_their_own_answer() {
    let client = shared().client("default");
    let queries = (0..200_u64).map(|number| {
        let client = client.clone();
        tokio::spawn(async move {
            client
                .query("SELECT {n:UInt64} + sum(number) FROM numbers(1000)")
                .param("n", number)
                .fetch_one::<u64>()
                .await
                .unwrap()
                - number
        })
    });
    for query in queries.collect::<Vec<_>>() {
        assert_eq!(query.await.unwrap(), 499_500);
    }
}
