//! `postlens exports`: reports of many rows as files that a running service writes in the background.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use query::ExportFormat;
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{
    Failure,
    ask::{Asked, Shown, ask, path, read},
    block_on,
    client::{Client, ClientError, ServiceArgs},
    format::grouped,
    spinner::Spinner,
};

/// How often it is asked how far an export is.
const INTERVAL: Duration = Duration::from_millis(500);

/// How long it is asked again while the service does not answer: it goes on with the export after a restart.
const PATIENCE: Duration = Duration::from_mins(10);

/// The columns of a list.
const COLUMNS: &[&str] = &["id", "state", "format", "rows", "of", "bytes", "expires_at", "error"];

const EXAMPLES: &str = "\
Examples:
  echo '{\"from\":\"2026-11-01\",\"to\":\"2026-12-01\",\"by\":[\"subject\",\"recipient_domain\"]}' \\
    | postlens exports create - -o november.parquet           Order a split of all rows, wait, and download it
  postlens exports create split.json --format xlsx            Order it, and print its link
  postlens exports list                                       How far all are
  postlens exports show 0f3a5c7d9b1e2468
  postlens exports delete 0f3a5c7d9b1e2468";

/// Order reports of up to a million rows as files
///
/// Asks a running service, which writes them in the background, goes on after a restart, and keeps them until their links expire. Whoever has
/// a link needs no key.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Exports {
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
    /// List the exports
    List,
    /// Show how far an export is
    Show {
        /// The export's id
        id: String,
    },
    /// Order an export; prints its link, or with -o waits for it and downloads it
    Create(Create),
    /// Delete an export and its file; one that is being written is given up
    Delete {
        /// The export's id
        id: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// A file with the split as JSON, as POST /v1/reports/split takes it; `-` for standard input
    report: PathBuf,
    /// csv, xlsx, ndjson or parquet [default: what the name of the output file says, else csv]
    #[arg(long, value_parser = format)]
    format: Option<ExportFormat>,
    /// Wait until it is done, and download it into this file
    #[arg(short, long, value_name = "FILE", conflicts_with = "json")]
    output: Option<PathBuf>,
}

impl Exports {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let one = |id| path("/v1/exports/", id, "");
        let asked = |method, path, shown| Asked { method, path, body: None, shown };
        let asked = match &self.command {
            Command::List => asked(Method::GET, "/v1/exports".to_owned(), Shown::Table("exports", COLUMNS)),
            Command::Show { id } => asked(Method::GET, one(id), Shown::Document),
            Command::Delete { id } => asked(Method::DELETE, one(id), Shown::Done("The export is gone.")),
            Command::Create(order) => {
                let document = order.document()?;
                if let Some(file) = &order.output {
                    return block_on(fetch(&self.service.client()?, &document, file));
                }
                Asked { body: Some(document), ..asked(Method::POST, "/v1/exports".to_owned(), Shown::Link("download")) }
            }
        };
        ask(&self.service, &asked, self.json)
    }
}

impl Create {
    fn document(&self) -> Result<Value, Failure> {
        let told = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        let format = match (self.format, told) {
            (Some(format), _) => format,
            (None, Some(ending)) => format(ending).map_err(|error| format!("name a --format: {error}"))?,
            (None, None) => ExportFormat::Csv,
        };
        Ok(json!({"format": format, "report": read(&self.report)?}))
    }
}

/// A format by its name, or by the ending of files.
fn format(name: &str) -> Result<ExportFormat, String> {
    let name = name.to_ascii_lowercase();
    let name = if name == "jsonl" { "ndjson" } else { &name };
    ExportFormat::from_name(name).ok_or_else(|| format!("an export is csv, xlsx, ndjson or parquet, not {name}"))
}

/// An export that was ordered.
#[derive(Deserialize)]
struct Ordered {
    id: String,
    download: String,
}

/// How far it is.
#[derive(Deserialize)]
struct Far {
    state: String,
    rows: u64,
    of: Option<u64>,
    error: Option<String>,
}

/// Orders an export, waits until it is done, and downloads it. A file that was there before stays as it is until the new one is whole.
async fn fetch(client: &Client, order: &Value, file: &Path) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // What cannot be written is better known before the waiting.
    let mut out = NamedTempFile::new_in(folder).map_err(unwritable)?;
    let ordered: Ordered = client.json(client.post("/v1/exports").json(order)).await?;
    eprintln!("Export {}, until it expires at {}", ordered.id, client.link(&ordered.download));
    let screen = Spinner::new();
    loop {
        let answer = patiently(client, &screen, || client.get(&path("/v1/exports/", &ordered.id, ""))).await?;
        let far: Far = answer.json().await?;
        screen.show(sentence(&far));
        match far.state.as_str() {
            "done" => break,
            "queued" | "running" => tokio::time::sleep(INTERVAL).await,
            state => return Err(far.error.unwrap_or_else(|| format!("the export is {state}")).into()),
        }
    }
    let answer = patiently(client, &screen, || client.get(&ordered.download)).await?;
    client.copy(answer, &mut out).await?;
    out.persist(file).map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// Sends a request, and again while the service does not answer.
async fn patiently(
    client: &Client,
    screen: &Spinner,
    request: impl Fn() -> RequestBuilder,
) -> Result<Response, ClientError> {
    let started = Instant::now();
    loop {
        match client.send(request()).await {
            Err(error) if error.is_temporary() && started.elapsed() < PATIENCE => {
                screen.show(error.line());
                tokio::time::sleep(error.retry_after().unwrap_or(INTERVAL).clamp(INTERVAL, PATIENCE / 10)).await;
            }
            answer => return answer,
        }
    }
}

fn sentence(far: &Far) -> String {
    match (far.state.as_str(), far.of) {
        ("queued", _) => "waiting for the exports before it".to_owned(),
        (_, Some(of)) => format!("{} of {} rows", grouped(far.rows), grouped(of)),
        (_, None) => "counting the rows".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_how_far_an_export_is() {
        let far = |state: &str, of| sentence(&Far { state: state.to_owned(), rows: 250_000, of, error: None });
        assert_eq!(far("queued", None), "waiting for the exports before it");
        assert_eq!(far("running", None), "counting the rows");
        assert_eq!(far("running", Some(1_000_000)), "250,000 of 1,000,000 rows");
    }

    #[test]
    fn a_format_is_told_by_name_or_by_the_ending_of_the_file() {
        let create = |format, output: Option<&str>| Create {
            report: "/dev/null".into(),
            format,
            output: output.map(PathBuf::from),
        };
        assert_eq!(format("JSONL"), Ok(ExportFormat::Ndjson));
        assert!(create(None, Some("split.doc")).document().unwrap_err().to_string().contains("not doc"));
        // Then it is the report that is missing.
        let missing = create(Some(ExportFormat::Csv), Some("split.doc")).document().unwrap_err().to_string();
        assert!(missing.contains("no JSON"), "{missing}");
    }
}
