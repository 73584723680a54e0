//! Keeps the embedded engine running: starts it as a child, watches it, restarts it with growing pauses, and ends it in order.
//!
//! The child's standard input is a pipe that only this process holds, and the child exits when it closes: however this process ends,
//! the engine goes with it.

mod backoff;
mod place;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use http_body_util::Empty;
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use schema::metrics::{ENGINE_RESTARTS_TOTAL, ENGINE_UP};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::UnixStream,
    process::{Child, ChildStderr, Command},
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use self::backoff::Backoff;
pub(crate) use self::place::Place;

/// How the child is started and judged.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// The socket that it answers on.
    pub(crate) socket: PathBuf,
    /// How patient the supervisor is.
    pub(crate) patience: Patience,
}

/// How patient the supervisor is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long the engine may take to answer for the first time.
    pub(crate) start: Duration,
    /// The pause between two pings.
    pub(crate) interval: Duration,
    /// How long a ping may take.
    pub(crate) ping: Duration,
    /// How many pings in a row may fail.
    pub(crate) failures: u32,
    /// How long an orderly exit may take.
    pub(crate) stop: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            start: Duration::from_mins(3),
            interval: Duration::from_secs(2),
            ping: Duration::from_secs(10),
            failures: 3,
            stop: Duration::from_secs(15),
        }
    }
}

/// The engine's keeper.
#[derive(Debug)]
pub(crate) struct Supervisor {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    process: watch::Receiver<Option<u32>>,
}

impl Supervisor {
    /// Starts the engine and goes on keeping it.
    pub(crate) fn start(launch: Launch) -> Self {
        let (stop, told) = watch::channel(false);
        let (run, process) = watch::channel(None);
        metrics::counter!(ENGINE_RESTARTS_TOTAL).increment(0);
        Self { stop, task: tokio::spawn(keep(launch, run, told)), process }
    }

    /// The engine's process id while it runs.
    pub(crate) fn process(&self) -> watch::Receiver<Option<u32>> {
        self.process.clone()
    }

    /// Ends the engine in order, or by force when that takes too long.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the engine's supervisor broke");
        }
    }
}

/// How a run of the engine ended.
enum End {
    /// It was told to stop, and did.
    Stopped,
    /// By itself, or because it did not answer.
    Died { healthy: bool },
}

async fn keep(launch: Launch, process: watch::Sender<Option<u32>>, mut told: watch::Receiver<bool>) {
    let mut backoff = Backoff::default();
    while !*told.borrow() {
        metrics::gauge!(ENGINE_UP).set(0);
        let end = match spawn(&launch) {
            Ok(child) => {
                process.send_replace(child.id());
                attend(&launch, child, &mut told).await
            }
            Err(error) => {
                tracing::error!(%error, "the engine cannot be started");
                End::Died { healthy: false }
            }
        };
        process.send_replace(None);
        metrics::gauge!(ENGINE_UP).set(0);
        match end {
            End::Stopped => return,
            End::Died { healthy } => {
                if healthy {
                    backoff.reset();
                }
                let pause = backoff.next();
                metrics::counter!(ENGINE_RESTARTS_TOTAL).increment(1);
                tracing::warn!(
                    pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                    "the engine is started again"
                );
                tokio::select! {
                    () = sleep(pause) => {}
                    () = told_to_stop(&mut told) => return,
                }
            }
        }
    }
}

async fn told_to_stop(told: &mut watch::Receiver<bool>) {
    // A supervisor that is gone, and with it the sender, is as good as one that said so.
    drop(told.wait_for(|stop| *stop).await);
}

fn spawn(launch: &Launch) -> std::io::Result<Child> {
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    // A Ctrl-C at the terminal is for the service, which ends the engine when its own work is done.
    command.process_group(0).kill_on_drop(true);
    // Secrets of the service are no business of the engine's.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("POSTLENS_") && !matches!(&*name_text, "POSTLENS_LIBCHDB" | "POSTLENS_CACHE") {
            command.env_remove(name);
        }
    }
    command.spawn()
}

/// Watches one run of the engine to its end.
async fn attend(launch: &Launch, mut child: Child, told: &mut watch::Receiver<bool>) -> End {
    tracing::info!(pid = child.id(), "the engine was started");
    // Taken out of the child, for waiting for a child closes its standard input.
    let lifeline = child.stdin.take();
    let log = child.stderr.take().map(|stderr| tokio::spawn(relay(stderr)));
    let mut healthy_since = None;
    let end = tokio::select! {
        status = child.wait() => {
            tracing::error!(status = describe(status), "the engine ended");
            End::Died { healthy: false }
        }
        reason = watch_health(launch, &mut healthy_since) => {
            tracing::error!(reason, "the engine is killed");
            let _ = child.kill().await;
            End::Died { healthy: false }
        }
        () = told_to_stop(told) => {
            drop(lifeline);
            end_in_order(&mut child, launch.patience.stop).await;
            End::Stopped
        }
    };
    if let Some(log) = log {
        // The pipe ends with the process; a grandchild that kept it open would not be worth waiting for.
        let _ = timeout(Duration::from_secs(1), log).await;
    }
    match end {
        End::Stopped => End::Stopped,
        End::Died { .. } => {
            End::Died { healthy: healthy_since.is_some_and(|since: Instant| since.elapsed() >= backoff::HEALTHY) }
        }
    }
}

/// Over when the engine does not answer any more; says why.
async fn watch_health(launch: &Launch, healthy_since: &mut Option<Instant>) -> &'static str {
    let (patience, started) = (launch.patience, Instant::now());
    let mut failures = 0;
    loop {
        let answers = matches!(timeout(patience.ping, ping(&launch.socket)).await, Ok(true));
        metrics::gauge!(ENGINE_UP).set(u8::from(answers));
        if answers {
            if healthy_since.is_none() {
                *healthy_since = Some(Instant::now());
                tracing::info!(
                    ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "the engine answers"
                );
            }
            failures = 0;
        } else if healthy_since.is_some() {
            failures += 1;
            if failures >= patience.failures {
                return "it does not answer any more";
            }
        } else if started.elapsed() >= patience.start {
            return "it did not begin to answer";
        }
        let starting = healthy_since.is_none();
        sleep(if starting { patience.interval.min(Duration::from_millis(100)) } else { patience.interval }).await;
    }
}

/// Whether the engine answers `/ping`.
async fn ping(socket: &Path) -> bool {
    let Ok(stream) = UnixStream::connect(socket).await else { return false };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else { return false };
    let request = Request::get("/ping").header("host", "engine").body(Empty::<Bytes>::new()).expect("a plain request");
    let mut response = std::pin::pin!(sender.send_request(request));
    let response = tokio::select! {
        response = &mut response => response,
        // The answer may have come together with the connection's end.
        _ = connection => response.await,
    };
    response.is_ok_and(|response| response.status() == StatusCode::OK)
}

/// Waits for an engine whose standard input was closed, which tells it to stop.
async fn end_in_order(child: &mut Child, patience: Duration) {
    if let Ok(status) = timeout(patience, child.wait()).await {
        tracing::info!(status = describe(status), "the engine was stopped");
    } else {
        tracing::warn!("the engine did not stop in time and is killed; it recovers at its next start");
        let _ = child.kill().await;
    }
}

/// Puts what the engine writes into the log, line by line.
async fn relay(stderr: ChildStderr) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line = line.trim();
        if !line.is_empty() {
            tracing::info!(target: "engine", "{line}");
        }
    }
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

#[cfg(test)]
mod tests;
