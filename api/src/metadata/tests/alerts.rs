//! What alerts keep in the store, on both databases.

use query::{
    Range,
    alert::{Alert, DEFAULTS, Evidence, Numbers, Phase},
};

use super::*;
use crate::metadata::alerts::{
    Care, ChannelRow, Decision, DeliveryState, HistoryRow, Letter, MaintenanceRow, ObservationRow, Topic,
};

on_both! {
    a_rule_is_found_as_it_was_stored_and_counts_its_changes
    a_channel_is_replaced_and_forgotten
    a_decision_comes_true_as_a_whole
    letters_are_taken_once_and_in_order
    a_lease_is_held_by_one_at_a_time_and_its_terms_grow
    maintenance_windows_are_listed_until_they_are_over
    the_later_observation_stands
    another_account_sees_nothing_of_it
}

async fn account(store: &Store, name: &str) -> AccountId {
    let account: AccountId = name.parse().unwrap();
    store.metadata.ensure_account(&account, Millis(0)).await.unwrap();
    account
}

fn alert(told: Option<Millis>) -> Alert {
    let numbers = Numbers { value: Some(0.5), count: 1, among: Some(2), interval: None, earlier: None };
    Alert {
        phase: Phase::Firing,
        since: Millis(7),
        evidence: Evidence { range: Range { from: 900, to: 4_000_000_500 }, numbers },
        told,
        acknowledged: false,
        muted_until: None,
    }
}

fn letter(id: &str, alert: &str, position: i64) -> Letter {
    let (id, channel, alert, notice) = (id.to_owned(), "c".to_owned(), alert.to_owned(), "{}".to_owned());
    Letter { id, channel, alert, position, notice }
}

fn decision(number: usize, next: Option<Alert>, letters: Vec<Letter>) -> Decision {
    let history =
        HistoryRow { id: format!("{number:04}"), rule: "r".to_owned(), at: Millis(9), entry: "{\"é\":1}".to_owned() };
    Decision { rule: "r".to_owned(), revision: 0, value: "ü'$1".to_owned(), next, history, letters }
}

async fn a_rule_is_found_as_it_was_stored_and_counts_its_changes(store: Store) {
    let (acme, request) = (account(&store, "acme").await, DEFAULTS[0].request());
    let metadata = &store.metadata;
    metadata.put_rule(&acme, "r", &request, Millis(5)).await.unwrap();
    let [row] = metadata.rules(&acme).await.unwrap().try_into().unwrap();
    assert_eq!((row.request, row.muted_until, row.revision, row.updated_at), (request.clone(), None, 1, Millis(5)));
    metadata.mute_rule(&acme, "r", &request, Some(Millis(99)), Millis(6)).await.unwrap();
    metadata.put_rule(&acme, "r", &DEFAULTS[1].request(), Millis(7)).await.unwrap();
    let [row] = metadata.rules(&acme).await.unwrap().try_into().unwrap();
    assert_eq!((row.request, row.muted_until, row.revision), (DEFAULTS[1].request(), Some(Millis(99)), 3));
    metadata.mute_rule(&acme, "r", &request, None, Millis(8)).await.unwrap();
    assert_eq!(metadata.rules(&acme).await.unwrap()[0].muted_until, None);
    assert!(metadata.delete_rule(&acme, "r").await.unwrap());
    assert!(!metadata.delete_rule(&acme, "r").await.unwrap());
    assert_eq!(metadata.accounts().await.unwrap(), [acme]);
}

async fn a_channel_is_replaced_and_forgotten(store: Store) {
    let acme = account(&store, "acme").await;
    let text = |text: &str| text.to_owned();
    let row = ChannelRow {
        id: text("c"),
        name: text("on call"),
        kind: text("slack"),
        least: text("info"),
        settings: text("https://x"),
        sealed: text("AAAA"),
        created_at: Millis(3),
    };
    store.metadata.put_channel(&acme, &row).await.unwrap();
    let changed = ChannelRow { name: text("other"), sealed: text("BBBB"), ..row };
    store.metadata.put_channel(&acme, &changed).await.unwrap();
    assert_eq!(store.metadata.channels(&acme).await.unwrap(), std::slice::from_ref(&changed));
    assert_eq!(store.metadata.channel(&acme, "c").await.unwrap(), Some(changed));
    assert!(store.metadata.delete_channel(&acme, "c").await.unwrap());
    assert_eq!(store.metadata.channel(&acme, "c").await.unwrap(), None);
}

