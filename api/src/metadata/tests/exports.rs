//! What the store keeps of exports, on both databases.

use query::ExportFormat;

use super::*;
use crate::metadata::{ExportRow, ExportState};

on_both! {
    an_export_goes_its_way_from_queued_to_expired
    an_account_waits_for_so_many_exports_and_no_more
    each_place_takes_its_own_exports_and_begins_them_anew
    an_export_that_was_deleted_is_finished_by_nobody
}

async fn row(store: &Store, id: &str, account: &str, place: &str, at: i64) -> ExportRow {
    let account: AccountId = account.parse().unwrap();
    store.metadata.ensure_account(&account, Millis(0)).await.unwrap();
    ExportRow {
        id: id.to_owned(),
        account,
        place: place.to_owned(),
        format: ExportFormat::Parquet,
        report: r#"{"by":["é '; $1"]}"#.to_owned(),
        token: "00".repeat(32),
        state: ExportState::Queued,
        attempts: 0,
        created_at: Millis(at),
        started_at: None,
        finished_at: None,
        expires_at: None,
        rows: 0,
        expected: None,
        bytes: None,
        error: None,
    }
}

async fn an_export_goes_its_way_from_queued_to_expired(store: Store) {
    let (metadata, row) = (&store.metadata, row(&store, "a", "acme", "here", 5).await);
    assert!(metadata.add_export(&row, 1).await.unwrap());
    assert_eq!(metadata.export("a").await.unwrap(), Some(row.clone()));
    let taken = metadata.take_export("here", Millis(6)).await.unwrap().unwrap();
    let running = ExportRow { state: ExportState::Running, attempts: 1, started_at: Some(Millis(6)), ..row };
    assert_eq!(taken, running);
    assert_eq!(metadata.take_export("here", Millis(6)).await.unwrap(), None);
    assert!(metadata.advance_export("a", 3, 10).await.unwrap());
    assert!(metadata.finish_export("a", (10, 99), Millis(8), Millis(20)).await.unwrap());
    assert!(!metadata.advance_export("a", 4, 10).await.unwrap(), "it is done");
    metadata.expire_exports(Millis(19), Millis(0)).await.unwrap();
    let done = ExportRow {
        state: ExportState::Done,
        rows: 10,
        expected: Some(10),
        bytes: Some(99),
        finished_at: Some(Millis(8)),
        expires_at: Some(Millis(20)),
        ..running
    };
    assert_eq!(metadata.exports(&done.account).await.unwrap(), [done]);
    assert_eq!(metadata.kept_exports("here").await.unwrap(), ["a"]);
    metadata.expire_exports(Millis(20), Millis(8)).await.unwrap();
    assert_eq!(metadata.export("a").await.unwrap().unwrap().state, ExportState::Expired);
    assert!(metadata.kept_exports("here").await.unwrap().is_empty());
    metadata.expire_exports(Millis(20), Millis(9)).await.unwrap();
    assert_eq!(metadata.export("a").await.unwrap(), None);
}

async fn an_account_waits_for_so_many_exports_and_no_more(store: Store) {
    for (id, added) in [("a", true), ("b", true), ("c", false)] {
        let row = row(&store, id, "acme", "here", 1).await;
        assert_eq!(store.metadata.add_export(&row, 2).await.unwrap(), added);
    }
    let other = row(&store, "d", "other", "here", 1).await;
    assert!(store.metadata.add_export(&other, 2).await.unwrap());
    store.metadata.take_export("here", Millis(2)).await.unwrap().unwrap();
    store.metadata.fail_export("a", "why", Millis(3)).await.unwrap();
    let failed = store.metadata.export("a").await.unwrap().unwrap();
    assert_eq!((failed.state, failed.error.as_deref()), (ExportState::Failed, Some("why")));
    let row = row(&store, "c", "acme", "here", 1).await;
    assert!(store.metadata.add_export(&row, 2).await.unwrap());
}

async fn each_place_takes_its_own_exports_and_begins_them_anew(store: Store) {
    let metadata = &store.metadata;
    for (id, place, at) in [("a", "here", 2), ("b", "there", 1), ("c", "here", 1)] {
        assert!(metadata.add_export(&row(&store, id, "acme", place, at).await, 9).await.unwrap());
    }
    assert_eq!(metadata.take_export("here", Millis(3)).await.unwrap().unwrap().id, "c");
    assert_eq!(metadata.take_export("there", Millis(3)).await.unwrap().unwrap().id, "b");
    assert_eq!(metadata.requeue_exports("here").await.unwrap(), 1);
    let again = metadata.take_export("here", Millis(4)).await.unwrap().unwrap();
    assert_eq!((again.id.as_str(), again.attempts), ("c", 2));
    assert_eq!(metadata.export("b").await.unwrap().unwrap().state, ExportState::Running);
    metadata.requeue_export("c").await.unwrap();
    assert_eq!(metadata.export("c").await.unwrap().unwrap().state, ExportState::Queued);
}

async fn an_export_that_was_deleted_is_finished_by_nobody(store: Store) {
    let row = row(&store, "a", "acme", "here", 1).await;
    assert!(store.metadata.add_export(&row, 1).await.unwrap());
    store.metadata.take_export("here", Millis(2)).await.unwrap().unwrap();
    assert!(!store.metadata.delete_export(&"other".parse().unwrap(), "a").await.unwrap());
    assert!(store.metadata.delete_export(&row.account, "a").await.unwrap());
    assert!(!store.metadata.advance_export("a", 1, 1).await.unwrap());
    assert!(!store.metadata.finish_export("a", (1, 1), Millis(3), Millis(4)).await.unwrap());
    assert_eq!(store.metadata.exports(&row.account).await.unwrap(), []);
}
