//! A queue that is damaged on disk: a torn end is cut off, damage elsewhere is reported and put aside, and everything else goes on.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
};

use postlens_tests::harness::Service;
use serde_json::Value;

use super::Account;
use crate::budget::FAULTY_RUN;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A service that was killed with all of an account's events in its queue, in this many batches of equal size.
fn with_full_queue(seed: u64, batches: usize) -> (Service, Account, usize) {
    let service = Service::starting_with(&[("POSTLENS_CLICKHOUSE_URL", NOWHERE)]);
    let account = Account::of(&service, seed, FAULTY_RUN);
    let size = account.events.len().div_ceil(batches);
    account.events.chunks(size).for_each(|batch| account.client.report_plainly(batch));
    service.kill();
    service.set("POSTLENS_CLICKHOUSE_URL", "");
    (service, account, size)
}

fn queue(service: &Service) -> PathBuf {
    service.directory().join("data/spool")
}

fn segment(service: &Service) -> PathBuf {
    let mut files = fs::read_dir(queue(service)).unwrap().map(|file| file.unwrap().path());
    files.find(|path| path.extension().is_some_and(|extension| extension == "spool")).unwrap()
}

fn quarantined(account: &Account) -> u64 {
    let status: Value = account.client.get("/v1/ingest/status", &[]).json();
    status["quarantined_bytes"].as_u64().expect("a number")
}

#[test]
fn a_torn_end_is_cut_off_and_everything_acknowledged_is_counted() {
    let (service, account, _) = with_full_queue(91, 10);
    let path = segment(&service);
    let whole = fs::read(&path).unwrap();
    // As a record looks of which only the first half was written.
    File::options().append(true).open(&path).unwrap().write_all(&whole[..whole.len() / 20]).unwrap();
    service.restart();
    account.compare();
    assert_eq!(quarantined(&account), 0);
    assert!(service.log().contains("torn end"));
}

#[test]
fn a_flipped_bit_costs_the_record_that_it_is_in_and_is_reported() {
    let (service, account, size) = with_full_queue(92, 10);
    let path = segment(&service);
    let mut bytes = fs::read(&path).unwrap();
    let first = 8 + u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    bytes[first + 500] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    service.restart();
    let mut accepted = account.events.clone();
    accepted.drain(size..2 * size);
    account.compare_with(&accepted);
    assert!(quarantined(&account) > 0);
    assert_eq!(fs::read_dir(queue(&service).join("quarantine")).unwrap().count(), 1);
    let log = service.log();
    assert!(log.contains("the spool is damaged") && log.contains(&format!("offset={first}")), "{log}");

    // The sender may send again what was lost, and then nothing is missing.
    account.client.report_plainly(&account.events[size..2 * size]);
    account.compare();
    service.kill();
    service.restart();
    account.compare();
    assert_eq!(service.log().matches("the spool is damaged").count(), 1, "it is reported once");
}

#[test]
fn a_stretch_of_rubbish_costs_the_records_that_it_hits() {
    let (service, account, size) = with_full_queue(93, 10);
    let path = segment(&service);
    let mut bytes = fs::read(&path).unwrap();
    let frames = frames(&bytes);
    // From the midst of the fourth record to the midst of the sixth: lengths and checksums are lost, too.
    let (from, to) = (frames[3] + 100, frames[5] + 100);
    for (place, byte) in bytes[from..to].iter_mut().enumerate() {
        *byte = u8::try_from(place.wrapping_mul(37) % 251).unwrap();
    }
    fs::write(&path, bytes).unwrap();
    service.restart();
    let mut accepted = account.events.clone();
    accepted.drain(3 * size..6 * size);
    account.compare_with(&accepted);
    assert_eq!(quarantined(&account), (frames[6] - frames[3]) as u64);
}

/// Where the frames begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![0];
    while let Some(length) = bytes[places[places.len() - 1]..].first_chunk() {
        places.push(places[places.len() - 1] + 8 + u32::from_le_bytes(*length) as usize);
    }
    places
}
