//! `postlens serve`: the service.

use std::{io::Write as _, net::SocketAddr};

use clap::Args;

use super::{ConfigArgs, Failure, block_on};
use crate::{allocator, config, logging, service};

const EXAMPLES: &str = "\
Examples:
  postlens serve
  postlens serve --listen 0.0.0.0:8080 --data-dir /var/lib/postlens
  POSTLENS_CLICKHOUSE_URL=http://clickhouse:8123 postlens serve --config /etc/postlens.toml
  postlens serve --print-config > postlens.toml

Once it answers it prints one line, `listening on http://ADDRESS`. SIGTERM and Ctrl-C finish what is running and end it with
status 0. Every setting can stand in the configuration file and in the environment: `clickhouse.url` is POSTLENS_CLICKHOUSE_URL.";

/// Run the service: HTTP API, ingestion, reports, and the embedded engine unless a ClickHouse server is configured
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    /// Where to serve HTTP; port 0 takes a free one [default: 127.0.0.1:8080] [env: POSTLENS_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Print every setting with its default and what it means, and stop
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    pub(super) fn run(&self) -> Result<(), Failure> {
        if self.print_config {
            write!(std::io::stdout(), "{}", config::EXAMPLE)?;
            return Ok(());
        }
        let flags = self.listen.iter().map(|listen| ("listen", listen.to_string())).collect();
        let config = self.config.load(flags)?;
        allocator::keep_free_memory();
        logging::start(&config.log)?;
        block_on(service::run(config))
    }
}
