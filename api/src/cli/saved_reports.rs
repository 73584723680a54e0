//! `postlens saved-reports`: reports that are kept and delivered, asked of a running service.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;

use super::{
    Failure,
    ask::{Asked, Shown, ask, path, read},
    client::ServiceArgs,
};

const EXAMPLES: &str = "\
Examples:
  postlens saved-reports list                                 What is saved, and when it is due next
  echo '{\"name\":\"Weekly\",\"report\":{\"kind\":\"split\",\"range\":\"last_week\",\"document\":{\"by\":[\"mailbox_provider\"]}},
    \"schedule\":{\"every\":\"weekly\",\"on\":\"monday\",\"at\":\"07:00\",\"tz\":\"Europe/Berlin\"},\"channels\":[\"0f3a5c7d9b1e\"]}' \\
    | postlens saved-reports set -
  postlens saved-reports set weekly.json --id 7d1e0f3a5c9b    Change it
  postlens saved-reports run 7d1e0f3a5c9b                     Deliver it now
  postlens saved-reports show 7d1e0f3a5c9b                    What became of it
  postlens saved-reports delete 7d1e0f3a5c9b";

/// Save reports, and have them delivered when they are due
///
/// Asks a running service. Prints a table, or with `--json` the document that the service answers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SavedReports {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    service: ServiceArgs,
    /// Print the service's answer as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the saved reports
    List,
    /// Show a saved report and its latest deliveries
    Show {
        /// The saved report's id
        id: String,
    },
    /// Save a report, or change one; prints its id
    Set {
        /// A file with the saved report as JSON, `-` for standard input
        file: PathBuf,
        /// The id of the one to change
        #[arg(long)]
        id: Option<String>,
    },
    /// Deliver a saved report now; prints what names the delivery
    Run {
        /// The saved report's id
        id: String,
    },
    /// Delete a saved report
    Delete {
        /// The saved report's id
        id: String,
    },
}

impl SavedReports {
    pub(super) fn run(&self) -> Result<(), Failure> {
        ask(&self.service, &self.command.ask()?, self.json)
    }
}

impl Command {
    fn ask(&self) -> Result<Asked, Failure> {
        let all = "/v1/saved-reports".to_owned();
        let one = |id, after| path("/v1/saved-reports/", id, after);
        let act = |method, path, body, shown| Asked { method, path, body, shown };
        Ok(match self {
            Self::List => {
                let shown = Shown::Table("saved_reports", &["id", "name", "report.kind", "report.range", "next_at"]);
                act(Method::GET, all, None, shown)
            }
            Self::Show { id } => act(Method::GET, one(id, ""), None, Shown::Document),
            Self::Set { file, id: None } => act(Method::POST, all, Some(read(file)?), Shown::Member("id")),
            Self::Set { file, id: Some(id) } => act(Method::PUT, one(id, ""), Some(read(file)?), Shown::Member("id")),
            Self::Run { id } => act(Method::POST, one(id, "/run"), None, Shown::Member("delivery")),
            Self::Delete { id } => act(Method::DELETE, one(id, ""), None, Shown::Done("The saved report is gone.")),
        })
    }
}
