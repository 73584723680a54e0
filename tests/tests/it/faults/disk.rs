//! A disk that is full: what cannot be kept is refused, what was acknowledged stays, and when there is room again everything goes on by
//! itself.

use std::{thread, time::Duration};

use fixtures::Event;
use postlens_tests::harness::{Body, Encoding, Reply, Service, SmallDisk, limit_file_size};

use super::Account;
use crate::{budget::FAULTY_RUN, refusals::refused, traffic::Work};

/// Large enough for everything that the run writes.
const MEBIBYTES: u32 = 400;

/// Reports a part while there is room, more while there is none, and the rest when there is room again; compares.
fn survive(service: &Service, seed: u64, fill: impl FnOnce(), clear: impl FnOnce()) {
    let account = Account::of(service, seed, FAULTY_RUN);
    let (before, rest) = account.events.split_at(FAULTY_RUN / 3);
    let (during, after) = rest.split_at(FAULTY_RUN / 3);
    account.client.report_plainly(before);
    fill();
    let mut refusals = 0;
    let mut left: Vec<Event> = Vec::new();
    for batch in during.chunks(250) {
        let reply = post(&account, batch);
        if reply.status == 202 {
            continue;
        }
        refused(&reply, 503, "storage-unavailable", "a full disk");
        assert!(reply.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        refusals += 1;
        left.extend_from_slice(batch);
    }
    assert!(refusals > 0, "the disk was full");
    // Long enough for the rest of the service to notice, too.
    thread::sleep(Duration::from_secs(2));
    clear();
    Work::cut(&left, 1_000, seed).run(&account.client, 1);
    Work::cut(after, 1_000, seed).run(&account.client, 2);
    account.compare();
    service.kill();
    service.restart();
    account.compare();
}

fn post(account: &Account, batch: &[Event]) -> Reply {
    account.client.try_post("", Body::Ndjson.write(batch), Body::Ndjson, Encoding::Identity).unwrap()
}

/// Lets the spool's file grow no longer.
fn with_limited_files(seed: u64) {
    let service = Service::start();
    let process = service.id();
    survive(&service, seed, || limit_file_size(process, Some(64 << 10)), || limit_file_size(process, None));
}

#[test]
fn a_full_disk_loses_nothing_and_needs_nobody() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else {
        eprintln!("mounting is not allowed here: the files' sizes are limited instead");
        return with_limited_files(86);
    };
    let service = Service::with(&[("POSTLENS_DATA_DIR", disk.path().join("data").to_str().unwrap())]);
    survive(&service, 86, || disk.fill(), || disk.clear());
    drop(service);
}

#[test]
fn a_service_that_is_killed_on_a_full_disk_starts_when_there_is_room_again() {
    let Some(disk) = SmallDisk::mount(MEBIBYTES) else {
        eprintln!("mounting is not allowed here: the files' sizes are limited instead");
        return with_limited_files(88);
    };
    let service = Service::with(&[("POSTLENS_DATA_DIR", disk.path().join("data").to_str().unwrap())]);
    let restart = || {
        service.kill();
        for millis in [300, 1000, 2000] {
            service.start_and_kill(Duration::from_millis(millis));
        }
        disk.clear();
        service.restart();
    };
    survive(&service, 88, || disk.fill(), restart);
    drop(service);
}

#[test]
fn files_that_may_not_grow_lose_nothing_and_need_nobody() {
    with_limited_files(87);
}
