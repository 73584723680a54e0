//! `postlens report`: reports over the HTTP API, as tables for people or as the service's own CSV, PNG and JSON.

mod answer;
mod breakdowns;
mod latencies;
mod output;
mod scope;
mod table;

use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use self::{
    breakdowns::{Failures, Links, Security},
    latencies::{Decay, Latency},
    output::Output,
    scope::Scope,
};
use super::{
    Failure, block_on,
    client::{ClientError, ServiceArgs},
};

/// What a table shows unless something else is asked for: what fits a terminal.
const MEASURES: &str = "queued,delivered,failed,secured,opened,clicked,complained";
/// … and its rates.
const RATES: &str = "delivery_rate,open_rate,ctr,spam_rate";

const EXAMPLES: &str = "\
Examples:
  postlens report split --by recipient_domain
  postlens report split --by campaign,mailbox_provider --from 2026-11-01 --to 2026-11-15 --tz America/New_York
  postlens report split --by subject --filter campaign:is:autumn --sort -spam_rate --limit 20 -o subjects.csv
  postlens report split --by field:payer --rates open_rate,ctr --format png > payers.png
  postlens report split --by subject --measures delivered --rates ctr --sort -ctr --intervals
  postlens report split --by weekday,hour_of_day --tz America/New_York --sort weekday --limit 168
  postlens report split --by campaign --from 2026-11-01 --to 2026-11-08 --compare previous
  postlens report series --interval day --by mailbox_provider -o days.png
  postlens report summary --format json
  postlens report failures --by reason --filter mailbox_provider:is:gmail
  postlens report links --campaign autumn -o links.csv
  postlens report security --methods
  postlens report latency --by mailbox_provider
  postlens report decay --filter campaign:is:autumn -o autumn.png
  postlens report decay --by campaign --limit 5 -o campaigns.png

METRICS.md says what every number means.";

/// Show how many messages were delivered, opened, clicked, failed and secured, and at what rates
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Report {
    /// One row for each group of messages
    #[command(after_help = EXAMPLES)]
    Split(Split),
    /// The total alone
    #[command(after_help = EXAMPLES)]
    Summary(Summary),
    /// One row for each interval of local time
    #[command(after_help = EXAMPLES)]
    Series(Series),
    /// Why messages failed: by class, status code, domain or what the server said
    #[command(after_help = EXAMPLES)]
    Failures(Failures),
    /// Which links were followed
    #[command(after_help = EXAMPLES)]
    Links(Links),
    /// What left unencrypted
    #[command(after_help = EXAMPLES)]
    Security(Security),
    /// How long messages took to be delivered, opened and clicked
    #[command(after_help = EXAMPLES)]
    Latency(Latency),
    /// How openings and clicks came in with the age of messages
    #[command(after_help = EXAMPLES)]
    Decay(Decay),
}

