//! Against the real engine: whatever answer is lost, and whatever a crash leaves of a token, every block is there once.

use std::{
    env,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bumpalo::Bump;
use clap::Parser;
use schema::{Endpoint, Event, EventKind, Identifier, Millis, Secret};
use tempfile::TempDir;

use super::*;
use crate::{
    batch::Batch,
    cube::CubeChange,
    fact::{Facts, Records, Told},
    ledger::Ledger,
    limits::Admission,
    record::RecordBuilder,
    rows::{Stamp, inserts},
    testing::event,
    texts::Texts,
};

/// Where the engine keeps its data; its presence makes this program the engine.
const ENGINE: &str = "INGEST_TEST_ENGINE";

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    options: engine::Options,
}

#[test]
#[ignore = "no test: the engine that the tests start as a child of theirs"]
fn engine() {
    let Ok(folder) = env::var(ENGINE) else { return };
    let (data, socket) = (format!("{folder}/data"), format!("{folder}/engine.sock"));
    let arguments = ["engine", "--exit-with-stdin", "--path", &data, "--socket", &socket];
    let Program { options } = Program::parse_from(arguments);
    engine::run(&options).map(|never| match never {}).expect("the engine runs");
}

/// An engine with the tables.
struct Bench {
    store: Store,
    _engine: Child,
    folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let engine = start(folder.path());
        let socket = folder.path().join("engine.sock");
        let clickhouse = ClickHouse::new(&Endpoint::Socket(socket.clone()), "postlens");
        for _ in 0..3000 {
            if socket.exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        schema::migrate(&clickhouse).await.expect("the tables are created (has `engine/fetch-libchdb` been run?)");
        let store = Store { clickhouse, ledger: "l".into() };
        Self { store, _engine: engine, folder }
    }

    /// The inserts of a batch of three events in two months, computed anew as after a crash.
    fn inserts(&self) -> Vec<Insert> {
        three_events(self.folder.path())
    }

    async fn put(&self, inserts: &[Insert], repeated: bool) -> Result<()> {
        self.store.put(&Delivered { inserts, number: 7, held: &Held::new(), repeated }).await
    }

    async fn number(&self, sql: &str) -> u64 {
        self.store.clickhouse.client().query_raw(sql).fetch_one().await.expect("a number")
    }

    /// Events, deliveries, and what the cube says was queued and what blocks it holds; the rollup must say the same.
    async fn content(&self) -> [u64; 4] {
        let queued = "SELECT toUInt64(sum(queued)) FROM rollup WHERE basis = 0 AND dimension = ''";
        let blocks = "SELECT toUInt64(sum(weight)) FROM rollup WHERE basis = 255";
        let rollup = [self.number(queued).await, self.number(blocks).await];
        let queued = "SELECT toUInt64(sum(queued)) FROM coarse WHERE basis = 0 AND grain = 'day'";
        let blocks = "SELECT toUInt64(sum(weight)) FROM coarse WHERE basis = 255";
        let coarse = [self.number(queued).await, self.number(blocks).await];
        let [events, deliveries, cube @ ..] = self.tables().await;
        assert_eq!(coarse, cube, "the coarser grains have what the cube has");
        assert_eq!(rollup, cube, "the rollup has what the cube has");
        [events, deliveries, cube[0], cube[1]]
    }

    async fn tables(&self) -> [u64; 4] {
        [
            self.number("SELECT count() FROM events").await,
            self.number("SELECT count() FROM deliveries FINAL").await,
            self.number("SELECT toUInt64(sum(queued)) FROM cube WHERE basis = 0").await,
            self.number("SELECT toUInt64(sum(weight)) FROM cube WHERE basis = 255").await,
        ]
    }
}

fn start(folder: &Path) -> Child {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--exact", "store::tests::engine", "--ignored", "--nocapture"]).env(ENGINE, folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the engine starts")
}

