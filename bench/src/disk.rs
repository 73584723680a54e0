//! What lies on disk once the merges have settled.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use postlens_tests::harness::Service;
use reqwest::blocking::Client;

use crate::{load::http, plain::Plain};

/// Looks in a row that find no merge, which mean that there is nothing left to merge for now.
const QUIET: u32 = 5;

/// How long merges may take to settle.
const PATIENCE: Duration = Duration::from_mins(10);

/// Bytes of all our tables and of the ledger.
pub(crate) struct Ours {
    /// What the tables take.
    pub(crate) tables: u64,
    /// The blocks that the ledger's files take, room for what is to come included.
    pub(crate) ledger: u64,
}

/// Of the service, whose engine answers on a socket in its data directory.
pub(crate) fn ours(service: &Service) -> Ours {
    ours_in(&service.directory().join("data"))
}

/// Of the service that keeps its data there.
pub(crate) fn ours_in(data: &Path) -> Ours {
    let http = Client::builder().timeout(None).unix_socket(data.join("engine.sock")).build();
    let http = http.expect("a client needs nothing");
    let ask = |sql: &str| {
        let answer = http.post("http://engine/").body(sql.to_owned()).send().expect("the engine answers");
        answer.text().expect("the answer is text")
    };
    Ours { tables: tables("postlens", ask), ledger: allocated(&data.join("ledger")) }
}

/// Of the plain table.
pub(crate) fn theirs(plain: &Plain) -> u64 {
    let http = http();
    tables("default", |sql| plain.ask(&http, sql).expect("a question that has an answer"))
}

/// Bytes of the active parts of a database's tables, after merges.
fn tables(database: &str, ask: impl Fn(&str) -> String) -> u64 {
    let number = |sql: &str| -> u64 {
        let text = ask(sql);
        text.trim().parse().unwrap_or_else(|_| panic!("not a number: {text}"))
    };
    let (started, mut quiet) = (Instant::now(), 0);
    while quiet < QUIET && started.elapsed() < PATIENCE {
        let merges = number(&format!("SELECT count() FROM system.merges WHERE database = '{database}'"));
        quiet = if merges == 0 { quiet + 1 } else { 0 };
        thread::sleep(Duration::from_secs(1));
    }
    number(&format!("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = '{database}'"))
}

/// Bytes of the blocks of all files below.
fn allocated(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => allocated(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        // It was deleted meanwhile.
        Err(_) => 0,
    });
    sizes.sum()
}
