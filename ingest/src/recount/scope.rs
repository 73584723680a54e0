//! What is counted anew: everything, or an account, or some days.

use chrono::NaiveDate;
use clickhouse::query::Query;
use schema::AccountId;
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

    /// The same account on the days from the first to the last.
    pub(super) fn on(&self, first: u16, last: u16) -> Self {
        Self { account: self.account.clone(), from: Some(date(first)), to: Some(date(last.saturating_add(1))) }
    }

    /// The condition on rows of an account (no marker has one) that are dated by this expression.
    pub(super) fn condition(&self, day: &str) -> String {
        let account = if self.account.is_some() { "account = {account:String}" } else { "account != ''" };
        if self.is_every_day() {
            return account.to_owned();
        }
        format!("{account} AND {day} >= {{from:Date}} AND {day} < {{to:Date}}")
    }

    /// Binds what the condition names.
    pub(super) fn bind(&self, query: Query) -> Query {
        let query = match &self.account {
            Some(account) => query.param("account", account.as_str()),
            None => query,
        };
        if self.is_every_day() {
            return query;
        }
        let text = |day: Option<NaiveDate>, otherwise: u16| day.unwrap_or_else(|| date(otherwise)).to_string();
        query.param("from", text(self.from, 0)).param("to", text(self.to, u16::MAX))
    }
}

/// A day as ClickHouse numbers them.
pub(super) fn date(day: u16) -> NaiveDate {
    NaiveDate::default() + chrono::TimeDelta::days(i64::from(day))
}
