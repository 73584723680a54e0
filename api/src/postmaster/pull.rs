//! What is asked of the Postmaster Tools API v2: the domains that the service account may see, and of each the spam rates by day.
//!
//! Google tells rates only of days on which there was enough mail. A day that it does not speak of is unknown: nothing is stored for it.

use chrono::{Datelike as _, Days, NaiveDate};
use reqwest::RequestBuilder;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{Postmaster, PostmasterError, SOURCE};
use crate::{metadata::alerts::ObservationRow, outgoing::OutgoingError};

/// The longest answer that is read, the most pages of one, and the most domains.
const MOST: usize = 4 << 20;
const PAGES: usize = 100;
const DOMAINS: usize = 1_000;
/// Items of a page, of which Google gives no more.
const PAGE: usize = 200;
/// What the rate is called in question and answer.
const METRIC: &str = "spam_rate";
/// In errors.
const LIST: &str = "the list of domains";
const STATS: &str = "the statistics of a domain";

/// What was pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pulled {
    /// Domains that were asked for.
    pub(super) domains: usize,
    /// Of these, those whose statistics were not given.
    pub(super) failed: usize,
    /// Days with a rate that were stored.
    pub(super) rates: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    domains: Vec<Domain>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct Domain {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    #[serde(default)]
    domain_stats: Vec<Stat>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
struct Stat {
    #[serde(default)]
    metric: String,
    date: Option<Date>,
    value: Option<Value>,
}

#[derive(Deserialize)]
struct Date {
    year: i32,
    month: u32,
    day: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    double_value: Option<f64>,
    float_value: Option<f64>,
}

impl Postmaster {
    /// Asks for everything and stores it. A domain that is refused keeps no other from being stored.
    ///
    /// # Errors
    /// When nothing could be asked, or not be stored; when all domains were refused, why the last one was.
    pub(super) async fn pull(&self) -> Result<Pulled, PostmasterError> {
        let domains = if self.domains.is_empty() { self.list().await? } else { self.domains.clone() };
        let mut pulled = Pulled { domains: domains.len(), ..Pulled::default() };
        let mut last = None;
        for domain in domains {
            match self.rates(&domain).await {
                Ok(rows) => {
                    self.metadata.put_observations(&self.account, &rows, self.clock.now()).await?;
                    pulled.rates += rows.len();
                }
                // It would be refused for the others, too.
                Err(error @ PostmasterError::Google(_, OutgoingError::Refused(401 | 429 | 500..))) => {
                    return Err(error);
                }
                Err(error) => {
                    pulled.failed += 1;
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if pulled.failed == pulled.domains => Err(error),
            _ => Ok(pulled),
        }
    }

    /// The domains that Google lists.
    async fn list(&self) -> Result<Vec<String>, PostmasterError> {
        let (mut domains, mut token) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let url = format!("{}/v2/domains", self.api);
            let request = self.outgoing.request(&url).map_err(|error| PostmasterError::Google(LIST, error))?;
            let page = [("pageSize", PAGE.to_string()), ("pageToken", token)];
            let listed: Listed = self.ask(LIST, request.query(&page)).await?;
            let names = listed.domains.iter().filter_map(|domain| domain.name.strip_prefix("domains/"));
            domains.extend(names.map(str::to_owned).take(DOMAINS - domains.len()));
            token = listed.next_page_token;
            if token.is_empty() || domains.len() >= DOMAINS {
                break;
            }
        }
        Ok(domains)
    }

    /// The rates of a domain, by day.
    async fn rates(&self, domain: &str) -> Result<Vec<ObservationRow>, PostmasterError> {
        let Some(name) = ObservationRow::domain(domain) else { return Err(PostmasterError::Answer(LIST)) };
        let today = self.clock.now().to_datetime().unwrap_or_default().date_naive();
        let first = today.checked_sub_days(Days::new(u64::from(self.days))).unwrap_or(today);
        let date = |date: NaiveDate| json!({"year": date.year(), "month": date.month(), "day": date.day()});
        let url = format!("{}/v2/domains/{name}/domainStats:query", self.api);
        let (mut rows, mut token) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let question = json!({
                "metricDefinitions": [{"name": METRIC, "baseMetric": {"standardMetric": "SPAM_RATE"}}],
                "timeQuery": {"dateRanges": {"dateRanges": [{"start": date(first), "end": date(today)}]}},
                "aggregationGranularity": "DAILY",
                "pageSize": PAGE,
                "pageToken": token,
            });
            let request = self.outgoing.post(&url).map_err(|error| PostmasterError::Google(STATS, error))?;
            let stats: Stats = self.ask(STATS, request.json(&question)).await?;
            rows.extend(stats.domain_stats.iter().filter_map(|stat| row(&name, stat)));
            token = stats.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        Ok(rows)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        what: &'static str,
        request: RequestBuilder,
    ) -> Result<T, PostmasterError> {
        let token = self.access.token(&self.outgoing, self.clock.now()).await?;
        let answer = self.outgoing.answer(request.bearer_auth(token), MOST).await;
        if let Err(OutgoingError::Refused(401)) = &answer {
            self.access.forget().await;
        }
        let answer = answer.map_err(|error| PostmasterError::Google(what, error))?;
        serde_json::from_slice(&answer).map_err(|_| PostmasterError::Answer(what))
    }
}

/// An observation, if there is a rate of a day.
fn row(domain: &str, stat: &Stat) -> Option<ObservationRow> {
    let Date { year, month, day } = stat.date.as_ref().filter(|_| stat.metric == METRIC)?;
    let value = stat.value.as_ref()?;
    let rate = value.double_value.or(value.float_value).filter(|rate| (0.0..=1.0).contains(rate))?;
    Some(ObservationRow {
        domain: domain.to_owned(),
        day: NaiveDate::from_ymd_opt(*year, *month, *day)?.to_string(),
        source: SOURCE.to_owned(),
        rate,
    })
}
