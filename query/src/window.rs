//! Ranges that move: which whole local days `last_week` and its like are at a time.

use chrono::{Datelike as _, Days, NaiveDate};
use schema::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{SpecError, when::time_zone};

/// A range of whole local days that ends with the day before, or earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MovingRange {
    /// The day before.
    Yesterday,
    /// The seven days before.
    #[serde(rename = "last_7_days")]
    Last7Days,
    /// The last whole week, from Monday.
    LastWeek,
    /// The thirty days before.
    #[serde(rename = "last_30_days")]
    Last30Days,
    /// The last whole month.
    LastMonth,
}

impl MovingRange {
    /// What it is at a time in a time zone, UTC when none is named: its first day, and the day after its last, written as `from` and
    /// `to` are.
    ///
    /// # Errors
    /// When there is no such time zone, or the time is beyond the calendar.
    pub fn at(self, time: Millis, tz: Option<&str>) -> Result<(String, String), SpecError> {
        let tz = time_zone(tz)?;
        let today = time.to_datetime().map(|time| time.with_timezone(&tz).date_naive());
        let days = today.and_then(|today| self.days(today));
        let (from, to) = days.ok_or_else(|| SpecError::value("range", "it", "it lies beyond the calendar"))?;
        Ok((from.to_string(), to.to_string()))
    }

    fn days(self, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let before = |day: NaiveDate, days| day.checked_sub_days(Days::new(days));
        match self {
            Self::Yesterday => Some((before(today, 1)?, today)),
            Self::Last7Days => Some((before(today, 7)?, today)),
            Self::Last30Days => Some((before(today, 30)?, today)),
            Self::LastWeek => {
                let monday = before(today, today.weekday().num_days_from_monday().into())?;
                Some((before(monday, 7)?, monday))
            }
            Self::LastMonth => {
                let first = today.with_day(1)?;
                Some((before(first, 1)?.with_day(1)?, first))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(range: &str, time: &str, tz: &str) -> String {
        let range: MovingRange = serde_json::from_value(range.into()).unwrap();
        let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
        let (from, to) = range.at(Millis(time.timestamp_millis()), Some(tz)).unwrap();
        format!("{from}..{to}")
    }

    #[test]
    fn ranges_are_whole_local_days_before_today() {
        for (range, expected) in [
            ("yesterday", "2026-11-25..2026-11-26"),
            ("last_7_days", "2026-11-19..2026-11-26"),
            ("last_week", "2026-11-16..2026-11-23"),
            ("last_30_days", "2026-10-27..2026-11-26"),
            ("last_month", "2026-10-01..2026-11-01"),
        ] {
            assert_eq!(at(range, "2026-11-26T12:00:00Z", "UTC"), expected);
        }
    }

    #[test]
    fn today_is_what_the_calendar_of_the_zone_shows() {
        assert_eq!(at("yesterday", "2026-11-26T03:00:00Z", "America/New_York"), "2026-11-24..2026-11-25");
        assert_eq!(at("yesterday", "2026-11-25T18:30:00Z", "Asia/Kathmandu"), "2026-11-25..2026-11-26");
    }

    #[test]
    fn the_week_before_a_monday_ends_with_it_and_the_month_before_a_first_too() {
        assert_eq!(at("last_week", "2026-11-23T00:00:00Z", "UTC"), "2026-11-16..2026-11-23");
        assert_eq!(at("last_week", "2026-11-22T23:59:59Z", "UTC"), "2026-11-09..2026-11-16");
        assert_eq!(at("last_month", "2027-01-01T00:00:00Z", "UTC"), "2026-12-01..2027-01-01");
        assert_eq!(at("last_month", "2028-03-31T00:00:00Z", "UTC"), "2028-02-01..2028-03-01");
    }

    #[test]
    fn an_unknown_zone_is_refused() {
        assert_eq!(MovingRange::Yesterday.at(Millis(0), Some("Mars/Olympus")).unwrap_err().parameter(), "tz");
    }
}
