//! Where a report is read: of the rows that answer it exactly, the fewest. A pure function of the spec.

use schema::{Bucket, Dimension, Grain};

use crate::{
    Grouping, Interval, Range, ReportSpec,
    zone::{DAY, Zone},
};

/// A UTC day in the seconds of a range.
const UTC_DAY: u32 = 86_400;

/// Which rows answer a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The rollup's totals by the quarter of an hour: they know no dimension.
    Totals,
    /// Those of a grain that has quarters of an hour.
    Quarters(Grain),
    /// Rows by the day for the whole UTC days of the range, at least one, and those of a grain that has quarters before the first and after the last.
    Days {
        /// Those by the day.
        rows: Rows,
        /// The days.
        days: Range,
        /// Of those beside them.
        beside: Grain,
    },
}

/// Rows that count days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// The rollup's, of the only dimension that the report names.
    Dimension(Dimension),
    /// Those of this grain.
    Cells(Grain),
    /// Those of a grain of longer times for all of these that lie in the days, at least one, and those of this grain before the first and after the last.
    Longer {
        /// Of these times.
        grain: Grain,
        /// The times.
        times: Range,
        /// Of the days beside them.
        beside: Grain,
    },
}

impl Plan {
    /// For sums over the whole range: totals and groups.
    pub(crate) fn of_sums(spec: &ReportSpec) -> Self {
        let parts: Vec<_> = spec.by.iter().filter_map(Grouping::time).collect();
        if parts.is_empty() {
            return Self::of(spec, |_| true).longer();
        }
        // Days tell parts of local time only where local days are theirs.
        Self::of(spec, |days| parts.iter().all(|part| part.is_of_days()) && shows_utc(spec, days))
    }

    /// For sums over each step of local time: days serve only where the steps are days of UTC.
    pub(crate) fn of_steps(spec: &ReportSpec, interval: Interval) -> Self {
        Self::of(spec, |days| interval.step() == DAY && shows_utc(spec, days))
    }

    /// `serve` tells whether these whole days answer as well as their quarters would.
    fn of(spec: &ReportSpec, serve: impl Fn(Range) -> bool) -> Self {
        let named = spec.dimensions();
        let domains = named.contains(&&Dimension::RecipientDomain);
        let fields = named.iter().any(|dimension| matches!(dimension, Dimension::Field(_)));
        let beside = if domains || fields { Grain::Full } else { Grain::Quarter };
        let grain = match (domains, fields) {
            (false, false) => Grain::Day,
            (true, false) => Grain::Domain,
            (false, true) => Grain::Fields,
            (true, true) => Grain::Full,
        };
        let days = whole_days(spec.range).filter(|days| serve(*days));
        match (named.as_slice(), days) {
            ([], _) => Self::Totals,
            ([dimension], Some(days)) => Self::Days { rows: Rows::Dimension((*dimension).clone()), days, beside },
            (_, Some(days)) if !grain.has_quarters() => Self::Days { rows: Rows::Cells(grain), days, beside },
            _ => Self::Quarters(beside),
        }
    }

    /// The same with rows of times longer than days, where there are such of its grain and one lies in its days.
    fn longer(self) -> Self {
        let Self::Days { rows: Rows::Cells(grain), days, beside } = self else { return self };
        let longer = grain.longer().and_then(|longer| Some((longer, whole(longer, days)?)));
        let rows = match longer {
            Some((longer, times)) => Rows::Longer { grain: longer, times, beside: grain },
            None => Rows::Cells(grain),
        };
        Self::Days { rows, days, beside }
    }
}

/// The times of a grain that lie in the days as a whole.
fn whole(grain: Grain, days: Range) -> Option<Range> {
    let (Bucket(from), Bucket(to)) = (grain.next(Bucket(days.from))?, grain.first(Bucket(days.to)));
    (from < to).then_some(Range { from, to })
}

