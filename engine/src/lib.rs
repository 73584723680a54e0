//! The embedded ClickHouse: loads libchdb at run time and serves ClickHouse's HTTP interface with it, on a Unix socket
//! or the loopback interface.
//!
//! It runs as a process of its own (`postlens engine`), so that memory limits, crashes and threads of the library stay
//! out of the service, and a ClickHouse server can take its place by a change of URL.

mod body;
mod exception;
mod ffi;
mod flush;
mod form;
mod format;
mod handler;
mod job;
mod library;
mod listen;
mod options;
mod pool;
mod request;
mod response;
mod server;
mod statement;
mod ticket;
mod token;

use std::{
    convert::Infallible,
    fs::{self, File, TryLockError},
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

pub use crate::options::Options;
use crate::{ffi::Library, pool::Pool};

/// How long an orderly exit may take. What is not closed by then is left to the engine's recovery at its next start.
const EXIT_DEADLINE: Duration = Duration::from_secs(10);
/// The exit code when the deadline has passed.
const OVERDUE: i32 = 3;

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// libchdb is in none of the places where it could be.
    #[error("libchdb was not found (looked at {}); run `make setup`", list(.tried))]
    LibraryNotFound {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// The file is no libchdb, or one of another release.
    #[error("{} cannot be loaded as libchdb; run `make setup`", .path.display())]
    Library {
        /// The file.
        path: PathBuf,
        /// What the loader says.
        source: libloading::Error,
    },
    /// Another engine has the data.
    #[error("another engine is running on {}", .path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The data directory cannot be used.
    #[error("the data directory {} cannot be used", .path.display())]
    Data {
        /// The data directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The library refused to start; it writes the reason to standard error.
    #[error("the engine does not start on {}", .path.display())]
    Start {
        /// The data directory.
        path: PathBuf,
    },
    /// The engine started, but does not work.
    #[error("the engine cannot be queried: {reason}")]
    Query {
        /// What it says.
        reason: String,
    },
    /// A socket cannot be listened on.
    #[error("cannot listen on {on}")]
    Listen {
        /// The socket.
        on: String,
        /// What the system says.
        source: io::Error,
    },
    /// The engine has no passwords, so it does not listen where others could reach it.
    #[error("{address} is not a loopback address")]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Neither a socket nor an address was given.
    #[error("there is nothing to listen on: give a socket or an address")]
    NoListener,
    /// The system refused a thread, a signal handler or the like.
    #[error("the system refused a resource")]
    Io(#[source] io::Error),
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Runs the engine until SIGTERM or SIGINT, or until standard input ends if the options say so, and then ends the
/// process: code 0 when all was closed in order, 3 when that took longer than ten seconds.
///
/// # Errors
/// If the engine cannot start.
pub fn run(options: &Options) -> Result<Infallible, EngineError> {
    options.validate()?;
    let _lock = lock(&options.path)?;
    let library = Library::load(&library::find(options.library.as_deref())?)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(EngineError::Io)?;
    let pool = Arc::new(Pool::start(library, options, runtime.handle())?);
    let served = runtime.block_on(serve(&pool, options));
    // Every request has ended, so this is the last owner.
    if let Some(pool) = Arc::into_inner(pool) {
        pool.close();
    }
    served?;
    tracing::info!("the engine has stopped");
    let _unwritable = (io::stdout().flush(), io::stderr().flush());
    // Returning would run the library's destructors, next to threads of it that never end.
    ffi::exit_at_once(0)
}

async fn serve(pool: &Arc<Pool>, options: &Options) -> Result<(), EngineError> {
    let stop = stop_signal(options.exit_with_stdin)?;
    let tcp = match options.tcp {
        Some(address) => Some(listen::tcp(address).await?),
        None => None,
    };
    let socket = options.socket.as_deref().map(listen::unix).transpose()?;
    let address = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
    tracing::info!(version = pool.version(), socket = ?options.socket, tcp = ?address, "the engine is ready");
    server::serve(pool, socket, tcp, stop).await;
    Ok(())
}

/// One engine at a time may work on the data; the library would say so too, but only on standard error.
fn lock(path: &Path) -> Result<File, EngineError> {
    let failed = |source| EngineError::Data { path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let file = File::create(path.join("engine.lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Becomes true when the process is to end; from then on the deadline runs.
fn stop_signal(exit_with_stdin: bool) -> Result<watch::Receiver<bool>, EngineError> {
    let (sender, stop) = watch::channel(false);
    let sender = Arc::new(sender);
    let mut terminate = signal(SignalKind::terminate()).map_err(EngineError::Io)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(EngineError::Io)?;
    if exit_with_stdin {
        let sender = Arc::clone(&sender);
        thread::Builder::new()
            .name("engine-stdin".to_owned())
            .spawn(move || {
                // Whatever the parent writes is of no interest, only that it lives.
                let _ended = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
                sender.send_replace(true);
            })
            .map_err(EngineError::Io)?;
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        sender.send_replace(true);
    });
    let mut told = stop.clone();
    tokio::spawn(async move {
        if told.wait_for(|stop| *stop).await.is_ok() {
            tracing::info!("the engine is stopping");
            // A thread of its own: it has to work even when all else hangs.
            let watchdog = thread::Builder::new().name("engine-deadline".to_owned()).spawn(|| {
                thread::sleep(EXIT_DEADLINE);
                ffi::exit_at_once(OVERDUE)
            });
            drop(watchdog);
        }
    });
    Ok(stop)
}
