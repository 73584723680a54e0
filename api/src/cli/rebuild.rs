//! `postlens rebuild`: makes what reports read what the events say.

use std::io::{self, Write as _};

use clap::Args;

use super::{ConfigArgs, Failure, format::grouped, recount};
use crate::control::{Request, Task};

const EXAMPLES: &str = "\
Examples:
  postlens rebuild
  postlens rebuild --from 2026-11-01 --to 2026-11-08
  postlens rebuild --data-dir /var/lib/postlens && postlens verify --data-dir /var/lib/postlens

Tables and ledger are made what the events say. The service may run: it goes on to acknowledge events, which wait for the end, and to answer
reports. When none runs, the command does the work itself. What is broken off in the midst, by a crash too, is done again by the next start
of the service or by the same command.";

/// Make the tables that reports read, and the memory of deliveries, anew from the events
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Rebuild {
    #[command(flatten)]
    days: recount::Days,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Rebuild {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let scope = self.days.of(None);
        let verdict = recount::work(&self.config, &Request { task: Task::Rebuild, scope })?;
        if verdict.remaining > 0 {
            let rows = grouped(verdict.remaining);
            return Err(format!("{rows} rows still differ; does somebody else write into the tables?").into());
        }
        writeln!(
            io::stdout(),
            "{} events of {} deliveries were counted anew; {} rows were put right.",
            grouped(verdict.events),
            grouped(verdict.deliveries),
            grouped(verdict.differing)
        )?;
        Ok(())
    }
}
