//! Reports made by hand, for tests.

use schema::{Measure, Measures, Millis};

use crate::{
    Kind, ReportSpec, SeriesRequest, SplitRequest, SummaryRequest, from_pairs,
    report::{Body, Line, Remainder, Report, Row},
    suppression::MeasureSet,
};

/// The pairs of a query string over a week of November 2026 in New York, the first of which has 25 hours.
fn pairs<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![("from", "2026-11-01"), ("to", "2026-11-08"), ("tz", "America/New_York")];
    pairs.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    pairs.extend(more);
    pairs
}

pub(crate) fn split_spec(more: &[(&str, &str)]) -> ReportSpec {
    let mut pairs = pairs(more);
    if !more.iter().any(|(name, _)| *name == "by") {
        pairs.push(("by", "recipient_domain"));
    }
    ReportSpec::split(&from_pairs::<SplitRequest, _, _>(pairs).unwrap()).unwrap()
}

pub(crate) fn summary_spec(more: &[(&str, &str)]) -> ReportSpec {
    ReportSpec::summary(&from_pairs::<SummaryRequest, _, _>(pairs(more)).unwrap()).unwrap()
}

pub(crate) fn series_spec(more: &[(&str, &str)]) -> ReportSpec {
    let mut pairs = pairs(more);
    if !more.iter().any(|(name, _)| *name == "interval") {
        pairs.push(("interval", "day"));
    }
    ReportSpec::series(&from_pairs::<SeriesRequest, _, _>(pairs).unwrap()).unwrap()
}

/// What became of `queued` messages, in believable parts that differ with `seed`.
pub(crate) fn traffic(queued: i64, seed: i64) -> Measures {
    let mut measures = Measures::default();
    let failed = queued * (1 + seed * 7 % 9) / 100;
    let pending = queued * (seed % 3) / 200;
    let delivered = queued - failed - pending;
    let opened = delivered * (20 + seed * 13 % 25) / 100;
    for (measure, value) in [
        (Measure::Queued, queued),
        (Measure::Pending, pending),
        (Measure::Failed, failed),
        (Measure::FailedHard, failed),
        (Measure::Delivered, delivered),
        (Measure::Secured, delivered * 9 / 10),
        (Measure::Opened, opened),
        (Measure::Clicked, opened * (5 + seed * 3 % 11) / 100),
        (Measure::Complained, delivered * (seed * 5 % 9) / 1_500),
        (Measure::Unsubscribed, delivered / 400),
    ] {
        measures[measure] = value;
    }
    measures
}

fn sum<'a>(all: impl IntoIterator<Item = &'a Measures>) -> Measures {
    let mut total = Measures::default();
    for measures in all {
        total += measures;
    }
    total
}

/// 2026-11-20T14:03:07.123Z.
const AS_OF: Millis = Millis(1_795_183_387_123);

pub(crate) fn split_report(more: &[(&str, &str)], keys: &[&[&str]], cut: Option<(u64, Measures)>) -> Report {
    let row = |(place, key): (i64, &&[&str])| Row {
        key: key.iter().map(|value| (*value).to_owned()).collect(),
        measures: traffic(40_000 / (place + 1), place),
        hidden: MeasureSet::default(),
    };
    let rows: Vec<_> = (0..).zip(keys).map(row).collect();
    let remainder = cut.map(|(groups, measures)| Remainder { groups, measures, hidden: MeasureSet::default() });
    let total = sum(rows.iter().map(|row| &row.measures).chain(remainder.iter().map(|cut| &cut.measures)));
    Report {
        spec: split_spec(more),
        as_of: AS_OF,
        total,
        hidden: MeasureSet::default(),
        body: Body::Split { rows, more: remainder.is_some(), remainder },
        others: Vec::new(),
        reporting: None,
        differences: Vec::new(),
        other: None,
    }
    .compared()
}

