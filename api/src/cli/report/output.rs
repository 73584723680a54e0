//! Where a report goes, and in which format: named, or told by the name of the file.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use reqwest::Response;

use crate::cli::{Failure, client::Client};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people in a terminal
    Table,
    /// For spreadsheets
    Csv,
    /// A picture
    Png,
    /// A picture that can be scaled
    Svg,
    /// A workbook of typed cells
    Xlsx,
    /// For programs: one object a row
    Ndjson,
    /// For programs: typed columns
    Parquet,
    /// For programs: all that the API tells
    Json,
}

impl Format {
    /// The format asked of the service: tables are made here.
    pub(super) const fn in_the_api(self) -> &'static str {
        match self {
            Self::Table | Self::Json => "json",
            Self::Csv => "csv",
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Xlsx => "xlsx",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "png" => Some(Self::Png),
            "svg" => Some(Self::Svg),
            "xlsx" => Some(Self::Xlsx),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            "parquet" => Some(Self::Parquet),
            "json" => Some(Self::Json),
            "txt" => Some(Self::Table),
            _ => None,
        }
    }
}

/// Where a report goes.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// How to write it [default: what the name of the output file says, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Output {
    /// The format.
    ///
    /// # Errors
    /// When a picture would go to a terminal.
    pub(super) fn format(&self) -> Result<Format, Failure> {
        let told = self.output.as_deref().and_then(Format::of_file);
        let format = self.format.or(told).unwrap_or(Format::Table);
        if matches!(format, Format::Png | Format::Xlsx | Format::Parquet)
            && self.file().is_none()
            && io::stdout().is_terminal()
        {
            return Err("pictures, workbooks and Parquet are nothing for a terminal: name a file with -o".into());
        }
        Ok(format)
    }

    fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    fn open(&self) -> Result<Box<dyn Write>, Failure> {
        match self.file() {
            None => Ok(Box::new(io::stdout().lock())),
            Some(path) => match File::create(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) => Err(format!("cannot write {}: {error}", path.display()).into()),
            },
        }
    }

    /// Writes a whole document.
    pub(super) fn write(&self, document: &[u8]) -> Result<(), Failure> {
        let mut out = self.open()?;
        out.write_all(document)?;
        Ok(out.flush()?)
    }

    /// Writes a document as it comes.
    pub(super) async fn copy(&self, client: &Client, response: Response) -> Result<(), Failure> {
        let mut out = self.open()?;
        let last = client.copy(response, &mut out).await?;
        // A shell's prompt begins on a line of its own.
        if self.file().is_none() && io::stdout().is_terminal() && last.is_some_and(|byte| byte != b'\n') {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_tells_the_format_unless_it_is_named() {
        let format = |format, output: &str| Output { format, output: Some(output.into()) }.format().unwrap();
        assert_eq!(format(None, "demo/by-domain.CSV"), Format::Csv);
        assert_eq!(format(None, "spam.png"), Format::Png);
        assert_eq!(format(None, "report"), Format::Table);
        assert_eq!(format(Some(Format::Json), "report.csv"), Format::Json);
    }
}
