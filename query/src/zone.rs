//! Local time on the grid of quarters: which offset a time zone has, quarter by quarter, and when a local time comes.
//!
//! Reports know only whole quarters of an hour. An offset that is no whole number of quarters (a few zones before 1973) is
//! rounded to one, and a change of offset inside a quarter counts from the quarter's beginning.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use schema::Millis;

/// The length of a quarter of an hour in seconds.
pub(crate) const QUARTER: i64 = 900;
/// The length of a day in seconds.
pub(crate) const DAY: i64 = 86_400;

/// How far apart the zone is probed for changes of its offset, in seconds.
const PROBE: i64 = 6 * 3600;

/// A stretch of time of one offset; it ends where the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its first second since 1970, on a quarter.
    pub(crate) start: i64,
    /// Local time minus UTC, in seconds, whole quarters.
    pub(crate) offset: i64,
}

/// The offsets of a time zone over a stretch of time; before it the first one holds, after it the last.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) segments: Vec<Segment>,
}

impl Zone {
    /// The offsets of `tz` from `start` to `end` (seconds since 1970, on quarters).
    pub(crate) fn over(tz: Tz, start: i64, end: i64) -> Self {
        let mut segments = vec![Segment { start, offset: offset(tz, start) }];
        let (mut known, mut current) = (start, segments[0].offset);
        while known < end {
            let probe = known + PROBE;
            let found = offset(tz, probe);
            if found == current {
                known = probe;
                continue;
            }
            // Between `before` (still the old offset) and `after` (no longer) lies the change.
            let (mut before, mut after) = (known, probe);
            while after - before > QUARTER {
                let middle = before + (after - before) / QUARTER / 2 * QUARTER;
                if offset(tz, middle) == current { before = middle } else { after = middle }
            }
            current = offset(tz, after);
            segments.push(Segment { start: after, offset: current });
            known = after;
        }
        Self { segments }
    }

    /// The place of the segment that `time` lies in.
    pub(crate) fn segment_at(&self, time: i64) -> usize {
        self.segments.partition_point(|segment| segment.start <= time).saturating_sub(1)
    }

    /// Local seconds since 1970-01-01T00:00 local.
    pub(crate) fn local(&self, time: i64) -> i64 {
        time + self.segments[self.segment_at(time)].offset
    }

    /// Where the segment ends; the last one does not.
    pub(crate) fn end_of(&self, place: usize) -> Option<i64> {
        self.segments.get(place + 1).map(|next| next.start)
    }

    /// The first quarter whose local time is not before `local`: in a gap the first instant after it, of two equal local
    /// times the earlier.
    pub(crate) fn first_at(&self, local: i64) -> i64 {
        for (place, segment) in self.segments.iter().enumerate() {
            let time = local - segment.offset;
            if self.end_of(place).is_none_or(|end| time < end) {
                return if place == 0 { time } else { time.max(segment.start) };
            }
        }
        local
    }
}

/// The offset of `tz` in the quarter that begins at `time`, told by the quarter's last second.
fn offset(tz: Tz, time: i64) -> i64 {
    let last = DateTime::from_timestamp(time + QUARTER - 1, 0).unwrap_or_default();
    let seconds = i64::from(tz.offset_from_utc_datetime(&last.naive_utc()).fix().local_minus_utc());
    (seconds + QUARTER / 2).div_euclid(QUARTER) * QUARTER
}

/// The first quarter of a local date.
pub(crate) fn start_of_date(tz: Tz, date: NaiveDate) -> i64 {
    first_at(tz, date.and_time(chrono::NaiveTime::MIN))
}

/// The first quarter whose local time is not before this one.
pub(crate) fn first_at(tz: Tz, local: NaiveDateTime) -> i64 {
    let local = local.and_utc().timestamp();
    Zone::over(tz, local - 2 * DAY, local + 3 * DAY).first_at(local)
}

/// What calendar and clock show in the quarter that begins at `time`.
pub(crate) fn local(tz: Tz, time: i64) -> NaiveDateTime {
    DateTime::from_timestamp(time + offset(tz, time), 0).unwrap_or_default().naive_utc()
}

/// When something happened as answers write it: RFC 3339 in UTC, to the millisecond.
pub(crate) fn instant(at: Millis) -> String {
    at.to_datetime().unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// RFC 3339 in the zone's offset, `Z` when it is zero.
#[must_use]
pub fn rfc3339(tz: Tz, time: i64) -> String {
    let time = DateTime::from_timestamp(time, 0).unwrap_or_default();
    time.with_timezone(&tz).fixed_offset().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn midnight(zone: &str, date: &str) -> String {
        let tz: Tz = zone.parse().unwrap();
        rfc3339(tz, start_of_date(tz, date.parse().unwrap()))
    }

    #[test]
    fn a_date_begins_at_its_local_midnight() {
        assert_eq!(midnight("UTC", "2026-11-01"), "2026-11-01T00:00:00Z");
        assert_eq!(midnight("America/New_York", "2026-11-01"), "2026-11-01T00:00:00-04:00");
        assert_eq!(midnight("America/New_York", "2026-11-02"), "2026-11-02T00:00:00-05:00");
        assert_eq!(midnight("Asia/Kathmandu", "2026-01-01"), "2026-01-01T00:00:00+05:45");
    }

    #[test]
    fn a_midnight_that_does_not_exist_is_the_first_instant_after() {
        assert_eq!(midnight("America/Sao_Paulo", "2018-11-04"), "2018-11-04T01:00:00-02:00");
        assert_eq!(midnight("Africa/Cairo", "2024-04-26"), "2024-04-26T01:00:00+03:00");
        // Samoa skipped this day altogether.
        assert_eq!(midnight("Pacific/Apia", "2011-12-30"), "2011-12-31T00:00:00+14:00");
    }

    #[test]
    fn of_two_midnights_the_earlier_counts() {
        assert_eq!(midnight("America/Havana", "2026-11-01"), "2026-11-01T00:00:00-04:00");
        // Here the clock went back at midnight: the day had not begun before.
        assert_eq!(midnight("America/Sao_Paulo", "2018-02-18"), "2018-02-18T00:00:00-03:00");
        // And here a minute after midnight: that minute belongs to the quarter of the evening before.
        assert_eq!(midnight("America/St_Johns", "2010-11-07"), "2010-11-07T00:00:00-03:30");
    }

    #[test]
    fn changes_of_the_offset_are_found_to_the_quarter() {
        let year = |zone: &str, year: i32| {
            let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap().and_time(chrono::NaiveTime::MIN).and_utc();
            let tz: Tz = zone.parse().unwrap();
            let zone = Zone::over(tz, day(year).timestamp(), day(year + 1).timestamp());
            zone.segments[1..].iter().map(|segment| rfc3339(tz, segment.start)).collect::<Vec<_>>()
        };
        assert_eq!(year("Europe/Berlin", 2026), ["2026-03-29T03:00:00+02:00", "2026-10-25T02:00:00+01:00"]);
        assert_eq!(year("Australia/Lord_Howe", 2026), ["2026-04-05T01:30:00+10:30", "2026-10-04T02:30:00+11:00"]);
        assert!(year("Asia/Kolkata", 2026).is_empty());
    }

    #[test]
    fn an_offset_that_is_no_whole_quarter_is_rounded() {
        // Liberia was at -00:44:30 until 1972.
        assert_eq!(offset(chrono_tz::Africa::Monrovia, 0), -45 * 60);
    }
}
