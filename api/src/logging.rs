//! Structured logs on standard error: text for people, or one JSON object a line.

use std::io;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::config::{Log, LogFormat};

/// `log.level` cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the setting `log.level` is no level and no list of directives: {0}")]
pub(crate) struct InvalidLevel(#[from] tracing_subscriber::filter::ParseError);

/// Starts logging. Only the first call counts.
///
/// # Errors
/// When the level cannot be read.
pub(crate) fn start(log: &Log) -> Result<(), InvalidLevel> {
    let filter = EnvFilter::builder().parse(&log.level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_current_span(false)).try_init(),
    };
    drop(started);
    Ok(())
}