async fn a_decision_comes_true_as_a_whole(store: Store) {
    let (acme, metadata) = (account(&store, "acme").await, &store.metadata);
    let term = metadata.lease("alerts", "me", Millis(0), 100).await.unwrap().unwrap();
    let first = [decision(1, Some(alert(None)), vec![letter("a", "x", 1)])];
    assert!(metadata.decide(&term, &acme, &first, Millis(9)).await.unwrap());
    let [row] = metadata.alert_states(&acme).await.unwrap().try_into().unwrap();
    assert_eq!((row.rule.as_str(), row.value.as_str(), row.alert), ("r", "ü'$1", alert(None)));
    let care = Care::Acknowledge { by: "Ada".to_owned() };
    assert!(metadata.care(&acme, ("r", "ü'$1"), &care, Millis(10)).await.unwrap());

    // The second cannot be written, for its history is taken: nothing of it is.
    let broken = [decision(2, None, vec![letter("b", "x", 2)]), decision(1, None, Vec::new())];
    assert!(metadata.decide(&term, &acme, &broken, Millis(9)).await.is_err());
    assert_eq!(metadata.letters(&acme, None, 10).await.unwrap().len(), 1);

    let told = [decision(3, Some(alert(Some(Millis(11)))), Vec::new())];
    assert!(metadata.decide(&term, &acme, &told, Millis(11)).await.unwrap());
    let [row] = metadata.alert_states(&acme).await.unwrap().try_into().unwrap();
    assert_eq!((row.alert.told, row.alert.acknowledged), (Some(Millis(11)), true));
    assert!(metadata.decide(&term, &acme, &[decision(4, None, Vec::new())], Millis(12)).await.unwrap());
    assert_eq!(metadata.alert_states(&acme).await.unwrap(), []);

    let ids = |rows: Vec<HistoryRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(metadata.history(&acme, "", "", 2).await.unwrap()), ["0004", "0003"]);
    assert_eq!(ids(metadata.history(&acme, "r", "0003", 10).await.unwrap()), ["0001"]);
    assert_eq!(ids(metadata.history_after(&acme, "0001").await.unwrap()), ["0003", "0004"]);
    assert!(metadata.history(&acme, "other", "", 10).await.unwrap().is_empty());
    metadata.letter_delivered("a", Millis(20)).await.unwrap();
    metadata.forget_alerts(Millis(9), Millis(20)).await.unwrap();
    assert_eq!(
        (
            metadata.history(&acme, "", "", 9).await.unwrap().len(),
            metadata.letters(&acme, None, 9).await.unwrap().len()
        ),
        (3, 1)
    );
    metadata.forget_alerts(Millis(10), Millis(21)).await.unwrap();
    assert_eq!(
        (
            metadata.history(&acme, "", "", 9).await.unwrap().len(),
            metadata.letters(&acme, None, 9).await.unwrap().len()
        ),
        (0, 0)
    );
}

async fn letters_are_taken_once_and_in_order(store: Store) {
    let (acme, metadata) = (account(&store, "acme").await, &store.metadata);
    let term = metadata.lease("alerts", "me", Millis(0), 100).await.unwrap().unwrap();
    let letters = vec![letter("a1", "a", 1), letter("a2", "a", 2), letter("b1", "b", 3)];
    assert!(metadata.decide(&term, &acme, &[decision(1, None, letters)], Millis(10)).await.unwrap());
    let take = async |now: i64| {
        let mut ids: Vec<_> = metadata
            .take_letters(Topic::Alert, Millis(now), 60, 10)
            .await
            .unwrap()
            .into_iter()
            .map(|taken| taken.id)
            .collect();
        ids.sort();
        ids
    };
    let (one, other) = tokio::join!(take(10), take(10));
    let mut both = [one, other].concat();
    both.sort();
    assert_eq!(both, ["a1", "b1"]);
    metadata.letter_delivered("a1", Millis(11)).await.unwrap();
    metadata.letter_failed("b1", "no", Some(Millis(50)), Millis(11)).await.unwrap();
    assert_eq!(take(12).await, ["a2"]);
    assert_eq!(take(50).await, ["b1"]);
    metadata.letter_failed("b1", "no", None, Millis(51)).await.unwrap();
    let dead = metadata.letters(&acme, Some(DeliveryState::Dead), 10).await.unwrap();
    assert_eq!((dead.len(), dead[0].attempts, dead[0].done_at), (1, 2, Some(Millis(51))));
    assert!(metadata.replay_letter(&acme, "b1", Millis(60)).await.unwrap());
    assert_eq!(take(60).await, ["b1"]);
}

