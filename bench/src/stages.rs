//! How long the stages of ingestion took, as the service tells it at `/metrics`.

use postlens_tests::harness::Service;

/// What the service has told so far.
#[derive(Clone)]
pub(crate) struct Stages(Vec<(String, f64, f64)>);

impl Stages {
    /// Asks the service.
    pub(crate) fn of(service: &Service) -> Self {
        let text = service.bootstrap().get("/metrics", &[]).text();
        let number = |name: &str, stage: &str| -> Option<f64> {
            let series = format!("postlens_stage_seconds_{name}{{stage=\"{stage}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(series.as_str()))?.parse().ok()
        };
        let stages = text.lines().filter_map(|line| {
            let stage = line.strip_prefix("postlens_stage_seconds_count{stage=\"")?.split_once('"')?.0;
            Some((stage.to_owned(), number("count", stage)?, number("sum", stage)?))
        });
        Self(stages.collect())
    }

    /// For each stage how often it was gone through since, and how many seconds it took each time.
    pub(crate) fn since(&self, before: &Self) -> Vec<(String, f64, f64)> {
        let pairs = self.0.iter().zip(&before.0);
        let each = |((stage, count, sum), (_, count_before, sum_before)): (&(String, f64, f64), &(_, f64, f64))| {
            let count = count - count_before;
            (count > 0.0).then(|| (stage.clone(), count, (sum - sum_before) / count))
        };
        pairs.filter_map(each).collect()
    }
}