pub(crate) fn summary_report(more: &[(&str, &str)], total: Measures) -> Report {
    Report {
        spec: summary_spec(more),
        as_of: AS_OF,
        total,
        hidden: MeasureSet::default(),
        body: Body::Summary,
        others: Vec::new(),
        reporting: None,
        differences: Vec::new(),
        other: None,
    }
}

pub(crate) fn series_report(more: &[(&str, &str)], keys: &[&[&str]], cut: Option<u64>, quiet: bool) -> Report {
    let spec = series_spec(more);
    let Kind::Series(interval) = spec.kind else { unreachable!("a series") };
    let times = interval.starts(spec.tz, spec.range.from.into(), spec.range.to.into());
    let line = |(seed, key): (i64, &&[&str])| {
        let mut line = Line::empty(key.iter().map(|value| (*value).to_owned()).collect(), times.len());
        for place in 0..if quiet { 0 } else { times.len() } {
            let wave = i64::try_from(place).unwrap();
            line.add(place, &traffic((wave * 37 + seed * 11) % 23 * 900 / (seed + 1), wave + seed));
        }
        line
    };
    let groups: Vec<_> = (0..).zip(keys).map(line).collect();
    let remainder = cut.map(|count| (count, line((9, &&[][..]))));
    let total = sum(groups.iter().map(|line| &line.total).chain(remainder.iter().map(|(_, line)| &line.total)));
    Report {
        spec,
        as_of: AS_OF,
        total,
        hidden: MeasureSet::default(),
        body: Body::Series { times, groups, remainder },
        others: Vec::new(),
        reporting: None,
        differences: Vec::new(),
        other: None,
    }
    .compared()
}

/// The same compared with the other period of its spec, in which about three quarters were sent, a row had nothing, and another group
/// that is not shown had something.
pub(crate) fn with_other(report: Report) -> Report {
    let spec = report.spec.other().unwrap();
    let less = |measures: &Measures, seed: i64| traffic(measures[Measure::Queued] * 3 / 4, seed);
    let body = match &report.body {
        Body::Summary => Body::Summary,
        Body::Split { rows, .. } => {
            let row = |(seed, row): (i64, &Row)| Row {
                measures: if seed == 1 { Measures::default() } else { less(&row.measures, seed + 5) },
                ..row.clone()
            };
            let rows = (0..).zip(rows).map(row).collect();
            Body::Split {
                rows,
                remainder: Some(Remainder { groups: 0, measures: traffic(800, 7), hidden: MeasureSet::default() }),
                more: false,
            }
        }
        Body::Series { groups, remainder, .. } => {
            let Kind::Series(interval) = spec.kind else { unreachable!("a series") };
            let times = interval.starts(spec.tz, spec.range.from.into(), spec.range.to.into());
            let line = |of: &Line| {
                let mut line = Line::empty(of.key.clone(), times.len());
                for (place, seed) in (0..times.len()).zip(4..) {
                    line.add(place, &less(of.points.get(place).unwrap_or(&of.points[0]), seed));
                }
                line
            };
            let rest = remainder.as_ref().map_or_else(|| Line::empty(Vec::new(), times.len()), |(_, rest)| line(rest));
            let groups = groups.iter().map(line).collect();
            Body::Series { times, groups, remainder: Some((0, rest)) }
        }
    };
    let total = match &body {
        Body::Summary => less(&report.total, 8),
        Body::Split { rows, remainder, .. } => {
            sum(rows.iter().map(|row| &row.measures).chain(remainder.iter().map(|cut| &cut.measures)))
        }
        Body::Series { groups, remainder, .. } => {
            sum(groups.iter().map(|line| &line.total).chain(remainder.iter().map(|(_, line)| &line.total)))
        }
    };
    let (others, differences) = (Vec::new(), Vec::new());
    let other = Report {
        spec,
        as_of: AS_OF,
        total,
        hidden: MeasureSet::default(),
        body,
        others,
        reporting: None,
        differences,
        other: None,
    };
    report.with_other(Some(Box::new(other)))
}
