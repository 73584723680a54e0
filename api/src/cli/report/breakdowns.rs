//! `postlens report failures`, `links` and `security`: why mail failed, which links were followed, what left unencrypted.

use clap::Args;

use super::{Query, scope::Scope};
use crate::cli::Failure;

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
    /// Which clock counts: sent, when a message was sent, or event, when the thing happened [default: sent]
    #[arg(long)]
    basis: Option<String>,
    /// What to sort the rows by, a column or what they are grouped by, `-` before it for descending
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    sort: Option<String>,
    /// The most rows to show; the others are summed up [default: 50]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// End a CSV, NDJSON, XLSX or Parquet document with the total; the other formats show it anyway
    #[arg(long)]
    total: bool,
    #[command(flatten)]
    scope: Scope,
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
        for (name, value) in [
            ("basis", self.basis.clone()),
            ("sort", self.sort.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("total", self.total.then(|| "true".to_owned())),
        ] {
            query.extend(value.map(|value| (name, value)));
        }
        self.scope.asked(path, query).run()
    }
}
