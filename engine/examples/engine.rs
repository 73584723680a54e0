//! The engine as a program of its own, which the tests start.

use clap::Parser;

/// The embedded ClickHouse.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: engine::Options,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match engine::run(&Command::parse().options) {
        Ok(never) => match never {},
        Err(error) => Err(error.into()),
    }
}
