//! Runs one request's statements on a connection and passes on what comes of them.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc},
    time::timeout,
};

use crate::{
    exception::{Code, Exception},
    ffi::{Connection, Params, Stats},
    format::{Framing, Joiner},
    ticket::Ticket,
};

/// How long a client may neither take rows nor send data while it holds a connection.
const CLIENT_PATIENCE: Duration = Duration::from_mins(1);

/// A result is passed on in pieces of at most this many bytes.
const PIECE: usize = 1 << 20;

/// The most bytes, as columns in memory, of a result that cannot be streamed.
const WHOLE_RESULT: u64 = 128 << 20;

/// What the library says to a statement whose result it cannot stream.
const NOT_STREAMED: &str = "Streaming query is not supported";

/// What the engine tells about a request, in this order: `Started`, any number of `Data`, `Ended`; or `Failed` at any point.
#[derive(Debug)]
pub(crate) enum Event {
    /// It works, so far. What was read and written until now, and the time it took.
    Started(Stats, Duration),
    /// The next bytes of the result.
    Data(Bytes),
    /// The result is complete.
    Ended,
    /// The result will not be complete.
    Failed(Exception),
}

/// A piece of an insert's data. Only after `End` it is committed.
#[derive(Debug)]
pub(crate) enum Part {
    /// The next bytes.
    Data(Bytes),
    /// There is no more.
    End,
}

/// The statement of a request.
#[derive(Debug)]
pub(crate) enum Task {
    /// Any statement without data behind it. `select` says that it changes nothing, not even the connection.
    Query { sql: Vec<u8>, format: String, framing: Framing, select: bool },
    /// An INSERT, without its FORMAT clause, and its data.
    Insert { sql: Vec<u8>, format: String, data: mpsc::Receiver<Part> },
}

/// A request on its way to a connection.
#[derive(Debug)]
pub(crate) struct Job {
    /// USE and SET statements that hold for this request.
    pub(crate) preparation: Vec<String>,
    pub(crate) params: Params,
    pub(crate) task: Task,
    pub(crate) gzip: bool,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) ticket: Ticket,
    /// The right to a connection; given back when the next request may have it.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Why a job ended early.
enum Stop {
    Exception(Exception),
    ClientGone,
    /// The statement begins like a SELECT and is none, such as WITH … INSERT; it has not run.
    NotStreamed,
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::Exception(Exception::from_engine(&text))
    }
}

/// Runs the job; true if the connection is as it was before and can serve the next one.
pub(crate) fn run(connection: &mut Connection, runtime: &Handle, job: &mut Job) -> bool {
    let mut output = Output::new(job.events.clone(), runtime.clone(), job.gzip);
    let outcome = prepare(connection, job).and_then(|()| match &mut job.task {
        Task::Query { sql, format, framing: Framing::Whole, .. } => {
            whole(connection, sql, format, &job.params, &mut output)
        }
        Task::Query { sql, format, framing, .. } => {
            match stream(connection, (sql, format, *framing), &job.params, &mut output) {
                Err(Stop::NotStreamed) => whole(connection, sql, format, &job.params, &mut output),
                outcome => outcome,
            }
        }
        Task::Insert { sql, format, data } => {
            insert(connection, (sql, format), data, (&job.params, runtime)).map(|stats| output.stats = stats)
        }
    });
    let outcome = outcome.and_then(|()| output.finish());
    let undisturbed = job.ticket.finish();
    let untouched = job.preparation.is_empty()
        && !matches!(job.task, Task::Query { select: false, .. } | Task::Query { framing: Framing::Whole, .. });
    match outcome {
        Ok(()) => {
            let _gone = output.send(Event::Ended);
            undisturbed && untouched
        }
        Err(Stop::Exception(exception)) => {
            let _gone = output.send(Event::Failed(exception));
            // The library can prepend what a failed statement had written so far to the next one's result.
            false
        }
        Err(Stop::ClientGone | Stop::NotStreamed) => false,
    }
}

