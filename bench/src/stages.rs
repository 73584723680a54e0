//! How long the stages of ingestion took, as the service tells it at `/metrics`.

use std::collections::BTreeMap;

use postlens_tests::harness::Service;

/// What the service has told so far: for each stage its times and seconds, and how many times it took no longer than each bound.
pub(crate) struct Stages(BTreeMap<String, Told>);

#[derive(Default)]
struct Told {
    count: f64,
    sum: f64,
    within: Vec<(String, f64)>,
}

/// How long a stage took.
pub(crate) struct Took {
    /// Its name at `/metrics`.
    pub(crate) stage: String,
    /// How often it was gone through.
    pub(crate) times: f64,
    /// The mean, in seconds.
    pub(crate) mean: f64,
    /// All of them were within so many seconds.
    pub(crate) longest: String,
}

impl Stages {
    /// Asks the service.
    pub(crate) fn of(service: &Service) -> Self {
        let text = service.bootstrap().get("/metrics", &[]).text();
        let mut stages = BTreeMap::<String, Told>::new();
        for line in text.lines() {
            let Some((series, number)) =
                line.strip_prefix("postlens_stage_seconds_").and_then(|line| line.split_once("} "))
            else {
                continue;
            };
            let label = |name: &str| series.split_once(&format!("{name}=\""))?.1.split('"').next();
            let (Some(stage), Ok(number)) = (label("stage"), number.parse::<f64>()) else { continue };
            let told = stages.entry(stage.to_owned()).or_default();
            match (series.split_once('{').map(|(kind, _)| kind), label("le")) {
                (Some("count"), _) => told.count = number,
                (Some("sum"), _) => told.sum = number,
                (_, Some(bound)) => told.within.push((bound.to_owned(), number)),
                _ => {}
            }
        }
        Self(stages)
    }

    /// What each stage took since.
    pub(crate) fn since(&self, before: &Self) -> Vec<Took> {
        let each = |(stage, now): (&String, &Told)| {
            let before = before.0.get(stage)?;
            let times = now.count - before.count;
            let pairs = now.within.iter().zip(&before.within);
            let mut all = pairs.filter(|((_, now), (_, before))| now - before >= times);
            let longest = all.next().map_or("", |((bound, _), _)| bound).to_owned();
            let mean = (now.sum - before.sum) / times;
            (times > 0.0).then(|| Took { stage: stage.clone(), times, mean, longest })
        };
        self.0.iter().filter_map(each).collect()
    }
}
