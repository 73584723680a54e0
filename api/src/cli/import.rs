//! `postlens import`: files of events, or of what providers write, into a service, in batches, resumable.

mod batches;
mod checkpoint;
mod delivery;
mod format;
mod mailbox;
mod origin;
mod pieces;
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
    format::Format,
    origin::Origin,
    screen::Screen,
    source::Source,
    tally::{Counts, Names, Receipt, Tally},
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
  postlens import --format sendgrid webhooks-2026-11.json.gz
  postlens import --format dsn bounces.mbox ~/Maildir/.Bounces

A file of a provider holds what its webhook posts, or what its log or export has: JSON objects, one a line or in arrays. arf is feedback
reports and dsn delivery status notifications: a mailbox (mbox), a message, a Maildir or another folder of messages.

An import that was interrupted goes on where it was acknowledged when the same command is run again; --restart begins anew.
What is sent twice is recognised and counted once. Standard input and folders cannot be resumed.

Exit status: 0 when every event was accepted, 1 when some were rejected, 2 when the import failed, 130 after Ctrl-C.";

/// Send files of events, or of what providers write, to a service: plain, gzip or zstd
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Import {
    /// The files, in the format native one JSON event a line; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose format they have
    #[arg(long, default_value_t, value_parser = Format::parser())]
    format: Format,
    #[command(flatten)]
    service: ServiceArgs,
    /// Wait until reports show the events
    #[arg(long)]
    wait: bool,
    /// Begin at the files' beginning, whatever was acknowledged before
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
        let mut sum = Counts::default();
        for (place, file) in self.files.iter().enumerate() {
            let last = place + 1 == self.files.len();
            let several = self.files.len() > 1;
            sum.add(self.import_file(&client, file, several, self.wait && last).await?);
        }
        Ok(sum.rejected)
    }

    /// Imports a file and tells what became of its events.
    async fn import_file(
        &self,
        client: &Client,
        file: &Path,
        several: bool,
        wait: bool,
    ) -> Result<Counts, ImportError> {
        let started = Instant::now();
        let unreadable = |error| ImportError::Source(file.to_owned(), error);
        let origin = Origin::new(file, self.format).map_err(unreadable)?;
        let checkpoint = self.checkpoint(&origin, file, client).map_err(unreadable)?;
        let progress = match &checkpoint {
            Some(checkpoint) if !self.restart => checkpoint.load(),
            _ => Progress::default(),
        };
        let screen = Screen::new(origin.length, 0);
        let names = Names { unit: self.format.unit(), files: origin.files().to_vec() };
        let batches = self.read(origin, progress.place());
        if progress.counts.events > 0 {
            let (pieces, unit) = (grouped(progress.place().lines), names.unit);
            screen.say(&format!("going on after {unit} {pieces} of {}; --restart begins anew", file.display()));
        }
        let patience = Duration::from_secs(self.retry_for);
        let sender = Sender { client, format: self.format, patience, screen: &screen };
        let mut run = Run { sender, checkpoint: checkpoint.as_ref(), tally: Tally::resumed(progress) };
        let finished = tokio::select! {
            finished = run.all(batches, file, wait) => finished,
            _ = tokio::signal::ctrl_c() => Err(ImportError::Interrupted { resumable: checkpoint.is_some() }),
        };
        screen.clear();
        // After a failure, too: what was acknowledged so far.
        let heading = if several { format!("{}: ", file.display()) } else { String::new() };
        let summary = heading + &run.tally.summary(started.elapsed(), &names);
        io::stdout().write_all(summary.as_bytes()).map_err(|error| ImportError::Source("-".into(), error))?;
        finished?;
        if let Some(checkpoint) = &checkpoint {
            checkpoint.remove();
        }
        Ok(run.tally.counts())
    }

    /// Where progress is kept: for regular files, in a user's home.
    fn checkpoint(&self, origin: &Origin, file: &Path, client: &Client) -> io::Result<Option<Checkpoint>> {
        let Some(dir) = checkpoint::directory().filter(|_| origin.resumable) else { return Ok(None) };
        let [url, key] = client.identity();
        Checkpoint::new(&dir, file, [url, key, self.format.name()]).map(Some)
    }

    /// Starts a thread that reads, cuts and compresses.
    fn read(&self, origin: Origin, place: Place) -> mpsc::Receiver<io::Result<Packed>> {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let format = self.format;
        // A thread of its own: the program may end while it waits for standard input.
        thread::spawn(move || {
            let packed = origin.open(place.offset).and_then(|Source { reader, consumed }| {
                pack(&mut Cutter::new(format.pieces(reader), place, Limits::default()), &consumed, &sender)
            });
            if let Err(error) = packed {
                // Nobody listens any more when the import has ended.
                let _ = sender.blocking_send(Err(error));
            }
        });
        receiver
    }
}

/// A batch, ready to be sent.
struct Packed {
    batch: Batch,
    compressed: Bytes,
    /// Bytes of the source read when it was cut.
    consumed: u64,
}

fn pack(cutter: &mut Cutter, consumed: &Arc<AtomicU64>, sender: &mpsc::Sender<io::Result<Packed>>) -> io::Result<()> {
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
