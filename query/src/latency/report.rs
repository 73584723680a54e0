//! The answers: what is told of each group, and of each age.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use schema::{AGES, Latency};
use serde::Serialize;
use utoipa::ToSchema;

use super::{histogram::Histogram, request::LatencySpec, run::Found};
use crate::{
    Report, ReportSpec,
    chart::{ChartError, ChartOptions, Picture, draw_decay, draw_latencies},
    parameters::framed,
    report::shown,
    table::{Cell, Column, Content, Table, column, labels, others},
    zone::instant,
};

/// What is said of a range in which not all deliveries have their latencies.
const WITHOUT: &str =
    "Deliveries of this range were counted before their latencies were: `postlens rebuild` counts these, too.";

/// What every answer tells.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = LatencyFrame)]
pub(super) struct Frame {
    /// From when on messages were sent.
    #[schema(format = DateTime)]
    pub from: String,
    /// Until when, exclusive.
    #[schema(format = DateTime)]
    pub to: String,
    /// The time zone.
    pub tz: String,
    /// The clock that messages are dated by: `sent`.
    pub basis: &'static str,
    /// Every event that was acknowledged before this moment is counted.
    #[schema(format = DateTime)]
    pub as_of: String,
    /// What to bear in mind; absent when there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub notes: Vec<String>,
    /// What was asked, for a table.
    #[serde(skip)]
    about: Vec<(&'static str, Cell)>,
}

impl Frame {
    fn of(name: &'static str, found: &Found) -> Self {
        let (report, spec): (&Report, _) = (&found.report, found.report.spec());
        let without = found.total.lacks_some().then(|| WITHOUT.to_owned());
        let notes: Vec<_> = report.notes().into_iter().chain(without).collect();
        Self {
            from: report.time(spec.range.from.into()),
            to: report.time(spec.range.to.into()),
            tz: spec.tz.name().to_owned(),
            basis: spec.basis.name(),
            as_of: instant(report.as_of()),
            about: framed(name, spec, report.as_of(), &notes),
            notes,
        }
    }

    fn table(&self, tz: Tz, columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Table {
        Table { columns, rows: Box::new(rows.into_iter()), tz, about: self.about.clone() }
    }
}

/// How long it took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Percentiles {
    /// How many messages have this latency.
    pub count: i64,
    /// Half of them took so many seconds at most, within 5 %; null of none.
    #[schema(required)]
    pub p50: Option<f64>,
    /// Nine of ten …
    #[schema(required)]
    pub p90: Option<f64>,
    /// Ninety-nine of a hundred …
    #[schema(required)]
    pub p99: Option<f64>,
}

impl Percentiles {
    fn of(histogram: &Histogram, kind: Latency) -> Self {
        // To the microsecond: nobody needs more of what is within a few percent.
        let seconds = |millis: f64| (millis * 1e3).round() / 1e6;
        let at = |percent| histogram.percentile(kind, percent).map(seconds);
        Self { count: histogram.count(kind), p50: at(50), p90: at(90), p99: at(99) }
    }
}

/// The latencies of some messages; those that were not asked for are absent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Latencies {
    /// From when a message was queued until it was delivered, of those of which both is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Percentiles>,
    /// Until a person opened it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Percentiles>,
    /// Until a person clicked in it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click: Option<Percentiles>,
}

impl Latencies {
    fn of(histogram: &Histogram, kinds: &[Latency]) -> Self {
        let shown = |kind| kinds.contains(&kind).then(|| Percentiles::of(histogram, kind));
        Self { delivery: shown(Latency::Delivery), open: shown(Latency::Open), click: shown(Latency::Click) }
    }

    /// Those shown, in their order.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (Latency, Percentiles)> {
        let all = [(Latency::Delivery, self.delivery), (Latency::Open, self.open), (Latency::Click, self.click)];
        all.into_iter().filter_map(|(kind, percentiles)| Some((kind, percentiles?)))
    }
}

/// A group of messages.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LatencyRow {
    /// The group: a value for each name in `by`, as in a split.
    pub key: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(crate) latencies: Latencies,
}

/// The groups that are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct LatencyRemainder {
    /// How many groups.
    pub groups: u64,
    #[serde(flatten)]
    latencies: Latencies,
}

