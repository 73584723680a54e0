//! `postlens messages`: single messages and recipients, asked of a running service.

use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;

use super::{
    Failure,
    ask::{Asked, Shown, ask, path},
    block_on,
    client::ServiceArgs,
};

const EXAMPLES: &str = "\
Examples:
  postlens messages search --recipient pat@example.com                 What became of the messages to somebody
  postlens messages search --from 2026-11-01 --to 2026-11-08 --outcome failed
  postlens messages show q83vEjRWeJCrze8SNFZ4kA                        All events of one, and what they make of it
  postlens messages hygiene hard_bounced --since 2026-11-01            Whom to stop mailing, as CSV
  postlens messages hygiene unengaged --days 180 --min-deliveries 10 --format ndjson";

/// How long the first line of a list may take: it comes when all is counted. The service waits no longer for it.
const FIRST_LINE: Duration = Duration::from_mins(11);

/// The columns of a search.
const COLUMNS: &[&str] = &["id", "sent_at", "recipient", "outcome", "class", "opened", "clicked", "subject"];

/// Look at single messages, and whom to stop mailing
///
/// Asks a running service, with a key of the role `admin`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Messages {
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
    /// Find messages, newest first; needs --from and --to, a recipient or a message id
    Search(Search),
    /// Show the events of a message, and what they make of it
    Show {
        /// The message's id
        id: String,
    },
    /// List whom to stop mailing
    Hygiene(List),
}

#[derive(Debug, Args)]
struct Search {
    /// To whom
    #[arg(long)]
    recipient: Option<String>,
    /// The message id, with or without `<>`
    #[arg(long)]
    message_id: Option<String>,
    /// The campaign
    #[arg(long)]
    campaign: Option<String>,
    /// delivered, failed, pending, deferred or queued
    #[arg(long)]
    outcome: Option<String>,
    /// Sent since then: a date, or an RFC 3339 time on a quarter of an hour
    #[arg(long)]
    from: Option<String>,
    /// Sent before then
    #[arg(long)]
    to: Option<String>,
    /// The time zone of dates
    #[arg(long)]
    tz: Option<String>,
    /// The most messages, up to 500
    #[arg(long)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before, which --json shows
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Debug, Args)]
struct List {
    /// `hard_bounced`, complained, unsubscribed or unengaged
    kind: String,
    /// Of what happened since then
    #[arg(long)]
    since: Option<String>,
    /// The time zone of a date
    #[arg(long)]
    tz: Option<String>,
    /// unengaged: how many days
    #[arg(long)]
    days: Option<u32>,
    /// unengaged: at least so many messages were delivered in these days
    #[arg(long)]
    min_deliveries: Option<u32>,
    /// csv or ndjson
    #[arg(long, default_value = "csv")]
    format: String,
}

impl Messages {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let get = |path, shown| Asked { method: Method::GET, path, body: None, shown };
        match &self.command {
            Command::Search(search) => {
                ask(&self.service, &get(search.path(), Shown::Table("messages", COLUMNS)), self.json)
            }
            Command::Show { id } => ask(&self.service, &get(path("/v1/messages/", id, ""), Shown::Document), true),
            Command::Hygiene(list) => stream(&self.service, &list.path()),
        }
    }
}

/// Prints an answer as it comes: a list may be longer than memory.
fn stream(service: &ServiceArgs, path: &str) -> Result<(), Failure> {
    block_on(async {
        let client = service.client_that_waits(FIRST_LINE)?;
        let answer = client.send(client.get(path)).await?;
        client.copy(answer, &mut std::io::stdout().lock()).await?;
        Ok(())
    })
}

impl Search {
    fn path(&self) -> String {
        let limit = self.limit.map(|limit| limit.to_string());
        query(
            "/v1/messages",
            &[
                ("recipient", self.recipient.as_deref()),
                ("message_id", self.message_id.as_deref()),
                ("campaign", self.campaign.as_deref()),
                ("outcome", self.outcome.as_deref()),
                ("from", self.from.as_deref()),
                ("to", self.to.as_deref()),
                ("tz", self.tz.as_deref()),
                ("limit", limit.as_deref()),
                ("cursor", self.cursor.as_deref()),
            ],
        )
    }
}

impl List {
    fn path(&self) -> String {
        let (days, least) =
            (self.days.map(|days| days.to_string()), self.min_deliveries.map(|least| least.to_string()));
        query(
            "/v1/recipients/hygiene",
            &[
                ("kind", Some(&self.kind)),
                ("since", self.since.as_deref()),
                ("tz", self.tz.as_deref()),
                ("days", days.as_deref()),
                ("min_deliveries", least.as_deref()),
                ("format", Some(&self.format)),
            ],
        )
    }
}

/// A path with those parameters that are there.
fn query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = form_urlencoded::Serializer::for_suffix(format!("{path}?"), path.len() + 1);
    for (name, value) in parameters {
        if let Some(value) = value {
            text.append_pair(name, value);
        }
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded_and_those_that_are_not_there_are_left_out() {
        let parameters = [("recipient", Some("a+b&c@x.example")), ("from", None), ("limit", Some("3"))];
        assert_eq!(query("/v1/messages", &parameters), "/v1/messages?recipient=a%2Bb%26c%40x.example&limit=3");
    }
}
