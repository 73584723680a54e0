//! Where a report is read: of the rows that answer it exactly, the fewest. A pure function of the spec.

use schema::Dimension;

use crate::{
    Grouping, Interval, Range, ReportSpec, TimePart,
    zone::{DAY, Zone},
};

/// A UTC day in the seconds of a range.
const UTC_DAY: u32 = 86_400;

/// Which rows answer a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The cube's: they know every dimension.
    Cells,
    /// The rollup's totals by the quarter of an hour: they know none.
    Totals,
    /// The rollup's days of one dimension, and the cube's cells before the first and after the last whole day.
    Days {
        /// The only one that the report names.
        dimension: Dimension,
        /// The whole UTC days of its range, at least one.
        days: Range,
    },
}

impl Plan {
    /// For sums over the whole range: totals and groups.
    pub(crate) fn of_sums(spec: &ReportSpec) -> Self {
        let (dimension, days) = match (spec.dimensions().as_slice(), whole_days(spec.range)) {
            ([], _) => return Self::Totals,
            ([dimension], Some(days)) => ((*dimension).clone(), days),
            _ => return Self::Cells,
        };
        let mut parts = spec.by.iter().filter_map(Grouping::time).peekable();
        // Days tell parts of local time only where local days are theirs.
        let told = parts.peek().is_none() || parts.all(TimePart::is_of_days) && shows_utc(spec, days);
        if told { Self::Days { dimension, days } } else { Self::Cells }
    }

    /// For sums over each step of local time: days serve only where the steps are days of UTC.
    pub(crate) fn of_steps(spec: &ReportSpec, interval: Interval) -> Self {
        match Self::of_sums(spec) {
            Self::Days { days, .. } if !steps_are_days(spec, interval, days) => Self::Cells,
            plan => plan,
        }
    }
}

/// The UTC days that lie in the range as a whole.
fn whole_days(range: Range) -> Option<Range> {
    let from = range.from.checked_next_multiple_of(UTC_DAY)?;
    let to = range.to - range.to % UTC_DAY;
    (from < to).then_some(Range { from, to })
}

fn steps_are_days(spec: &ReportSpec, interval: Interval, days: Range) -> bool {
    interval.step() == DAY && shows_utc(spec, days)
}

/// Whether the clock of the report's zone shows UTC on all of these days.
fn shows_utc(spec: &ReportSpec, days: Range) -> bool {
    let (from, to) = (i64::from(days.from), i64::from(days.to));
    Zone::over(spec.tz, from, to).segments.iter().all(|segment| segment.offset == 0 || segment.start >= to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Kind,
        testing::{series_spec, split_spec, summary_spec},
    };

    fn steps(more: &[(&str, &str)]) -> Plan {
        let spec = series_spec(more);
        let Kind::Series(interval) = spec.kind else { unreachable!("a series") };
        Plan::of_steps(&spec, interval)
    }

    fn days(dimension: &str, from: &str, to: &str) -> Plan {
        let days = Range::new(from, to, chrono_tz::Tz::UTC).unwrap();
        Plan::Days { dimension: dimension.parse().unwrap(), days }
    }

    #[test]
    fn what_names_no_dimension_is_read_from_the_totals_in_every_zone_and_interval() {
        assert_eq!(Plan::of_sums(&summary_spec(&[])), Plan::Totals);
        for interval in ["15m", "hour", "day", "week", "month"] {
            assert_eq!(steps(&[("interval", interval), ("tz", "Asia/Kathmandu")]), Plan::Totals);
        }
    }

    #[test]
    fn what_names_one_dimension_however_often_is_read_from_its_whole_days() {
        // In New York the days from 2026-11-01 to 2026-11-08 begin at four and end at five o'clock in UTC.
        let week = |dimension| days(dimension, "2026-11-02", "2026-11-08");
        assert_eq!(Plan::of_sums(&split_spec(&[("by", "subject")])), week("subject"));
        assert_eq!(Plan::of_sums(&summary_spec(&[("filter", "sender:is:a@b.c")])), week("sender"));
        let more = [("by", "field:x"), ("filter", "field:x:is_not:1"), ("filter", "field:x:contains:2")];
        assert_eq!(Plan::of_sums(&split_spec(&more)), week("field:x"));
    }

    #[test]
    fn what_names_several_dimensions_is_read_from_the_cube() {
        for more in [
            [("by", "subject,sender")].as_slice(),
            &[("by", "subject"), ("filter", "sender:is:a@b.c")],
            &[("by", "field:x"), ("filter", "field:y:is:1")],
        ] {
            assert_eq!(Plan::of_sums(&split_spec(more)), Plan::Cells, "{more:?}");
        }
    }

    #[test]
    fn parts_of_time_are_read_from_the_totals_or_from_days_where_these_tell_them() {
        let by = |by, tz| Plan::of_sums(&split_spec(&[("by", by), ("tz", tz)]));
        for parts in ["day", "weekday,hour_of_day"] {
            assert_eq!(by(parts, "Asia/Kathmandu"), Plan::Totals);
        }
        for parts in ["subject,day", "weekday,subject,day"] {
            assert_eq!(by(parts, "UTC"), days("subject", "2026-11-01", "2026-11-08"));
            assert_eq!(by(parts, "Asia/Kathmandu"), Plan::Cells);
        }
        assert_eq!(by("subject,hour_of_day", "UTC"), Plan::Cells);
        assert_eq!(by("subject,sender,day", "UTC"), Plan::Cells);
        let filtered = [("by", "day"), ("filter", "sender:is:a@b.c"), ("tz", "UTC")];
        assert_eq!(Plan::of_sums(&split_spec(&filtered)), days("sender", "2026-11-01", "2026-11-08"));
    }

    #[test]
    fn a_range_without_a_whole_utc_day_is_read_from_the_cube() {
        let plan = |from, to| Plan::of_sums(&split_spec(&[("by", "subject"), ("from", from), ("to", to)]));
        assert_eq!(plan("2026-11-01T00:15:00Z", "2026-11-02T23:45:00Z"), Plan::Cells);
        assert_eq!(plan("2026-11-01T00:15:00Z", "2026-11-03T00:00:00Z"), days("subject", "2026-11-02", "2026-11-03"));
        assert_eq!(plan("2106-02-07T00:15:00Z", "2106-02-07T06:00:00Z"), Plan::Cells);
    }

    #[test]
    fn steps_are_read_from_days_only_where_the_clock_shows_utc_on_all_of_them() {
        let by_subject = |interval, tz| steps(&[("by", "subject"), ("interval", interval), ("tz", tz)]);
        for interval in ["day", "week", "month"] {
            assert_eq!(by_subject(interval, "UTC"), days("subject", "2026-11-01", "2026-11-08"));
            assert_eq!(by_subject(interval, "Europe/London"), days("subject", "2026-11-01", "2026-11-08"));
            assert_eq!(by_subject(interval, "America/New_York"), Plan::Cells);
        }
        assert_eq!(by_subject("hour", "UTC"), Plan::Cells);
        let october = [("by", "subject"), ("tz", "Europe/London"), ("from", "2026-10-20"), ("to", "2026-11-08")];
        assert_eq!(steps(&october), Plan::Cells);
    }
}
