//! Which other period a report is compared with: the one before, the same dates a year ago, or one that is named.
//!
//! Periods of whole local days stay whole local days, be they of 23 or 25 hours; all others are as long on the local clock.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use crate::{
    Range, SpecError,
    when::{LONGEST, instant},
    zone::{DAY, first_at, local, start_of_date},
};

/// What `compare` takes.
const EXPECTED: &str = "use previous, year_ago or FROM..TO, each written as `from` is, like 2026-10-01..2026-11-01";

/// Reads `compare`: the period that `range` is compared with.
pub(crate) fn other(text: &str, range: Range, tz: Tz) -> Result<Range, SpecError> {
    let refused = |expected: &str| SpecError::value("compare", text, expected);
    let (from, to) = match text {
        "previous" => (before(range, tz), range.from.into()),
        "year_ago" => year_ago(range, tz),
        _ => {
            let (from, to) = text.split_once("..").ok_or_else(|| refused(EXPECTED))?;
            if from.is_empty() || to.is_empty() {
                return Err(refused("name both ends of the period, FROM..TO"));
            }
            (instant("compare", from, tz)?.into(), instant("compare", to, tz)?.into())
        }
    };
    match (u32::try_from(from), u32::try_from(to)) {
        (Ok(_), Ok(_)) if from == to => {
            Err(refused("the period is empty, for its end is exclusive: move it after its beginning"))
        }
        (Ok(_), Ok(_)) if from > to => Err(refused("the period ends before it begins: exchange its ends")),
        (Ok(_), Ok(_)) if to - from > LONGEST => {
            Err(refused("the period is longer than ten years: name a shorter one"))
        }
        (Ok(from), Ok(to)) => Ok(Range { from, to }),
        _ => Err(refused("that would be before 1970: name a later period, FROM..TO")),
    }
}

/// Whether as much time passes in both on the local calendar and clock: seven days are seven days, whatever the clocks do in them.
pub(crate) fn same_length(one: Range, other: Range, tz: Tz) -> bool {
    let length = |range: Range| (shown(tz, range.to.into()) - shown(tz, range.from.into())).num_seconds();
    length(one) == length(other) || one.to - one.from == other.to - other.from
}

/// Where the period of the same length begins that ends where `range` begins.
fn before(range: Range, tz: Tz) -> i64 {
    let (from, to) = (i64::from(range.from), i64::from(range.to));
    let days = date(tz, from).zip(date(tz, to)).and_then(|(first, end)| {
        let days = Days::new(u64::try_from((end - first).num_days()).ok()?);
        Some(start_of_date(tz, first.checked_sub_days(days)?))
    });
    // Of a day that the zone left out there is nothing before.
    days.filter(|start| *start < from).unwrap_or(from - (to - from))
}

/// The same dates, and the same times on the clock, a year earlier.
fn year_ago(range: Range, tz: Tz) -> (i64, i64) {
    let at = |time: i64, is_end: bool| match date(tz, time) {
        // What ends before 29 February ends with the 28th.
        Some(day) if is_end && is_leap_day(day) => start_of_date(tz, day.succ_opt().map_or(day, earlier)),
        Some(day) => start_of_date(tz, earlier(day)),
        None => {
            let shown = local(tz, time);
            first_at(tz, earlier(shown.date()).and_time(shown.time()))
        }
    };
    let (from, to) = (at(range.from.into(), false), at(range.to.into(), true));
    // From within 28 February into the 29th: both were the 28th.
    let length = i64::from(range.to - range.from);
    (from, if to > from { to } else { from + length })
}

/// The date a year earlier; that of 29 February is 28 February.
fn earlier(date: NaiveDate) -> NaiveDate {
    let year = date.year() - 1;
    date.with_year(year).or_else(|| NaiveDate::from_ymd_opt(year, 2, 28)).unwrap_or(date)
}

fn is_leap_day(date: NaiveDate) -> bool {
    (date.month(), date.day()) == (2, 29)
}

/// The local date that begins at this time, if one does.
fn date(tz: Tz, time: i64) -> Option<NaiveDate> {
    let date = local(tz, time).date();
    (start_of_date(tz, date) == time).then_some(date)
}

/// What calendar and clock show: midnight where a day begins, even if it begins later.
fn shown(tz: Tz, time: i64) -> NaiveDateTime {
    date(tz, time).map_or_else(|| local(tz, time), |date| date.and_time(NaiveTime::MIN))
}

