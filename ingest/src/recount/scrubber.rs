//! Checks settled days at a set pace, one after the other, chosen at random: so that drift is noticed without anybody asking.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::NaiveDate;
use schema::{
    AccountId, Clock, Millis,
    metrics::{SCRUBBED_DAYS_DIFFERING, SCRUBBED_DAYS_TOTAL, SCRUBBED_LAST_TIMESTAMP_SECONDS},
};
use tokio::sync::watch;

use super::{Checker, Result, Scope, Step, scope::date, statement::statement};

/// A day is settled when it ended so many milliseconds ago: hardly anything of it still changes.
const SETTLED: i64 = 2 * 24 * 3600 * 1000;
/// How long batches may wait for a day that seems to differ.
const PAUSE: Duration = Duration::from_mins(1);

/// What was found so far, since the start.
#[derive(Debug, Default)]
pub(crate) struct Findings(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    checked: u64,
    last: Option<(Millis, u16)>,
    /// The accounts in which a day differs.
    differing: BTreeMap<u16, BTreeSet<String>>,
}

/// What was found of one account.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scrubbed {
    /// Days that were checked since the start, repetitions included.
    pub days_checked: u64,
    /// Days on which the reports of the account are not what its events say, as far as is known.
    pub days_differing: u64,
    /// When a day was checked last, and which.
    pub last: Option<(Millis, NaiveDate)>,
}

impl Findings {
    /// What is known of an account.
    pub(crate) fn of(&self, account: &AccountId) -> Scrubbed {
        let found = self.lock();
        let differs = found.differing.values().filter(|accounts| accounts.contains(account.as_str()));
        Scrubbed {
            days_checked: found.checked,
            days_differing: differs.count() as u64,
            last: found.last.map(|(at, day)| (at, date(day))),
        }
    }

    /// Everything was put right.
    pub(crate) fn forget(&self) {
        self.lock().differing.clear();
        self.show();
    }

    /// Tells the metrics.
    pub(crate) fn show(&self) {
        let found = self.lock();
        metrics::counter!(SCRUBBED_DAYS_TOTAL).absolute(found.checked);
        metrics::gauge!(SCRUBBED_DAYS_DIFFERING).set(found.differing.len() as f64);
        metrics::gauge!(SCRUBBED_LAST_TIMESTAMP_SECONDS).set(found.last.map_or(0, |(at, _)| at.0) as f64 / 1e3);
    }

    fn differing(&self) -> Option<u16> {
        self.lock().differing.first_key_value().map(|(day, _)| *day)
    }

    fn learn(&self, day: u16, at: Millis, accounts: Vec<String>) {
        let mut found = self.lock();
        found.checked += 1;
        found.last = Some((at, day));
        found.differing.remove(&day);
        if !accounts.is_empty() {
            found.differing.insert(day, accounts.into_iter().collect());
        }
        drop(found);
        self.show();
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks days until the service closes.
pub(crate) struct Scrubber {
    pub(crate) checker: Arc<Checker>,
    pub(crate) findings: Arc<Findings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) interval: Duration,
    pub(crate) closing: watch::Receiver<bool>,
}

impl Scrubber {
    pub(crate) async fn run(self) {
        let mut closing = self.closing.clone();
        let work = async {
            loop {
                tokio::time::sleep(self.interval).await;
                if let Err(error) = self.scrub().await {
                    tracing::warn!(%error, "no settled day could be checked; another one will be");
                }
            }
        };
        tokio::select! {
            () = work => {}
            // A sender that is gone closes, too.
            _ = closing.wait_for(|closing| *closing) => {}
        }
    }

    /// Checks a day of all accounts, chosen at random, and one that is known to differ: perhaps it was put right.
    async fn scrub(&self) -> Result<()> {
        let known = self.findings.differing();
        let chosen = self.choose().await?.filter(|day| Some(*day) != known);
        // One that cannot be checked keeps no other from it.
        let (known, chosen) = (self.look_at(known, false).await, self.look_at(chosen, true).await);
        known.and(chosen)
    }

    async fn look_at(&self, day: Option<u16>, is_news: bool) -> Result<()> {
        let Some(day) = day else { return Ok(()) };
        let scope = Scope::default().on(day, day);
        let verdict = self.checker.check(&scope, &watch::Sender::new(Step::default()), PAUSE).await?;
        if !verdict.is_clean() && is_news {
            let (day, rows, accounts) = (date(day), verdict.differing, verdict.accounts.len());
            tracing::error!(%day, rows, accounts, "the tables are not what the events say: `postlens verify` names the rows");
        }
        self.findings.learn(day, self.clock.now(), verdict.accounts);
        Ok(())
    }

    /// One of the settled days that reports know.
    async fn choose(&self) -> Result<Option<u16>> {
        let sql = format!(
            "SELECT toUInt16(day) FROM (
    SELECT DISTINCT toDate(bucket) AS day FROM {} WHERE account != '' AND dimension = '' AND toDate(bucket) < {{settled:Date}}
) ORDER BY rand() LIMIT 1",
            schema::ROLLUP
        );
        let settled = Millis(self.clock.now().0 - SETTLED).to_datetime().unwrap_or_default().date_naive();
        let query = statement(&self.checker.clickhouse, &sql).param("settled", settled.to_string());
        Ok(query.fetch_optional().await?)
    }
}
