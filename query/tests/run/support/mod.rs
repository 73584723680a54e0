//! The embedded engine as a child of the test, and cells in its tables that the test also keeps to itself.

pub(crate) mod brute;
mod rollup;

use std::{
    ffi::OsString,
    fmt::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use chrono::Datelike as _;
use clap::Parser;
use schema::{AccountId, Basis, COARSE, CUBE, ClickHouse, Endpoint, Measure, Measures, WEIGHT};

/// Where the engine keeps its data; its presence makes this program the engine.
const ENGINE: &str = "QUERY_TEST_ENGINE";

/// Seconds of a UTC day.
const DAY: u32 = 86_400;

/// The engine's command line.
#[derive(Parser)]
struct Program {
    #[command(flatten)]
    options: engine::Options,
}

/// The child's side: serves the engine until its standard input ends. Call it from a test of its own.
pub(crate) fn serve_if_asked() {
    let Ok(folder) = std::env::var(ENGINE) else { return };
    let folder = Path::new(&folder);
    let mut arguments = ["engine", "--exit-with-stdin", "--path"].map(OsString::from).to_vec();
    arguments.extend([folder.join("data").into(), "--socket".into(), folder.join("engine.sock").into()]);
    let Program { options } = Program::parse_from(arguments);
    engine::run(&options).map(|never| match never {}).expect("the engine runs");
}

/// The running engine: one for all tests of this program. It ends when the program does, for its standard input does.
struct Engine {
    folder: tempfile::TempDir,
    _child: Child,
}

/// A database of its own, brought to the current schema.
pub(crate) async fn database(name: &str) -> ClickHouse {
    static RUNNING: OnceLock<Engine> = OnceLock::new();
    let engine = RUNNING.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "engine", "--ignored", "--nocapture"])
            .env(ENGINE, folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the engine starts");
        Engine { folder, _child: child }
    });
    let socket = engine.folder.path().join("engine.sock");
    for _ in 0..600 {
        // The socket is there once the engine is ready.
        if socket.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let clickhouse = ClickHouse::new(&Endpoint::Socket(socket), name);
    let migrated = schema::migrate(&clickhouse).await;
    migrated.expect("the tables are created (has `engine/fetch-libchdb` been run?)");
    clickhouse
}

/// A row of the cube, as the writer would write it.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) account: AccountId,
    pub(crate) basis: Basis,
    pub(crate) bucket: u32,
    pub(crate) campaign: String,
    pub(crate) subject: String,
    pub(crate) sender: String,
    pub(crate) domain: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) measures: Measures,
}

impl Cell {
    /// The domain of the sender: the test's senders are plain addresses.
    pub(crate) fn sender_domain(&self) -> &str {
        schema::domain_of(&self.sender)
    }

    pub(crate) fn provider(&self) -> &'static str {
        schema::MailboxProvider::of_domain(&self.domain).name()
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }

    /// What takes the cell back.
    pub(crate) fn negated(&self) -> Self {
        let mut measures = Measures::default();
        measures -= &self.measures;
        Self { measures, ..self.clone() }
    }

    /// The cell at each coarser grain, from their definition (ARCHITECTURE.md, "How a report is read").
    fn coarse(&self) -> [String; 5] {
        let day = self.bucket / DAY * DAY;
        let date = chrono::DateTime::from_timestamp(day.into(), 0).expect("a time").date_naive();
        let first = [22, 15, 8, 1].into_iter().find(|first| *first <= date.day()).expect("a day of a month");
        let fourth = day - (date.day() - first) * DAY;
        let (domain, fields) = (self.domain.as_str(), self.fields.as_slice());
        [
            self.values(Some("quarter"), self.bucket, "", &[]),
            self.values(Some("domain"), day, domain, &[]),
            self.values(Some("fields"), day, "", fields),
            self.values(Some("day"), day, "", &[]),
            self.values(Some("fourth"), fourth, domain, &[]),
        ]
    }

    fn values(&self, grain: Option<&str>, bucket: u32, domain: &str, fields: &[(String, String)]) -> String {
        let fields: Vec<_> = fields.iter().flat_map(|(name, value)| [quoted(name), quoted(value)]).collect();
        let texts = [&self.campaign, &self.subject, &self.sender, self.sender_domain(), domain, self.provider()];
        let mut values = vec![quoted(self.account.as_str()), self.basis.code().to_string()];
        values.extend(grain.map(quoted));
        values.push(bucket.to_string());
        values.extend(texts.map(quoted));
        values.push(format!("map({})", fields.join(", ")));
        values.extend(Measure::ALL.iter().map(|measure| self.measures[*measure].to_string()));
        values.push(self.measures.weight().to_string());
        format!("({})", values.join(", "))
    }
}

/// Writes cells into the cube and, as what they add there, into the coarser tables.
pub(crate) async fn insert(clickhouse: &ClickHouse, cells: &[Cell]) {
    for cells in cells.chunks(200) {
        let finest = cells.iter().map(|cell| cell.values(None, cell.bucket, &cell.domain, &cell.fields));
        let coarse = cells.iter().flat_map(Cell::coarse);
        for sql in [statement(CUBE, "", finest), statement(COARSE, "grain, ", coarse), rollup::statement(cells)] {
            let query = clickhouse.client().query_raw(&sql).with_setting("insert_deduplicate", "0");
            query.execute().await.expect("the rows are inserted");
        }
    }
}

fn statement(table: &str, grain: &str, rows: impl Iterator<Item = String>) -> String {
    let measures: Vec<_> = Measure::ALL.iter().map(|measure| measure.name()).collect();
    let rows: Vec<_> = rows.collect();
    format!(
        "INSERT INTO {table} (account, basis, {grain}bucket, campaign, subject, sender, sender_domain, recipient_domain, mailbox_provider, fields, {}, {WEIGHT}) VALUES {}",
        measures.join(", "),
        rows.join(", ")
    )
}

pub(crate) fn quoted(text: &str) -> String {
    let mut hex = String::new();
    for byte in text.bytes() {
        write!(hex, "{byte:02X}").expect("writing to a String does not fail");
    }
    format!("unhex('{hex}')")
}