fn prepare(connection: &mut Connection, job: &Job) -> Result<(), Stop> {
    if let Task::Query { select: true, framing: Framing::Whole, .. } = job.task {
        // The library does not count the text of a result that is not streamed against the query's memory limit.
        execute(connection, &format!("SET max_result_bytes = {WHOLE_RESULT}"))?;
    }
    job.preparation.iter().try_for_each(|sql| execute(connection, sql))
}

fn execute(connection: &mut Connection, sql: &str) -> Result<(), Stop> {
    connection.query(sql.as_bytes(), "Null", &Params::default())?;
    Ok(())
}

fn whole(
    connection: &mut Connection,
    sql: &[u8],
    format: &str,
    params: &Params,
    output: &mut Output,
) -> Result<(), Stop> {
    let answer = connection.query(sql, format, params)?;
    output.write(answer.stats(), answer.data())
}

fn stream(
    connection: &mut Connection,
    (sql, format, framing): (&[u8], &str, Framing),
    params: &Params,
    output: &mut Output,
) -> Result<(), Stop> {
    let mut joiner = Joiner::new(framing);
    let mut stream = connection
        .stream(sql, format, params)
        .map_err(|error| if error.contains(NOT_STREAMED) { Stop::NotStreamed } else { error.into() })?;
    while let Some(block) = stream.next()? {
        output.write(block.stats(), joiner.part(block.data()))?;
    }
    Ok(())
}

fn insert(
    connection: &mut Connection,
    (sql, format): (&[u8], &str),
    data: &mut mpsc::Receiver<Part>,
    (params, runtime): (&Params, &Handle),
) -> Result<Stats, Stop> {
    let mut insert = connection.insert(sql, format, params)?;
    loop {
        match runtime.block_on(async { timeout(CLIENT_PATIENCE, data.recv()).await }) {
            Ok(Some(Part::Data(bytes))) => insert.append(&bytes)?,
            Ok(Some(Part::End)) => return Ok(insert.finish()?),
            // The body broke off: dropping the insert cancels it.
            Ok(None) => return Err(Stop::ClientGone),
            Err(_) => {
                return Err(Stop::Exception(Exception::new(
                    Code::SocketTimeout,
                    "Timeout exceeded while waiting for the data of an INSERT",
                )));
            }
        }
    }
}

/// The way back to the client.
struct Output {
    events: mpsc::Sender<Event>,
    runtime: Handle,
    gzip: Option<GzEncoder<Vec<u8>>>,
    stats: Stats,
    begun: Instant,
    started: bool,
}

impl Output {
    fn new(events: mpsc::Sender<Event>, runtime: Handle, gzip: bool) -> Self {
        // ClickHouse's default level for answers, too.
        let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::new(3)));
        Self { events, runtime, gzip, stats: Stats::default(), begun: Instant::now(), started: false }
    }

    fn write(&mut self, stats: Stats, data: &[u8]) -> Result<(), Stop> {
        self.stats.add(stats);
        for piece in data.chunks(PIECE) {
            let bytes = match &mut self.gzip {
                None => Bytes::copy_from_slice(piece),
                Some(encoder) => compressed(encoder, piece).map_err(|error| Stop::from(error.to_string()))?,
            };
            self.start()?;
            if !bytes.is_empty() {
                self.send(Event::Data(bytes))?;
            }
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Stop> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(());
        }
        self.send(Event::Started(self.stats, self.begun.elapsed()))
    }

    fn finish(&mut self) -> Result<(), Stop> {
        self.start()?;
        match self.gzip.take() {
            None => Ok(()),
            Some(encoder) => {
                let end = encoder.finish().map_err(|error| Stop::from(error.to_string()))?;
                self.send(Event::Data(end.into()))
            }
        }
    }

    fn send(&self, event: Event) -> Result<(), Stop> {
        match self.events.try_send(event) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Stop::ClientGone),
            Err(mpsc::error::TrySendError::Full(event)) => {
                match self.runtime.block_on(async { timeout(CLIENT_PATIENCE, self.events.send(event)).await }) {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(_)) | Err(_) => Err(Stop::ClientGone),
                }
            }
        }
    }
}

fn compressed(encoder: &mut GzEncoder<Vec<u8>>, piece: &[u8]) -> io::Result<Bytes> {
    encoder.write_all(piece)?;
    Ok(std::mem::take(encoder.get_mut()).into())
}
