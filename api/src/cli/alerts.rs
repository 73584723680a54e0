//! `postlens alerts`: what fires, what is watched and who is told, asked of a running service.

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    Failure, block_on,
    client::{Client, ServiceArgs},
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

/// What a command asks, and how its answer is shown.
struct Asked {
    method: Method,
    path: String,
    body: Option<Value>,
    shown: Shown,
}

enum Shown {
    /// A list under this name, with these members as columns.
    Table(&'static str, &'static [&'static str]),
    /// A document.
    Document,
    /// Nothing but this.
    Done(&'static str),
}

impl Alerts {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let asked = self.command.ask()?;
        block_on(async {
            let client = self.service.client()?;
            let answer = client.send(request(&client, &asked)).await?.text().await?;
            self.show(&asked.shown, &answer)
        })
    }

    fn show(&self, shown: &Shown, answer: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        match shown {
            Shown::Done(words) => eprintln!("{words}"),
            Shown::Table(list, columns) if !self.json => {
                let document: Value = serde_json::from_str(answer)?;
                let rows = document[list].as_array().map_or(&[][..], Vec::as_slice);
                writeln!(out, "{}", table(columns, rows))?;
            }
            Shown::Table(..) | Shown::Document => {
                let document: Value = serde_json::from_str(answer)?;
                writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
            }
        }
        Ok(())
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

fn request(client: &Client, asked: &Asked) -> RequestBuilder {
    let request = client.request(asked.method.clone(), &asked.path);
    match &asked.body {
        Some(body) => request.json(body),
        None => request,
    }
}

/// A path with an id in it, whatever letters that has.
fn path(before: &str, id: &str, after: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{before}{}{after}", id.replace('+', "%20"))
}

fn read(file: &PathBuf) -> Result<Value, Failure> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    }
    serde_json::from_str(&text).map_err(|error| format!("this is no JSON document: {error}").into())
}

/// Columns as wide as what stands in them.
fn table(columns: &[&str], rows: &[Value]) -> String {
    let head = columns.iter().map(|name| name.trim_start_matches("rule.").replace('_', " ").to_uppercase()).collect();
    let member = |row: &Value, name: &str| match name.split_once('.') {
        Some((inside, name)) => cell(&row[inside][name]),
        None => cell(&row[name]),
    };
    let cells = rows.iter().map(|row| columns.iter().map(|name| member(row, name)).collect::<Vec<_>>());
    let lines: Vec<_> = std::iter::once(head).chain(cells).collect();
    let wide = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns.len()).map(wide).collect();
    let write = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(write).collect::<Vec<_>>().join("\n")
}

/// A value as a cell; what a terminal would take for a command is left out.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    text.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells_and_shows_no_control_characters() {
        let rows = [json!({"id": "a\u{1b}[31m", "window": ["1h", "24h"], "by": null})];
        assert_eq!(table(&["id", "window", "by"], &rows), "ID     WINDOW  BY\na[31m  1h,24h  -");
    }

    #[test]
    fn an_id_stays_in_its_place_of_the_path() {
        assert_eq!(path("/v1/alerts/", "../x y", "/mute"), "/v1/alerts/..%2Fx%20y/mute");
    }
}
