//! Reports out: a split over HTTP beside the same question as `uniqExactIf` over the plain table.

use std::{
    fmt,
    time::{Duration, Instant},
};

use postlens_tests::harness::Service;

use crate::{plain::Plain, traffic::Traffic};

/// Runs of each question, ours and theirs in turn.
pub(crate) const RUNS: usize = 20;

/// The measures asked for; `uniqExactIf` can tell them without attribution across events, which it has none of.
const MEASURES: &str = "queued,delivered,failed,opened,machine_opened,clicked,complained,unsubscribed,secured";

/// What the questions are split by: a dimension of ours, a column of theirs.
const QUESTIONS: [(&str, &str); 4] = [
    ("recipient_domain", "recipient_domain"),
    ("campaign", "campaign"),
    ("subject", "subject"),
    ("field:clinic", "fields['clinic']"),
];

/// One question's times.
pub(crate) struct Compared {
    by: &'static str,
    ours: [Duration; 2],
    theirs: [Duration; 2],
}

/// Asks every question of both, in turn.
pub(crate) fn compare(service: &Service, plain: &Plain, traffic: &Traffic) -> Vec<Compared> {
    let client = service.bootstrap();
    let range = [("from", traffic.start.to_rfc3339()), ("to", traffic.end.to_rfc3339())];
    QUESTIONS
        .into_iter()
        .map(|(by, column)| {
            let sql = count(column);
            let mut parameters = range.to_vec();
            parameters.extend([("by", by.to_owned()), ("measures", MEASURES.to_owned())]);
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..=RUNS {
                ours.push(time(|| assert_eq!(client.get("/v1/reports/split", &parameters).status, 200)));
                theirs.push(time(|| assert!(!plain.ask(&sql).is_empty())));
            }
            // The first of each warms up.
            Compared { by, ours: percentiles(ours.split_off(1)), theirs: percentiles(theirs.split_off(1)) }
        })
        .collect()
}

fn count(column: &str) -> String {
    let unique = |condition: &str| format!("uniqExactIf((message_id, recipient), {condition})");
    let measures = [
        "uniqExact((message_id, recipient))".to_owned(),
        unique("event = 'delivered'"),
        unique("event = 'failed'"),
        unique("event IN ('opened', 'clicked') AND NOT machine"),
        unique("event IN ('opened', 'clicked') AND machine"),
        unique("event = 'clicked' AND NOT machine"),
        unique("event = 'complained'"),
        unique("event = 'unsubscribed'"),
        unique("event = 'secured' OR method != ''"),
    ];
    format!("SELECT {column} AS key, {} FROM plain GROUP BY key ORDER BY 2 DESC LIMIT 50", measures.join(", "))
}

fn time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// The median and the 95th percentile.
fn percentiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() * 95 / 100]]
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair =
            |[p50, p95]: [Duration; 2]| format!("{:.1} / {:.1} ms", p50.as_secs_f64() * 1e3, p95.as_secs_f64() * 1e3);
        let ratio = |place: usize| self.theirs[place].as_secs_f64() / self.ours[place].as_secs_f64();
        write!(
            f,
            "{:<28} {:>19} {:>19} {:>6.1}× {:>6.1}×",
            self.by,
            pair(self.ours),
            pair(self.theirs),
            ratio(0),
            ratio(1)
        )
    }
}
