//! The command line: one module per command, and the way an error ends the program.

mod alerts;
mod ask;
mod client;
mod engine;
mod exports;
mod format;
mod import;
mod keys;
mod messages;
mod openapi;
mod rebuild;
mod recount;
mod report;
mod saved_reports;
mod segments;
mod serve;
mod sources;
mod spinner;
mod verify;

use std::{ffi::OsStr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{self, Config, ConfigError, Sources},
    problem::chain,
};

const EXAMPLES: &str = "\
Examples:
  postlens serve                                          Serve on 127.0.0.1:8080 with the embedded engine
  postlens keys create --account acme --role ingest       Make a key to report events with
  postlens import events.ndjson.gz                        Send events to a running service
  postlens sources create --provider ses --name news      Make a webhook for a provider to post to
  postlens report split --by recipient_domain             Ask it for a report
  postlens messages search --recipient pat@example.com    What became of the messages to somebody
  postlens alerts list                                    … and what fires
  postlens verify                                         Count all events anew and compare with the reports' tables
  POSTLENS_BOOTSTRAP_KEY=$(openssl rand -hex 32) postlens serve";

/// Tells people who send email what became of it: events in, exact reports out.
#[derive(Debug, Parser)]
#[command(name = "postlens", version, after_help = EXAMPLES, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Import(import::Import),
    #[command(subcommand)]
    Report(Box<report::Report>),
    Messages(Box<messages::Messages>),
    Alerts(Box<alerts::Alerts>),
    Exports(exports::Exports),
    Segments(segments::Segments),
    SavedReports(saved_reports::SavedReports),
    Sources(sources::Sources),
    Engine(engine::Engine),
    #[command(subcommand)]
    Keys(keys::Keys),
    Verify(verify::Verify),
    Rebuild(rebuild::Rebuild),
    Openapi(openapi::Openapi),
}

/// Why a command failed: an error with its sources.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where the configuration comes from.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration file [default: postlens.toml in the working directory, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept [default: postlens-data] [env: POSTLENS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl ConfigArgs {
    /// The configuration, with further flags on top.
    fn load(&self, mut flags: Vec<(&'static str, String)>) -> Result<Config, ConfigError> {
        if let Some(dir) = &self.data_dir {
            flags.push(("data_dir", dir.as_os_str().to_string_lossy().into_owned()));
        }
        config::load(&Sources { file: self.config.clone(), environment: std::env::vars_os().collect(), flags })
    }
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(command) => command.run(),
        // It tells more by its status than that it failed.
        Command::Import(command) => return command.run(),
        Command::Verify(command) => return command.run(),
        Command::Rebuild(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Messages(command) => command.run(),
        Command::Alerts(command) => command.run(),
        Command::Exports(command) => command.run(),
        Command::Segments(command) => command.run(),
        Command::SavedReports(command) => command.run(),
        Command::Sources(command) => command.run(),
        Command::Engine(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Openapi(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let name = std::env::args_os().next();
            let name = name.as_deref().map(std::path::Path::new).and_then(std::path::Path::file_name);
            eprintln!("{}: {}", name.unwrap_or(OsStr::new("postlens")).display(), chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command's asynchronous part.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_command_explains_itself_with_examples() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
        }
    }

    #[test]
    fn an_error_is_told_with_its_sources() {
        let error = ConfigError::File("x".into(), std::io::Error::other("disk on fire"));
        assert_eq!(chain(&error), "cannot read the configuration file x: disk on fire");
    }
}
