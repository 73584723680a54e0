//! What is counted anew: everything, or an account, or some days.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use clickhouse::query::Query;
use schema::{AccountId, Bucket, Grain, Millis};
use serde::{Deserialize, Serialize};

/// Which days, in UTC, of which account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// One account; all of them when absent.
    pub account: Option<AccountId>,
    /// The first day; from the beginning when absent.
    pub from: Option<NaiveDate>,
    /// The day after the last; to the end when absent.
    pub to: Option<NaiveDate>,
}

impl Scope {
    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it holds all days.
    pub(super) fn is_every_day(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// The same account on all days of the times that rows of the grain count.
    pub(super) fn widened(&self, grain: Grain) -> Self {
        let midnight = |day: NaiveDate| Bucket::of(day.and_time(NaiveTime::MIN).and_utc().into());
        let day = |bucket| Millis::from(bucket).to_datetime().unwrap_or_default().date_naive();
        Self {
            from: self.from.map(|from| day(grain.first(midnight(from)))),
            // No row counts a day after the last midnight that there is.
            to: self.to.map(|to| grain.next(midnight(to)).map_or(to, day)),
            ..self.clone()
        }
    }

    /// The same account on the days from the first to the last.
    pub(super) fn on(&self, first: u16, last: u16) -> Self {
        Self { account: self.account.clone(), from: Some(date(first)), to: Some(date(last.saturating_add(1))) }
    }

    /// The condition on rows of an account (no marker has one) that are dated by this expression.
    pub(super) fn condition(&self, day: &str) -> String {
        let account = if self.account.is_some() { "account = {account:String}" } else { "account != ''" };
        let bound = |sign, date: Option<NaiveDate>| {
            date.map(|date| format!(" AND {day} {sign} toDate({})", number(date))).unwrap_or_default()
        };
        format!("{account}{}{}", bound(">=", self.from), bound("<", self.to))
    }

    /// Binds what the condition names.
    pub(super) fn bind(&self, query: Query) -> Query {
        match &self.account {
            Some(account) => query.param("account", account.as_str()),
            None => query,
        }
    }
}

/// The number that ClickHouse gives a day; those that it has none for are its first or its last.
fn number(day: NaiveDate) -> u16 {
    let days = (day - NaiveDate::default()).num_days();
    u16::try_from(days.max(0)).unwrap_or(u16::MAX)
}

/// A day as ClickHouse numbers them.
pub(super) fn date(day: u16) -> NaiveDate {
    NaiveDate::default() + TimeDelta::days(i64::from(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn conditions_hold_the_days_and_no_name_of_an_account() {
        let account = Some("a".parse().expect("a name"));
        let days = |from, to| Scope { account: account.clone(), from, to };
        let (from, to) = (Some(day("1970-01-03")), Some(day("2026-11-08")));
        let of_account = "account = {account:String}";
        assert_eq!(Scope::default().condition("x"), "account != ''");
        assert_eq!(days(None, None).condition("x"), of_account);
        assert_eq!(days(from, to).condition("x"), format!("{of_account} AND x >= toDate(2) AND x < toDate(20765)"));
        assert_eq!(days(None, to).condition("x"), format!("{of_account} AND x < toDate(20765)"));
        let beyond = days(Some(NaiveDate::MIN), Some(NaiveDate::MAX));
        assert_eq!(beyond.condition("x"), format!("{of_account} AND x >= toDate(0) AND x < toDate(65535)"));
    }

    #[test]
    fn a_scope_is_widened_to_whole_fourths() {
        let widened = |text| Scope { from: Some(day(text)), ..Scope::default() }.widened(Grain::Fourth).from;
        for (from, first) in [("2026-11-01", "2026-11-01"), ("2026-11-30", "2026-11-22"), ("2024-03-08", "2024-03-08")]
        {
            assert_eq!(widened(from), Some(day(first)), "{from}");
        }
        assert!(widened("2200-01-01") < Some(day("2200-01-01")), "what no row can have leaves none out");
        assert_eq!(Scope::default().widened(Grain::Fourth), Scope::default());
        let ended = |text| Scope { to: Some(day(text)), ..Scope::default() }.widened(Grain::Fourth).to;
        for (to, end) in [("2026-11-08", "2026-11-08"), ("2026-11-09", "2026-11-15"), ("2200-01-01", "2200-01-01")] {
            assert_eq!(ended(to), Some(day(end)), "{to}");
        }
    }
}
