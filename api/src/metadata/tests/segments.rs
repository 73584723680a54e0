//! Saved filters in the store, on both databases.

use query::{Expression, SegmentRequest};

use super::*;

on_both! {
    a_segment_is_found_as_it_was_stored_and_changed
    another_account_does_not_see_a_segment
    an_account_has_no_more_segments_than_it_may
}

fn request(filter: &str) -> SegmentRequest {
    SegmentRequest { description: "é '; $1 \u{1f4e7}".to_owned(), filter: vec![Expression::Text(filter.to_owned())] }
}

async fn account(store: &Store, name: &str) -> AccountId {
    let account: AccountId = name.parse().unwrap();
    store.metadata.ensure_account(&account, Millis(0)).await.unwrap();
    account
}

async fn a_segment_is_found_as_it_was_stored_and_changed(store: Store) {
    let acme = account(&store, "acme").await;
    let (first, second) = (request("subject:is:a"), request("subject:in:a|b"));
    assert!(store.metadata.put_segment(&acme, "b", &first, 9, Millis(1)).await.unwrap());
    assert!(store.metadata.put_segment(&acme, "a", &first, 9, Millis(2)).await.unwrap());
    assert!(store.metadata.put_segment(&acme, "b", &second, 9, Millis(3)).await.unwrap());
    let metadata = store.reopen().await;
    let found = metadata.segment(&acme, "b").await.unwrap().unwrap();
    assert_eq!((found.request, found.created_at, found.updated_at), (second, Millis(1), Millis(3)));
    let names: Vec<_> = metadata.segments(&acme).await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(metadata.delete_segment(&acme, "b").await.unwrap());
    assert!(!metadata.delete_segment(&acme, "b").await.unwrap());
    assert_eq!(metadata.segment(&acme, "b").await.unwrap(), None);
}

async fn another_account_does_not_see_a_segment(store: Store) {
    let (acme, other) = (account(&store, "acme").await, account(&store, "other").await);
    store.metadata.put_segment(&acme, "a", &request("subject:is:a"), 9, Millis(1)).await.unwrap();
    assert_eq!(store.metadata.segment(&other, "a").await.unwrap(), None);
    assert_eq!(store.metadata.segments(&other).await.unwrap(), []);
    assert!(!store.metadata.delete_segment(&other, "a").await.unwrap());
    assert!(store.metadata.put_segment(&other, "a", &request("subject:is:b"), 9, Millis(1)).await.unwrap());
    assert_eq!(store.metadata.segment(&acme, "a").await.unwrap().unwrap().request, request("subject:is:a"));
}

async fn an_account_has_no_more_segments_than_it_may(store: Store) {
    let acme = account(&store, "acme").await;
    for name in ["a", "b"] {
        assert!(store.metadata.put_segment(&acme, name, &request("subject:is:a"), 2, Millis(1)).await.unwrap());
    }
    assert!(!store.metadata.put_segment(&acme, "c", &request("subject:is:a"), 2, Millis(2)).await.unwrap());
    assert!(store.metadata.put_segment(&acme, "b", &request("subject:is:b"), 2, Millis(2)).await.unwrap());
    assert_eq!(store.metadata.segments(&acme).await.unwrap().len(), 2);
}
