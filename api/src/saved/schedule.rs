//! When something is due that is due again and again: every day, week or month at a local time.
//!
//! A local time that daylight-saving time leaves out is due at the next minute that there is; one that it repeats is due once, the first time.
//! A day that a month does not have is its last.

use chrono::{
    DateTime, Datelike as _, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday,
};
use chrono_tz::Tz;

/// On which days something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// Every day.
    Daily,
    /// Every week on this day.
    Weekly(Weekday),
    /// Every month on this day, 1 to 31.
    Monthly(u32),
}

/// When something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// On which days.
    pub(crate) rhythm: Rhythm,
    /// At which local time.
    pub(crate) at: NaiveTime,
    /// Of which zone.
    pub(crate) tz: Tz,
}

/// How many days are looked through: no rhythm leaves out so many.
const DAYS: u64 = 35;
/// How many minutes are looked through: a zone may leave out a day.
const MINUTES: i64 = 2 * 24 * 60;

impl Schedule {
    /// When it is due next after a time.
    #[must_use]
    pub(crate) fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // The day before, for what is due then may have moved past midnight.
        let first = time.with_timezone(&self.tz).date_naive().pred_opt()?;
        let days = (0..=DAYS).filter_map(|days| self.due_on(first.checked_add_days(Days::new(days))?));
        days.filter(|due| *due > time).min()
    }

    /// When it was due last, at a time or before.
    #[must_use]
    pub(crate) fn latest_until(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = time.with_timezone(&self.tz).date_naive();
        let days = (0..=DAYS).filter_map(|days| self.due_on(last.checked_sub_days(Days::new(days))?));
        days.filter(|due| *due <= time).max()
    }

    fn due_on(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        let is_due = match self.rhythm {
            Rhythm::Daily => true,
            Rhythm::Weekly(weekday) => day.weekday() == weekday,
            Rhythm::Monthly(number) => day.day() == number || day.day() < number && day.succ_opt()?.day() == 1,
        };
        if !is_due {
            return None;
        }
        let local = day.and_time(self.at);
        (0..=MINUTES).find_map(|minutes| match self.tz.from_local_datetime(&(local + TimeDelta::minutes(minutes))) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time.with_timezone(&Utc)),
            LocalResult::None => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rhythm: Rhythm, at: &str, tz: Tz) -> Schedule {
        Schedule { rhythm, at: at.parse().unwrap(), tz }
    }

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The next times after one, as many as are expected, and that each is the latest of itself.
    fn follow(schedule: Schedule, after: &str, expected: &[&str]) {
        let mut at = time(after);
        for wanted in expected {
            let next = schedule.next_after(at).unwrap();
            assert_eq!(next, time(wanted), "{schedule:?} after {at}");
            assert_eq!(schedule.latest_until(next), Some(next));
            let before = schedule.latest_until(next - TimeDelta::milliseconds(1)).unwrap();
            assert!(before <= at, "{schedule:?}: {before} lies between {at} and {next}");
            at = next;
        }
    }

    #[test]
    fn a_time_that_does_not_exist_is_due_at_the_next_minute_that_does() {
        let daily = schedule(Rhythm::Daily, "02:30:00", Tz::America__New_York);
        follow(daily, "2026-03-07T08:00:00Z", &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]);
    }

    #[test]
    fn a_time_that_occurs_twice_is_due_the_first_time_alone() {
        let daily = schedule(Rhythm::Daily, "01:30:00", Tz::America__New_York);
        follow(daily, "2026-10-31T06:00:00Z", &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
        let berlin = schedule(Rhythm::Daily, "02:30:00", Tz::Europe__Berlin);
        follow(berlin, "2026-10-24T01:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn a_day_that_a_month_does_not_have_is_its_last() {
        let monthly = schedule(Rhythm::Monthly(31), "00:00:00", Tz::UTC);
        follow(
            monthly,
            "2028-01-30T00:00:00Z",
            &["2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"],
        );
        let thirtieth = schedule(Rhythm::Monthly(30), "06:00:00", Tz::UTC);
        follow(thirtieth, "2026-01-30T06:00:00Z", &["2026-02-28T06:00:00Z", "2026-03-30T06:00:00Z"]);
    }

    #[test]
    fn zones_may_be_half_or_a_quarter_of_an_hour_beside_the_others() {
        let kolkata = schedule(Rhythm::Weekly(Weekday::Mon), "07:00:00", Tz::Asia__Kolkata);
        follow(kolkata, "2026-11-20T00:00:00Z", &["2026-11-23T01:30:00Z", "2026-11-30T01:30:00Z"]);
        let kathmandu = schedule(Rhythm::Daily, "00:00:00", Tz::Asia__Kathmandu);
        follow(kathmandu, "2026-11-20T00:00:00Z", &["2026-11-20T18:15:00Z", "2026-11-21T18:15:00Z"]);
    }
}