/// How long a period is, for a reader.
pub(crate) fn length(range: Range, tz: Tz) -> String {
    let seconds = (shown(tz, range.to.into()) - shown(tz, range.from.into())).num_seconds();
    let (count, unit) = match seconds {
        whole if whole % DAY == 0 => (whole / DAY, "day"),
        whole if whole % 3600 == 0 => (whole / 3600, "hour"),
        _ => (seconds / 60, "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::rfc3339;

    fn found(compare: &str, zone: &str, from: &str, to: &str) -> Result<(String, String, bool), SpecError> {
        let tz: Tz = zone.parse().unwrap();
        let range = Range::new(from, to, tz).unwrap();
        let found = other(compare, range, tz)?;
        let [from, to] = [found.from, found.to].map(|time| rfc3339(tz, time.into()));
        Ok((from, to, same_length(range, found, tz)))
    }

    fn is(compare: &str, zone: &str, range: (&str, &str), expected: (&str, &str), same: bool) {
        let found = found(compare, zone, range.0, range.1).unwrap();
        let expected = (expected.0.to_owned(), expected.1.to_owned(), same);
        assert_eq!(found, expected, "{compare} of {range:?} in {zone}");
    }

    #[test]
    fn seven_local_days_before_are_seven_local_days_across_a_change_of_the_clock() {
        let expected = ("2026-10-26T00:00:00-04:00", "2026-11-02T00:00:00-05:00");
        is("previous", "America/New_York", ("2026-11-02", "2026-11-09"), expected, true);
        let expected = ("2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00");
        is("previous", "Europe/Berlin", ("2026-03-29", "2026-03-30"), expected, true);
    }

    #[test]
    fn other_times_before_are_as_many_seconds() {
        let range = ("2026-11-01T00:15:00-04:00", "2026-11-01T12:00:00-05:00");
        is("previous", "America/New_York", range, ("2026-10-31T11:30:00-04:00", "2026-11-01T00:15:00-04:00"), true);
        let range = ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z");
        is("previous", "Asia/Kolkata", range, ("2026-10-31T05:30:00+05:30", "2026-11-01T05:30:00+05:30"), true);
    }

    #[test]
    fn days_of_zones_beside_the_hour_are_days() {
        for (zone, offset) in
            [("Asia/Kolkata", "+05:30"), ("Asia/Kathmandu", "+05:45"), ("Australia/Adelaide", "+10:30")]
        {
            let [from, to] = ["2025-11-01", "2025-12-01"].map(|date| format!("{date}T00:00:00{offset}"));
            is("year_ago", zone, ("2026-11-01", "2026-12-01"), (&from, &to), true);
        }
        let expected = ("2026-09-26T00:00:00+10:30", "2026-10-04T00:00:00+10:30");
        is("previous", "Australia/Lord_Howe", ("2026-10-04", "2026-10-12"), expected, true);
    }

    #[test]
    fn a_midnight_that_does_not_exist_begins_the_day_all_the_same() {
        let expected = ("2018-10-28T00:00:00-03:00", "2018-11-04T01:00:00-02:00");
        is("previous", "America/Sao_Paulo", ("2018-11-04", "2018-11-11"), expected, true);
        let expected = ("2017-11-04T00:00:00-02:00", "2017-11-05T00:00:00-02:00");
        is("year_ago", "America/Sao_Paulo", ("2018-11-04", "2018-11-05"), expected, true);
        // Samoa had no 30 December 2011.
        let expected = ("2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00");
        is("previous", "Pacific/Apia", ("2011-12-31", "2012-01-01"), expected, true);
    }

    #[test]
    fn a_year_ago_29_february_was_the_28th_and_months_are_months() {
        let day = |date| format!("{date}T00:00:00Z");
        for (range, expected, same) in [
            (("2028-02-29", "2028-03-01"), ("2027-02-28", "2027-03-01"), true),
            (("2028-02-28", "2028-02-29"), ("2027-02-28", "2027-03-01"), true),
            (("2028-02-22", "2028-02-29"), ("2027-02-22", "2027-03-01"), true),
            (("2028-02-01", "2028-03-01"), ("2027-02-01", "2027-03-01"), false),
            (("2029-02-01", "2029-03-01"), ("2028-02-01", "2028-03-01"), false),
            (("2028-01-01", "2029-01-01"), ("2027-01-01", "2028-01-01"), false),
            (("2026-11-01", "2026-11-08"), ("2025-11-01", "2025-11-08"), true),
        ] {
            is("year_ago", "UTC", range, (&day(expected.0), &day(expected.1)), same);
        }
    }

    #[test]
    fn a_year_ago_the_clock_showed_the_same() {
        let range = ("2026-03-27T06:00:00+01:00", "2026-03-27T18:00:00+01:00");
        is("year_ago", "Europe/Berlin", range, ("2025-03-27T06:00:00+01:00", "2025-03-27T18:00:00+01:00"), true);
        // The clocks had changed already.
        let range = ("2026-03-08T12:00:00-04:00", "2026-03-08T18:15:00-04:00");
        is("year_ago", "America/New_York", range, ("2025-03-08T12:00:00-05:00", "2025-03-08T18:15:00-05:00"), true);
        let range = ("2028-02-28T12:00:00Z", "2028-02-29T06:00:00Z");
        is("year_ago", "UTC", range, ("2027-02-28T12:00:00Z", "2027-03-01T06:00:00Z"), true);
    }

    #[test]
    fn a_named_period_may_be_anywhere_and_of_any_length() {
        let expected = ("2026-10-01T00:00:00-04:00", "2026-11-01T00:00:00-04:00");
        is("2026-10-01..2026-11-01", "America/New_York", ("2026-11-01", "2026-12-01"), expected, false);
        let named = "2026-11-05T00:15:00Z..2026-11-06T00:15:00Z";
        is(named, "UTC", ("2026-11-01", "2026-11-02"), ("2026-11-05T00:15:00Z", "2026-11-06T00:15:00Z"), true);
    }

    #[test]
    fn periods_that_make_no_sense_are_refused_by_name() {
        for (compare, words) in [
            ("", "previous, year_ago or FROM..TO"),
            ("last_week", "previous, year_ago or FROM..TO"),
            ("2026-10-01", "previous, year_ago or FROM..TO"),
            ("2026-10-01..", "both ends"),
            ("..", "both ends"),
            ("2026-10-01..2026-10-01", "empty"),
            ("2026-10-02..2026-10-01", "exchange"),
            ("2000-01-01..2026-10-01", "ten years"),
            ("2026-10-01..yesterday", "RFC 3339"),
            ("2026-10-01T00:01:00Z..2026-10-02", "nearest"),
            ("1969-12-31..1970-01-02", "1970"),
        ] {
            let error = found(compare, "UTC", "2026-11-01", "2026-11-08").unwrap_err();
            assert_eq!(error.parameter(), "compare", "{error}");
            assert!(error.to_string().contains(words), "{compare}: {error}");
        }
        for compare in ["previous", "year_ago"] {
            let error = found(compare, "UTC", "1970-01-02", "1970-02-01").unwrap_err();
            assert!(error.to_string().contains("before 1970"), "{error}");
        }
    }

    #[test]
    fn lengths_are_told_in_the_greatest_whole_unit() {
        let length = |from, to| length(Range::new(from, to, Tz::America__New_York).unwrap(), Tz::America__New_York);
        assert_eq!(length("2026-11-01", "2026-11-02"), "1 day");
        assert_eq!(length("2026-11-01", "2026-12-01"), "30 days");
        assert_eq!(length("2026-12-01T06:00:00Z", "2026-12-01T12:00:00Z"), "6 hours");
        assert_eq!(length("2026-12-01T06:00:00Z", "2026-12-01T06:45:00Z"), "45 minutes");
    }

    #[test]
    fn every_range_of_every_zone_has_a_period_before_it_that_ends_where_it_begins() {
        for tz in chrono_tz::TZ_VARIANTS {
            for day in (10_000..20_500_u32).step_by(97) {
                let range = Range { from: day * 86_400, to: (day + 3) * 86_400 };
                let found = other("previous", range, tz).unwrap();
                assert!(found.from < found.to && found.to == range.from, "{tz} {day}");
                let found = other("year_ago", range, tz).unwrap();
                assert!(
                    found.from < found.to && found.from.is_multiple_of(900) && found.to.is_multiple_of(900),
                    "{tz} {day}"
                );
            }
        }
    }
}
