//! The supervisor against real processes: shells that stand for an engine, and sockets that the test answers on.

use std::fs;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
};

use super::*;

const PATIENCE: Patience = Patience {
    start: Duration::from_mins(1),
    interval: Duration::from_millis(10),
    ping: Duration::from_secs(5),
    failures: 3,
    stop: Duration::from_mins(1),
};

/// A supervised shell whose script finds its directory in `$0`.
struct Bench {
    dir: tempfile::TempDir,
    supervisor: Supervisor,
}

impl Bench {
    fn start(script: &str, patience: Patience) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let launch = Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into(), dir.path().into()],
            socket: dir.path().join("engine.sock"),
            patience,
        };
        Self { supervisor: Supervisor::start(launch), dir }
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the file has so many lines.
    async fn wait_for(&self, name: &str, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let lines = self.lines(name);
            if lines.len() >= count {
                return lines;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "{name} has only {lines:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Answers every ping, and counts them, until it is told to fall silent; after that it lets pings wait.
fn answer(socket: &Path, silent: watch::Receiver<bool>, answered: watch::Sender<u32>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if *silent.borrow() {
                waiting.push(stream);
                continue;
            }
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nOk.\n").await;
            answered.send_modify(|count| *count += 1);
        }
    })
}

#[tokio::test]
async fn an_engine_that_dies_is_started_again() {
    let bench = Bench::start("echo $$ >> $0/pids; exit 7", PATIENCE);
    let pids = bench.wait_for("pids", 3).await;
    assert_ne!(pids[0], pids[1]);
    bench.supervisor.stop().await;
}

#[tokio::test]
async fn an_engine_is_ended_by_closing_its_standard_input() {
    let bench = Bench::start("echo $$ >> $0/pids; cat; echo orderly >> $0/ends", PATIENCE);
    let pids = bench.wait_for("pids", 1).await;
    let dir = bench.dir;
    bench.supervisor.stop().await;
    assert_eq!(fs::read_to_string(dir.path().join("ends")).unwrap(), "orderly\n");
    assert!(!is_alive(&pids[0]));
}

#[tokio::test]
async fn an_engine_that_does_not_stop_in_time_is_killed() {
    let patience = Patience { stop: Duration::from_millis(50), ..PATIENCE };
    let bench = Bench::start("trap '' TERM; echo $$ >> $0/pids; while :; do sleep 1; done", patience);
    let pids = bench.wait_for("pids", 1).await;
    bench.supervisor.stop().await;
    assert!(!is_alive(&pids[0]));
}

#[tokio::test]
async fn an_engine_that_falls_silent_is_killed_and_started_again() {
    let patience = Patience { ping: Duration::from_millis(200), ..PATIENCE };
    let bench = Bench::start("echo $$ >> $0/pids; cat", patience);
    let (silence, silent) = watch::channel(false);
    let (counter, mut answered) = watch::channel(0);
    let answering = answer(&bench.dir.path().join("engine.sock"), silent, counter);
    let pids = bench.wait_for("pids", 1).await;
    answered.wait_for(|count| *count >= 20).await.unwrap();
    assert!(is_alive(&pids[0]), "an engine that answers is left alone");
    silence.send_replace(true);
    let pids = bench.wait_for("pids", 2).await;
    assert!(!is_alive(&pids[0]));
    bench.supervisor.stop().await;
    answering.abort();
}

#[tokio::test]
async fn an_engine_that_never_answers_is_given_up() {
    let patience = Patience { start: Duration::from_millis(100), ..PATIENCE };
    let bench = Bench::start("echo $$ >> $0/pids; cat", patience);
    let pids = bench.wait_for("pids", 2).await;
    assert!(!is_alive(&pids[0]));
    bench.supervisor.stop().await;
}

#[tokio::test]
async fn an_engine_does_not_see_the_secrets_of_the_service() {
    // Set for the shell alone, by a shell in between, so that the environment of this process stays as it is.
    let bench = Bench::start("env | grep -c '^POSTLENS_' >> $0/secrets; echo done >> $0/ends; cat", PATIENCE);
    bench.wait_for("ends", 1).await;
    assert_eq!(bench.lines("secrets"), ["0"]);
    bench.supervisor.stop().await;
}
