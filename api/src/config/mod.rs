//! What an operator can set: one documented structure. Where its values come from is `load`'s business.
//!
//! `postlens.example.toml` at the repository's root explains every key to operators; a test holds it to this structure.

mod load;
mod suppression;
mod units;

use std::{
    fmt,
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize, Serializer};

pub(crate) use load::{ConfigError, Sources, load};
pub(crate) use suppression::Suppression;
pub(crate) use units::{Size, Span};

/// The example file, every key with its default and what it means.
pub(crate) const EXAMPLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../postlens.example.toml"));

/// The file that is read when `--config` is not given and it is there.
pub(crate) const DEFAULT_FILE: &str = "postlens.toml";

/// The configuration of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where HTTP is served. Port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Where everything is kept that the service writes.
    pub(crate) data_dir: PathBuf,
    /// An admin key of the account `default`, made at the first start.
    pub(crate) bootstrap_key: Option<Sensitive>,
    /// The installation's secret, 64 hexadecimal digits; kept in `DATA_DIR/secret` when absent.
    pub(crate) secret: Option<Sensitive>,
    /// The analytical store.
    pub(crate) clickhouse: ClickHouse,
    /// The embedded ClickHouse, used when `clickhouse.url` is absent.
    pub(crate) engine: Engine,
    /// The durable queue between the API and ClickHouse.
    pub(crate) spool: Spool,
    /// Limits of ingestion.
    pub(crate) ingest: Ingest,
    /// The memory of deliveries and events.
    pub(crate) ledger: Ledger,
    /// Limits of what reports tell apart.
    pub(crate) limits: Limits,
    /// Limits of reports.
    pub(crate) reports: Reports,
    /// Reports of many rows, as files.
    pub(crate) exports: Exports,
    /// Checks of what reports read.
    pub(crate) scrubber: Scrubber,
    /// Accounts and keys.
    pub(crate) metadata: Metadata,
    /// Alerts.
    pub(crate) alerts: Alerts,
    /// Google Postmaster Tools.
    pub(crate) postmaster: Postmaster,
    /// What the service tells about itself.
    pub(crate) metrics: Metrics,
    /// Logs.
    pub(crate) log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("postlens-data"),
            bootstrap_key: None,
            secret: None,
            clickhouse: ClickHouse::default(),
            engine: Engine::default(),
            spool: Spool::default(),
            ingest: Ingest::default(),
            ledger: Ledger::default(),
            limits: Limits::default(),
            reports: Reports::default(),
            exports: Exports::default(),
            scrubber: Scrubber::default(),
            metadata: Metadata::default(),
            alerts: Alerts::default(),
            postmaster: Postmaster::default(),
            metrics: Metrics::default(),
            log: Log::default(),
        }
    }
}

/// Where ClickHouse is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClickHouse {
    /// `http://host:8123`; the embedded engine when absent.
    pub(crate) url: Option<String>,
    /// The user.
    pub(crate) user: Option<String>,
    /// The user's password.
    pub(crate) password: Option<Sensitive>,
    /// The database; created when it is not there.
    pub(crate) database: String,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self { url: None, user: None, password: None, database: "postlens".to_owned() }
    }
}

/// The embedded engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Engine {
    /// libchdb; searched for in the usual places when absent.
    pub(crate) library: Option<PathBuf>,
    /// The memory that all its queries together may take.
    pub(crate) memory: Size,
    /// How many queries run at once.
    pub(crate) connections: NonZeroUsize,
}

impl Default for Engine {
    fn default() -> Self {
        Self { library: None, memory: Size::gib(4), connections: NonZeroUsize::MIN.saturating_add(7) }
    }
}

/// The spool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Spool {
    /// How much may wait on disk before clients are asked to come back later.
    pub(crate) limit: Size,
}

impl Default for Spool {
    fn default() -> Self {
        Self { limit: Size(ingest::Options::default().spool_limit) }
    }
}

/// Limits of ingestion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ingest {
    /// Events older than this many days are refused.
    pub(crate) retention_days: u32,
    /// Decoded bytes of request bodies held in memory at once, over all clients.
    pub(crate) max_in_flight: Size,
    /// Requests of one account that are worked on at once.
    pub(crate) max_requests: usize,
    /// How long a client may take to send a body.
    pub(crate) body_timeout: Span,
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            retention_days: ingest::Options::default().retention_days,
            max_in_flight: Size::mib(256),
            max_requests: 64,
            body_timeout: Span(Duration::from_mins(1)),
        }
    }
}