/// Latencies by groups.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "by": ["mailbox_provider"], "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "tz": "UTC", "basis": "sent",
    "as_of": "2026-11-20T14:03:07.123Z",
    "rows": [{"key": {"mailbox_provider": "gmail"}, "delivery": {"count": 9_120, "p50": 1.42, "p90": 6.17, "p99": 318.2},
              "open": {"count": 2_604, "p50": 4_310.0, "p90": 70_911.0, "p99": 361_004.0},
              "click": {"count": 0, "p50": null, "p90": null, "p99": null}}],
    "remainder": null,
    "total": {"delivery": {"count": 9_120, "p50": 1.42, "p90": 6.17, "p99": 318.2},
              "open": {"count": 2_604, "p50": 4_310.0, "p90": 70_911.0, "p99": 361_004.0},
              "click": {"count": 0, "p50": null, "p90": null, "p99": null}}
}))]
pub struct LatencyReport {
    /// What it is split by.
    pub by: Vec<String>,
    #[serde(flatten)]
    frame: Frame,
    /// The groups, in the order asked for; none without `by`.
    pub rows: Vec<LatencyRow>,
    /// The groups that are not shown, together; null when all are. The counts of rows and remainder add up to those of the total.
    #[schema(required)]
    pub remainder: Option<LatencyRemainder>,
    /// All messages in the range.
    pub total: Latencies,
    #[serde(skip)]
    ends_with_total: bool,
    #[serde(skip)]
    pub(crate) spec: ReportSpec,
}

impl LatencyReport {
    pub(super) fn of(spec: &LatencySpec, found: &Found) -> Self {
        let by = names(spec);
        let row = |(values, histogram): &(Vec<String>, Histogram)| LatencyRow {
            key: key(&by, values),
            latencies: Latencies::of(histogram, &spec.of),
        };
        let rest = |(groups, histogram): &(u64, Histogram)| LatencyRemainder {
            groups: *groups,
            latencies: Latencies::of(histogram, &spec.of),
        };
        Self {
            rows: found.rows.iter().map(row).collect(),
            remainder: found.remainder.as_ref().map(rest),
            total: Latencies::of(&found.total, &spec.of),
            frame: Frame::of("latency", found),
            ends_with_total: spec.total || by.is_empty(),
            spec: spec.groups.clone(),
            by,
        }
    }
}

/// How far things were by an age.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct DecayRow {
    /// The age: `1m`, `5m`, …, `30d`, and `later` for all.
    pub age: &'static str,
    /// The same in seconds; null for `later`.
    #[schema(required)]
    pub seconds: Option<u64>,
    /// How many messages a person had opened when they were younger than that.
    pub opened: i64,
    /// In how many a person had clicked.
    pub clicked: i64,
    /// `opened` as a fraction of all that were delivered; null when none was.
    #[schema(required)]
    pub opened_share: Option<f64>,
    /// `clicked` as a fraction of all that were delivered; null when none was.
    #[schema(required)]
    pub clicked_share: Option<f64>,
}

/// A decay curve of some messages.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DecayCurve {
    /// How many messages were delivered.
    pub delivered: i64,
    /// Age by age, each with what came before it.
    pub rows: Vec<DecayRow>,
}

impl DecayCurve {
    fn of(histogram: &Histogram) -> Self {
        let delivered = histogram.delivered();
        let share = |count: i64| (delivered > 0).then(|| count as f64 / delivered as f64);
        let row = |age, seconds, [opened, clicked]: [i64; 2]| DecayRow {
            age,
            seconds,
            opened,
            clicked,
            opened_share: share(opened),
            clicked_share: share(clicked),
        };
        let kinds = [Latency::Open, Latency::Click];
        let ages = AGES
            .iter()
            .map(|(name, length)| row(name, Some(length / 1000), kinds.map(|kind| histogram.younger(kind, *length))));
        let later = row("later", None, kinds.map(|kind| histogram.count(kind)));
        Self { delivered, rows: ages.chain([later]).collect() }
    }

