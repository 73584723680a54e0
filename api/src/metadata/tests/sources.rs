//! What sources keep in the store, on both databases.

use std::collections::BTreeMap;

use ingest::{CampaignFrom, Mapping, Provider};

use super::*;
use crate::{
    metadata::sources::{Bounds, Delta, NewReject, SourceRow, Tokens},
    sources::{HookToken, verification::Shown},
};

on_both! {
    a_source_is_found_as_it_was_stored_and_changed
    a_new_token_takes_the_place_of_the_one_before
    another_account_does_not_reach_a_source
    counts_add_up_and_their_labels_are_bounded
    counts_of_a_source_that_is_gone_are_dropped
    a_body_is_kept_once_and_the_oldest_go_first
    bodies_whose_time_is_over_are_forgotten
    a_deleted_source_takes_its_counts_and_bodies_along
}

const BOUNDS: Bounds = Bounds { count: 3, bytes: 100, since: Millis(0) };

async fn account(store: &Store, name: &str) -> AccountId {
    let account: AccountId = name.parse().unwrap();
    store.metadata.ensure_account(&account, Millis(0)).await.unwrap();
    account
}

async fn source(store: &Store, id: &str) -> SourceRow {
    let row = SourceRow {
        id: id.to_owned(),
        account: account(store, "acme").await,
        provider: Provider::Mailgun,
        name: "é '; $1 \u{1f4e7}".to_owned(),
        mapping: Mapping { campaign: CampaignFrom::TagPrefix("c:".to_owned()), ..Mapping::default() },
        verification: Shown { kind: "signature".to_owned(), since: vec![7], ..Shown::default() },
        sealed: "AAAA".to_owned(),
        tokens: Tokens { current: HookToken::generate().digest(), since: Millis(5), previous: None },
        created_at: Millis(5),
        updated_at: Millis(5),
        seen_at: None,
    };
    store.metadata.insert_source(&row).await.unwrap();
    row
}

fn reject(digest: &str, bytes: i64) -> NewReject {
    NewReject { digest: digest.to_owned(), reason: "no JSON".to_owned(), bytes, sealed: format!("sealed {digest}") }
}

async fn numbers(store: &Store, source: &str) -> Vec<i64> {
    store.metadata.rejects(source).await.unwrap().into_iter().map(|row| row.number).collect()
}

async fn a_source_is_found_as_it_was_stored_and_changed(store: Store) {
    let mut row = source(&store, "a").await;
    let found = store.metadata.source(&row.account, "a").await.unwrap().unwrap();
    assert_eq!((found.provider, &found.name, &found.mapping), (row.provider, &row.name, &row.mapping));
    assert_eq!((&found.verification, &found.sealed), (&row.verification, &row.sealed));
    assert!(found.tokens.current.matches(&row.tokens.current) && found.tokens.previous.is_none());
    assert_eq!((found.created_at, found.seen_at), (Millis(5), None));

    row.name = "other".to_owned();
    row.mapping = Mapping { sender: Some("news@acme.org".to_owned()), ..Mapping::default() };
    row.sealed = "BBBB".to_owned();
    row.updated_at = Millis(9);
    assert!(store.metadata.update_source(&row).await.unwrap());
    let found = store.metadata.source_of_anyone("a").await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), &found.mapping, found.sealed.as_str()), ("other", &row.mapping, "BBBB"));
    assert_eq!((found.created_at, found.updated_at), (Millis(5), Millis(9)));
    assert!(found.tokens.current.matches(&row.tokens.current));
    source(&store, "b").await;
    let ids: Vec<_> = store.metadata.sources(&row.account).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["a", "b"]);
}

async fn a_new_token_takes_the_place_of_the_one_before(store: Store) {
    let row = source(&store, "a").await;
    let [second, third] = [HookToken::generate().digest(), HookToken::generate().digest()];
    let rotate = |token, until| store.metadata.rotate_token((&row.account, "a"), token, Millis(until), Millis(10));
    assert!(rotate(second, 20).await.unwrap());
    let tokens = store.metadata.source_of_anyone("a").await.unwrap().unwrap().tokens;
    let (previous, until) = tokens.previous.unwrap();
    assert!(tokens.current.matches(&second) && previous.matches(&row.tokens.current));
    assert_eq!((tokens.since, until), (Millis(10), Millis(20)));
    assert!(rotate(third, 30).await.unwrap());
    let tokens = store.metadata.source_of_anyone("a").await.unwrap().unwrap().tokens;
    assert!(tokens.current.matches(&third) && tokens.previous.unwrap().0.matches(&second));
}

async fn another_account_does_not_reach_a_source(store: Store) {
    let row = source(&store, "a").await;
    let other = account(&store, "other").await;
    assert!(store.metadata.source(&other, "a").await.unwrap().is_none());
    assert!(store.metadata.sources(&other).await.unwrap().is_empty());
    let foreign = SourceRow { account: other.clone(), name: "taken".to_owned(), ..row.clone() };
    assert!(!store.metadata.update_source(&foreign).await.unwrap());
    let token = HookToken::generate().digest();
    assert!(!store.metadata.rotate_token((&other, "a"), token, Millis(1), Millis(1)).await.unwrap());
    assert!(!store.metadata.delete_source(&other, "a").await.unwrap());
    let found = store.metadata.source(&row.account, "a").await.unwrap().unwrap();
    assert!(found.name == row.name && found.tokens.current.matches(&row.tokens.current));
}

