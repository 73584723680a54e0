//! What must hold of every decoder, whatever a body holds: none panics, none tells a text of the body in an error, and what one takes for
//! an event is an event within the limits.

use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};
use serde_json::{Value, json};

use super::{
    Item,
    Provider::{self, KumoMta, Mailgun, Mailjet, Postal, Postmark, SendGrid, Ses, SparkPost},
    testing::{DEFAULT, accepted, fixtures, items},
};

/// Whose decoders are tried.
const PROVIDERS: [Provider; 8] = [SparkPost, Mailgun, SendGrid, Postmark, Ses, Mailjet, Postal, KumoMta];

/// What an event may be refused for although its decoder took it: it is wrong itself, and not too long or given where it means nothing.
const OWN_FAULTS: [&str; 4] = ["time_in_future", "time_too_old", "invalid_message_id", "invalid_recipient"];

/// Stands in bodies, and must stand in no error.
const PRIVATE: &str = "private@patients.example";

fn check(provider: Provider, body: &[u8]) -> Result<(), TestCaseError> {
    let items = match items(provider, body, &DEFAULT) {
        Ok(items) => items,
        Err(error) => {
            let told = error.to_string();
            prop_assert!(!told.contains(PRIVATE) && told.len() < 200, "{told}");
            return Ok(());
        }
    };
    for item in items {
        match item {
            Item::Event(event) => {
                if let Err(refused) = accepted(&event) {
                    prop_assert!(OWN_FAULTS.contains(&refused.code), "{refused:?}");
                }
            }
            Item::Ignored(name) => prop_assert!(name.len() <= 64),
            Item::Wrong(mismatch) => prop_assert!(!format!("{mismatch:?}").contains(PRIVATE), "{mismatch:?}"),
        }
    }
    Ok(())
}

/// A value of any JSON type, and of the kinds that make trouble.
fn trouble() -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(vec![
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1e300),
            json!(0.1),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(""),
            json!("\0"),
            json!("\u{fdd0}\u{fdd0}x"),
            json!("\u{fdd0}"),
            json!("ä".repeat(3000)),
            json!("1795183387.5"),
            json!("-99999999999999"),
            json!("5.7.1"),
            json!(PRIVATE),
            json!(format!("x <{PRIVATE}>")),
            json!([]),
            json!({}),
            json!([PRIVATE, [1], {"a": 1}, null]),
            json!({"a": PRIVATE, PRIVATE: 1, "b": [1], "": "", "c": null}),
        ]),
        "\\PC{0,12}".prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
    ]
}

/// A change of one place in a JSON document.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    Delete,
    Add(String, Value),
    Repeat,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => trouble().prop_map(Change::Replace),
        2 => Just(Change::Delete),
        2 => ("\\PC{0,8}|subject|from|tls|type", trouble()).prop_map(|(key, value)| Change::Add(key, value)),
        1 => Just(Change::Repeat),
    ]
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(places).sum(),
        Value::Object(values) => values.values().map(places).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the place of this number, counted in the order of the document. Says how many places were passed.
fn apply(value: &mut Value, place: usize, change: &Change) -> usize {
    if place == 0 {
        match (value, change) {
            (value, Change::Replace(with)) => *value = with.clone(),
            (Value::Object(object), Change::Add(key, with)) => drop(object.insert(key.clone(), with.clone())),
            (Value::Array(array), Change::Repeat) => array.extend_from_within(..),
            (value, Change::Delete) => *value = Value::Null,
            _ => {}
        }
        return 1;
    }
    let mut passed = 1;
    let mut inside = |value: &mut Value| {
        let before = passed;
        let inner = places(value);
        passed += inner;
        if (before..before + inner).contains(&place) {
            apply(value, place - before, change);
        }
    };
    match value {
        Value::Array(values) => values.iter_mut().for_each(&mut inside),
        Value::Object(values) => values.values_mut().for_each(&mut inside),
        _ => {}
    }
    passed
}

/// Takes the key of this number, among all keys of the document, away.
fn without_key(value: &mut Value, place: &mut usize) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| without_key(value, place)),
        Value::Object(object) => {
            if *place < object.len() {
                let key = object.keys().nth(*place).cloned().unwrap_or_default();
                object.remove(&key);
                *place = usize::MAX;
            } else {
                *place = place.saturating_sub(object.len());
                object.values_mut().for_each(|value| without_key(value, place));
            }
        }
        _ => {}
    }
}

fn fixture() -> impl Strategy<Value = (Provider, Vec<u8>)> {
    let all: Vec<_> = PROVIDERS
        .iter()
        .flat_map(|provider| fixtures(*provider).into_iter().map(|(_, body)| (*provider, body)))
        .collect();
    proptest::sample::select(all)
}

#[test]
fn every_event_of_the_fixtures_is_accepted() {
    for provider in PROVIDERS {
        for (name, body) in fixtures(provider) {
            for item in items(provider, &body, &DEFAULT).expect("a body of the provider") {
                if let Item::Event(event) = item {
                    assert_eq!(accepted(&event), Ok(()), "{provider:?} {name}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn documents_with_changed_values_give_events_within_the_limits(
        (provider, body) in fixture(),
        changes in proptest::collection::vec((any::<Index>(), change()), 1..5),
        keys in proptest::collection::vec(any::<Index>(), 0..3),
    ) {
        let mut document: Value = serde_json::from_slice(&body).expect("a fixture is JSON");
        for (place, change) in &changes {
            let places = places(&document);
            apply(&mut document, place.index(places), change);
        }
        for key in keys {
            let places = places(&document);
            without_key(&mut document, &mut key.index(places));
        }
        check(provider, document.to_string().as_bytes())?;
    }

    #[test]
    fn bodies_with_flipped_bits_or_cut_off_are_survived(
        (provider, mut body) in fixture(),
        flips in proptest::collection::vec((any::<Index>(), 0_u8..8), 0..4),
        end in proptest::option::of(any::<Index>()),
    ) {
        for (place, bit) in flips {
            let place = place.index(body.len());
            body[place] ^= 1 << bit;
        }
        if let Some(end) = end {
            body.truncate(end.index(body.len()));
        }
        check(provider, &body)?;
    }

    #[test]
    fn any_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for provider in PROVIDERS {
            check(provider, &body)?;
        }
    }

    #[test]
    fn any_text_in_brackets_is_survived(inner in "[\\[\\]{}\",:0-9a-z\\\\ ]{0,60}") {
        for provider in PROVIDERS {
            for body in [format!("[{inner}]"), format!("{{{inner}}}"), format!("[{{\"event\":{inner}}}]")] {
                check(provider, body.as_bytes())?;
            }
        }
    }
}

#[test]
fn brackets_without_end_are_survived() {
    for provider in PROVIDERS {
        for body in ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("[{{\"event\":{}", "[".repeat(100_000))] {
            assert!(items(provider, body.as_bytes(), &DEFAULT).is_err());
        }
        // What is skipped may be as deep as it likes.
        let deep = format!("[{{\"x\":{}{}}}]", "[".repeat(100_000), "]".repeat(100_000));
        assert!(items(provider, deep.as_bytes(), &DEFAULT).is_err(), "no event of {provider:?}");
    }
}