    /// Its ages as rows of a table, each after the name of the group.
    fn cells(&self, group: &[Cell]) -> impl Iterator<Item = Vec<Cell>> {
        self.rows.iter().map(|row| {
            let seconds = row.seconds.and_then(|seconds| i64::try_from(seconds).ok());
            let age = [
                Cell::Text(row.age.to_owned()),
                seconds.map_or(Cell::Empty, Cell::Count),
                Cell::Count(self.delivered),
                Cell::Count(row.opened),
                Cell::Count(row.clicked),
                row.opened_share.into(),
                row.clicked_share.into(),
            ];
            group.iter().cloned().chain(age).collect()
        })
    }
}

/// The curve of a group of messages.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DecayGroup {
    /// The group: a value for each name in `by`, as in a split.
    pub key: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(crate) curve: DecayCurve,
}

/// The curve of the groups that are not shown.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DecayRemainder {
    /// How many groups.
    pub groups: u64,
    #[serde(flatten)]
    pub(crate) curve: DecayCurve,
}

/// Decay curves: of all messages, and by groups.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "by": ["campaign"], "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "tz": "UTC", "basis": "sent",
    "as_of": "2026-11-20T14:03:07.123Z", "delivered": 10_000,
    "rows": [{"age": "1m", "seconds": 60, "opened": 120, "clicked": 9, "opened_share": 0.012, "clicked_share": 0.0009},
             {"age": "later", "seconds": null, "opened": 2_604, "clicked": 310, "opened_share": 0.2604, "clicked_share": 0.031}],
    "groups": [{"key": {"campaign": "autumn"}, "delivered": 10_000, "rows": [
             {"age": "1m", "seconds": 60, "opened": 120, "clicked": 9, "opened_share": 0.012, "clicked_share": 0.0009},
             {"age": "later", "seconds": null, "opened": 2_604, "clicked": 310, "opened_share": 0.2604, "clicked_share": 0.031}]}],
    "remainder": null
}))]
pub struct DecayReport {
    /// What it is split by.
    pub by: Vec<String>,
    #[serde(flatten)]
    frame: Frame,
    /// The curve of all messages in the range.
    #[serde(flatten)]
    pub(crate) total: DecayCurve,
    /// The groups, in the order asked for; none without `by`.
    pub groups: Vec<DecayGroup>,
    /// The groups that are not shown, together; null when all are. With it, the numbers of all groups add up to those of all messages.
    #[schema(required)]
    pub remainder: Option<DecayRemainder>,
    #[serde(skip)]
    ends_with_total: bool,
    #[serde(skip)]
    pub(crate) spec: ReportSpec,
}

impl DecayReport {
    pub(super) fn of(spec: &LatencySpec, found: &Found) -> Self {
        let by = names(spec);
        let group = |(values, histogram): &(Vec<String>, Histogram)| DecayGroup {
            key: key(&by, values),
            curve: DecayCurve::of(histogram),
        };
        let rest = |(groups, histogram): &(u64, Histogram)| DecayRemainder {
            groups: *groups,
            curve: DecayCurve::of(histogram),
        };
        Self {
            groups: found.rows.iter().map(group).collect(),
            remainder: found.remainder.as_ref().map(rest),
            total: DecayCurve::of(&found.total),
            frame: Frame::of("decay", found),
            ends_with_total: spec.total || by.is_empty(),
            spec: spec.groups.clone(),
            by,
        }
    }
}

/// What is split by.
fn names(spec: &LatencySpec) -> Vec<String> {
    spec.groups.by.iter().map(ToString::to_string).collect()
}

/// A group by names.
fn key(by: &[String], values: &[String]) -> BTreeMap<String, String> {
    by.iter().cloned().zip(values.iter().map(|value| shown(value).to_owned())).collect()
}

/// The same as cells.
fn key_cells(by: &[String], key: &BTreeMap<String, String>) -> Vec<Cell> {
    by.iter().map(|name| key.get(name).cloned().map_or(Cell::Empty, Cell::Text)).collect()
}

/// What can be shown as a table and as a picture.
pub trait Presentable {
    /// The table; with the total where that was asked for.
    fn table(&self) -> Table;

    /// The picture. Takes some 10 to 200 ms of computing and up to 150 MB of memory, by its size.
    ///
    /// # Errors
    /// When it cannot be encoded.
    fn draw(&self, options: &ChartOptions, picture: Picture) -> Result<Vec<u8>, ChartError>;
}

