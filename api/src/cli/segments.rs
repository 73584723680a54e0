//! `postlens segments`: saved filters, asked of a running service.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{
    Failure,
    ask::{Asked, Shown, ask, path, read},
    client::ServiceArgs,
};

const EXAMPLES: &str = "\
Examples:
  postlens segments list                                      What is saved
  postlens segments set visits --filter subject:contains:visit --filter mailbox_provider:is_not:gmail
  echo '{\"filter\":{\"any\":[\"campaign:is:autumn\",{\"not\":\"mailbox_provider:is:gmail\"}]}}' | postlens segments set autumn --file -
  postlens segments show visits
  postlens report split --by recipient_domain --segment visits
  postlens segments delete visits";

/// Save filters by name, for reports to use
///
/// Asks a running service. Prints a table, or with `--json` the document that the service answers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Segments {
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
    /// List the segments
    List,
    /// Show a segment
    Show {
        /// The segment's name
        name: String,
    },
    /// Make or change a segment
    Set {
        /// The segment's name: a-z, 0-9, - and _
        name: String,
        #[command(flatten)]
        meant: Meant,
        /// What people should know of it
        #[arg(long, default_value = "", conflicts_with = "file")]
        description: String,
    },
    /// Delete a segment
    Delete {
        /// The segment's name
        name: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Meant {
    /// These messages: `DIM:OP:VALUE`; repeatable, all must hold
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// A file with the segment as JSON, `-` for standard input
    #[arg(long)]
    file: Option<PathBuf>,
}

impl Segments {
    pub(super) fn run(&self) -> Result<(), Failure> {
        ask(&self.service, &self.command.ask()?, self.json)
    }
}

impl Command {
    fn ask(&self) -> Result<Asked, Failure> {
        let one = |name| path("/v1/segments/", name, "");
        let act = |method, path, body, shown| Asked { method, path, body, shown };
        Ok(match self {
            Self::List => {
                let shown = Shown::Table("segments", &["name", "updated_at", "description"]);
                act(Method::GET, "/v1/segments".to_owned(), None, shown)
            }
            Self::Show { name } => act(Method::GET, one(name), None, Shown::Document),
            Self::Set { name, meant, description } => {
                let body = match &meant.file {
                    Some(file) => read(file)?,
                    None => json!({"description": description, "filter": meant.filter}),
                };
                act(Method::PUT, one(name), Some(body), Shown::Document)
            }
            Self::Delete { name } => act(Method::DELETE, one(name), None, Shown::Done("The segment is gone.")),
        })
    }
}