fn three_events(folder: &Path) -> Vec<Insert> {
    let ledger = Arc::new(Ledger::open(&folder.join("ledger"), 8 << 20).expect("a ledger"));
    let identifier = Identifier::new(&Secret::new([7; 32]));
    let mut record = RecordBuilder::default();
    for (message_id, time) in [("one", 1_790_000_000_000), ("two", 1_790_000_000_000), ("three", 1_795_000_000_000)] {
        let event = event(EventKind::Queued, message_id, time);
        record.push(&Event { subject: "s", fields: vec![("payer", "p7")], ..event });
    }
    let frames = record.finish(&"a".parse().expect("a name"), Millis(1_795_000_000_000));
    let rules = crate::Options::default().rules();
    let view = ledger.view(None, &rules).expect("the ledger answers");
    let records = Records::open(&frames).expect("what was written can be read");
    let (known, own);
    let mut texts = Texts::default();
    let told = Told::read(&records, &mut texts, &identifier).expect("the records can be read");
    let facts = Facts::distinct(&told, view).expect("the ledger answers");
    (known, own) = (facts.known(view).expect("the ledger answers"), Bump::new());
    let admission = Admission::new(rules.limits, view, &identifier, &own);
    let mut batch =
        Batch::fold(facts, texts, &known, &identifier, admission, CubeChange::default()).expect("no state is damaged");
    inserts(&mut batch, Stamp { ledger: "l", version: 7, batch: 7 }, &crate::buffers::Buffers::none())
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_there_once() {
    let bench = Bench::new().await;
    bench.put(&bench.inserts(), false).await.expect("the engine takes it");
    assert_eq!(bench.content().await, [3, 3, 3, 2]);
    for _ in 0..2 {
        bench.put(&bench.inserts(), true).await.expect("the engine takes it again");
        assert_eq!(bench.content().await, [3, 3, 3, 2]);
    }
}

#[tokio::test]
async fn a_batch_of_which_only_a_part_arrived_is_completed() {
    let bench = Bench::new().await;
    for insert in bench.inserts().iter().step_by(2) {
        bench.put(std::slice::from_ref(insert), false).await.expect("the engine takes it");
    }
    bench.put(&bench.inserts(), true).await.expect("the engine takes the rest");
    assert_eq!(bench.content().await, [3, 3, 3, 2]);
}

#[tokio::test]
async fn a_batch_that_is_tried_again_keeps_the_memory_of_what_has_not_arrived_alone() {
    let bench = Bench::new().await;
    let inserts = bench.inserts();
    let (first, rest) = inserts.split_at(3);
    bench.put(first, false).await.expect("the engine takes it");
    let is_kept = |inserts: &[Insert]| inserts.iter().map(|insert| insert.block().is_some()).collect::<Vec<_>>();
    assert_eq!((is_kept(first), is_kept(rest)), (vec![false; 3], vec![true; rest.len()]));
    bench.put(&inserts, true).await.expect("the engine takes the rest");
    assert_eq!(is_kept(&inserts), vec![false; inserts.len()]);
    assert_eq!(bench.content().await, [3, 3, 3, 2]);
}

#[tokio::test]
async fn a_token_without_its_block_does_not_lose_the_block() {
    let bench = Bench::new().await;
    // What a crash between noting the token and showing the block leaves: the token is known, the block is not there.
    for (table, time) in [("cube", "bucket"), ("coarse", "bucket"), ("rollup", "bucket"), ("events", "time")] {
        bench.stray(table, time).await;
    }
    bench.put(&bench.inserts(), true).await.expect("the engine takes it under another token");
    let [events, deliveries, queued, blocks] = bench.content().await;
    assert_eq!([events - 2, deliveries, queued, blocks], [3, 3, 3, 2]);
}

/// Were it inserted all the same, it would stand for the missing one, and count twice.
#[tokio::test]
async fn a_block_of_before_that_is_missing_is_told_and_nothing_is_inserted() {
    let bench = Bench::new().await;
    bench.put(&bench.inserts(), false).await.expect("the engine takes it");
    let inserts = bench.inserts();
    // Of two blocks of before there is one.
    let held = inserts.iter().map(|insert| (insert.month, 2)).collect();
    for insert in inserts.iter().filter(|insert| matches!(insert.table, Table::Cube | Table::Coarse | Table::Rollup)) {
        let inserts = std::slice::from_ref(insert);
        let told = bench.store.put(&Delivered { inserts, number: 8, held: &held, repeated: true }).await;
        assert!(matches!(told, Err(StoreError::Drift { found: 1, expected: 3, .. })), "{told:?}");
    }
    assert_eq!(bench.content().await, [3, 3, 3, 2]);
}

impl Bench {
    /// Spends the tokens of a table's inserts on rows of nobody.
    async fn stray(&self, table: &str, time: &str) {
        for insert in self.inserts().iter().filter(|insert| insert.table.name() == table) {
            let (year, month) = (insert.month.0 / 100, insert.month.0 % 100);
            let sql =
                format!("INSERT INTO {table} (account, {time}) VALUES ('stray', '{year}-{month:02}-02 00:00:00')");
            let query = self.store.clickhouse.client().query_raw(&sql);
            let token = self.store.token(insert, 7, 0);
            query.with_setting("insert_deduplication_token", token).execute().await.expect("the stray row is taken");
        }
    }
}
