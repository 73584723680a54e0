//! Work on the data that the operator asks for: by a socket in the data directory when a service runs on it, in this process when none
//! does. Who may open the socket, its owner alone, may ask.
//!
//! A request is a line of JSON; lines that tell how far it is follow, and at last one with the result.

use std::{
    fs::{self, File, Permissions},
    io,
    os::{fd::AsRawFd as _, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use ingest::{Ingest, RecountError, Scope, Step, Verdict};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinHandle,
    time::interval,
};

use crate::cli::Failure;

/// The socket's name.
const NAME: &str = "control.sock";
/// A socket's path has at most 107 bytes.
const MAX_PATH: usize = 100;
/// A line names a hundred differences at most.
const MAX_LINE: u64 = 1 << 20;
/// How often it is told how far the work is.
const TELL: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Task {
    /// Count and compare.
    Verify,
    /// Count, compare and put right.
    Rebuild,
}

/// What is to be done, and with what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// What.
    pub(crate) task: Task,
    /// With which days of which account.
    pub(crate) scope: Scope,
}

/// How far it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// How far the recount is.
    pub(crate) step: Step,
    /// What keeps the service from its work, if something does.
    pub(crate) trouble: Option<String>,
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Told(Told),
    Done(Verdict),
    Failed(String),
}

/// Does it, and tells now and then how far it is.
pub(crate) async fn perform(
    ingest: &Ingest,
    request: &Request,
    mut tell: impl FnMut(Told),
) -> Result<Verdict, RecountError> {
    let steps = watch::Sender::new(Step::default());
    let work = async {
        match request.task {
            Task::Verify => ingest.verify(&request.scope, &steps).await,
            Task::Rebuild => ingest.rebuild(request.scope.clone(), &steps).await,
        }
    };
    let (mut work, mut ticks) = (std::pin::pin!(work), interval(TELL));
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {
                let status = ingest.status();
                let trouble = status.error.filter(|_| status.rebuilding.is_none());
                tell(Told { step: *steps.borrow(), trouble });
            }
        }
    }
}

/// The service's end of the socket. It is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl Control {
    /// Listens in the data directory, which is locked: a socket that lies there is a dead service's.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub(crate) fn listen(data_dir: &Path, ingest: Ingest) -> io::Result<Self> {
        let dir = File::open(data_dir)?;
        let (socket, beside) = (data_dir.join(NAME), data_dir.join("control.new"));
        let _ = fs::remove_file(&beside);
        // Under another name until nobody else may open it.
        let listener = UnixListener::bind(short(&dir, &beside))?;
        fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
        fs::rename(&beside, &socket)?;
        let task = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(answer(stream, ingest.clone()))),
                    Err(error) => {
                        tracing::error!(%error, "cannot accept requests of the command line");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        });
        Ok(Self { task, socket })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // A socket that is left behind is replaced at the next start.
        let _ = fs::remove_file(&self.socket);
    }
}

/// Answers one request. The work ends when whoever asked goes away; what was begun of a rebuilding goes on.
async fn answer(stream: UnixStream, ingest: Ingest) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let Ok(request) = line::<Request>(&mut read).await else { return };
    tracing::info!(task = ?request.task, "the command line asks for work");
    let (told, mut steps) = watch::channel(None);
    let work = perform(&ingest, &request, |step| drop(told.send_replace(Some(step))));
    let (mut work, mut byte) = (std::pin::pin!(work), [0]);
    let last = loop {
        let line = tokio::select! {
            done = &mut work => match done {
                Ok(verdict) => break Line::Done(verdict),
                Err(error) => break Line::Failed(crate::problem::chain(&error)),
            },
            // Nothing more is to come: it is the end.
            _ = read.read(&mut byte) => return,
            _ = steps.changed() => steps.borrow_and_update().clone().map(Line::Told),
        };
        if let Some(line) = line
            && send(&mut write, &line).await.is_err()
        {
            return;
        }
    };
    let _ = send(&mut write, &last).await;
}

/// Asks the service that runs on the data directory; `None` when none does.
///
/// # Errors
/// When the service failed, or went away.
pub(crate) async fn ask(
    data_dir: &Path,
    request: &Request,
    mut tell: impl FnMut(Told),
) -> Result<Option<Verdict>, Failure> {
    let Ok(dir) = File::open(data_dir) else { return Ok(None) };
    let stream = match UnixStream::connect(short(&dir, &data_dir.join(NAME))).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(format!("cannot speak with the service on {}: {error}", data_dir.display()).into()),
    };
    let (read, mut write) = stream.into_split();
    send(&mut write, request).await?;
    let mut read = BufReader::new(read);
    loop {
        match line(&mut read).await {
            Ok(Line::Told(told)) => tell(told),
            Ok(Line::Done(verdict)) => return Ok(Some(verdict)),
            Ok(Line::Failed(why)) => return Err(why.into()),
            Err(_) => return Err("the service went away; what it began of a rebuilding goes on when it is back".into()),
        }
    }
}

async fn send(write: &mut (impl tokio::io::AsyncWrite + Unpin), line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line).map_err(io::Error::from)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await
}

async fn line<T: DeserializeOwned>(read: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> io::Result<T> {
    let mut text = String::new();
    read.take(MAX_LINE).read_line(&mut text).await?;
    serde_json::from_str(&text).map_err(io::Error::from)
}

/// A path that a socket can have: a long one is named by its directory, which is open.
fn short(dir: &File, socket: &Path) -> PathBuf {
    match socket.file_name() {
        Some(name) if socket.as_os_str().len() > MAX_PATH => {
            Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name)
        }
        _ => socket.to_owned(),
    }
}
