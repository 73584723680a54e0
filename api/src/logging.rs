//! Structured logs on standard error: text for people, or one JSON object a line.

use std::io;

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

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
    let registry = tracing_subscriber::registry().with(filter(&log.level)?);
    let lines = fmt::layer().with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_current_span(false)).try_init(),
    };
    drop(started);
    Ok(())
}

/// Starts the log of the engine's process: text, without the time when the parent adds it.
///
/// # Errors
/// When the level cannot be read.
pub(crate) fn start_engine(level: &str, parent_adds_time: bool) -> Result<(), InvalidLevel> {
    let registry = tracing_subscriber::registry().with(filter(level)?);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(false);
    let started =
        if parent_adds_time { registry.with(lines.without_time()).try_init() } else { registry.with(lines).try_init() };
    drop(started);
    Ok(())
}

/// The crates whose log is ours.
const OURS: [&str; 5] = ["postlens", "engine", "ingest", "query", "schema"];

/// A plain level is for what is ours; of what is not, only warnings are shown. Directives are taken as they are.
fn filter(level: &str) -> Result<EnvFilter, InvalidLevel> {
    let directives = match level.trim().parse::<LevelFilter>() {
        Ok(level) => {
            let ours = OURS.map(|name| format!("{name}={level}")).join(",");
            format!("{},{ours}", level.min(LevelFilter::WARN))
        }
        Err(_) => level.to_owned(),
    };
    Ok(EnvFilter::builder().parse(directives)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_for_what_is_ours_and_leaves_the_rest_quiet() {
        let text = filter("debug").unwrap().to_string();
        assert!(text.contains("postlens=debug") && text.contains("ingest=debug") && text.contains("warn"), "{text}");
        assert!(!filter("error").unwrap().to_string().contains("warn"));
        assert_eq!(filter("info,hyper=trace").unwrap().to_string(), "hyper=trace,info");
    }

    #[test]
    fn what_is_no_level_is_refused() {
        assert!(filter("postlens=loud").is_err());
    }
}