async fn a_lease_is_held_by_one_at_a_time_and_its_terms_grow(store: Store) {
    let lease = async |holder: &str, now| store.metadata.lease("x", holder, Millis(now), 100).await.unwrap();
    let first = lease("a", 0).await.unwrap();
    assert_eq!(lease("b", 99).await, None);
    assert_eq!(lease("a", 50).await.as_ref(), Some(&first));
    assert_eq!(lease("b", 149).await, None);
    let second = lease("b", 150).await.unwrap();
    assert_ne!(first, second);
    // Who comes late cannot release what is another's by now.
    store.metadata.release(&first).await.unwrap();
    assert_eq!(lease("a", 160).await, None);
    store.metadata.release(&second).await.unwrap();
    assert!(lease("a", 160).await.is_some());
}

async fn maintenance_windows_are_listed_until_they_are_over(store: Store) {
    let acme = account(&store, "acme").await;
    let row = MaintenanceRow {
        id: "m".to_owned(),
        starts_at: Millis(10),
        ends_at: Millis(20),
        rules: vec!["r".to_owned()],
        note: "why".to_owned(),
    };
    store.metadata.add_maintenance(&acme, &row).await.unwrap();
    assert_eq!(store.metadata.maintenance(&acme, Millis(19)).await.unwrap(), std::slice::from_ref(&row));
    assert!(store.metadata.maintenance(&acme, Millis(20)).await.unwrap().is_empty());
    assert!(row.covers("r", Millis(10)) && !row.covers("s", Millis(10)) && !row.covers("r", Millis(20)));
    assert!(store.metadata.delete_maintenance(&acme, "m").await.unwrap());
    assert!(!store.metadata.delete_maintenance(&acme, "m").await.unwrap());
}

async fn the_later_observation_stands(store: Store) {
    let acme = account(&store, "acme").await;
    let row = |day: &str, rate| ObservationRow {
        domain: "a.org".to_owned(),
        day: day.to_owned(),
        source: "x".to_owned(),
        rate,
    };
    store.metadata.put_observations(&acme, &[row("2026-11-18", 0.1), row("2026-11-19", 0.2)], Millis(1)).await.unwrap();
    store.metadata.put_observations(&acme, &[row("2026-11-19", 0.003)], Millis(2)).await.unwrap();
    assert_eq!(store.metadata.observations(&acme, "2026-11-19").await.unwrap(), [row("2026-11-19", 0.003)]);
}

async fn another_account_sees_nothing_of_it(store: Store) {
    let (acme, other, metadata) = (account(&store, "acme").await, account(&store, "other").await, &store.metadata);
    let term = metadata.lease("alerts", "me", Millis(0), 100).await.unwrap().unwrap();
    metadata.put_rule(&acme, "r", &DEFAULTS[0].request(), Millis(5)).await.unwrap();
    let decision = Decision { revision: 1, ..decision(1, Some(alert(None)), vec![letter("a", "x", 1)]) };
    assert!(metadata.decide(&term, &acme, &[decision], Millis(9)).await.unwrap());
    assert!(metadata.rules(&other).await.unwrap().is_empty());
    assert!(metadata.alert_states(&other).await.unwrap().is_empty());
    assert!(metadata.history(&other, "", "", 10).await.unwrap().is_empty());
    assert!(metadata.letters(&other, None, 10).await.unwrap().is_empty());
    assert!(!metadata.delete_rule(&other, "r").await.unwrap());
    assert!(!metadata.care(&other, ("r", "ü'$1"), &Care::Mute(None), Millis(1)).await.unwrap());
}
