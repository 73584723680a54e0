//! A ledger that is lost or damaged: it is made anew from the events in ClickHouse, and the numbers stay the same, with events in the queue
//! and a batch half written at the time, and for what is sent again afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use postlens_tests::harness::{Engine, Fault, Proxy, Service, until};

use super::Account;

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";
/// Distinct events of an account.
const EVENTS: usize = 4_000;
/// How long until a planned fault happens.
const PATIENCE: Duration = Duration::from_mins(1);

fn ledger(service: &Service) -> PathBuf {
    service.directory().join("data/ledger")
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

fn kept_ledgers(service: &Service) -> usize {
    let entries = fs::read_dir(service.directory().join("data")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("ledger.damaged")).count()
}

/// Verified by the program itself, compared with the count, and again after everything was sent a second time.
fn agree(service: &Service, account: &Account) {
    account.client.report_plainly(&account.events);
    account.compare();
    let (code, said) = service.attempt(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
}

/// A service that was killed with half of an account's events in the tables and half in the queue.
fn half_applied(seed: u64) -> (Service, Account) {
    let service = Service::start();
    let account = Account::of(&service, seed, EVENTS);
    let (applied, waiting) = account.events.split_at(EVENTS / 2);
    applied.chunks(700).for_each(|part| {
        account.client.report_plainly(part);
        account.client.wait_applied(&part[0]);
    });
    service.kill();
    service.set("POSTLENS_CLICKHOUSE_URL", NOWHERE);
    service.launch();
    waiting.chunks(700).for_each(|part| account.client.report_plainly(part));
    service.kill();
    service.set("POSTLENS_CLICKHOUSE_URL", "");
    (service, account)
}

#[test]
fn a_ledger_that_was_deleted_is_made_of_the_events() {
    let (service, account) = half_applied(51);
    fs::remove_dir_all(ledger(&service)).unwrap();
    service.restart();
    agree(&service, &account);
    assert!(service.log().contains("tables and ledger are rebuilt"), "it is told");
    service.kill();
    service.restart();
    assert_eq!(service.log().matches("tables and ledger are rebuilt from the events").count(), 1, "it is whole now");
    agree(&service, &account);
}

#[test]
fn a_ledger_without_any_events_is_not_missed() {
    let service = Service::start();
    service.kill();
    fs::remove_dir_all(ledger(&service)).unwrap();
    service.restart();
    let account = Account::of(&service, 52, EVENTS);
    account.client.report_plainly(&account.events);
    agree(&service, &account);
    assert!(!service.log().contains("are rebuilt"));
}

#[test]
fn a_damaged_file_of_the_ledger_changes_no_number_and_is_kept() {
    let (service, account) = half_applied(53);
    let mut rebuilt = 0;
    for number in 0.. {
        let files = files(&ledger(&service));
        let Some(path) = files.get(number / 2) else { break };
        let mut bytes = fs::read(path).unwrap();
        if bytes.is_empty() {
            continue;
        }
        if number % 2 == 0 {
            // What lies at the beginning is read by everybody, what lies farther behind perhaps not.
            let place = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) / 2;
            bytes[place] ^= 0x20;
        } else {
            bytes.truncate(bytes.len() / 2);
        }
        fs::write(path, bytes).unwrap();
        service.restart();
        account.client.report_plainly(&account.events);
        account.compare();
        service.kill();
        let kept = kept_ledgers(&service);
        eprintln!("{}, {}: {kept} kept", path.display(), if number % 2 == 0 { "flipped" } else { "cut" });
        rebuilt = kept;
    }
    assert!(rebuilt > 0, "some damage is noticed");
    service.restart();
    agree(&service, &account);
}

#[test]
fn a_ledger_of_an_earlier_day_is_noticed() {
    let service = Service::start();
    let account = Account::of(&service, 54, EVENTS);
    let (early, late) = account.events.split_at(EVENTS / 2);
    account.client.report_plainly(early);
    account.client.wait_applied(&early[0]);
    service.kill();
    let backup = service.directory().join("backup");
    copy(&ledger(&service), &backup);
    service.restart();
    late.chunks(300).for_each(|part| {
        account.client.report_plainly(part);
        account.client.wait_applied(&part[0]);
    });
    service.kill();
    fs::remove_dir_all(ledger(&service)).unwrap();
    fs::rename(backup, ledger(&service)).unwrap();
    service.restart();
    agree(&service, &account);
    assert!(service.log().contains("it has forgotten batches"), "it is told");
    assert_eq!(kept_ledgers(&service), 1);
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

#[test]
fn a_ledger_that_is_lost_with_a_batch_half_written_is_made_of_the_events() {
    let engine = Engine::start();
    let proxy = Proxy::before(engine.address());
    let service = Service::with(&[("POSTLENS_CLICKHOUSE_URL", &proxy.url())]);
    let account = Account::of(&service, 55, EVENTS);
    let tables = ["cube", "coarse", "rollup", "deliveries", "events"];
    let part = account.events.len().div_ceil(tables.len());
    for (events, table) in account.events.chunks(part).zip(tables) {
        // This table gets half of a block again and again, the others theirs.
        for _ in 0..4 {
            proxy.plan(table, Fault::CutBody);
        }
        account.client.report_plainly(events);
        until("the faults happen", PATIENCE, || (proxy.to_come() == 0).then_some(()));
        service.kill();
        fs::remove_dir_all(ledger(&service)).unwrap();
        service.restart();
    }
    let put_right = |line: &&str| line.contains("rows_put_right=") && !line.contains("rows_put_right=0 ");
    assert!(service.log().lines().filter(put_right).count() > 1, "batches were half written");
    agree(&service, &account);
}
