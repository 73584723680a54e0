//! The chart of a notice: what it watches, over time, drawn when it is sent.

use query::{
    ReportSpec, SeriesRequest,
    alert::FBL_SPAM_RATE,
    chart::{ChartOptions, Theme},
};
use schema::{AccountId, ClickHouse, Measure, Millis, REPORTING, Rate};

use super::notice::Notice;

/// The size of the picture.
const WIDTH: u32 = 800;
const HEIGHT: u32 = 450;
/// The least that is shown, and up to which length hours are shown, in hours.
const LEAST: i64 = 24;
const HOURS: i64 = 72;

/// Draws charts.
#[derive(Clone, Debug)]
pub(crate) struct Charts {
    clickhouse: ClickHouse,
    limits: query::Limits,
}

impl Charts {
    pub(crate) const fn new(clickhouse: ClickHouse, limits: query::Limits) -> Self {
        Self { clickhouse, limits }
    }

    /// The picture, as PNG; none when there is nothing to draw, or it cannot be drawn now: a message need not wait for it.
    pub(crate) async fn of(&self, account: &AccountId, notice: &Notice, now: Millis) -> Option<Vec<u8>> {
        let spec = ReportSpec::series(&request(notice)?).ok()?;
        let report = query::run(&self.clickhouse, account, &spec, now, &self.limits).await.ok()?;
        let options = ChartOptions::new(WIDTH, HEIGHT, Theme::Light).ok()?;
        tokio::task::spawn_blocking(move || query::chart::draw(&report, &options, query::chart::Picture::Png).ok())
            .await
            .ok()?
    }
}

/// The series that shows the notice's window, and a day at least.
fn request(notice: &Notice) -> Option<SeriesRequest> {
    let window = notice.window.as_ref()?;
    let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
    let (from, to) = (time(&window.from)?, time(&window.to)?);
    let hours = (to - from).num_hours().max(LEAST);
    let mut filter = notice.scope.clone();
    if let (Some(dimension), Some(value)) = (&notice.dimension, &notice.value) {
        filter.push(format!("{dimension}:is:{value}"));
    }
    if notice.watch == FBL_SPAM_RATE {
        filter.push(format!("mailbox_provider:in:{}", REPORTING.join("|")));
    }
    let watch = match notice.watch.as_str() {
        FBL_SPAM_RATE => Rate::SpamRate.name(),
        "observed_spam_rate" => return None,
        "activity" => Measure::Queued.name(),
        watch => watch,
    };
    let is_rate = Rate::from_name(watch).is_some();
    let shown = |yes: bool| Some(if yes { vec![watch.to_owned()] } else { Vec::new() });
    Some(SeriesRequest {
        from: (to - chrono::TimeDelta::hours(hours)).to_rfc3339(),
        to: window.to.clone(),
        basis: Some(notice.basis.clone()),
        interval: if hours <= HOURS { "hour" } else { "day" }.to_owned(),
        filter: filter.into_iter().map(query::Expression::Text).collect(),
        measures: shown(!is_rate),
        rates: shown(is_rate),
        ..SeriesRequest::default()
    })
}
