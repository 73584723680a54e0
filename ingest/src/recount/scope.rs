//! What is counted anew: everything, or an account, or some days.

use chrono::{NaiveDate, TimeDelta};
use clickhouse::query::Query;
use schema::{AccountId, Bucket, Grain};
use serde::{Deserialize, Serialize};

/// Seconds of a day.
const DAY: u32 = 86_400;

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

    /// The same account from the first day of the time on that a row of the grain counts.
    pub(super) fn widened(&self, grain: Grain) -> Self {
        let first = |day| {
            let bucket = grain.first(Bucket(u32::from(number(day)).saturating_mul(DAY)));
            date(u16::try_from(bucket.0 / DAY).unwrap_or(u16::MAX))
        };
        Self { from: self.from.map(first), ..self.clone() }
    }

    /// The same account for so many days more.
    pub(super) fn and_more(&self, days: u16) -> Self {
        Self { to: self.to.map(|to| to + TimeDelta::days(days.into())), ..self.clone() }
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
    fn a_scope_is_widened_to_the_begin_of_its_first_fourth() {
        let widened = |text| Scope { from: Some(day(text)), ..Scope::default() }.widened(Grain::Fourth).from;
        for (from, first) in [("2026-11-01", "2026-11-01"), ("2026-11-30", "2026-11-22"), ("2024-03-08", "2024-03-08")]
        {
            assert_eq!(widened(from), Some(day(first)), "{from}");
        }
        assert!(widened("2200-01-01") < Some(day("2200-01-01")), "what no row can have leaves none out");
        assert_eq!(Scope::default().widened(Grain::Fourth), Scope::default());
    }
}
