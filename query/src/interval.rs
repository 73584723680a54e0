//! The rows of a series: where each interval of local time begins.

use chrono::{DateTime, Datelike, NaiveDate};
use chrono_tz::Tz;

use crate::zone::{DAY, QUARTER, Zone};

/// The length of a row of a series, in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// A quarter of an hour.
    Quarter,
    /// An hour of the clock; the hour that daylight saving repeats is two rows.
    Hour,
    /// A local day, of 23, 24 or 25 hours.
    Day,
    /// A week from Monday (ISO 8601).
    Week,
    /// A month.
    Month,
}

impl Interval {
    /// All, from the shortest.
    pub const ALL: [Self; 5] = [Self::Quarter, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quarter => "15m",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The interval of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| interval.name() == name)
    }

    /// Its usual length in seconds, the shortest for a month.
    pub(crate) const fn seconds(self) -> i64 {
        match self {
            Self::Quarter => QUARTER,
            Self::Hour => 3600,
            Self::Day => DAY,
            Self::Week => 7 * DAY,
            Self::Month => 28 * DAY,
        }
    }

    /// The length of the local steps that the database groups by: none of them reaches over the end of a row.
    pub(crate) const fn step(self) -> i64 {
        match self {
            Self::Quarter => QUARTER,
            Self::Hour => 3600,
            Self::Day | Self::Week | Self::Month => DAY,
        }
    }

    /// Which interval a local time lies in, counted from 1970.
    fn index(self, local: i64) -> i64 {
        match self {
            Self::Quarter | Self::Hour | Self::Day => local.div_euclid(self.seconds()),
            // 1970-01-01 was a Thursday, three days after a Monday.
            Self::Week => (local.div_euclid(DAY) + 3).div_euclid(7),
            Self::Month => {
                let date = DateTime::from_timestamp(local, 0).unwrap_or_default();
                i64::from(date.year()) * 12 + i64::from(date.month0())
            }
        }
    }

    /// The local time at which an interval begins.
    fn begin(self, index: i64) -> i64 {
        match self {
            Self::Quarter | Self::Hour | Self::Day => index * self.seconds(),
            Self::Week => (index * 7 - 3) * DAY,
            Self::Month => {
                let year = i32::try_from(index.div_euclid(12)).unwrap_or_default();
                let month = u32::try_from(index.rem_euclid(12)).unwrap_or_default() + 1;
                let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default();
                first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
            }
        }
    }

    /// Where the rows begin that cover `from..to` (seconds since 1970, on quarters). The first may begin before `from`: it is
    /// named by the beginning of its interval, as all are.
    pub(crate) fn starts(self, tz: Tz, from: i64, to: i64) -> Vec<i64> {
        let zone = Zone::over(tz, from - 40 * DAY, to);
        let begin = self.begin(self.index(zone.local(from)));
        let mut start = match self {
            Self::Quarter => from,
            Self::Hour => {
                let segment = zone.segments[zone.segment_at(from)];
                (begin - segment.offset).max(segment.start)
            }
            Self::Day | Self::Week | Self::Month => zone.first_at(begin),
        };
        let mut starts = Vec::new();
        while start < to {
            starts.push(start);
            start = self.next(&zone, start);
        }
        starts
    }

    /// Where the interval that begins at `start` ends.
    fn next(self, zone: &Zone, start: i64) -> i64 {
        let index = self.index(zone.local(start));
        let end = self.begin(index + 1);
        let mut place = zone.segment_at(start);
        loop {
            let time = end - zone.segments[place].offset;
            let Some(change) = zone.end_of(place) else { return time };
            if time <= change {
                return time;
            }
            // The offset changes inside: clock hours begin anew, longer intervals go on unless the new local time is past their end.
            let divided = self.seconds() < DAY || self.index(zone.local(change)) > index;
            if divided {
                return change;
            }
            place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::rfc3339;

    fn rows(interval: Interval, zone: &str, from: &str, to: &str) -> Vec<String> {
        let tz: Tz = zone.parse().unwrap();
        let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp();
        interval.starts(tz, time(from), time(to)).into_iter().map(|start| rfc3339(tz, start)).collect()
    }

    #[test]
    fn a_day_of_25_hours_is_one_row() {
        let rows = rows(Interval::Day, "America/New_York", "2026-10-31T00:00:00-04:00", "2026-11-03T00:00:00-05:00");
        assert_eq!(rows, ["2026-10-31T00:00:00-04:00", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"]);
    }

    #[test]
    fn a_day_of_23_hours_is_one_row() {
        let rows = rows(Interval::Day, "Europe/Berlin", "2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00");
        assert_eq!(rows, ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]);
    }

    #[test]
    fn the_repeated_hour_is_two_rows_told_apart_by_their_offset() {
        let rows = rows(Interval::Hour, "America/New_York", "2026-11-01T00:00:00-04:00", "2026-11-01T03:00:00-05:00");
        assert_eq!(
            rows,
            [
                "2026-11-01T00:00:00-04:00",
                "2026-11-01T01:00:00-04:00",
                "2026-11-01T01:00:00-05:00",
                "2026-11-01T02:00:00-05:00"
            ]
        );
    }

    #[test]
    fn half_an_hour_of_daylight_saving_makes_half_an_hour_s_row() {
        let autumn =
            rows(Interval::Hour, "Australia/Lord_Howe", "2026-04-05T00:00:00+11:00", "2026-04-05T03:00:00+10:30");
        assert_eq!(
            autumn,
            [
                "2026-04-05T00:00:00+11:00",
                "2026-04-05T01:00:00+11:00",
                "2026-04-05T01:30:00+10:30",
                "2026-04-05T02:00:00+10:30"
            ]
        );
        let spring =
            rows(Interval::Hour, "Australia/Lord_Howe", "2026-10-04T01:00:00+10:30", "2026-10-04T04:00:00+11:00");
        assert_eq!(spring, ["2026-10-04T01:00:00+10:30", "2026-10-04T02:30:00+11:00", "2026-10-04T03:00:00+11:00"]);
    }

    #[test]
    fn a_day_that_a_zone_skipped_has_no_row() {
        let rows = rows(Interval::Day, "Pacific/Apia", "2011-12-29T00:00:00-10:00", "2012-01-01T00:00:00+14:00");
        assert_eq!(rows, ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"]);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first_even_before_the_range() {
        let weeks = rows(Interval::Week, "UTC", "2026-11-01T00:00:00Z", "2026-11-10T00:00:00Z");
        assert_eq!(weeks, ["2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z"]);
        let months = rows(Interval::Month, "Asia/Kolkata", "2026-01-31T12:00:00+05:30", "2026-03-01T00:15:00+05:30");
        assert_eq!(months, ["2026-01-01T00:00:00+05:30", "2026-02-01T00:00:00+05:30", "2026-03-01T00:00:00+05:30"]);
    }

    #[test]
    fn rows_of_every_zone_cover_the_range_without_gap_or_overlap() {
        let (from, to) = (1_262_304_000, 1_262_304_000 + 2 * 366 * DAY);
        for tz in chrono_tz::TZ_VARIANTS {
            for interval in [Interval::Hour, Interval::Day, Interval::Week, Interval::Month] {
                let starts = interval.starts(tz, from, to);
                assert!(starts[0] <= from, "{tz} {interval:?}");
                assert!(starts.windows(2).all(|pair| pair[0] < pair[1] && pair[1] > from), "{tz} {interval:?}");
                let longest = starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
                let limit = if interval == Interval::Month { 31 * DAY } else { interval.seconds() } + 3600;
                // Two zones repeated or skipped a day in these years.
                assert!(longest <= limit + DAY, "{tz} {interval:?}: {longest}");
            }
        }
    }
}
