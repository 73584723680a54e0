//! Saved reports in the store, on both databases.

use serde_json::json;

use super::*;
use crate::{
    metadata::{
        alerts::{DeliveryState, Letter, Topic},
        saved::{Next, Order},
    },
    saved::SavedReportRequest,
};

on_both! {
    a_saved_report_is_found_as_it_was_stored_and_changed
    another_account_does_not_see_a_saved_report
    an_order_is_placed_once_and_tells_what_became_of_it
}

fn request(name: &str) -> SavedReportRequest {
    let report =
        json!({"kind": "summary", "range": "last_week", "document": {"filter": "subject:is:é '; $1 \u{1f4e7}"}});
    serde_json::from_value(json!({"name": name, "report": report})).unwrap()
}

async fn account(store: &Store, name: &str) -> AccountId {
    let account: AccountId = name.parse().unwrap();
    store.metadata.ensure_account(&account, Millis(0)).await.unwrap();
    account
}

fn order(due_at: i64) -> Order {
    let letter = |channel: &str| Letter {
        id: format!("{due_at}-{channel}"),
        channel: channel.to_owned(),
        alert: format!("delivery-{due_at}"),
        position: due_at,
        notice: "{}".to_owned(),
    };
    Order { due_at: Millis(due_at), delivery: format!("delivery-{due_at}"), letters: vec![letter("a"), letter("b")] }
}

async fn a_saved_report_is_found_as_it_was_stored_and_changed(store: Store) {
    let acme = account(&store, "acme").await;
    let metadata = &store.metadata;
    let next = Some(Millis(50));
    assert!(metadata.create_saved_report((&acme, "r"), &request("one"), next, 1, Millis(1)).await.unwrap());
    assert!(!metadata.create_saved_report((&acme, "s"), &request("two"), None, 1, Millis(1)).await.unwrap());
    let found = store.reopen().await.saved_report(&acme, "r").await.unwrap().unwrap();
    assert_eq!((&found.request, found.next_at, found.created_at), (&request("one"), next, Millis(1)));
    assert!(metadata.change_saved_report(&found, &request("changed"), Next::Stays, Millis(2)).await.unwrap());
    // Of the revision that was seen there is none any more.
    assert!(!metadata.change_saved_report(&found, &request("again"), Next::Is(None), Millis(3)).await.unwrap());
    let changed = metadata.saved_reports(&acme).await.unwrap().remove(0);
    assert_eq!((&changed.request, changed.next_at, changed.updated_at), (&request("changed"), next, Millis(2)));
    assert!(metadata.change_saved_report(&changed, &request("changed"), Next::Is(None), Millis(4)).await.unwrap());
    assert_eq!(metadata.saved_report(&acme, "r").await.unwrap().unwrap().next_at, None);
}

async fn another_account_does_not_see_a_saved_report(store: Store) {
    let (acme, other) = (account(&store, "acme").await, account(&store, "other").await);
    store.metadata.create_saved_report((&acme, "r"), &request("one"), None, 9, Millis(1)).await.unwrap();
    store.metadata.order_now((&acme, "r"), &order(5), Millis(5)).await.unwrap();
    assert_eq!(store.metadata.saved_report(&other, "r").await.unwrap(), None);
    assert_eq!(store.metadata.report_deliveries(&other, "r", 9).await.unwrap(), []);
    assert!(!store.metadata.delete_saved_report(&other, "r").await.unwrap());
    assert_eq!(store.metadata.report_deliveries(&acme, "r", 9).await.unwrap().len(), 2);
}

async fn an_order_is_placed_once_and_tells_what_became_of_it(store: Store) {
    let acme = account(&store, "acme").await;
    let metadata = &store.metadata;
    metadata.create_saved_report((&acme, "r"), &request("one"), Some(Millis(10)), 9, Millis(1)).await.unwrap();
    assert!(metadata.due_reports(Millis(9), 9).await.unwrap().is_empty());
    let seen = metadata.due_reports(Millis(10), 9).await.unwrap().remove(0);
    let order = order(10);
    let other = store.reopen().await;
    let next = Some(Millis(20));
    let (one, two) = tokio::join!(
        metadata.order_due(&seen, &order, next, Millis(11)),
        other.order_due(&seen, &order, next, Millis(11))
    );
    assert!(one.unwrap() ^ two.unwrap(), "one of both");
    let taken = metadata.take_letters(Topic::Report, Millis(11), 60, 9).await.unwrap();
    assert_eq!(taken.len(), 2);
    metadata.letter_delivered(&taken[0].id, Millis(12)).await.unwrap();
    let told = metadata.report_deliveries(&acme, "r", 9).await.unwrap();
    let states: Vec<_> = told.iter().map(|told| told.letter.as_ref().unwrap().state).collect();
    assert!(states.contains(&DeliveryState::Delivered) && states.contains(&DeliveryState::Waiting), "{states:?}");
    // What waits is not sent any more.
    assert!(metadata.delete_saved_report(&acme, "r").await.unwrap());
    assert_eq!(metadata.letters(&acme, None, 9).await.unwrap().len(), 1);
    assert!(metadata.due_reports(Millis(99), 9).await.unwrap().is_empty());
}
