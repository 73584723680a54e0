//! One suite for both databases: what holds on SQLite holds on PostgreSQL.

use super::*;
use crate::token::{KeyId, Token};

/// A store, and what must outlive it.
struct Store {
    metadata: Metadata,
    url: Option<String>,
    dir: tempfile::TempDir,
}

impl Store {
    async fn open(url: Option<String>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metadata = Metadata::open(url.as_deref(), dir.path()).await.unwrap();
        Self { metadata, url, dir }
    }

    async fn reopen(&self) -> Metadata {
        Metadata::open(self.url.as_deref(), self.dir.path()).await.unwrap()
    }

    async fn key(&self, account: &str, name: &str, at: i64) -> NewKey {
        let key = new_key(account, name, at);
        self.metadata.ensure_account(&key.account, Millis(at)).await.unwrap();
        assert!(self.metadata.insert_key(&key).await.unwrap());
        key
    }
}

fn new_key(account: &str, name: &str, at: i64) -> NewKey {
    let token = Token::generate();
    NewKey {
        id: token.id(),
        account: account.parse().unwrap(),
        role: Role::Ingest,
        name: name.to_owned(),
        digest: token.digest(),
        created_at: Millis(at),
    }
}

macro_rules! on_both {
    ($($name:ident)+) => {
        mod sqlite { $(
            #[tokio::test]
            async fn $name() {
                super::$name(super::Store::open(None).await).await;
            }
        )+ }
        mod postgres { $(
            #[tokio::test]
            async fn $name() {
                let url = $crate::metadata::postgres::database(stringify!($name)).await;
                super::$name(super::Store::open(Some(url)).await).await;
            }
        )+ }
    };
}

mod alerts;
mod exports;
mod saved;
mod segments;
mod sources;

on_both! {
    a_key_is_found_as_it_was_stored
    an_id_is_taken_once
    a_key_needs_its_account
    keys_are_listed_by_account_oldest_first
    a_revoked_key_keeps_the_time_when_it_was_first_revoked
    another_account_s_key_cannot_be_revoked
    what_is_stored_is_there_after_opening_again
    two_services_may_open_the_store_at_once
    texts_are_stored_as_they_are
}

async fn a_key_is_found_as_it_was_stored(store: Store) {
    let key = store.key("acme", "mail server", 1_700_000_000_123).await;
    let found = store.metadata.find_key(&key.id).await.unwrap().unwrap();
    assert_eq!(
        (&found.id, &found.account, found.role, found.name.as_str()),
        (&key.id, &key.account, key.role, "mail server")
    );
    assert_eq!((found.created_at, found.revoked_at), (Millis(1_700_000_000_123), None));
    assert!(found.digest.matches(&key.digest));
    assert!(store.metadata.find_key(&Token::generate().id()).await.unwrap().is_none());
}

async fn an_id_is_taken_once(store: Store) {
    let key = store.key("acme", "first", 1).await;
    let second = NewKey { id: key.id.clone(), ..new_key("acme", "second", 2) };
    assert!(!store.metadata.insert_key(&second).await.unwrap());
    assert_eq!(store.metadata.find_key(&key.id).await.unwrap().unwrap().name, "first");
}

async fn a_key_needs_its_account(store: Store) {
    let result = store.metadata.insert_key(&new_key("nobody", "", 1)).await;
    assert!(matches!(result, Err(MetadataError::Database(_))));
}

async fn keys_are_listed_by_account_oldest_first(store: Store) {
    for (account, name, at) in [("b", "3", 1), ("a", "2", 20), ("a", "1", 10)] {
        store.key(account, name, at).await;
    }
    let names = |keys: Vec<KeyRecord>| keys.into_iter().map(|key| key.name).collect::<Vec<_>>();
    assert_eq!(names(store.metadata.list_keys(None).await.unwrap()), ["1", "2", "3"]);
    let a = "a".parse().unwrap();
    assert_eq!(names(store.metadata.list_keys(Some(&a)).await.unwrap()), ["1", "2"]);
}

async fn a_revoked_key_keeps_the_time_when_it_was_first_revoked(store: Store) {
    let key = store.key("acme", "", 1).await;
    assert!(store.metadata.revoke_key(&key.id, None, Millis(5)).await.unwrap());
    assert!(store.metadata.revoke_key(&key.id, Some(&key.account), Millis(9)).await.unwrap());
    assert_eq!(store.metadata.find_key(&key.id).await.unwrap().unwrap().revoked_at, Some(Millis(5)));
    assert!(!store.metadata.revoke_key(&KeyId::from("nothing".to_owned()), None, Millis(5)).await.unwrap());
}

async fn another_account_s_key_cannot_be_revoked(store: Store) {
    let key = store.key("acme", "", 1).await;
    let other = "other".parse().unwrap();
    assert!(!store.metadata.revoke_key(&key.id, Some(&other), Millis(5)).await.unwrap());
    assert_eq!(store.metadata.find_key(&key.id).await.unwrap().unwrap().revoked_at, None);
}

async fn what_is_stored_is_there_after_opening_again(store: Store) {
    let key = store.key("acme", "", 1).await;
    store.metadata.close().await;
    assert!(store.reopen().await.find_key(&key.id).await.unwrap().is_some());
}

async fn two_services_may_open_the_store_at_once(store: Store) {
    let (second, third) = tokio::join!(store.reopen(), store.reopen());
    let key = store.key("acme", "", 1).await;
    assert!(second.find_key(&key.id).await.unwrap().is_some());
    assert!(third.revoke_key(&key.id, None, Millis(2)).await.unwrap());
    assert!(second.find_key(&key.id).await.unwrap().unwrap().revoked_at.is_some());
    second.ping().await.unwrap();
}

async fn texts_are_stored_as_they_are(store: Store) {
    let name = "'; DROP TABLE api_keys; -- é \u{1f4e7} $1 ?";
    let key = store.key("acme", name, 1).await;
    assert_eq!(store.metadata.find_key(&key.id).await.unwrap().unwrap().name, name);
}

#[tokio::test]
async fn a_url_of_another_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let result = Metadata::open(Some("mysql://localhost/x"), dir.path()).await;
    assert!(matches!(result, Err(MetadataError::Url)));
}

#[tokio::test]
async fn the_data_directory_may_have_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("ä %41?x#y & z");
    std::fs::create_dir(&odd).unwrap();
    Metadata::open(None, &odd).await.unwrap().close().await;
    assert!(odd.join("metadata.sqlite").exists());
}
