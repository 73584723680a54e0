//! `postlens sources`: webhooks of providers, asked of a running service.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Failure,
    ask::{Asked, Shown, ask, path, read},
    client::ServiceArgs,
};

const EXAMPLES: &str = "\
Examples:
  postlens sources create --provider postmark --name marketing        Make a webhook; prints its URL, once
  echo '{\"verification\":{\"kind\":\"signature\",\"keys\":[\"…\"]}}' \\
    | postlens sources create --provider mailgun --name news -        … with what is secret read from a file, not from arguments
  postlens sources list                                               Which there are, and when each was heard last
  postlens sources stats 0f3a5c7d9b1e                                 What came, and what became of it
  echo '{\"next_secret\":\"…\"}' | postlens sources update 0f3a5c7d9b1e -
  postlens sources rotate 0f3a5c7d9b1e --overlap-hours 48             A new URL; the old one is valid for two days more
  postlens sources rejects 0f3a5c7d9b1e                               Bodies that could not be decoded
  postlens sources replay 0f3a5c7d9b1e                                Decode them once more";

/// Take the webhooks of mail providers
///
/// Asks a running service. Prints a table, or with `--json` the document that the service answers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Sources {
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
    /// Make a source, and print the URL for its provider; it cannot be shown again
    Create {
        /// Whose webhook it is: sparkpost, mailgun, sendgrid, postmark, ses, mailjet, postal, kumomta, arf or dsn
        #[arg(long)]
        provider: String,
        /// What people call it
        #[arg(long)]
        name: String,
        /// A file with `verification` and `mapping` as JSON, `-` for standard input
        file: Option<PathBuf>,
    },
    /// List the sources
    List,
    /// Show a source, without what is secret of it
    Show {
        /// The source's id
        id: String,
    },
    /// Change a source: name, verification, `next_secret`, `retire_secret` or mapping
    Update {
        /// The source's id
        id: String,
        /// A file with the change as JSON, `-` for standard input
        file: PathBuf,
    },
    /// Give a source a new URL, and print it
    Rotate {
        /// The source's id
        id: String,
        /// How long the URL before it is valid, too; 0: not any more
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        overlap_hours: u32,
    },
    /// Delete a source; its events stay
    Delete {
        /// The source's id
        id: String,
    },
    /// Tell what came by a source, and what became of it
    Stats {
        /// The source's id
        id: String,
    },
    /// List the bodies that could not be decoded, or print one
    Rejects {
        /// The source's id
        id: String,
        /// The body's number
        number: Option<u64>,
        /// Forget it, or all of them
        #[arg(long)]
        delete: bool,
    },
    /// Decode bodies once more that could not be decoded
    Replay {
        /// The source's id
        id: String,
        /// The body's number; all of them when absent
        number: Option<u64>,
    },
}

impl Sources {
    pub(super) fn run(&self) -> Result<(), Failure> {
        ask(&self.service, &self.command.ask()?, self.json)
    }
}

impl Command {
    fn ask(&self) -> Result<Asked, Failure> {
        let act = |method, path, body, shown| Asked { method, path, body, shown };
        let of = |id: &str, after: &str| path("/v1/sources/", id, after);
        let get = |path, shown| act(Method::GET, path, None, shown);
        let post = |path, body| act(Method::POST, path, Some(body), Shown::Document);
        Ok(match self {
            Self::Create { provider, name, file } => {
                let mut body = file.as_ref().map_or_else(|| Ok(json!({})), read)?;
                let members = body.as_object_mut().ok_or("the file must hold a JSON object")?;
                members.insert("provider".to_owned(), json!(provider));
                members.insert("name".to_owned(), json!(name));
                act(Method::POST, "/v1/sources".to_owned(), Some(body), Shown::Member("url"))
            }
            Self::List => {
                let columns = &["id", "provider", "verification.kind", "last_seen_at", "token.previous_until", "name"];
                get("/v1/sources".to_owned(), Shown::Table("sources", columns))
            }
            Self::Show { id } => get(of(id, ""), Shown::Document),
            Self::Update { id, file } => act(Method::PATCH, of(id, ""), Some(read(file)?), Shown::Document),
            Self::Rotate { id, overlap_hours } => {
                let body = json!({"overlap_hours": overlap_hours});
                act(Method::POST, of(id, "/token"), Some(body), Shown::Member("url"))
            }
            Self::Delete { id } => act(Method::DELETE, of(id, ""), None, Shown::Done("The source is gone.")),
            Self::Stats { id } => get(of(id, "/stats"), Shown::Document),
            Self::Rejects { id, number, delete: true } => {
                let path = of(id, &numbered("/rejects", *number, ""));
                act(Method::DELETE, path, None, Shown::Done("What was kept is gone."))
            }
            Self::Rejects { id, number: None, delete: false } => {
                let columns = &["number", "last_at", "times", "bytes", "reason"];
                get(of(id, "/rejects"), Shown::Table("rejects", columns))
            }
            Self::Rejects { id, number, delete: false } => get(of(id, &numbered("/rejects", *number, "")), Shown::Raw),
            Self::Replay { id, number } => post(of(id, &numbered("/rejects", *number, "/replay")), Value::Null),
        })
    }
}

/// A path with a number in it, if there is one.
fn numbered(before: &str, number: Option<u64>, after: &str) -> String {
    number.map_or_else(|| format!("{before}{after}"), |number| format!("{before}/{number}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_is_shown_and_all_are_replayed_where_no_number_is_given() {
        let id = || "0f3a5c7d9b1e".to_owned();
        let asked = |command: Command| command.ask().map(|asked| format!("{} {}", asked.method, asked.path)).unwrap();
        assert_eq!(
            asked(Command::Rejects { id: id(), number: Some(7), delete: false }),
            "GET /v1/sources/0f3a5c7d9b1e/rejects/7"
        );
        assert_eq!(
            asked(Command::Rejects { id: id(), number: None, delete: true }),
            "DELETE /v1/sources/0f3a5c7d9b1e/rejects"
        );
        assert_eq!(asked(Command::Replay { id: id(), number: None }), "POST /v1/sources/0f3a5c7d9b1e/rejects/replay");
        assert_eq!(
            asked(Command::Replay { id: id(), number: Some(7) }),
            "POST /v1/sources/0f3a5c7d9b1e/rejects/7/replay"
        );
    }
}
