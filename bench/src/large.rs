//! `make bench-large`: the same at a size that does not fit the memory, beside the same at a small size, and beside PostgreSQL at one
//! that PostgreSQL can still be asked to hold.

use postlens_tests::harness::Service;

use crate::{
    disk, load, memory,
    plain::Plain,
    postgres::Postgres,
    reports,
    standard::{self, resources, splits},
    table::{Table, Wanted},
    traffic,
};

/// How many events each part has.
pub(crate) struct Sizes {
    /// Of what the large part is compared with.
    pub(crate) small: usize,
    /// Of what PostgreSQL gets.
    pub(crate) postgres: usize,
    /// Of the large part.
    pub(crate) large: usize,
}

/// Measures one part after another, each with a service of its own, so that none needs the room of another.
pub(crate) fn measure(sizes: &Sizes, table: &mut Table) {
    let small = standard::measure(sizes.small, table);
    against_postgres(sizes.postgres, table);
    large(sizes.large, &small, sizes.small, table);
}

fn against_postgres(events: usize, table: &mut Table) {
    let options = traffic::options(events);
    println!("filling PostgreSQL with {events} events");
    let postgres = Postgres::start();
    postgres.load(&options);
    println!("posting the same to POST /v1/events");
    let service = Service::start();
    load::stream(&service, None, &options);
    assert_eq!(reports::deliveries(&service), postgres.deliveries(), "both count the same deliveries");
    println!("asking for reports");
    let compared = reports::compare(&service, |question| postgres.time(question));
    table.heading(format!("{events} events, PostgreSQL {}: messages and events", postgres.version()));
    splits(table, &compared, "COUNT(DISTINCT) FILTER", Wanted::AtLeast(50.0));
}

fn large(events: usize, small: &[reports::Times], small_events: usize, table: &mut Table) {
    let options = traffic::options(events);
    println!("posting {events} events to POST /v1/events, and inserting them with FORMAT JSONEachRow");
    let (service, plain) = (Service::start(), Plain::start());
    let took = load::stream(&service, Some(&plain), &options);
    println!("waiting for merges");
    let (disk, plain_disk) = (disk::ours(&service), disk::theirs(&plain));
    println!("asking for reports");
    let client = load::http();
    let compared = reports::compare(&service, |question| plain.time(&client, question));

    table.heading(format!("{events} events, plain MergeTree table of the same engine"));
    splits(table, &compared, "uniqExactIf", Wanted::AtLeast(100.0));
    for (large, small) in compared.iter().zip(small) {
        let what = format!("  split by {}, {small_events} events", large.question.by);
        table.slower(what, large.ours, *small, Wanted::AtMost(3.0));
    }
    resources(table, events, [service.id(), service.engine()].map(memory::peak), &disk, plain_disk);
    let rate = events as f64 / took.as_secs_f64();
    table.figure("  events/s, generator and plain table on the same cores", rate, "/s", Wanted::Nothing);
}
