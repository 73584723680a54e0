//! Local time in SQL: UTC plus the offset of the zone, which changes now and then. It is moved on by a day so that nothing before
//! 1970 is divided.

use std::fmt::Write as _;

use super::bind::Binder;
use crate::{
    Interval, ReportSpec,
    grouping::TimePart,
    zone::{DAY, Zone},
};

/// How far local time is ahead of UTC, and a day more.
struct Offset {
    /// The expression over `bucket`.
    sql: String,
    changes: bool,
}

impl Offset {
    fn of(binder: &mut Binder, spec: &ReportSpec) -> Self {
        let (from, to) = (i64::from(spec.range.from), i64::from(spec.range.to));
        let zone = Zone::over(spec.tz, from, to);
        let segments: Vec<_> = zone.segments.iter().filter(|segment| segment.start < to).collect();
        let mut offsets = String::new();
        for (place, segment) in segments.iter().enumerate() {
            let offset = binder.number(format!("offset{place}"), "Int64", segment.offset + DAY);
            if let Some(next) = segments.get(place + 1) {
                let until = binder.number(format!("until{place}"), "Int64", next.start);
                write!(offsets, "toInt64(bucket) < {until}, {offset}, ").expect("writing to a String does not fail");
            } else {
                offsets.push_str(&offset);
            }
        }
        let changes = segments.len() > 1;
        Self { sql: if changes { format!("multiIf({offsets})") } else { offsets }, changes }
    }
}

/// What steps of local time are grouped by.
pub(super) fn step(binder: &mut Binder, spec: &ReportSpec, interval: Interval) -> Vec<String> {
    if interval == Interval::Quarter {
        return vec!["bucket".to_owned()];
    }
    let step = binder.number("step", "Int64", interval.step());
    let Offset { sql: offset, changes } = Offset::of(binder, spec);
    let number = format!("intDiv(toInt64(bucket) + {offset}, {step})");
    if changes { vec![offset, number] } else { vec![number] }
}

/// The numbers of the parts of local time that the report is split by, in the places that they have in `by`.
pub(super) fn parts(binder: &mut Binder, spec: &ReportSpec) -> Vec<Option<String>> {
    let parts: Vec<_> = spec.by.iter().map(crate::Grouping::time).collect();
    if parts.iter().all(Option::is_none) {
        return vec![None; parts.len()];
    }
    let local = format!("toInt64(bucket) + {}", Offset::of(binder, spec).sql);
    parts.into_iter().map(|part| part.map(|part| number(part, &local))).collect()
}

fn number(part: TimePart, local: &str) -> String {
    match part {
        TimePart::Day => format!("intDiv({local}, 86400) - 1"),
        TimePart::HourOfDay => format!("intDiv(({local}) % 86400, 3600)"),
        // 1970-01-01, which has the number 1 here, was a Thursday, the fourth day of its week.
        TimePart::Weekday => format!("(intDiv({local}, 86400) + 2) % 7 + 1"),
    }
}
