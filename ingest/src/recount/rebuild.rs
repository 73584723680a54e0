//! Makes everything that follows from the events anew: the tables are put right, and the ledger learns all events again.
//!
//! Of everything: a new ledger is filled beside the old one and takes its place when it is complete; whatever breaks off before leaves the old
//! one, and the beginning is made again. Of some days: the ledger that is there learns what their events say.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use schema::{ClickHouse, Identifier};
use tokio::task::spawn_blocking;

use super::{
    Doing, Job, Recount, RecountError, Result, Scope, Steps, Verdict,
    check::{BESIDE, PAUSED},
    staging::Staging,
    statement::statement,
};
use crate::ledger::{Age, Ledger, Rules};

/// Rebuilds, in this data directory.
#[derive(Clone)]
pub(crate) struct Rebuild {
    pub(crate) clickhouse: ClickHouse,
    pub(crate) identifier: Identifier,
    pub(crate) dir: PathBuf,
    /// The settings that rows depend on.
    pub(crate) rules: Rules,
    /// Bytes of the ledger's files that are kept in memory.
    pub(crate) cache: u64,
}

impl Rebuild {
    /// Where the ledger lies.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Drops what a crash left of recounts; none is running.
    pub(crate) async fn tidy(&self) -> Result<()> {
        for prefix in [BESIDE, PAUSED] {
            Staging { clickhouse: &self.clickhouse, prefix }.discard().await?;
        }
        Ok(())
    }

    /// Whether ClickHouse answers.
    pub(crate) async fn ping(&self) -> Result<()> {
        Ok(self.clickhouse.client().query_raw("SELECT 1").execute().await?)
    }

