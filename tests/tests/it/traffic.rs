//! What the tests report: traffic of recent days, cut into batches, sent by several clients at once.

use std::{
    collections::VecDeque,
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use fixtures::{Event, Options};
use postlens_tests::{
    harness::{Body, Client, Encoding, SECRET},
    oracle::{Oracle, Question, Tally, last_change_of_offset},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use schema::{Basis, Dimension};

/// A zone that changes its clocks, and its midnights all exist once.
pub(crate) const ZONE: Tz = chrono_tz::America::New_York;

/// How long to send a batch again and again.
const GIVE_UP: Duration = Duration::from_mins(3);

/// The days that traffic spans.
const DAYS: u32 = 14;

/// Shuffled traffic with a tenth repeated, around the last change of clocks in [`ZONE`].
pub(crate) fn options(seed: u64, events: usize) -> Options {
    let change = last_change_of_offset(ZONE, Utc::now() - TimeDelta::days(12)).expect("the zone changes its clocks");
    let start = (change - TimeDelta::days(6)).and_time(NaiveTime::MIN).and_utc();
    Options { seed, events, start, days: DAYS, repeat: 0.1, shuffle: true, ..Options::default() }
}

/// The dimensions that the traffic has values of, and one that it has not.
pub(crate) fn dimensions() -> Vec<Dimension> {
    let fields = ["field:payer", "field:clinic", "field:template", "field:unheard-of"];
    let fields = fields.iter().map(|name| name.parse().unwrap());
    Dimension::FIXED.into_iter().chain(fields).collect()
}

/// Everything that the traffic of these options can count in.
pub(crate) fn everything(options: &Options) -> Question {
    Question {
        by: Vec::new(),
        basis: Basis::Sent,
        from: options.start - TimeDelta::days(1),
        to: options.start + TimeDelta::days(i64::from(options.days) + 1),
        filters: Vec::new(),
        limit: 10_000,
    }
}

/// What an account that reported these events must be told.
pub(crate) fn count(account: &str, events: &[Event]) -> Tally {
    let mut oracle = Oracle::new(account, SECRET);
    for event in events {
        oracle.accept(event);
    }
    assert_eq!(oracle.conflicts(), 0, "with several clients nobody knows which of two contents came first");
    oracle.tally()
}

/// A quarter of an hour of some days ago, for traffic made by hand: the same one after midnight.
pub(crate) fn some_days_ago() -> DateTime<Utc> {
    static DAY: LazyLock<NaiveDate> = LazyLock::new(|| (Utc::now() - TimeDelta::days(3)).date_naive());
    DAY.and_time(NaiveTime::MIN).and_utc()
}

/// Batches that several clients work off, each sent again until it is acknowledged.
pub(crate) struct Work {
    batches: Mutex<VecDeque<Vec<Event>>>,
    all: usize,
    acknowledged: AtomicUsize,
}

impl Work {
    /// Cuts the events into batches of random sizes.
    pub(crate) fn cut(events: &[Event], largest: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut rest = events;
        let mut batches = VecDeque::new();
        while !rest.is_empty() {
            let (batch, left) = rest.split_at(random.random_range(1..=largest).min(rest.len()));
            batches.push_back(batch.to_vec());
            rest = left;
        }
        Self { all: batches.len(), batches: Mutex::new(batches), acknowledged: AtomicUsize::new(0) }
    }

    /// How many batches there were at first.
    pub(crate) const fn batches(&self) -> usize {
        self.all
    }

    /// How many of them were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Works it off with so many clients at once.
    pub(crate) fn run(&self, client: &Client, clients: u64) {
        thread::scope(|scope| {
            for seed in 0..clients {
                scope.spawn(move || self.work(client, StdRng::seed_from_u64(seed)));
            }
        });
        assert_eq!(self.acknowledged(), self.batches());
    }

    fn next(&self) -> Option<Vec<Event>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn work(&self, client: &Client, mut random: StdRng) {
        while let Some(batch) = self.next() {
            let (form, encoding) = match random.random_range(0..4) {
                0 => (Body::Ndjson, Encoding::Identity),
                1 => (Body::Ndjson, Encoding::Gzip),
                2 => (Body::Ndjson, Encoding::Zstd),
                _ => (Body::Array, Encoding::Identity),
            };
            send_until_acknowledged(client, &batch, form, encoding);
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Sends a batch as a careful client does: whatever is not acknowledged is sent again, whether it may have arrived or not.
fn send_until_acknowledged(client: &Client, batch: &[Event], form: Body, encoding: Encoding) {
    let body = form.write(batch);
    let started = Instant::now();
    while started.elapsed() < GIVE_UP {
        match client.try_post("", body.clone(), form, encoding) {
            Ok(reply) if reply.status == 202 => {
                let receipt: postlens_tests::harness::Receipt = reply.json();
                assert_eq!((receipt.accepted, receipt.rejected), (batch.len(), 0), "{:?}", receipt.errors);
                return;
            }
            Ok(reply) => assert!(matches!(reply.status, 429 | 503), "{}: {}", reply.status, reply.text()),
            Err(_) => {}
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("a batch is not acknowledged");
}
