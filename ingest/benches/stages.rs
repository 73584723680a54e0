//! What the stages of ingestion cost by themselves, on one thread and without a disk or an engine to wait for: decode, fold, encode,
//! over the generator's traffic in bodies and batches as they are under load.

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use ingest::stages::Stages;
use schema::Millis;

/// Events of a body, as the larger benchmarks post them.
const BODY: usize = 10_000;
/// Bodies of a batch: about as many events as the writer takes at once under load.
const BODIES: usize = 13;
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

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages
}
criterion_main!(benches);
