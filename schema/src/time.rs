//! Points in time: milliseconds for events, quarters of an hour for reports.

use std::ops::Range;

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// As a date and time in UTC; `None` beyond the years that chrono knows.
    #[must_use]
    pub const fn to_datetime(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.0)
    }
}

impl From<DateTime<Utc>> for Millis {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

/// A quarter of an hour, named by its first second since 1970. Every real time zone is offset by whole quarters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(pub u32);

impl Bucket {
    /// The length of a bucket in seconds.
    pub const SECONDS: u32 = 900;

    /// The bucket that `time` lies in; times before 1970 or after 2106 land in the first or the last bucket.
    #[must_use]
    pub fn of(time: Millis) -> Self {
        let seconds = time.0.div_euclid(1000).clamp(0, i64::from(u32::MAX));
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        Self(seconds - seconds % Self::SECONDS)
    }
}

/// A calendar month in UTC as `YYYYMM`: what the tables are partitioned by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(pub u32);

impl Month {
    /// The month that `time` lies in; January 1970 for times that no calendar knows.
    #[must_use]
    pub fn of(time: Millis) -> Self {
        let date = time.to_datetime().unwrap_or_default();
        Self(u32::try_from(date.year()).unwrap_or(1970) * 100 + date.month())
    }

    /// The times that lie in it; none for what no calendar knows.
    #[must_use]
    pub fn span(self) -> Range<Millis> {
        let first = i32::try_from(self.0 / 100).ok().and_then(|year| NaiveDate::from_ymd_opt(year, self.0 % 100, 1));
        let begin = |date: NaiveDate| Millis::from(date.and_time(NaiveTime::MIN).and_utc());
        let next = first.and_then(|first| first.checked_add_months(Months::new(1)));
        first.zip(next).map_or(Millis(0)..Millis(0), |(first, next)| begin(first)..begin(next))
    }
}

impl From<Bucket> for Millis {
    fn from(bucket: Bucket) -> Self {
        Self(i64::from(bucket.0) * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_first_millisecond_and_not_the_next_bucket_s() {
        assert_eq!(Bucket::of(Millis(899_999)), Bucket(0));
        assert_eq!(Bucket::of(Millis(900_000)), Bucket(900));
        assert_eq!(Bucket::of(Millis(-1)), Bucket(0));
    }

    #[test]
    fn a_month_ends_at_midnight_utc() {
        assert_eq!(Month::of(Millis(1_796_083_199_999)), Month(202_611));
        assert_eq!(Month::of(Millis(1_796_083_200_000)), Month(202_612));
        assert_eq!(Month(202_612).span(), Millis(1_796_083_200_000)..Millis(1_798_761_600_000));
        assert!(Month(202_613).span().is_empty());
    }
}
