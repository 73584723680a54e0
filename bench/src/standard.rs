//! `make bench`: everything on one size that fits the memory, with the plain table beside.

use postlens_tests::harness::Service;

use crate::{
    disk, lag,
    load::{self, Loaded, http},
    memory,
    plain::Plain,
    reports::{self, Times},
    table::{Table, Wanted},
    traffic::{self, BODY_EVENTS},
};

/// Measures, adds to the table, and answers how long each split took.
pub(crate) fn measure(events: usize, table: &mut Table) -> Vec<Times> {
    println!("making {events} events");
    let bodies = traffic::bodies(&traffic::options(events), BODY_EVENTS);

    println!("posting them to POST /v1/events");
    let service = Service::start();
    let loaded = load::post(&service, &bodies);
    let processes = [service.id(), service.engine()];
    let seconds = processes.map(memory::processor_seconds);

    println!("inserting them with FORMAT JSONEachRow");
    let plain = Plain::start();
    let [one, four] = [plain.load_at_once(&bodies), plain.load(&bodies)].map(|time| events as f64 / time.as_secs_f64());
    drop(bodies);

    println!("asking for reports");
    let client = http();
    let compared = reports::compare(&service, |question| plain.time(&client, question));

    println!("waiting for merges");
    let (disk, plain_disk) = (disk::ours(&service), disk::theirs(&plain));
    let peaks = processes.map(memory::peak);
    drop(plain);

    println!("posting at half that rate, and watching single events");
    let Loaded { acknowledged, applied } = loaded;
    let [acknowledged, visible] = [acknowledged, applied].map(|time| events as f64 / time.as_secs_f64());
    let lag = lag::measure(&service, visible / 2.0);

    table.heading(format!("{events} events, plain MergeTree table of the same engine"));
    table.speed("  acknowledged, against one INSERT of the whole NDJSON", acknowledged, one, Wanted::AtLeast(4.0));
    table.speed("  acknowledged, against an INSERT a body by 4 clients", acknowledged, four, Wanted::AtLeast(4.0));
    table.speed("  visible in reports, against one INSERT", visible, one, Wanted::AtLeast(1.2));
    table.speed("  visible in reports, against 4 clients", visible, four, Wanted::AtLeast(1.2));
    splits(table, &compared, "uniqExactIf", Wanted::AtLeast(100.0));
    lag.tell(table);
    resources(table, events, peaks, &disk, plain_disk);
    processor_time(table, "  ", events, seconds);
    compared.into_iter().map(|compared| compared.ours).collect()
}

/// Adds the splits beside others'.
pub(crate) fn splits(table: &mut Table, compared: &[reports::Compared], against: &str, wanted: Wanted) {
    for reports::Compared { question, ours, theirs } in compared {
        table.faster(format!("  split by {}, {against}", question.by), *ours, theirs, wanted);
    }
}

/// Adds the processor time that service and engine took for each event.
pub(crate) fn processor_time(table: &mut Table, prefix: &str, events: usize, seconds: [f64; 2]) {
    for (process, seconds) in ["service", "engine"].into_iter().zip(seconds) {
        let micros = seconds * 1e6 / events as f64;
        table.figure(format!("{prefix}processor time of an event, {process}"), micros, "µs", Wanted::Nothing);
    }
}

/// Adds memory and disk.
pub(crate) fn resources(
    table: &mut Table,
    events: usize,
    [service, engine]: [u64; 2],
    disk: &disk::Ours,
    plain_disk: u64,
) {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    table.figure("  peak memory, service", mebibytes(service), "MiB", Wanted::AtMost(512.0));
    table.figure("  peak memory, engine", mebibytes(engine), "MiB", Wanted::AtMost(3072.0));
    let each = |bytes: u64| bytes as f64 / events as f64;
    let (ours, theirs) = (each(disk.tables + disk.ledger), each(plain_disk));
    let shown = format!("{:.1} + {:.1} B", each(disk.tables), each(disk.ledger));
    table.ratio(
        "  disk of an event, tables + ledger",
        shown,
        format!("{theirs:.1} B"),
        ours / theirs,
        Wanted::AtMost(1.5),
    );
}
