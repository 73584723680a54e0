//! `postlens engine`: the embedded ClickHouse by itself.

use clap::Args;

use super::Failure;
use crate::logging;

const EXAMPLES: &str = "\
Examples:
  postlens engine --path ./engine-data --socket /tmp/engine.sock
  curl --unix-socket /tmp/engine.sock 'http://engine/?query=SELECT+version()'
  postlens engine --path ./engine-data --tcp 127.0.0.1:8123

`postlens serve` starts it by itself when no `clickhouse.url` is set.";

/// Run the embedded ClickHouse alone: its HTTP interface on a Unix socket or a loopback address
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Engine {
    #[command(flatten)]
    options: engine::Options,
    /// What to log: a level, or directives such as `info,engine=debug`
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
}

impl Engine {
    pub(super) fn run(&self) -> Result<(), Failure> {
        // A parent that waits at the other end of standard input also reads the log, and puts the time to it.
        logging::start_engine(&self.log_level, self.options.exit_with_stdin)?;
        // The library joins a relative path to itself when it writes.
        let path = std::path::absolute(&self.options.path)?;
        match engine::run(&engine::Options { path, ..self.options.clone() })? {}
    }
}
