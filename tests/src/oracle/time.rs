//! Local time as a reader of a calendar knows it: which row of a series a moment belongs to.

use chrono::{
    DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc,
};
use chrono_tz::Tz;

/// The length of a row of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// `15m`.
    Quarter,
    /// `hour`.
    Hour,
    /// `day`.
    Day,
    /// `week`, from Monday.
    Week,
    /// `month`.
    Month,
}

impl Interval {
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

    /// When the row begins that `time` (milliseconds since 1970) belongs to. For zones whose midnights all exist once.
    pub(super) fn start(self, tz: Tz, time: i64) -> DateTime<FixedOffset> {
        let local = DateTime::from_timestamp_millis(time).expect("a time of our age").with_timezone(&tz);
        let offset = local.offset().fix();
        let date = local.date_naive();
        let floor = |seconds: i64| {
            let wall = local.naive_local().and_utc().timestamp().div_euclid(seconds) * seconds;
            let wall: NaiveDateTime = DateTime::from_timestamp(wall, 0).expect("a time of our age").naive_utc();
            offset.from_local_datetime(&wall).single().expect("a fixed offset has every time once")
        };
        match self {
            Self::Quarter => floor(900),
            Self::Hour => floor(3600),
            Self::Day => midnight(tz, date),
            Self::Week => midnight(tz, date - TimeDelta::days(date.weekday().num_days_from_monday().into())),
            Self::Month => midnight(tz, date.with_day(1).expect("every month has a first day")),
        }
    }
}

fn midnight(tz: Tz, date: NaiveDate) -> DateTime<FixedOffset> {
    let midnight = date.and_hms_opt(0, 0, 0).expect("midnight is a time");
    tz.from_local_datetime(&midnight).single().expect("a zone whose midnights all exist once").fixed_offset()
}

/// The last local date before `before` on which the clocks of the zone were changed: the one for which a test of local time is
/// worth most. `None` when they were not within a year.
#[must_use]
pub fn last_change_of_offset(tz: Tz, before: DateTime<Utc>) -> Option<NaiveDate> {
    let offset = |date: NaiveDate| midnight(tz, date).offset().local_minus_utc();
    let mut date = before.with_timezone(&tz).date_naive();
    for _ in 0..366 {
        let eve = date - TimeDelta::days(1);
        if offset(eve) != offset(date) {
            return Some(eve);
        }
        date = eve;
    }
    None
}
