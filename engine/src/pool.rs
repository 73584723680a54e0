//! The pool: connections to the engine, each on a thread of its own, and the bounded wait for a free one.
//!
//! A connection that a request has changed (settings, database, temporary tables, an error) is replaced by a new one,
//! which takes a fraction of a millisecond; so nothing of one request is ever seen by the next.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    EngineError, Options,
    exception::{Code, Exception},
    ffi::{Connection, Library, Params},
    job::{self, Event, Job},
    ticket::{CancelOnDrop, Kill, TAG_SETTING, Ticket, kill_loop},
};

/// Opens connections with the engine's options, each with a tag that the engine shows for what runs on it.
#[derive(Clone)]
struct Opener {
    library: &'static Library,
    arguments: Arc<[String]>,
    count: Arc<AtomicU64>,
}

impl Opener {
    fn open(&self) -> Option<(Connection, String)> {
        let tag = format!("engine-{}", self.count.fetch_add(1, Ordering::Relaxed));
        let mut arguments = self.arguments.to_vec();
        arguments.push(format!("--{TAG_SETTING}={tag}"));
        Some((Connection::open(self.library, &arguments)?, tag))
    }
}

/// All connections.
pub(crate) struct Pool {
    library: &'static Library,
    jobs: Sender<Job>,
    kills: Sender<Kill>,
    free: Arc<Semaphore>,
    max_wait: Duration,
    threads: Vec<JoinHandle<()>>,
    version: String,
}

impl Pool {
    /// Starts the engine and opens its connections.
    pub(crate) fn start(library: &'static Library, options: &Options, runtime: &Handle) -> Result<Self, EngineError> {
        let opener = Opener { library, arguments: options.arguments().into(), count: Arc::default() };
        // This connection stays open for as long as the engine runs: closing the last one would stop the engine.
        let (mut keeper, _) = opener.open().ok_or_else(|| EngineError::Start { path: options.path.clone() })?;
        let version = keeper
            .query(b"SELECT version()", "TSVRaw", &Params::default())
            .map(|answer| String::from_utf8_lossy(answer.data()).trim().to_owned())
            .map_err(|reason| EngineError::Query { reason })?;
        let (jobs, queue) = channel();
        let (kills, kill_requests) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = vec![spawn("engine-kill", move || kill_loop(&mut keeper, &kill_requests))?];
        for _ in 0..options.connections.get() {
            let (opener, queue, runtime) = (opener.clone(), Arc::clone(&queue), runtime.clone());
            threads.push(spawn("engine-worker", move || work(&opener, &queue, &runtime))?);
        }
        let free = Arc::new(Semaphore::new(options.connections.get()));
        Ok(Self { library, jobs, kills, free, max_wait: options.max_wait(), threads, version })
    }

    /// The engine's version, as ClickHouse counts.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Waits for a free connection, up to the bound.
    pub(crate) async fn acquire(&self) -> Result<OwnedSemaphorePermit, Exception> {
        match timeout(self.max_wait, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(closing()),
            Err(_) => Err(Exception::new(
                Code::TooManySimultaneousQueries,
                "Too many simultaneous queries: no connection became free in time",
            )),
        }
    }

    /// Hands a job to a free connection. Dropping the guard cancels the job.
    pub(crate) fn submit(&self, job: Job) -> Result<CancelOnDrop, Exception> {
        let guard = self.guard(job.ticket.clone());
        self.jobs.send(job).map_err(|_| closing())?;
        Ok(guard)
    }

    fn guard(&self, ticket: Ticket) -> CancelOnDrop {
        CancelOnDrop::new(ticket, self.kills.clone())
    }

    /// Closes every connection, then the engine; what still runs is waited for.
    pub(crate) fn close(self) {
        let Self { library, jobs, kills, threads, free, .. } = self;
        free.close();
        drop((jobs, kills));
        for thread in threads {
            // A thread that panicked has dropped its connection while it unwound.
            let _panicked = thread.join();
        }
        if !library.shutdown() {
            tracing::debug!("the engine is closed; some of its idle threads end with the process");
        }
    }
}

fn closing() -> Exception {
    Exception::new(Code::Aborted, "The engine is shutting down")
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(EngineError::Io)
}

fn work(opener: &Opener, queue: &Mutex<Receiver<Job>>, runtime: &Handle) {
    let mut open = opener.open();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        open = open.or_else(|| opener.open());
        let Some((connection, tag)) = &mut open else {
            let _gone = job
                .events
                .try_send(Event::Failed(Exception::new(Code::UnknownException, "The engine opens no connection")));
            continue;
        };
        if !job.ticket.start(tag) {
            continue;
        }
        let reusable =
            catch_unwind(AssertUnwindSafe(|| job::run(connection, runtime, &mut job))).unwrap_or_else(|_| {
                job.ticket.finish();
                let _gone = job
                    .events
                    .try_send(Event::Failed(Exception::new(Code::UnknownException, "The engine's thread panicked")));
                false
            });
        // The client has its answer by now; the connection is renewed before the next request can get it.
        if !reusable {
            drop(open.take());
            open = opener.open();
        }
        drop(job.permit);
    }
}
