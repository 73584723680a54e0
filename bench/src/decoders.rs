//! What the formats of providers cost to decode, each beside our own: from a body to the record that the spool takes, on one thread.

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use ingest::{Provider, stages::Stages};
use postlens_tests::harness::repository;
use schema::Millis;
use serde_json::{Value, value::RawValue};

use crate::{
    table::{Table, Wanted},
    traffic,
};

/// Items of a provider's body, or bodies of a provider that posts each event by itself.
const ITEMS: usize = 5_000;
/// How often each format is decoded, in turn with our own; the median counts.
const ROUNDS: usize = 21;

/// Measures, and adds to the table.
pub(crate) fn measure(table: &mut Table) {
    println!("decoding what providers post");
    let directory = tempfile::tempdir().expect("there is room for the benchmark");
    let account = "benchmark".parse().expect("a name");
    // The fixtures tell of a later day than the generator.
    let now = Millis::from(traffic::span().1 + chrono::Duration::days(30));
    let stages = Stages::new(directory.path(), account, now).expect("a new ledger opens");
    let native: Vec<u8> = traffic::bodies(&traffic::options(ITEMS), ITEMS).concat();
    table.heading(format!("decoding {ITEMS} items, on one thread, beside our own NDJSON"));
    for provider in Provider::ALL {
        let bodies = bodies_of(*provider);
        let bytes: usize = bodies.iter().map(Vec::len).sum();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(time(|| drop(black_box(stages.decode(&native).expect("a body of events")))));
            theirs.push(time(|| {
                for body in &bodies {
                    drop(black_box(stages.decode_from(*provider, body).expect("a body of the provider")));
                }
            }));
        }
        let (ours, theirs) = (speed(native.len(), ours), speed(bytes, theirs));
        let show = |speed: f64| format!("{speed:.0} MB/s");
        table.ratio(
            format!("  decode {}", provider.name()),
            show(theirs),
            show(ours),
            theirs / ours,
            Wanted::AtLeast(0.5),
        );
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// Megabytes a second, by the median.
fn speed(bytes: usize, mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    bytes as f64 / 1e6 / times[times.len() / 2].as_secs_f64()
}

/// The fixtures of a provider again and again: in one body where its bodies are arrays, else each in its own. JSON without spaces, as it
/// is posted.
fn bodies_of(provider: Provider) -> Vec<Vec<u8>> {
    let folder = repository().join("fixtures/providers").join(provider.name());
    let entries = fs::read_dir(folder).expect("the folder of the provider's fixtures");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    // A vector for signatures holds a body inside.
    paths.retain(|path| path.file_stem().is_some_and(|name| name != "signed"));
    paths.sort();
    let fixtures = paths.iter().map(|path| fs::read(path).expect("a fixture"));
    let again = |bodies: Vec<Vec<u8>>| bodies.into_iter().cycle().take(ITEMS).collect();
    if provider.is_mail() {
        return again(fixtures.collect());
    }
    let compact = |json: Vec<u8>| serde_json::from_slice::<Value>(&json).expect("a fixture is JSON").to_string();
    let fixtures: Vec<String> = fixtures.map(compact).collect();
    if fixtures.iter().any(|fixture| fixture.starts_with('{')) {
        return again(fixtures.into_iter().map(String::into_bytes).collect());
    }
    let arrays = fixtures.iter().map(|array| serde_json::from_str::<Vec<&RawValue>>(array).expect("an array"));
    let items: Vec<_> = arrays.flatten().map(RawValue::get).collect();
    let body: Vec<_> = items.into_iter().cycle().take(ITEMS).collect();
    vec![format!("[{}]", body.join(",")).into_bytes()]
}