/// What is remembered of deliveries and events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ledger {
    /// A delivery without an event for so many days on which events came in is forgotten.
    pub(crate) forget_after_days: NonZeroU16,
    /// How much of its files is kept in memory.
    pub(crate) cache: Size,
}

impl Default for Ledger {
    fn default() -> Self {
        let ingest::Options { forget_after_days, ledger_cache, .. } = ingest::Options::default();
        Self { forget_after_days, cache: Size(ledger_cache) }
    }
}

/// How many distinct values the deliveries of an account that were sent on one UTC day may have in reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Subjects.
    pub(crate) subjects: u32,
    /// Senders.
    pub(crate) senders: u32,
    /// Campaigns.
    pub(crate) campaigns: u32,
    /// Values of one custom field.
    pub(crate) field_values: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let ingest::Limits { subjects, senders, campaigns, field_values } = ingest::Limits::default();
        Self { subjects, senders, campaigns, field_values }
    }
}

impl From<&Limits> for ingest::Limits {
    fn from(limits: &Limits) -> Self {
        let Limits { subjects, senders, campaigns, field_values } = *limits;
        Self { subjects, senders, campaigns, field_values }
    }
}

/// Limits of reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reports {
    /// How long a report may take.
    pub(crate) timeout: Span,
    /// Below how many people a number is hidden, whatever a request asks for.
    pub(crate) suppress_below: Suppression,
}

impl Default for Reports {
    fn default() -> Self {
        Self { timeout: Span(Duration::from_secs(30)), suppress_below: Suppression::default() }
    }
}

/// Reports of many rows, as files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Exports {
    /// The most groups of one.
    pub(crate) rows: NonZeroU32,
    /// How long a file is kept.
    pub(crate) keep: Span,
    /// How much all files together may take.
    pub(crate) disk: Size,
}

impl Default for Exports {
    fn default() -> Self {
        Self { rows: NonZeroU32::MIN.saturating_add(999_999), keep: Span(Duration::from_hours(24)), disk: Size::gib(8) }
    }
}

/// Checks of what reports read against the events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scrubber {
    /// How often a settled day, chosen at random, is counted anew; never when zero.
    pub(crate) interval: Span,
}

impl Default for Scrubber {
    fn default() -> Self {
        Self { interval: Span(Duration::from_hours(1)) }
    }
}

/// Where accounts and keys are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metadata {
    /// `postgres://…`; SQLite in the data directory when absent.
    pub(crate) url: Option<Sensitive>,
}

/// Alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Alerts {
    /// How often rules are evaluated.
    pub(crate) interval: Span,
    /// Where people reach this service, for links in messages; no links when absent.
    pub(crate) link: Option<String>,
    /// Whether channels may lead to private and link-local addresses.
    pub(crate) allow_private: bool,
    /// `smtps://user:password@host`, the server that sends e-mail; none is sent when absent.
    pub(crate) smtp: Option<Sensitive>,
    /// Who e-mail is from.
    pub(crate) from: Option<String>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { interval: Span(Duration::from_secs(20)), link: None, allow_private: false, smtp: None, from: None }
    }
}

/// The connector of Google Postmaster Tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Postmaster {
    /// The key file of a service account, as Google's console makes it; nothing is pulled when absent.
    pub(crate) key_file: Option<PathBuf>,
    /// Whose observations the rates become.
    pub(crate) account: String,
    /// The domains, separated by commas; all that the service account may see when empty.
    pub(crate) domains: String,
    /// How often they are asked for.
    pub(crate) interval: Span,
    /// How many days back.
    pub(crate) days: NonZeroU16,
    /// Where the API is.
    pub(crate) api: String,
}

impl Default for Postmaster {
    fn default() -> Self {
        Self {
            key_file: None,
            account: "default".to_owned(),
            domains: String::new(),
            interval: Span(Duration::from_hours(6)),
            days: NonZeroU16::MIN.saturating_add(13),
            api: "https://gmailpostmastertools.googleapis.com".to_owned(),
        }
    }
}

/// What the service tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    /// The key that opens `/metrics`; only this machine may read it when absent.
    pub(crate) key: Option<Sensitive>,
}

/// Logs, written to standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// For people or for machines.
    pub(crate) format: LogFormat,
    /// A level, or `tracing` directives such as `info,postlens=debug`.
    pub(crate) level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A text that is never shown: not in logs, not in errors, not in a printed configuration.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sensitive(String);

impl Sensitive {
    /// The text itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Sensitive {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

impl Serialize for Sensitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}
