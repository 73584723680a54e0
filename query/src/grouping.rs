//! What a report is split by: an attribute of deliveries, or a part of local time.

use std::{fmt, str::FromStr};

use chrono::DateTime;
use schema::Dimension;
use serde::{Serialize, Serializer};

use crate::zone::DAY;

/// What a report is split by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// An attribute of deliveries.
    Dimension(Dimension),
    /// A part of the local time by which the report's clock dates what is counted.
    Time(TimePart),
}

/// A part of local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// The date: `2026-11-01`. A day has 23 to 25 hours.
    Day,
    /// The hour on the clock, `00` to `23`. The hour that daylight saving repeats counts twice, the one that it leaves out not at all.
    HourOfDay,
    /// The day of the week, `monday` to `sunday`.
    Weekday,
}

/// The text names nothing that a report is split by.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; or, in a split, day, hour_of_day or weekday")]
pub struct InvalidGrouping(#[from] schema::InvalidDimension);

/// From Monday, as ISO 8601 counts them.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl TimePart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Day, Self::HourOfDay, Self::Weekday];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::HourOfDay => "hour_of_day",
            Self::Weekday => "weekday",
        }
    }

    /// Whether a whole local day has one value of it.
    pub(crate) const fn is_of_days(self) -> bool {
        match self {
            Self::Day | Self::Weekday => true,
            Self::HourOfDay => false,
        }
    }

    /// The value that the database tells by its number: days since 1970, hours, weekdays from Monday, which is 1.
    pub(crate) fn value(self, number: i64) -> Option<String> {
        match self {
            Self::Day => Some(DateTime::from_timestamp(number.checked_mul(DAY)?, 0)?.date_naive().to_string()),
            Self::HourOfDay => (0..24).contains(&number).then(|| format!("{number:02}")),
            Self::Weekday => {
                let place = usize::try_from(number.checked_sub(1)?).ok()?;
                WEEKDAYS.get(place).map(|name| (*name).to_owned())
            }
        }
    }

    /// The number of a value.
    pub(crate) fn number(self, value: &str) -> Option<i64> {
        match self {
            Self::Day => {
                let date = chrono::NaiveDate::parse_from_str(value, "%Y-%m-%d").ok()?;
                Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp().div_euclid(DAY))
            }
            Self::HourOfDay => value.parse().ok().filter(|hour| (0..24).contains(hour)),
            Self::Weekday => {
                let place = WEEKDAYS.iter().position(|name| *name == value)?;
                i64::try_from(place + 1).ok()
            }
        }
    }
}

impl Grouping {
    /// The attribute, if it is one.
    #[must_use]
    pub const fn dimension(&self) -> Option<&Dimension> {
        match self {
            Self::Dimension(dimension) => Some(dimension),
            Self::Time(_) => None,
        }
    }

    /// The part of time, if it is one.
    #[must_use]
    pub const fn time(&self) -> Option<TimePart> {
        match self {
            Self::Dimension(_) => None,
            Self::Time(part) => Some(*part),
        }
    }

    /// Whether its values of a day are limited in number.
    pub(crate) const fn is_limited(&self) -> bool {
        match self {
            Self::Dimension(dimension) => dimension.is_limited(),
            Self::Time(_) => false,
        }
    }
}

impl From<Dimension> for Grouping {
    fn from(dimension: Dimension) -> Self {
        Self::Dimension(dimension)
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension(dimension) => dimension.fmt(f),
            Self::Time(part) => f.write_str(part.name()),
        }
    }
}

impl Serialize for Grouping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Grouping {
    type Err = InvalidGrouping;

    fn from_str(text: &str) -> Result<Self, InvalidGrouping> {
        match TimePart::ALL.into_iter().find(|part| part.name() == text) {
            Some(part) => Ok(Self::Time(part)),
            None => Ok(Self::Dimension(text.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_as_it_is_written() {
        for (part, numbers) in [(TimePart::Day, -1..40_000), (TimePart::HourOfDay, 0..24), (TimePart::Weekday, 1..8)] {
            for number in numbers {
                let value = part.value(number).unwrap();
                assert_eq!(part.number(&value), Some(number), "{value}");
            }
        }
    }

    #[test]
    fn values_are_what_a_calendar_and_a_clock_show() {
        assert_eq!(TimePart::Day.value(20_758).as_deref(), Some("2026-11-01"));
        assert_eq!(TimePart::HourOfDay.value(7).as_deref(), Some("07"));
        assert_eq!(TimePart::Weekday.value(7).as_deref(), Some("sunday"));
        for (part, number) in
            [(TimePart::HourOfDay, 24), (TimePart::HourOfDay, -1), (TimePart::Weekday, 0), (TimePart::Weekday, 8)]
        {
            assert_eq!(part.value(number), None);
        }
    }

    #[test]
    fn what_is_no_grouping_is_told_all_that_are() {
        let error = "hour".parse::<Grouping>().unwrap_err().to_string();
        assert!(error.contains("recipient_domain") && error.contains("hour_of_day"), "{error}");
        assert_eq!("weekday".parse(), Ok(Grouping::Time(TimePart::Weekday)));
        assert_eq!("subject".parse(), Ok(Grouping::Dimension(Dimension::Subject)));
    }
}
