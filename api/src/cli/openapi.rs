//! `postlens openapi`: the API's own description.

use std::io::Write as _;

use clap::Args;

use super::Failure;

/// Print the OpenAPI document of the HTTP API
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  postlens openapi > openapi.yaml")]
pub(super) struct Openapi {}

impl Openapi {
    #[expect(clippy::unused_self, reason = "every command is run the same way")]
    pub(super) fn run(&self) -> Result<(), Failure> {
        write!(std::io::stdout(), "{}", crate::openapi::yaml())?;
        Ok(())
    }
}