    /// Whether the tables hold anything.
    pub(crate) async fn has_rows(&self) -> Result<bool> {
        for table in [schema::EVENTS, schema::DELIVERIES, schema::CUBE, schema::COARSE, schema::ROLLUP] {
            let sql = format!("SELECT count() FROM {table}");
            if self.clickhouse.client().query_raw(&sql).fetch_one::<u64>().await? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether every event can be read: what cannot must stop nobody who was not asked for it.
    pub(crate) async fn examine(&self) -> Result<()> {
        let sql = format!("SELECT count() FROM {} WHERE kind = '' OR account = ''", schema::EVENTS);
        let unreadable: u64 = statement(&self.clickhouse, &sql).fetch_one().await?;
        if unreadable > 0 { Err(RecountError::Event) } else { Ok(()) }
    }

    /// Puts the tables right and fills a new ledger, everything before `cursor` being applied. It lies beside the old one then.
    pub(crate) async fn everything(&self, cursor: u64, steps: &Steps) -> Result<Verdict> {
        let scope = Scope::default();
        self.remember(&scope)?;
        let recount = self.recount(&scope, steps);
        recount.rest().await?;
        let (beside, cache) = (self.beside(), self.cache);
        let ledger = spawn_blocking(move || {
            if beside.exists() {
                fs::remove_dir_all(&beside)?;
            }
            Ok::<_, RecountError>(Arc::new(Ledger::open(&beside, cache)?))
        });
        let ledger = ledger.await??;
        let version = (recount.latest_version().await? + 1).max(cursor);
        let age = recount.age(self.rules.memory).await?;
        let verdict = recount.rebuild(&ledger, age, version).await?;
        spawn_blocking(move || ledger.complete(cursor, version - cursor)).await??;
        Ok(verdict)
    }

    /// The new ledger takes the place of the old one, which is closed. A damaged one is kept under another name.
    pub(crate) fn replace_ledger(&self, keep: bool) -> io::Result<()> {
        let (place, aside) =
            (self.ledger(), unused(&self.dir, if keep { "ledger.damaged" } else { "ledger.replaced" }));
        if place.exists() {
            fs::rename(&place, &aside)?;
        }
        fs::rename(self.beside(), &place)?;
        File::open(&self.dir)?.sync_all()?;
        self.forget()?;
        if !keep && aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        Ok(())
    }

    /// A ledger that nothing is to be made of makes room for an empty one. A damaged one is kept under another name.
    pub(crate) fn put_aside(&self, keep: bool) -> io::Result<()> {
        let place = self.ledger();
        if place.exists() {
            if keep { fs::rename(place, unused(&self.dir, "ledger.damaged"))? } else { fs::remove_dir_all(place)? }
        }
        self.forget()
    }

    /// Puts some days right, in the tables and in this ledger. No batch may be half written.
    pub(crate) async fn days(&self, scope: &Scope, ledger: &Arc<Ledger>, steps: &Steps) -> Result<Verdict> {
        self.remember(scope)?;
        let recount = self.recount(scope, steps);
        recount.rest().await?;
        let (latest, cursor) = (recount.latest_version().await?, ledger.cursor()?);
        let version = (latest + 1).max(ledger.base()? + cursor);
        // First of all: batches after a crash must be above what was put right before it.
        let rebased = Arc::clone(ledger);
        spawn_blocking(move || rebased.rebase(version - cursor)).await??;
        let verdict = recount.rebuild(ledger, ledger.age(None)?, version).await?;
        self.forget()?;
        Ok(verdict)
    }

    /// Counts some days and compares.
    pub(crate) async fn check(&self, scope: &Scope, steps: &Steps) -> Result<Verdict> {
        self.recount(scope, steps).check().await
    }

    /// What a crash broke off.
    pub(crate) fn broken_off(&self) -> io::Result<Option<Scope>> {
        match fs::read(self.note()) {
            // It is written whole or not at all. One that cannot be read is nobody's scope, so everything is made anew.
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes what is being done, so that a start after a crash does it again.
    fn remember(&self, scope: &Scope) -> Result<()> {
        if self.broken_off()?.as_ref() == Some(scope) {
            return Ok(());
        }
        let beside = self.dir.join("rebuild.json.new");
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(scope).map_err(io::Error::from)?)?;
        file.sync_all()?;
        fs::rename(beside, self.note())?;
        Ok(File::open(&self.dir)?.sync_all()?)
    }

    /// Leaves it at what was done: no start does it again. What is put right so far is right.
    pub(crate) async fn give_up(&self) {
        if let Err(error) = self.forget() {
            tracing::warn!(%error, "a rebuild that was given up may be begun again by the next start");
        }
        // What cannot be dropped now, the next recount drops.
        let _ = Staging { clickhouse: &self.clickhouse, prefix: PAUSED }.discard().await;
    }

    fn forget(&self) -> io::Result<()> {
        match fs::remove_file(self.note()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn note(&self) -> PathBuf {
        self.dir.join("rebuild.json")
    }

    fn beside(&self) -> PathBuf {
        self.dir.join("ledger.new")
    }

    fn recount<'r>(&'r self, scope: &'r Scope, steps: &'r Steps) -> Recount<'r> {
        Recount::new(&self.clickhouse, &self.identifier, scope, PAUSED, steps)
    }
}

impl Recount<'_> {
    async fn rebuild(&self, ledger: &Arc<Ledger>, age: Age, version: u64) -> Result<Verdict> {
        self.staging.create().await?;
        let counted = self.count(Some((ledger, age))).await?;
        let mut verdict = self.compare(counted).await?;
        if !verdict.is_clean() {
            self.repair(version).await?;
            let remaining = self.compare(counted).await;
            if remaining.is_err() {
                // What was put right and not looked at is still being put right.
                self.tell(Doing::Repairing, verdict.rows, None);
            }
            verdict.remaining = remaining?.differing;
        }
        self.staging.discard().await?;
        Ok(verdict)
    }
}

impl Job {
    /// Works while somebody waits for it.
    pub(crate) async fn while_wanted<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.answer.closed() => None,
            done = work => Some(done),
        }
    }
}

/// A name that is not taken: the first one has no number.
fn unused(dir: &Path, name: &str) -> PathBuf {
    let numbered = (2..).map(|number: u32| dir.join(format!("{name}-{number}")));
    std::iter::once(dir.join(name)).chain(numbered).find(|path| !path.exists()).unwrap_or_else(|| dir.join(name))
}
