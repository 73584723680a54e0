//! The engine as a program of its own, which the tests start.

use std::{error::Error as _, process::ExitCode};

use clap::Parser;

/// The embedded ClickHouse.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: engine::Options,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Err(error) = engine::run(&Command::parse().options);
    eprintln!("{error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  {cause}");
        source = cause.source();
    }
    ExitCode::FAILURE
}