impl Presentable for LatencyReport {
    fn draw(&self, options: &ChartOptions, picture: Picture) -> Result<Vec<u8>, ChartError> {
        draw_latencies(self, options, picture)
    }

    fn table(&self) -> Table {
        let key = self.by.iter().map(|name| column(name, Content::Text));
        let of = self.total.shown().flat_map(|(kind, _)| {
            let contents = [("count", Content::Count), ("p50", Content::Seconds), ("p90", Content::Seconds)];
            let contents = contents.into_iter().chain([("p99", Content::Seconds)]);
            contents.map(move |(what, content)| column(&format!("{}_{what}", kind.name()), content))
        });
        let cells = |first: Vec<Cell>, latencies: &Latencies| -> Vec<Cell> {
            let numbers = latencies.shown().flat_map(|(_, Percentiles { count, p50, p90, p99 })| {
                [Cell::Count(count), p50.into(), p90.into(), p99.into()]
            });
            first.into_iter().chain(numbers).collect()
        };
        let label = |label: &str| labels(self.by.len(), label);
        let mut rows = Vec::new();
        for row in &self.rows {
            rows.push(cells(key_cells(&self.by, &row.key), &row.latencies));
        }
        if let Some(rest) = &self.remainder {
            rows.push(cells(label(&others(rest.groups)), &rest.latencies));
        }
        if self.ends_with_total {
            rows.push(cells(label("(total)"), &self.total));
        }
        self.frame.table(self.spec.tz, key.chain(of).collect(), rows)
    }
}

impl Presentable for DecayReport {
    fn draw(&self, options: &ChartOptions, picture: Picture) -> Result<Vec<u8>, ChartError> {
        draw_decay(self, options, picture)
    }

