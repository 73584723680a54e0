//! `postlens report failures`, `links` and `security`: why mail failed, which links were followed, what left unencrypted.

use clap::Args;

use super::{Asked, Query, output::Output, range};
use crate::cli::{Failure, client::ServiceArgs};

#[derive(Debug, Args)]
pub(in crate::cli) struct Failures {
    /// What to group by: class, status, domain or reason
    #[arg(long, default_value = "reason")]
    by: String,
    #[command(flatten)]
    frame: Frame,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Links {
    /// Only this campaign
    #[arg(long)]
    campaign: Option<String>,
    /// Show whole URLs, with what follows a `?` or a `#`; needs a key of the role admin
    #[arg(long)]
    whole: bool,
    #[command(flatten)]
    frame: Frame,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Security {
    /// What to group by: `recipient_domain` or `mailbox_provider`
    #[arg(long, default_value = "recipient_domain")]
    by: String,
    /// Show by which methods messages were secured
    #[arg(long)]
    methods: bool,
    #[command(flatten)]
    frame: Frame,
}

/// What each of these reports takes.
#[derive(Debug, Args)]
struct Frame {
    /// The first day, or a time on a quarter of an hour [default: 30 days, today among them]
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The day or time after the last [default: tomorrow]
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The time zone that days are meant in, an IANA name [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Which clock counts: sent, when a message was sent, or event, when the thing happened [default: sent]
    #[arg(long)]
    basis: Option<String>,
    /// What to sort the rows by, a column or what they are grouped by, `-` before it for descending
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    sort: Option<String>,
    /// The most rows to show; the others are summed up [default: 50]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Only these messages: `DIM:OP:VALUE`; repeatable, all must hold
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Only these messages: a tree of `all`, `any` and `not` as JSON (docs/reports.md), beside --filter
    #[arg(long = "where", value_name = "JSON")]
    tree: Option<String>,
    /// Only these messages, too: the names of saved filters (`postlens segments`), separated by commas; repeatable
    #[arg(long, value_name = "NAMES")]
    segment: Vec<String>,
    /// End a CSV document with the total; the other formats show it anyway
    #[arg(long)]
    total: bool,
    /// PNG: pixels across
    #[arg(long)]
    width: Option<u32>,
    /// PNG: pixels down
    #[arg(long)]
    height: Option<u32>,
    /// PNG: light or dark
    #[arg(long)]
    theme: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    service: ServiceArgs,
}

impl Failures {
    pub(super) fn run(&self) -> Result<(), Failure> {
        self.frame.run("/v1/reports/failures", vec![("by", self.by.clone())])
    }
}

impl Links {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut query: Query = self.campaign.clone().map(|name| ("campaign", name)).into_iter().collect();
        query.extend(self.whole.then(|| ("strip_query", "false".to_owned())));
        self.frame.run("/v1/reports/links", query)
    }
}

impl Security {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut query = vec![("by", self.by.clone())];
        query.extend(self.methods.then(|| ("methods", "true".to_owned())));
        self.frame.run("/v1/reports/security", query)
    }
}

impl Frame {
    fn run(&self, path: &'static str, mut query: Query) -> Result<(), Failure> {
        query.extend(range(self.from.as_deref(), self.to.as_deref(), self.tz.as_deref()));
        for (name, value) in [
            ("tz", self.tz.clone()),
            ("basis", self.basis.clone()),
            ("sort", self.sort.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("total", self.total.then(|| "true".to_owned())),
            ("width", self.width.map(|pixels| pixels.to_string())),
            ("height", self.height.map(|pixels| pixels.to_string())),
            ("theme", self.theme.clone()),
        ] {
            query.extend(value.map(|value| (name, value)));
        }
        query.extend(self.filter.iter().map(|filter| ("filter", filter.clone())));
        query.extend(self.segment.iter().map(|names| ("segment", names.clone())));
        Asked { path, query, tree: self.tree.as_deref(), output: &self.output, service: &self.service }.run()
    }
}
