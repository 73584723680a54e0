//! `postlens alerts`: what fires, what is watched and who is told, asked of a running service.

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
  postlens alerts list                                        What is pending or fires now
  postlens alerts rules                                       What is watched
  postlens alerts set-rule spam-critical rule.json            Tune a default rule, or make one of this id
  echo '{\"name\":\"Campaigns\",\"watch\":\"spam_rate\",\"when\":{\"above\":0.002},\"by\":\"campaign\",\"severity\":\"warning\"}' \\
    | postlens alerts set-rule campaigns -
  postlens alerts mute-rule failures --until 2026-11-21T08:00:00Z
  echo '{\"name\":\"ops\",\"kind\":\"webhook\",\"url\":\"https://ops.example.org/hook\"}' | postlens alerts add-channel -
  postlens alerts acknowledge 5f0c2d9a1b7e4c38 --by Ada
  postlens alerts deliveries --state dead";

/// See what fires, and say what is watched and who is told
///
/// Asks a running service. Prints a table, or with `--json` the document that the service answers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Alerts {
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
    /// List the alerts that are pending or fire
    List,
    /// Tell what became of alerts, the latest first
    History {
        /// Only of this rule
        #[arg(long)]
        rule: Option<String>,
        /// The most entries
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Take care of an alert: nobody is reminded of it any more
    Acknowledge {
        /// The alert's id
        id: String,
        /// Who takes care
        #[arg(long, default_value = "")]
        by: String,
    },
    /// Mute an alert
    Mute {
        /// The alert's id
        id: String,
        #[command(flatten)]
        until: Until,
    },
    /// List the rules, the defaults first
    Rules,
    /// Make or change a rule
    SetRule {
        /// The rule's id; that of a default tunes it
        id: String,
        /// A file with the rule as JSON, `-` for standard input
        file: PathBuf,
    },
    /// Delete a rule; a default one is put back as it was in the beginning
    DeleteRule {
        /// The rule's id
        id: String,
    },
    /// Mute a rule
    MuteRule {
        /// The rule's id
        id: String,
        #[command(flatten)]
        until: Until,
    },
    /// List the channels
    Channels,
    /// Make a channel
    AddChannel {
        /// A file with the channel as JSON, `-` for standard input
        file: PathBuf,
    },
    /// Delete a channel
    DeleteChannel {
        /// The channel's id
        id: String,
    },
    /// Send a sample to a channel
    Test {
        /// The channel's id
        id: String,
    },
    /// List what was sent to channels, what waits and what was given up
    Deliveries {
        /// Only those in this state: waiting, delivered or dead
        #[arg(long)]
        state: Option<String>,
    },
    /// Send once more what was given up
    Replay {
        /// The delivery's id
        id: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Until {
    /// Until when, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Not any more
    #[arg(long)]
    off: bool,
}

impl Until {
    fn document(&self) -> Value {
        json!({"until": self.until})
    }
}

impl Alerts {
    pub(super) fn run(&self) -> Result<(), Failure> {
        ask(&self.service, &self.command.ask()?, self.json)
    }
}

impl Command {
    fn ask(&self) -> Result<Asked, Failure> {
        let get = |path: String, list, columns| Asked {
            method: Method::GET,
            path,
            body: None,
            shown: Shown::Table(list, columns),
        };
        let act = |method, path, body, shown| Asked { method, path, body, shown };
        let post = |path, body| act(Method::POST, path, Some(body), Shown::Document);
        Ok(match self {
            Self::List => get(
                "/v1/alerts".to_owned(),
                "alerts",
                &["id", "severity", "state", "since", "name", "value", "acknowledged_by"],
            ),
            Self::History { rule, limit } => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair("limit", &limit.to_string());
                if let Some(rule) = rule {
                    query.append_pair("rule", rule);
                }
                let path = format!("/v1/alerts/history?{}", query.finish());
                get(path, "entries", &["at", "change", "severity", "summary"])
            }
            Self::Acknowledge { id, by } => post(path("/v1/alerts/", id, "/acknowledge"), json!({"by": by})),
            Self::Mute { id, until } => post(path("/v1/alerts/", id, "/mute"), until.document()),
            Self::Rules => get(
                "/v1/alerts/rules".to_owned(),
                "rules",
                &[
                    "id",
                    "rule.severity",
                    "rule.enabled",
                    "rule.watch",
                    "rule.by",
                    "rule.window",
                    "muted_until",
                    "rule.name",
                ],
            ),
            Self::SetRule { id, file } => {
                act(Method::PUT, path("/v1/alerts/rules/", id, ""), Some(read(file)?), Shown::Document)
            }
            Self::DeleteRule { id } => act(
                Method::DELETE,
                path("/v1/alerts/rules/", id, ""),
                None,
                Shown::Done("The rule is gone, or as it was."),
            ),
            Self::MuteRule { id, until } => post(path("/v1/alerts/rules/", id, "/mute"), until.document()),
            Self::Channels => {
                get("/v1/alerts/channels".to_owned(), "channels", &["id", "kind", "least", "target", "name"])
            }
            Self::AddChannel { file } => post("/v1/alerts/channels".to_owned(), read(file)?),
            Self::DeleteChannel { id } => {
                act(Method::DELETE, path("/v1/alerts/channels/", id, ""), None, Shown::Done("The channel is gone."))
            }
            Self::Test { id } => act(Method::POST, path("/v1/alerts/channels/", id, "/test"), None, Shown::Document),
            Self::Deliveries { state } => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                if let Some(state) = state {
                    query.append_pair("state", state);
                }
                let path = format!("/v1/alerts/deliveries?{}", query.finish());
                get(
                    path,
                    "deliveries",
                    &["id", "state", "attempts", "channel", "rule", "change", "created_at", "error"],
                )
            }
            Self::Replay { id } => {
                act(Method::POST, path("/v1/alerts/deliveries/", id, "/replay"), None, Shown::Done("It is sent soon."))
            }
        })
    }
}
