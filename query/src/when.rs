//! The range of a report: from when, to when, in which time zone.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use crate::{
    SpecError,
    zone::{DAY, QUARTER, start_of_date},
};

/// The longest range: ten years.
pub(crate) const LONGEST: i64 = 3_660 * DAY;

/// What `from` and `to` take.
const EXPECTED: &str = "an RFC 3339 time on a quarter of an hour, like 2026-11-01T00:00:00Z (in a URL, write `+` as %2B), or a date in `tz`, like 2026-11-01";

/// From when to when, in seconds since 1970, on quarters of an hour; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first second.
    pub from: u32,
    /// The second after the last.
    pub to: u32,
}

impl Range {
    /// Reads a range.
    pub(crate) fn new(from: &str, to: &str, tz: Tz) -> Result<Self, SpecError> {
        let range = Self { from: instant("from", from, tz)?, to: instant("to", to, tz)? };
        let wrong = |expected: &str| Err(SpecError::Range { expected: expected.to_owned() });
        if range.to == range.from {
            return wrong("the range is empty, for `to` is exclusive: move it after `from`");
        }
        if range.to < range.from {
            return wrong("it is earlier than `from`: exchange them");
        }
        if i64::from(range.to - range.from) > LONGEST {
            return wrong("the range is longer than ten years: ask for less");
        }
        Ok(range)
    }
}

/// Reads the time zone; UTC when none is named.
pub(crate) fn time_zone(name: Option<&str>) -> Result<Tz, SpecError> {
    let Some(name) = name else { return Ok(Tz::UTC) };
    let expected = "an IANA time zone, like America/New_York, or UTC";
    name.parse().map_err(|_| SpecError::value("tz", name, expected))
}

/// Reads a time on a quarter of an hour, in seconds since 1970.
pub(crate) fn instant(parameter: &'static str, text: &str, tz: Tz) -> Result<u32, SpecError> {
    if text.is_empty() {
        return Err(SpecError::Missing { parameter, expected: EXPECTED.to_owned() });
    }
    let seconds = if let Some(date) = date(text) {
        start_of_date(tz, date)
    } else {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| SpecError::value(parameter, text, EXPECTED))?;
        let seconds = time.timestamp();
        if seconds % QUARTER != 0 || time.timestamp_subsec_nanos() != 0 {
            let nearest = (seconds + QUARTER / 2).div_euclid(QUARTER) * QUARTER;
            let nearest = DateTime::from_timestamp(nearest, 0).unwrap_or_default().with_timezone(time.offset());
            let nearest = nearest.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            return Err(SpecError::OffQuarter { parameter, nearest });
        }
        seconds
    };
    u32::try_from(seconds).map_err(|_| SpecError::value(parameter, text, "a time between 1970 and 2106"))
}

/// A date written `YYYY-MM-DD` and no other way.
fn date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (text.len() == 10).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YORK: Tz = Tz::America__New_York;

    #[test]
    fn a_time_off_the_quarter_is_refused_with_the_nearest_in_its_own_offset() {
        let error = Range::new("2026-11-01T10:07:31-04:00", "2026-11-02", NEW_YORK).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`from` must be on a quarter of an hour: the nearest is 2026-11-01T10:15:00-04:00"
        );
        let error = Range::new("2026-11-01", "2026-11-02T00:00:00.001Z", NEW_YORK).unwrap_err();
        assert_eq!(error.to_string(), "`to` must be on a quarter of an hour: the nearest is 2026-11-02T00:00:00Z");
    }

    #[test]
    fn a_date_is_a_local_midnight() {
        let dates = Range::new("2026-11-01", "2026-11-02", NEW_YORK).unwrap();
        let times = Range::new("2026-11-01T00:00:00-04:00", "2026-11-02T05:00:00Z", Tz::UTC).unwrap();
        assert_eq!(dates, times);
        assert_eq!(dates.to - dates.from, 25 * 3600);
    }

    #[test]
    fn ranges_that_make_no_sense_are_refused() {
        for (from, to, words) in [
            ("2026-11-02", "2026-11-01", "exchange"),
            ("2026-11-01", "2026-11-01", "empty"),
            ("2000-01-01", "2026-11-01", "ten years"),
            ("1969-12-31", "1970-01-02", "1970"),
            ("2106-01-01", "2106-12-31", "2106"),
            ("", "2026-11-01", "required"),
            ("yesterday", "2026-11-01", "RFC 3339"),
            ("2026-1-5", "2026-11-01", "RFC 3339"),
            ("2026-02-30", "2026-11-01", "RFC 3339"),
            ("2026-11-01T00:00:00 05:00", "2026-11-02", "%2B"),
            ("262142-12-31", "2026-11-01", "RFC 3339"),
        ] {
            let error = Range::new(from, to, Tz::UTC).unwrap_err().to_string();
            assert!(error.contains(words), "{from}..{to}: {error}");
        }
    }

    #[test]
    fn an_unknown_time_zone_is_refused() {
        for name in ["Mars/Olympus", "", "'; DROP TABLE cube", "../UTC"] {
            assert_eq!(time_zone(Some(name)).unwrap_err().parameter(), "tz", "{name}");
        }
    }
}
