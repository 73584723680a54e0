//! Reports out: the questions, how often they are asked, and how long the answers take.

use std::time::{Duration, Instant};

use postlens_tests::harness::{Client, Report, Service};

use crate::traffic;

/// Runs of each question at most.
const RUNS: usize = 20;
/// Runs of each question at least.
const FEWEST: usize = 3;
/// No further run of a question begins after this.
const BUDGET: Duration = Duration::from_mins(3);

/// The measures asked for; `uniqExactIf` can tell them without attribution across events, which it has none of.
const MEASURES: &str = "queued,delivered,failed,opened,machine_opened,clicked,complained,unsubscribed,secured";

/// What the questions are split by: a dimension of ours, and an expression for those who have events alone.
pub(crate) const QUESTIONS: [Question; 4] = [
    Question { by: "recipient_domain", column: "recipient_domain", joined: "m.recipient_domain" },
    Question { by: "campaign", column: "campaign", joined: "m.campaign" },
    Question { by: "subject", column: "subject", joined: "m.subject" },
    Question { by: "field:clinic", column: "fields['clinic']", joined: "m.fields->>'clinic'" },
];

/// A question, in everybody's words.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    /// Our dimension.
    pub(crate) by: &'static str,
    /// An expression over the plain table.
    pub(crate) column: &'static str,
    /// An expression over PostgreSQL's messages.
    pub(crate) joined: &'static str,
}

/// How long answers took.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) runs: usize,
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
}

impl Times {
    /// Of at least one run.
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { runs: times.len(), p50: percentile(&times, 50), p95: percentile(&times, 95) }
    }
}

/// The least of the sorted times that so many of a hundred do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

/// A question's times: ours, and theirs unless they could not answer.
pub(crate) struct Compared {
    pub(crate) question: Question,
    pub(crate) ours: Times,
    pub(crate) theirs: Result<Times, String>,
}

/// Asks every question of us and of others, in turn. The first run of each warms up and is not counted.
pub(crate) fn compare(
    service: &Service,
    mut theirs: impl FnMut(Question) -> Result<Duration, String>,
) -> Vec<Compared> {
    let client = service.bootstrap();
    let compare = |question: Question| {
        println!("  by {}", question.by);
        let (mut us, mut them, mut trouble, mut spent) = (Vec::new(), Vec::new(), None, Duration::ZERO);
        for run in 0..=RUNS {
            let time = ask(&client, question);
            us.extend((run > 0).then_some(time));
            if trouble.is_none() && (run <= FEWEST || spent < BUDGET) {
                match theirs(question) {
                    Ok(time) if run > 0 => them.push(time),
                    Ok(_) => {}
                    Err(error) => trouble = Some(error),
                }
                spent += them.last().copied().unwrap_or_default();
            }
        }
        let theirs = trouble.map_or_else(|| Ok(Times::of(them)), Err);
        Compared { question, ours: Times::of(us), theirs }
    };
    QUESTIONS.into_iter().map(compare).collect()
}

/// How many deliveries the service knows.
pub(crate) fn deliveries(service: &Service) -> i64 {
    let (from, to) = traffic::span();
    let question = [("from", from.to_rfc3339()), ("to", to.to_rfc3339()), ("measures", "queued".to_owned())];
    service.bootstrap().get("/v1/reports/summary", &question).json::<Report>().total.measures["queued"]
}

/// How long a split takes over HTTP.
fn ask(client: &Client, question: Question) -> Duration {
    let (from, to) = traffic::span();
    let parameters = [
        ("from", from.to_rfc3339()),
        ("to", to.to_rfc3339()),
        ("by", question.by.to_owned()),
        ("measures", MEASURES.to_owned()),
    ];
    let started = Instant::now();
    let reply = client.get("/v1/reports/split", &parameters);
    assert_eq!(reply.status, 200, "{}", reply.text());
    started.elapsed()
}
