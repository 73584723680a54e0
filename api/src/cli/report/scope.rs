//! What every report takes on the command line: which messages, and how they are shown.

use chrono::{Days, Utc};
use chrono_tz::Tz;
use clap::Args;

use super::{
    Asked, Query,
    output::{Format, Output},
};
use crate::cli::{Failure, client::ServiceArgs};

/// Without `--from` and `--to`, this many days, today among them.
const DAYS: u64 = 30;

#[derive(Debug, Args)]
pub(super) struct Scope {
    /// The first day, or a time on a quarter of an hour like 2026-11-01T00:15:00Z [default: 30 days, today among them]
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The day or time after the last [default: tomorrow]
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The time zone that days are meant in, an IANA name [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Only these messages: `DIM:OP:VALUE`, OP being `is`, `is_not`, `in`, `not_in`, `contains` or `starts_with`; repeatable, all must hold
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Only these messages: a tree of `all`, `any` and `not` as JSON (docs/reports.md), beside --filter
    #[arg(long = "where", value_name = "JSON")]
    tree: Option<String>,
    /// Only these messages, too: the names of saved filters (`postlens segments`), separated by commas; repeatable
    #[arg(long, value_name = "NAMES")]
    segment: Vec<String>,
    /// PNG and SVG: pixels across
    #[arg(long)]
    width: Option<u32>,
    /// PNG and SVG: pixels down
    #[arg(long)]
    height: Option<u32>,
    /// PNG and SVG: light or dark
    #[arg(long)]
    theme: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    service: ServiceArgs,
}

impl Scope {
    /// Whether it is shown as a table.
    pub(super) fn is_table(&self) -> Result<bool, Failure> {
        Ok(self.output.format()? == Format::Table)
    }

    /// The report of this path that is asked for, with its own parameters.
    pub(super) fn asked(&self, path: &'static str, own: Query) -> Asked<'_> {
        let mut query = own;
        query.extend(range(self.from.as_deref(), self.to.as_deref(), self.tz.as_deref()));
        for (name, value) in [
            ("tz", self.tz.clone()),
            ("width", self.width.map(|pixels| pixels.to_string())),
            ("height", self.height.map(|pixels| pixels.to_string())),
            ("theme", self.theme.clone()),
        ] {
            query.extend(value.map(|value| (name, value)));
        }
        query.extend(self.filter.iter().map(|filter| ("filter", filter.clone())));
        query.extend(self.segment.iter().map(|names| ("segment", names.clone())));
        Asked { path, query, tree: self.tree.as_deref(), output: &self.output, service: &self.service }
    }
}

/// The range that is asked for, else the last days with today.
fn range(from: Option<&str>, to: Option<&str>, tz: Option<&str>) -> Query {
    // A zone that is none is for the service to refuse.
    let zone: Tz = tz.and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC);
    let today = Utc::now().with_timezone(&zone).date_naive();
    let from = from.map_or_else(|| (today - Days::new(DAYS - 1)).to_string(), str::to_owned);
    let to = to.map_or_else(|| (today + Days::new(1)).to_string(), str::to_owned);
    vec![("from", from), ("to", to)]
}
