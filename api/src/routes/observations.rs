//! `/v1/observations/spam-rate`: spam rates that mailbox providers tell, where single complaints are not told (Postmaster Tools).

use axum::extract::State;
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    auth::{Caller, Read, Report},
    extract::{Json, Table},
    metadata::alerts::ObservationRow,
    openapi::{AlertProblems, NewAlertProblems},
    problem::{Kind, Problem},
    state::AppState,
};

/// The most observations of one request.
const MOST: usize = 10_000;
/// How far back observations are listed.
const LISTED: Days = Days::new(90);

/// A spam rate that a mailbox provider told.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"domain": "news.acme.org", "day": "2026-11-19", "rate": 0.0012, "source": "postmaster_tools"}))]
pub(crate) struct Observation {
    /// The sender's domain.
    domain: String,
    /// The day.
    #[schema(format = Date)]
    day: String,
    /// The rate as a fraction: 0.003 is 0.3 %.
    #[schema(minimum = 0, maximum = 1)]
    rate: f64,
    /// Who told it, 1 to 64 characters. Default: `postmaster_tools`.
    #[serde(default = "postmaster_tools")]
    #[schema(required = false)]
    source: String,
}

fn postmaster_tools() -> String {
    crate::postmaster::SOURCE.to_owned()
}

/// Observations.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Observations {
    /// At most 10,000.
    observations: Vec<Observation>,
}

/// How many were stored.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"stored": 1}))]
pub(crate) struct Stored {
    /// All of the request.
    stored: usize,
}

/// The spam rates of the caller's account that mailbox providers told, of the last 90 days.
#[utoipa::path(
    get,
    path = "/v1/observations/spam-rate",
    operation_id = "list_spam_rates",
    tag = "alerts",
    responses((status = 200, description = "By domain, day and source.", body = Observations), AlertProblems)
)]
pub(crate) async fn list(caller: Caller<Read>, State(state): State<AppState>) -> Result<Json<Observations>, Problem> {
    let today = state.clock.now().to_datetime().unwrap_or_default().date_naive();
    let from = today.checked_sub_days(LISTED).unwrap_or(today).to_string();
    let rows = state.keys.metadata().observations(caller.account(), &from).await?;
    let observation = |row: ObservationRow| {
        let ObservationRow { domain, day, source, rate } = row;
        Observation { domain, day, rate, source }
    };
    Ok(Json(Observations { observations: rows.into_iter().map(observation).collect() }))
}

/// Bring spam rates that a mailbox provider told: all of them, or none when one is wrong.
///
/// As JSON, or as CSV with the columns `domain`, `day`, `rate` and, if you like, `source`. Of the same domain, day and source the later
/// rate stands.
#[utoipa::path(
    put,
    path = "/v1/observations/spam-rate",
    operation_id = "put_spam_rates",
    tag = "alerts",
    request_body(content(
        (Observations = "application/json"),
        (String = "text/csv", example = "domain,day,rate\nnews.acme.org,2026-11-19,0.0012\n")
    )),
    responses((status = 200, description = "They are stored.", body = Stored), NewAlertProblems)
)]
pub(crate) async fn put(
    caller: Caller<Report>,
    State(state): State<AppState>,
    table: Table,
) -> Result<Json<Stored>, Problem> {
    let observations = match table {
        Table::Json(bytes) => {
            let read = serde_json::from_slice::<Observations>(&bytes);
            read.map_err(|error| Problem::new(Kind::Malformed, format!("the body: {error}")))?.observations
        }
        Table::Csv(bytes) => {
            let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_ref());
            let rows = reader.deserialize().collect::<Result<Vec<Observation>, _>>();
            rows.map_err(|error| Problem::new(Kind::Malformed, format!("the body: {error}")))?
        }
    };
    if observations.len() > MOST {
        return Err(Problem::new(Kind::TooLarge, format!("a request has at most {MOST} observations; send several")));
    }
    let rows = (1..).zip(observations).map(|(number, observation)| judged(number, observation));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    state.keys.metadata().put_observations(caller.account(), &rows, state.clock.now()).await?;
    Ok(Json(Stored { stored: rows.len() }))
}

fn judged(number: usize, observation: Observation) -> Result<ObservationRow, Problem> {
    let Observation { domain, day, rate, source } = observation;
    let wrong = |member: &str, detail: &str| Problem::parameter(member, format!("observation {number}: {detail}"));
    let domain =
        ObservationRow::domain(&domain).ok_or_else(|| wrong("domain", "`domain` is a domain, like news.acme.org"))?;
    let date = NaiveDate::parse_from_str(&day, "%Y-%m-%d").ok().filter(|_| day.len() == 10);
    let date = date.ok_or_else(|| wrong("day", "`day` is a date, like 2026-11-19"))?;
    if !(0.0..=1.0).contains(&rate) {
        return Err(wrong("rate", "`rate` is from 0 to 1: 0.003 is 0.3 %"));
    }
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if !(1..=64).contains(&source.len()) || !source.chars().all(legal) {
        return Err(wrong("source", "`source` has 1 to 64 letters, digits, `_`, `-` or `.`"));
    }
    Ok(ObservationRow { domain, day: date.to_string(), source, rate })
}
