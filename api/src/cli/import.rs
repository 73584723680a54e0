//! `postlens import`: a file of events into a service, in batches, resumable.

mod batches;
mod checkpoint;
mod delivery;
mod screen;
mod source;
mod tally;

use std::{
    fmt,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Args;
use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::mpsc;

use self::{
    batches::{Batch, Cutter, Limits, Place},
    checkpoint::{Checkpoint, Progress},
    delivery::Sender,
    screen::Screen,
    source::Source,
    tally::{Receipt, Tally},
};
use super::{
    Failure, block_on,
    client::{Client, ClientError, ServiceArgs},
    format::grouped,
};

/// Requests in flight.
const IN_FLIGHT: usize = 4;
/// Batches read ahead of them.
const READ_AHEAD: usize = 2;
/// Speed matters more than size on the way to the service.
const ZSTD_LEVEL: i32 = 1;

const EXAMPLES: &str = "\
Examples:
  postlens import events.ndjson.gz
  postlens import --wait events.ndjson.zst && postlens report split --by campaign
  mail-log-to-ndjson /var/log/mail.log | postlens import -
  postlens import --url https://postlens.example.org events.ndjson

An import that was interrupted goes on where it was acknowledged when the same command is run again; --restart begins anew.
What is sent twice is recognised and counted once. Standard input cannot be resumed.

Exit status: 0 when every event was accepted, 1 when some were rejected, 2 when the import failed, 130 after Ctrl-C.";

/// Send a file of events to a service: NDJSON, plain, gzip or zstd
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Import {
    /// The file, one JSON event a line; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    service: ServiceArgs,
    /// Wait until reports show the events
    #[arg(long)]
    wait: bool,
    /// Begin at the file's beginning, whatever was acknowledged before
    #[arg(long)]
    restart: bool,
    /// How many seconds a batch is tried while the service is away or busy
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    retry_for: u64,
}

/// Why an import did not come to its end.
#[derive(Debug)]
enum ImportError {
    Service(ClientError),
    Source(PathBuf, io::Error),
    Interrupted { resumable: bool },
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Source(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Interrupted { resumable: true } => f.write_str("interrupted; the same command goes on from here"),
            Self::Interrupted { resumable: false } => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for ImportError {}

impl From<ClientError> for ImportError {
    fn from(error: ClientError) -> Self {
        Self::Service(error)
    }
}

impl Import {
    /// Runs it; the exit status tells what became of the events.
    pub(super) fn run(&self) -> ExitCode {
        match block_on(async { self.import().await.map_err(Failure::from) }) {
            Ok(0) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::from(1),
            Err(error) => {
                eprintln!("postlens: {error}");
                let interrupted = matches!(error.downcast_ref(), Some(ImportError::Interrupted { .. }));
                ExitCode::from(if interrupted { 130 } else { 2 })
            }
        }
    }

    /// Imports everything and returns how many events were rejected.
    async fn import(&self) -> Result<u64, ImportError> {
        let client = self.service.client()?;
        let started = Instant::now();
        let checkpoint = self.checkpoint(&client)?;
        let progress = match &checkpoint {
            Some(checkpoint) if !self.restart => checkpoint.load(),
            _ => Progress::default(),
        };
        let (batches, length) = self.read(progress.place())?;
        let screen = Screen::new(length, 0);
        if progress.counts.events > 0 {
            let (lines, file) = (grouped(progress.place().lines), self.file.display());
            screen.say(&format!("going on after line {lines} of {file}; --restart begins anew"));
        }
        let sender = Sender { client: &client, patience: Duration::from_secs(self.retry_for), screen: &screen };
        let mut run = Run { sender, checkpoint: checkpoint.as_ref(), tally: Tally::resumed(progress) };
        let finished = tokio::select! {
            finished = run.all(batches, &self.file, self.wait) => finished,
            _ = tokio::signal::ctrl_c() => Err(ImportError::Interrupted { resumable: checkpoint.is_some() }),
        };
        screen.clear();
        // After a failure, too: what was acknowledged so far.
        let summary = run.tally.summary(started.elapsed());
        io::stdout().write_all(summary.as_bytes()).map_err(|error| ImportError::Source("-".into(), error))?;
        finished?;
        if let Some(checkpoint) = &checkpoint {
            checkpoint.remove();
        }
        Ok(run.tally.counts().rejected)
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    fn unreadable(&self, error: io::Error) -> ImportError {
        ImportError::Source(self.file.clone(), error)
    }

    /// Where progress is kept: for regular files, in a user's home.
    fn checkpoint(&self, client: &Client) -> Result<Option<Checkpoint>, ImportError> {
        if self.is_standard_input() || !std::fs::metadata(&self.file).map_err(|e| self.unreadable(e))?.is_file() {
            return Ok(None);
        }
        let Some(dir) = checkpoint::directory() else { return Ok(None) };
        Checkpoint::new(&dir, &self.file, client.identity()).map(Some).map_err(|error| self.unreadable(error))
    }

    /// Starts a thread that reads, cuts and compresses; also the number of bytes there are to read.
    fn read(&self, place: Place) -> Result<(mpsc::Receiver<io::Result<Packed>>, Option<u64>), ImportError> {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let (source, length) = if self.is_standard_input() {
            (None, None)
        } else {
            let metadata = std::fs::metadata(&self.file).map_err(|error| self.unreadable(error))?;
            let length = metadata.is_file().then_some(metadata.len());
            (Some(Source::file(&self.file, place.offset).map_err(|error| self.unreadable(error))?), length)
        };
        // A thread of its own: the program may end while it waits for standard input.
        thread::spawn(move || {
            let opened = source.map_or_else(|| Source::stream(io::stdin()), Ok);
            let packed = opened.and_then(|Source { reader, consumed }| {
                pack(&mut Cutter::new(reader, place, Limits::default()), &consumed, &sender)
            });
            if let Err(error) = packed {
                // Nobody listens any more when the import has ended.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok((receiver, length))
    }
}

/// A batch, ready to be sent.
struct Packed {
    batch: Batch,
    compressed: Bytes,
    /// Bytes of the source read when it was cut.
    consumed: u64,
}

fn pack(
    cutter: &mut Cutter<impl io::BufRead>,
    consumed: &Arc<AtomicU64>,
    sender: &mpsc::Sender<io::Result<Packed>>,
) -> io::Result<()> {
    let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    while let Some(mut batch) = cutter.next()? {
        let compressed = compressor.compress(&std::mem::take(&mut batch.body))?.into();
        let packed = Packed { batch, compressed, consumed: consumed.load(Ordering::Relaxed) };
        if sender.blocking_send(Ok(packed)).is_err() {
            break;
        }
    }
    Ok(())
}

/// An import under way.
struct Run<'a> {
    sender: Sender<'a>,
    checkpoint: Option<&'a Checkpoint>,
    tally: Tally,
}

impl Run<'_> {
    /// Sends all batches, a few at a time.
    async fn all(
        &mut self,
        mut batches: mpsc::Receiver<io::Result<Packed>>,
        file: &Path,
        wait: bool,
    ) -> Result<(), ImportError> {
        let mut in_flight = FuturesUnordered::new();
        let mut ended = false;
        while !ended || !in_flight.is_empty() {
            tokio::select! {
                packed = batches.recv(), if !ended && in_flight.len() < IN_FLIGHT => match packed {
                    Some(packed) => {
                        let packed = packed.map_err(|error| ImportError::Source(file.to_owned(), error))?;
                        in_flight.push(deliver(&self.sender, packed));
                    }
                    None => ended = true,
                },
                Some(delivered) = in_flight.next() => {
                    let (packed, receipt) = delivered?;
                    settle(&mut self.tally, self.sender.screen, &mut self.checkpoint, &packed, &receipt);
                }
            }
        }
        if wait {
            self.sender.screen.wait_for("all sent; waiting until reports show it");
            self.sender.applied().await?;
        }
        Ok(())
    }
}

async fn deliver(sender: &Sender<'_>, packed: Packed) -> Result<(Packed, Receipt), ClientError> {
    let nothing = packed.batch.lines.is_empty();
    let receipt = if nothing { Receipt::default() } else { sender.send(packed.compressed.clone()).await? };
    Ok((packed, receipt))
}

/// Counts an acknowledged batch and keeps how far everything is acknowledged.
fn settle(
    tally: &mut Tally,
    screen: &Screen,
    checkpoint: &mut Option<&Checkpoint>,
    packed: &Packed,
    receipt: &Receipt,
) {
    let further = tally.acknowledge(&packed.batch, receipt, Limits::default().line);
    screen.update(tally.counts().events, tally.fresh(), packed.consumed);
    if !further {
        return;
    }
    if let Some(Err(error)) = checkpoint.map(|checkpoint| checkpoint.save(tally.settled())) {
        screen.say(&format!("progress cannot be kept ({error}): after an interruption the import begins anew"));
        *checkpoint = None;
    }
}
