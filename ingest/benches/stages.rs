//! What the stages of ingestion cost by themselves, on one thread and without a disk or an engine to wait for: decode, fold, encode,
//! over the generator's traffic in bodies and batches as they are under load; and what the formats of providers cost to decode, each
//! beside our own.

use std::{fs, hint::black_box, path::Path};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use ingest::{Provider, stages::Stages};
use schema::Millis;
use serde_json::value::RawValue;

/// Events of a body, as the larger benchmarks post them.
const BODY: usize = 10_000;
/// Bodies of a batch: about as many events as the writer takes at once under load.
const BODIES: usize = 13;
/// Items of a provider's body, or bodies of a provider that posts each event by itself.
const ITEMS: usize = 1_000;
/// Whose formats are measured, over the fixtures in `fixtures/providers`.
const PROVIDERS: [Provider; 8] = [
    Provider::SparkPost,
    Provider::Mailgun,
    Provider::SendGrid,
    Provider::Postmark,
    Provider::Ses,
    Provider::Mailjet,
    Provider::Postal,
    Provider::KumoMta,
];

/// Believable traffic as NDJSON, and a moment after all of it.
fn bodies() -> (Vec<Vec<u8>>, Millis) {
    let options = fixtures::Options { seed: 1, events: BODY * BODIES, repeat: 0.0, ..fixtures::Options::default() };
    let events: Vec<_> = fixtures::events(&options).collect();
    let latest = events.iter().map(|event| event.time).max().unwrap_or_default();
    let body = |events: &[fixtures::Event]| {
        let mut body = Vec::new();
        for event in events {
            serde_json::to_writer(&mut body, event).expect("events are plain data");
            body.push(b'\n');
        }
        body
    };
    (events.chunks(BODY).map(body).collect(), Millis::from(latest))
}

/// Each figure once per event and once per byte that goes in: JSON for decode, records for the others.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, input: (usize, usize), mut stage: impl FnMut()) {
    let (events, bytes) = (input.0 as u64, input.1 as u64);
    group.throughput(Throughput::ElementsAndBytes { elements: events, bytes });
    group.bench_function(name, |bencher| bencher.iter(&mut stage));
}

fn stages(criterion: &mut Criterion) {
    let (bodies, now) = bodies();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let account = "benchmark".parse().expect("a name");
    let stages = Stages::new(dir.path(), account, now).expect("a new ledger opens");
    let record = |body: &Vec<u8>| stages.decode(body).expect("a body of events");
    let frames: Vec<u8> = bodies.iter().flat_map(record).collect();
    let events = BODY * bodies.len();

    let mut group = criterion.benchmark_group("stages");
    measure(&mut group, "decode", (BODY, bodies[0].len()), || drop(black_box(record(&bodies[0]))));
    let fold = || stages.fold(&frames, |folded| folded.events()).expect("records of our own");
    assert_eq!(fold(), events as u64, "every event is accepted and distinct");
    measure(&mut group, "fold", (events, frames.len()), || {
        black_box(fold());
    });
    stages
        .fold(&frames, |folded| {
            measure(&mut group, "encode", (events, frames.len()), || {
                black_box(folded.encode());
            });
        })
        .expect("records of our own");
    group.finish();
}

/// The fixtures of a provider again and again: in one body where its bodies are arrays, else each in its own. Without spaces, as they are posted.
fn bodies_of(provider: Provider) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/providers").join(provider.name());
    let entries = fs::read_dir(folder).expect("the folder of the provider's fixtures");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry of the folder").path()).collect();
    paths.retain(|path| path.file_stem().is_some_and(|name| name != "signed"));
    paths.sort();
    let fixtures: Vec<String> =
        paths.iter().map(|path| compact(&fs::read_to_string(path).expect("a fixture"))).collect();
    if fixtures.iter().any(|fixture| fixture.starts_with('{')) {
        return fixtures.into_iter().map(String::into_bytes).cycle().take(ITEMS).collect();
    }
    let arrays = fixtures.iter().map(|array| serde_json::from_str::<Vec<&RawValue>>(array).expect("an array"));
    let items: Vec<_> = arrays.flatten().map(RawValue::get).collect();
    let body: Vec<_> = items.into_iter().cycle().take(ITEMS).collect();
    vec![format!("[{}]", body.join(",")).into_bytes()]
}

fn compact(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).expect("a fixture is JSON").to_string()
}

fn decoders(criterion: &mut Criterion) {
    let (bodies, latest) = bodies();
    // The fixtures tell of a later day than the generator.
    let now = Millis(latest.0 + 30 * 24 * 3600 * 1000);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let stages = Stages::new(dir.path(), "benchmark".parse().expect("a name"), now).expect("a new ledger opens");
    let native: Vec<u8> = bodies[0].split_inclusive(|byte| *byte == b'\n').take(ITEMS).flatten().copied().collect();

    let mut group = criterion.benchmark_group("decoders");
    measure(&mut group, "native", (ITEMS, native.len()), || {
        black_box(stages.decode(&native).expect("a body of events"));
    });
    for provider in PROVIDERS {
        let bodies = bodies_of(provider);
        let bytes = bodies.iter().map(Vec::len).sum();
        measure(&mut group, provider.name(), (ITEMS, bytes), || {
            for body in &bodies {
                black_box(stages.decode_from(provider, body).expect("a body of the provider"));
            }
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages, decoders
}
criterion_main!(benches);
