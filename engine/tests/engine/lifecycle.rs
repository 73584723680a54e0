//! Start, exit, crash and restart of the engine's process.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::harness::{Engine, command, eventually, program};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000";

fn insert(engine: &Engine, token: &str, data: &str) -> bool {
    let target = format!("/?insert_deduplication_token={token}&query=INSERT+INTO+t+FORMAT+CSV");
    engine.curl(&target, &["--data-binary", data]).status == 200
}

fn stderr_of(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn acknowledged_data_and_tokens_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let engine = Engine::start(dir.path(), &[]);
        engine.sql(TABLE);
        for token in 0..=round {
            assert!(insert(&engine, &format!("p0:{token}"), &format!("{token}\n{token}\n")));
        }
        assert_eq!(engine.sql("SELECT count(), uniqExact(a) FROM t"), format!("{}\t{}", 2 * (round + 1), round + 1));
        engine.signal("-KILL");
        engine.wait();
    }
}

#[test]
fn sigterm_under_load_closes_in_order_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path(), &[]);
    engine.sql(TABLE);
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let status = std::thread::scope(|scope| {
        for worker in 0..4 {
            let (engine, stop, acknowledged) = (&engine, &stop, &acknowledged);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) || !insert(engine, &format!("{worker}-{round}"), "1\n2\n3\n") {
                        break;
                    }
                    acknowledged.fetch_add(3, Ordering::Relaxed);
                }
            });
        }
        // Merges, and a query that does not end by itself.
        scope.spawn(|| engine.curl("/", &["-d", "SELECT count() FROM numbers(100000000000000)"]));
        scope.spawn(|| while engine.curl("/", &["-d", "OPTIMIZE TABLE t FINAL"]).status == 200 {});
        eventually("some inserts", || (acknowledged.load(Ordering::Relaxed) > 300).then_some(()));
        engine.signal("-TERM");
        let status = engine.wait();
        stop.store(true, Ordering::Relaxed);
        status
    });
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(!dir.path().join("socket").exists());
    let engine = Engine::start(dir.path(), &[]);
    let kept: u64 = engine.sql("SELECT count() FROM t").parse().unwrap();
    // An insert may have been committed whose answer was cut off.
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    assert!(
        (acknowledged..=acknowledged + 4 * 3).contains(&kept) && kept.is_multiple_of(3),
        "{kept} of {acknowledged}"
    );
}

#[test]
fn the_engine_follows_its_parent_into_death() {
    let dir = tempfile::tempdir().unwrap();
    let (data, socket) = (dir.path().join("data"), dir.path().join("socket"));
    let script = format!(
        "coproc ENGINE {{ exec '{}' --exit-with-stdin --path '{}' --socket '{}'; }}; echo $ENGINE_PID; wait",
        program().display(),
        data.display(),
        socket.display()
    );
    let mut parent =
        Command::new("bash").args(["-c", &script]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pid = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(parent.stdout.take().unwrap()), &mut pid).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    eventually("the engine is ready", || socket.exists().then_some(()));
    assert!(process.exists());
    parent.kill().unwrap();
    parent.wait().unwrap();
    // Where nobody reaps it, it stays as a zombie, which is dead enough.
    let dead = || fs::read_to_string(process.join("stat")).map_or(true, |stat| stat.contains(") Z "));
    eventually("the engine exits", || dead().then_some(()));
    assert!(!socket.exists(), "it exited in order");
}

#[test]
fn the_end_of_standard_input_is_an_orderly_exit() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path(), &["--exit-with-stdin"]);
    drop(engine.child.lock().unwrap().stdin.take());
    assert_eq!(engine.wait().code(), Some(0));
}

#[test]
fn a_second_engine_on_the_same_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path(), &[]);
    let (code, stderr) = stderr_of(&mut command(dir.path(), &[]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("another engine is running"), "{stderr}");
    assert_eq!(engine.sql("SELECT 1"), "1");
}

#[test]
fn the_socket_is_private_and_replaces_only_a_stale_one() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    drop(UnixListener::bind(&socket).unwrap());
    let engine = Engine::start(dir.path(), &[]);
    assert_eq!(engine.sql("SELECT 1"), "1");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let other = tempfile::tempdir().unwrap();
    let (code, stderr) = stderr_of(command(other.path(), &[]).arg("--socket").arg(&socket));
    assert_ne!(code, Some(0));
    let taken = tempfile::tempdir().unwrap();
    fs::write(taken.path().join("socket"), "precious").unwrap();
    let (code, message) = stderr_of(&mut command(taken.path(), &[]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(message.contains("cannot listen"), "{message}");
    assert_eq!(fs::read_to_string(taken.path().join("socket")).unwrap(), "precious");
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, message) in [
        (["--library", "/nowhere/libchdb.so"], "make setup"),
        (["--library", "/bin/true"], "cannot be loaded"),
        (["--tcp", "0.0.0.0:0"], "not a loopback address"),
    ] {
        let (code, stderr) = stderr_of(&mut command(dir.path(), &arguments));
        assert_eq!(code, Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}