#[derive(Debug, Args)]
pub(super) struct Split {
    /// What to split by, at most 3, separated by commas: `subject`, `sender`, `sender_domain`, `recipient_domain`,
    /// `mailbox_provider`, `campaign` or `field:NAME`, and the local `day`, `hour_of_day` or `weekday`
    #[arg(long, value_name = "DIM[,DIM]")]
    by: String,
    #[command(flatten)]
    rows: Rows,
    /// Sum up the groups that queued fewer [default: 0]
    #[arg(long, value_name = "N")]
    min_volume: Option<u32>,
    /// Go on where a page ended: what it printed last, or the header `x-next-cursor`
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Summary {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Series {
    /// The length of a row: 15m, hour, day, week or month
    #[arg(long, default_value = "day")]
    interval: String,
    /// Also split by these, for the top groups [default: one series of everything]
    #[arg(long, value_name = "DIM[,DIM]")]
    by: Option<String>,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    common: Common,
}

/// Which groups, in which order.
#[derive(Debug, Args)]
struct Rows {
    /// A measure, a rate or a dimension to sort by, `-` before it for descending [default: -queued]
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    sort: Option<String>,
    /// The most groups to show; the others are summed up [default: 50, for a series 10]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

/// What the reports of measures and rates take.
#[derive(Debug, Args)]
struct Common {
    /// Which clock counts: sent, when a message was sent, or event, when the thing happened [default: sent]
    #[arg(long)]
    basis: Option<String>,
    /// The measures to show, separated by commas [default: for a table those most asked for, else all]
    #[arg(long, value_name = "NAMES")]
    measures: Option<String>,
    /// The rates to show, separated by commas [default: as for measures]
    #[arg(long, value_name = "NAMES")]
    rates: Option<String>,
    /// Show how sure each rate is, and in a split which rates differ from the rest beyond chance
    #[arg(long)]
    intervals: bool,
    /// Compare with another period: `previous`, `year_ago` or `FROM..TO`, written as --from is
    #[arg(long, value_name = "PERIOD")]
    compare: Option<String>,
    /// Hide numbers that stand for fewer recipients than this, and what would tell them; 11 is what CMS asks for
    #[arg(long, value_name = "N")]
    suppress_below: Option<u32>,
    /// End a CSV, NDJSON, XLSX or Parquet document with the total; the other formats show it anyway
    #[arg(long)]
    total: bool,
    #[command(flatten)]
    scope: Scope,
}

/// The parameters of a request.
type Query = Vec<(&'static str, String)>;

impl Report {
    /// Asks the service and writes what it answers.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut query = Query::new();
        let (path, common) = match self {
            Self::Split(split) => {
                query.push(("by", split.by.clone()));
                split.rows.add_to(&mut query);
                query.extend(split.min_volume.map(|volume| ("min_volume", volume.to_string())));
                query.extend(split.cursor.clone().map(|cursor| ("cursor", cursor)));
                ("/v1/reports/split", &split.common)
            }
            Self::Summary(summary) => ("/v1/reports/summary", &summary.common),
            Self::Series(series) => {
                query.push(("interval", series.interval.clone()));
                query.extend(series.by.clone().map(|by| ("by", by)));
                series.rows.add_to(&mut query);
                ("/v1/reports/series", &series.common)
            }
            Self::Failures(failures) => return failures.run(),
            Self::Links(links) => return links.run(),
            Self::Security(security) => return security.run(),
            Self::Latency(latency) => return latency.run(),
            Self::Decay(decay) => return decay.run(),
        };
        common.add_to(&mut query, common.scope.is_table()? && !matches!(self, Self::Summary(_)));
        common.scope.asked(path, query).run()
    }
}

/// A report that is asked for.
struct Asked<'a> {
    path: &'static str,
    query: Query,
    /// A tree of filters, which makes a document of the request.
    tree: Option<&'a str>,
    output: &'a Output,
    service: &'a ServiceArgs,
}

impl Asked<'_> {
    /// Asks the service and writes what it answers.
    fn run(self) -> Result<(), Failure> {
        self.shown(table::render)
    }

    /// The same of an answer that has a table of its own.
    fn shown<A: DeserializeOwned>(self, render: impl FnOnce(&A) -> String) -> Result<(), Failure> {
        let Self { path, mut query, tree, output, service } = self;
        let format = output.format()?;
        query.push(("format", format.in_the_api().to_owned()));
        block_on(async {
            let client = service.client()?;
            let request = match tree {
                None => client.get(path).query(&query),
                Some(tree) => client.post(path).json(&document(query, tree)?),
            };
            let response = client.send(request).await?;
            if format == output::Format::Table {
                let answer = response.bytes().await.map_err(|error| client.unreachable(&error))?;
                let answer: A =
                    serde_json::from_slice(&answer).map_err(|error| ClientError::Unreadable(error.to_string()))?;
                return output.write(render(&answer).as_bytes());
            }
            output.copy(&client, response).await
        })
    }
}

/// The request as a document, with a tree of filters.
fn document(query: Query, tree: &str) -> Result<Map<String, Value>, Failure> {
    let tree: Value = serde_json::from_str(tree).map_err(|error| format!("--where is no JSON: {error}"))?;
    let (mut filters, mut segments) = (Vec::new(), Vec::new());
    let mut document = Map::new();
    for (name, value) in query {
        if name == "filter" {
            filters.push(Value::String(value));
        } else if name == "segment" {
            segments.push(Value::String(value));
        } else {
            document.insert(name.to_owned(), Value::String(value));
        }
    }
    filters.push(tree);
    document.insert("filter".to_owned(), Value::Array(filters));
    document.insert("segment".to_owned(), Value::Array(segments));
    Ok(document)
}

impl Rows {
    fn add_to(&self, query: &mut Query) {
        query.extend(self.sort.clone().map(|sort| ("sort", sort)));
        query.extend(self.limit.map(|limit| ("limit", limit.to_string())));
    }
}

impl Common {
    /// `fits_a_terminal` leaves out what would make a table too wide, unless it is asked for.
    fn add_to(&self, query: &mut Query, fits_a_terminal: bool) {
        let usual =
            |names: &Option<String>, usual: &str| names.clone().or_else(|| fits_a_terminal.then(|| usual.to_owned()));
        for (name, value) in [
            ("basis", self.basis.clone()),
            ("measures", usual(&self.measures, MEASURES)),
            ("rates", usual(&self.rates, RATES)),
            ("intervals", self.intervals.then(|| "true".to_owned())),
            ("compare", self.compare.clone()),
            ("suppress_below", self.suppress_below.map(|least| least.to_string())),
            ("total", self.total.then(|| "true".to_owned())),
        ] {
            query.extend(value.map(|value| (name, value)));
        }
    }
}