/// The UTC days that lie in the range as a whole.
fn whole_days(range: Range) -> Option<Range> {
    let from = range.from.checked_next_multiple_of(UTC_DAY)?;
    let to = range.to - range.to % UTC_DAY;
    (from < to).then_some(Range { from, to })
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

    fn on(rows: Rows, from: &str, to: &str) -> Plan {
        let days = Range::new(from, to, chrono_tz::Tz::UTC).unwrap();
        let full = [Grain::Domain, Grain::Fields].map(Rows::Cells);
        let named = |name: &str| Rows::Dimension(name.parse().unwrap());
        let finely = full.contains(&rows) || [named("recipient_domain"), named("field:x")].contains(&rows);
        Plan::Days { rows, days, beside: if finely { Grain::Full } else { Grain::Quarter } }
    }

    fn days(dimension: &str, from: &str, to: &str) -> Plan {
        on(Rows::Dimension(dimension.parse().unwrap()), from, to)
    }

    /// In New York the days from 2026-11-01 to 2026-11-08 begin at four and end at five o'clock in UTC.
    const WEEK: (&str, &str) = ("2026-11-02", "2026-11-08");

    fn cells(grain: Grain) -> Plan {
        on(Rows::Cells(grain), WEEK.0, WEEK.1)
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
        let week = |dimension| days(dimension, WEEK.0, WEEK.1);
        assert_eq!(Plan::of_sums(&split_spec(&[("by", "subject")])), week("subject"));
        assert_eq!(Plan::of_sums(&split_spec(&[("by", "recipient_domain")])), week("recipient_domain"));
        assert_eq!(Plan::of_sums(&summary_spec(&[("filter", "sender:is:a@b.c")])), week("sender"));
        let more = [("by", "field:x"), ("filter", "field:x:is_not:1"), ("filter", "field:x:contains:2")];
        assert_eq!(Plan::of_sums(&split_spec(&more)), week("field:x"));
    }

    #[test]
    fn what_names_several_dimensions_is_read_from_the_coarsest_grain_that_tells_them() {
        for (more, plan) in [
            ([("by", "subject,sender")].as_slice(), cells(Grain::Day)),
            (&[("by", "subject,mailbox_provider"), ("filter", "sender_domain:is:b.c")], cells(Grain::Day)),
            (&[("by", "subject"), ("filter", "recipient_domain:is:b.c")], cells(Grain::Domain)),
            (&[("by", "field:x"), ("filter", "field:y:is:1")], cells(Grain::Fields)),
            (&[("by", "campaign,mailbox_provider,field:x")], cells(Grain::Fields)),
            (&[("by", "recipient_domain,field:x")], Plan::Quarters(Grain::Full)),
        ] {
            assert_eq!(Plan::of_sums(&split_spec(more)), plan, "{more:?}");
        }
    }

    #[test]
    fn recipient_domains_beside_others_are_read_from_the_whole_fourths_of_months_that_lie_in_the_days() {
        let over = |from, to| {
            let days = [("by", "subject,recipient_domain"), ("from", from), ("to", to), ("tz", "America/New_York")];
            let Plan::Days { rows, days, beside: Grain::Full } = Plan::of_sums(&split_spec(&days)) else {
                panic!("from {from} to {to}");
            };
            (rows, days)
        };
        let range = |from, to| Range::new(from, to, chrono_tz::Tz::UTC).unwrap();
        let of = |from, to| Rows::Longer { grain: Grain::Fourth, times: range(from, to), beside: Grain::Domain };
        // A local day is never one of UTC: the range begins at four or five o'clock.
        for (from, to, rows) in [
            ("2026-10-31", "2026-11-08", of("2026-11-01", "2026-11-08")),
            ("2026-11-01", "2026-11-08", Rows::Cells(Grain::Domain)),
            ("2026-10-31", "2026-11-07", Rows::Cells(Grain::Domain)),
            ("2026-10-31", "2026-11-14", of("2026-11-01", "2026-11-08")),
            ("2026-02-03", "2026-04-21", of("2026-02-08", "2026-04-15")),
            ("2026-02-21", "2026-02-28", Rows::Cells(Grain::Domain)),
            ("2026-02-21", "2026-03-01", of("2026-02-22", "2026-03-01")),
            ("2026-01-22", "2026-01-31", Rows::Cells(Grain::Domain)),
            ("2026-01-21", "2026-02-01", of("2026-01-22", "2026-02-01")),
        ] {
            let (found, days) = over(from, to);
            assert_eq!(found, rows, "from {from} to {to}");
            assert!((range(from, to).from..range(from, to).from + 2 * UTC_DAY).contains(&days.from));
        }
        let parts =
            [("by", "recipient_domain,subject,day"), ("from", "2026-10-31"), ("to", "2026-11-08"), ("tz", "UTC")];
        assert_eq!(Plan::of_sums(&split_spec(&parts)), on(Rows::Cells(Grain::Domain), "2026-10-31", "2026-11-08"));
    }

    #[test]
    fn parts_of_time_are_read_from_the_totals_or_from_days_where_these_tell_them() {
        let by = |by, tz| Plan::of_sums(&split_spec(&[("by", by), ("tz", tz)]));
        for parts in ["day", "weekday,hour_of_day"] {
            assert_eq!(by(parts, "Asia/Kathmandu"), Plan::Totals);
        }
        for parts in ["subject,day", "weekday,subject,day"] {
            assert_eq!(by(parts, "UTC"), days("subject", "2026-11-01", "2026-11-08"));
            assert_eq!(by(parts, "Asia/Kathmandu"), Plan::Quarters(Grain::Quarter));
        }
        assert_eq!(by("subject,hour_of_day", "UTC"), Plan::Quarters(Grain::Quarter));
        assert_eq!(by("recipient_domain,hour_of_day", "UTC"), Plan::Quarters(Grain::Full));
        assert_eq!(by("field:x,hour_of_day", "UTC"), Plan::Quarters(Grain::Full));
        assert_eq!(by("subject,sender,day", "UTC"), on(Rows::Cells(Grain::Day), "2026-11-01", "2026-11-08"));
        let filtered = [("by", "day"), ("filter", "sender:is:a@b.c"), ("tz", "UTC")];
        assert_eq!(Plan::of_sums(&split_spec(&filtered)), days("sender", "2026-11-01", "2026-11-08"));
    }

    #[test]
    fn a_range_without_a_whole_utc_day_is_read_by_the_quarter() {
        let plan = |from, to| Plan::of_sums(&split_spec(&[("by", "subject"), ("from", from), ("to", to)]));
        let quarters = Plan::Quarters(Grain::Quarter);
        assert_eq!(plan("2026-11-01T00:15:00Z", "2026-11-02T23:45:00Z"), quarters);
        assert_eq!(plan("2026-11-01T00:15:00Z", "2026-11-03T00:00:00Z"), days("subject", "2026-11-02", "2026-11-03"));
        assert_eq!(plan("2106-02-07T00:15:00Z", "2106-02-07T06:00:00Z"), quarters);
    }

    #[test]
    fn steps_are_read_from_days_only_where_the_clock_shows_utc_on_all_of_them() {
        let by = |by, interval, tz| steps(&[("by", by), ("interval", interval), ("tz", tz)]);
        for interval in ["day", "week", "month"] {
            assert_eq!(by("subject", interval, "UTC"), days("subject", "2026-11-01", "2026-11-08"));
            assert_eq!(by("subject", interval, "Europe/London"), days("subject", "2026-11-01", "2026-11-08"));
            assert_eq!(by("subject", interval, "America/New_York"), Plan::Quarters(Grain::Quarter));
        }
        assert_eq!(by("subject", "hour", "UTC"), Plan::Quarters(Grain::Quarter));
        assert_eq!(by("recipient_domain", "hour", "UTC"), Plan::Quarters(Grain::Full));
        let october = [("by", "subject"), ("tz", "Europe/London"), ("from", "2026-10-20"), ("to", "2026-11-08")];
        assert_eq!(steps(&october), Plan::Quarters(Grain::Quarter));
    }
}
