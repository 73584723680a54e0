//! Whose format a source has, and what that means for cutting and sending it.

use std::io::BufRead;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use ingest::Provider;

use super::pieces::{Lines, Messages, Objects, Pieces};

/// The format of our own.
const NATIVE: &str = "native";

/// Whose format it is; our own when no provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Format(Option<Provider>);

impl Format {
    /// Reads a format from the command line.
    pub(super) fn parser() -> impl TypedValueParser<Value = Self> {
        let names = [NATIVE].into_iter().chain(Provider::ALL.iter().map(|provider| provider.name()));
        PossibleValuesParser::new(names).map(|name| Self(Provider::from_name(&name)))
    }

    /// Its name in the API.
    pub(super) fn name(self) -> &'static str {
        self.0.map_or(NATIVE, Provider::name)
    }

    /// Whether it is mail.
    pub(super) fn is_mail(self) -> bool {
        self.0.is_some_and(Provider::is_mail)
    }

    /// The media type of the bodies that are sent.
    pub(super) fn media_type(self) -> &'static str {
        if self.is_mail() { "application/mbox" } else { "application/x-ndjson" }
    }

    /// What its sources are cut into.
    pub(super) fn pieces(self, reader: Box<dyn BufRead + Send>) -> Box<dyn Pieces> {
        match self.0 {
            None => Box::new(Lines(reader)),
            Some(mail) if mail.is_mail() => Box::new(Messages::new(reader)),
            Some(_) => Box::new(Objects(reader)),
        }
    }

    /// What the pieces are counted in.
    pub(super) fn unit(self) -> &'static str {
        if self.is_mail() { "message" } else { "line" }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