async fn counts_add_up_and_their_labels_are_bounded(store: Store) {
    source(&store, "a").await;
    let delta = |counts: &[(&'static str, &str, u64)], seen_at| {
        let counts = counts.iter().map(|(counter, label, value)| ((*counter, (*label).to_owned()), *value)).collect();
        BTreeMap::from([("a".to_owned(), Delta { counts, seen_at })])
    };
    let add = async |delta| store.metadata.add_counts(&delta).await.unwrap();
    add(delta(&[("accepted", "", 2), ("ignored", "x", 1)], Some(Millis(9)))).await;
    add(delta(&[("accepted", "", 3)], Some(Millis(7)))).await;
    add(delta(&[("refused", "wrong", 1)], None)).await;
    let text = |text: &str| text.to_owned();
    assert_eq!(
        store.metadata.counts("a").await.unwrap(),
        [(text("accepted"), text(""), 5), (text("ignored"), text("x"), 1), (text("refused"), text("wrong"), 1)]
    );
    assert_eq!(store.metadata.source_of_anyone("a").await.unwrap().unwrap().seen_at, Some(Millis(9)));
    for label in 0..100 {
        add(delta(&[("ignored", &format!("type {label}"), 1)], None)).await;
    }
    let counts = store.metadata.counts("a").await.unwrap();
    let ignored: Vec<_> = counts.iter().filter(|(counter, ..)| counter == "ignored").collect();
    assert_eq!(ignored.len(), 65);
    assert_eq!(ignored.iter().map(|(_, _, value)| value).sum::<u64>(), 101);
}

async fn counts_of_a_source_that_is_gone_are_dropped(store: Store) {
    source(&store, "a").await;
    let delta = Delta { counts: [(("accepted", String::new()), 1)].into(), seen_at: Some(Millis(1)) };
    let deltas = BTreeMap::from([("a".to_owned(), delta.clone()), ("gone".to_owned(), delta)]);
    store.metadata.add_counts(&deltas).await.unwrap();
    assert_eq!(store.metadata.counts("a").await.unwrap().len(), 1);
    assert!(store.metadata.counts("gone").await.unwrap().is_empty());
}

async fn a_body_is_kept_once_and_the_oldest_go_first(store: Store) {
    source(&store, "a").await;
    let keep = async |digest: &str, bytes, at| {
        store.metadata.keep_reject("a", &reject(digest, bytes), BOUNDS, Millis(at)).await.unwrap();
    };
    keep("one", 10, 1).await;
    keep("two", 10, 2).await;
    keep("one", 10, 3).await;
    let kept = store.metadata.rejects("a").await.unwrap();
    let told: Vec<_> = kept.iter().map(|row| (row.number, row.times, row.first_at.0, row.last_at.0)).collect();
    assert_eq!(told, [(1, 2, 1, 3), (2, 1, 2, 2)]);
    assert_eq!(store.metadata.reject("a", 1).await.unwrap().unwrap().sealed, "sealed one");

    keep("three", 10, 4).await;
    keep("four", 10, 5).await;
    assert_eq!(numbers(&store, "a").await, [5, 4, 1], "three are kept");
    keep("five", 85, 6).await;
    assert_eq!(numbers(&store, "a").await, [6, 5], "a hundred bytes are kept");
    assert!(store.metadata.delete_reject("a", 6).await.unwrap());
    assert!(!store.metadata.delete_reject("a", 6).await.unwrap());
    assert!(store.metadata.reject("a", 6).await.unwrap().is_none());
    store.metadata.keep_reject("gone", &reject("x", 1), BOUNDS, Millis(1)).await.unwrap();
}

async fn bodies_whose_time_is_over_are_forgotten(store: Store) {
    source(&store, "a").await;
    for (digest, at) in [("one", 1), ("two", 20), ("three", 30)] {
        store.metadata.keep_reject("a", &reject(digest, 1), BOUNDS, Millis(at)).await.unwrap();
    }
    store.metadata.forget_rejects(Millis(20)).await.unwrap();
    assert_eq!(numbers(&store, "a").await, [3, 2]);
    let bounds = Bounds { since: Millis(25), ..BOUNDS };
    store.metadata.keep_reject("a", &reject("four", 1), bounds, Millis(31)).await.unwrap();
    assert_eq!(numbers(&store, "a").await, [4, 3]);
}

async fn a_deleted_source_takes_its_counts_and_bodies_along(store: Store) {
    let row = source(&store, "a").await;
    let delta = Delta { counts: [(("accepted", String::new()), 1)].into(), seen_at: None };
    store.metadata.add_counts(&BTreeMap::from([("a".to_owned(), delta)])).await.unwrap();
    store.metadata.keep_reject("a", &reject("one", 1), BOUNDS, Millis(1)).await.unwrap();
    assert!(store.metadata.delete_source(&row.account, "a").await.unwrap());
    assert!(store.metadata.source_of_anyone("a").await.unwrap().is_none());
    assert!(store.metadata.counts("a").await.unwrap().is_empty() && numbers(&store, "a").await.is_empty());
    assert!(!store.metadata.delete_source(&row.account, "a").await.unwrap());
}