    fn table(&self) -> Table {
        let ages = [
            ("age", Content::Text),
            ("seconds", Content::Count),
            ("delivered", Content::Count),
            ("opened", Content::Count),
            ("clicked", Content::Count),
            ("opened_share", Content::Rate),
            ("clicked_share", Content::Rate),
        ];
        let by = self.by.iter().map(|name| column(name, Content::Text));
        let columns = by.chain(ages.map(|(name, content)| column(name, content))).collect();
        let mut rows = Vec::new();
        for group in &self.groups {
            rows.extend(group.curve.cells(&key_cells(&self.by, &group.key)));
        }
        if let Some(rest) = &self.remainder {
            rows.extend(rest.curve.cells(&labels(self.by.len(), &others(rest.groups))));
        }
        if self.ends_with_total {
            rows.extend(self.total.cells(&labels(self.by.len(), "(total)")));
        }
        self.frame.table(self.spec.tz, columns, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chart::Theme, from_pairs};

    use super::super::{DELIVERED, OPENED, request::LatencySpec, run::Found};

    /// Some of so many seconds, an octave up and down.
    fn histogram(delivery: i64, open: i64, count: i64) -> Histogram {
        let mut histogram = Histogram::default();
        for (kind, middle, part) in
            [(Latency::Delivery, delivery, 10), (Latency::Open, open, 4), (Latency::Click, open * 2, 1)]
        {
            for (place, weight) in [60, 120, 160, 120, 60, 30, 20, 10, 8, 4, 2, 1].into_iter().enumerate() {
                let octave = i64::try_from(place).unwrap() - 3;
                let millis = if octave < 0 { (middle * 1000) >> -octave } else { (middle * 1000) << octave };
                histogram.add(kind.step(millis).0, count * weight * part / 10);
            }
        }
        histogram.add(DELIVERED, count * 620);
        let opened = histogram.count(Latency::Open);
        histogram.add(OPENED, opened);
        histogram
    }

    fn asked(more: &[(&str, &str)]) -> LatencySpec {
        let range = [("from", "2026-11-01"), ("to", "2026-11-08"), ("tz", "America/New_York")];
        LatencySpec::latencies(&from_pairs(range.into_iter().chain(more.iter().copied())).unwrap()).unwrap()
    }

    fn found(spec: &LatencySpec, rows: Vec<(Vec<String>, Histogram)>, cut: Option<u64>) -> Found {
        let mut total = Histogram::default();
        for (_, histogram) in &rows {
            total.merge(histogram);
        }
        let report = crate::testing::summary_report(&[("tz", "America/New_York")], schema::Measures::default());
        let rest = cut.map(|groups| (groups, Histogram::default()));
        if rows.is_empty() && spec.groups.by.is_empty() {
            total = histogram(4, 5_000, 90);
        }
        Found { report, rows, remainder: rest, total }
    }

    fn providers() -> Vec<(Vec<String>, Histogram)> {
        [
            ("gmail", 2, 4_000, 900),
            ("microsoft", 9, 9_000, 500),
            ("yahoo", 340, 5_200, 210),
            ("a-rather-long-name-of-a-regional-hospital-network.example.org", 1, 70_000, 12),
            ("", 4, 400, 10),
            ("comcast", 20, 40_000, 10),
            ("apple", 3, 3_000, 10),
            ("proton", 7, 8_000, 10),
        ]
        .map(|(name, delivery, open, count)| (vec![name.to_owned()], histogram(delivery, open, count)))
        .into()
    }

    fn latencies(more: &[(&str, &str)], rows: Vec<(Vec<String>, Histogram)>, cut: Option<u64>) -> LatencyReport {
        let spec = asked(more);
        LatencyReport::of(&spec, &found(&spec, rows, cut))
    }

    fn pictures() -> Vec<(&'static str, Box<dyn Presentable>)> {
        let by = ("by", "mailbox_provider");
        let all = asked(&[]);
        let nothing = Found { total: Histogram::default(), ..found(&asked(&[by]), Vec::new(), None) };
        let groups = asked(&[by]);
        vec![
            ("latency", Box::new(latencies(&[by], providers(), Some(19)))),
            ("latency-delivery", Box::new(latencies(&[by, ("of", "delivery")], providers(), None))),
            ("latency-all", Box::new(latencies(&[], Vec::new(), None))),
            ("latency-empty", Box::new(latencies(&[by], Vec::new(), None))),
            ("decay", Box::new(DecayReport::of(&all, &found(&all, Vec::new(), None)))),
            ("decay-groups", Box::new(DecayReport::of(&groups, &found(&groups, providers(), Some(19))))),
            ("decay-empty", Box::new(DecayReport::of(&all, &nothing))),
        ]
    }

    #[test]
    fn every_picture_is_drawn_in_every_size_and_colour_and_as_shapes() {
        for (name, report) in pictures() {
            for (width, height, theme) in
                [(320, 240, Theme::Dark), (1200, 675, Theme::Light), (4096, 240, Theme::Light)]
            {
                let options = ChartOptions::new(width, height, theme).unwrap();
                let bytes = report.draw(&options, Picture::Png).unwrap();
                let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
                assert_eq!((reader.info().width, reader.info().height), (width, height), "{name}");
            }
            let text = String::from_utf8(report.draw(&ChartOptions::default(), Picture::Svg).unwrap()).unwrap();
            let said = match name {
                "latency-empty" => "No message of this range has such a latency",
                "decay-empty" => "No message of this range was delivered",
                "decay" => "Opened",
                "decay-groups" => "19 more groups are not shown",
                _ => ">p99<",
            };
            assert!(text.contains(said), "{name}: {text}");
            assert_eq!(text.contains("Clicked, of those delivered"), name == "decay-groups", "{name}");
            if name == "decay-groups" {
                let small = ChartOptions::new(320, 240, Theme::Light).unwrap();
                let small = String::from_utf8(report.draw(&small, Picture::Svg).unwrap()).unwrap();
                assert!(!small.contains("Clicked, of") && small.contains("Clicks are not shown"), "{small}");
            }
        }
    }

    #[test]
    #[ignore = "writes pictures to look at into target/charts"]
    fn latency_gallery() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/charts");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, report) in pictures() {
            for (width, height) in [(400, 300), (1200, 675), (2000, 1125)] {
                for theme in [Theme::Light, Theme::Dark] {
                    let options = ChartOptions::new(width, height, theme).unwrap();
                    let bytes = report.draw(&options, Picture::Png).unwrap();
                    std::fs::write(folder.join(format!("{name}-{width}-{theme:?}.png")), bytes).unwrap();
                }
            }
        }
    }
}
