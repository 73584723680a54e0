//! Keeps a writer at work over a ledger that can be believed: one that is broken is opened again, one that is lost, damaged or behind its
//! tables is made anew from the events.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use schema::Clock;
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    buffers::Buffers,
    ledger::{Ledger, LedgerError},
    prepare::Preparation,
    recount::{Doing, Job, Jobs, Patience, Rebuild, RecountError, Step, Verdict},
    spool::Spool,
    status::Progress,
    store::Store,
    trust::is_behind,
    writer::{End, RETRY, Writer, closes_within, until_closing},
};

/// Memory of blocks that is kept: a batch being inserted and one being computed have a few each.
const BUFFERS: usize = 12;
const BUFFER_BYTES: usize = 256 << 20;
/// How often the log tells how far a rebuilding is.
const TELL: Duration = Duration::from_secs(10);

/// A ledger as it was found.
pub(crate) enum Found {
    Whole(Ledger),
    Lost(Lost),
}

/// A ledger that is to be made anew.
pub(crate) struct Lost {
    /// What the log says about it.
    why: String,
    /// Whether the old one is kept: whoever wants to know what happened to it may look.
    keep: bool,
    /// Who asked for it.
    job: Option<Job>,
}

impl Lost {
    fn damaged(why: impl Into<String>) -> Self {
        Self { why: why.into(), keep: true, job: None }
    }

    fn unwanted(job: Option<Job>) -> Self {
        Self { why: "it was asked for".to_owned(), keep: false, job }
    }
}

impl Found {
    /// Opens the ledger, and answers how far it is if it knows.
    pub(crate) fn in_dir(dir: &Path, cache: u64) -> Result<(Self, Option<u64>), LedgerError> {
        // The store gives up by a panic where it finds what it never expected.
        let opened = std::panic::catch_unwind(|| {
            let ledger = Ledger::open(dir, cache)?;
            let cursor = if ledger.is_new()? { None } else { Some(ledger.cursor()?) };
            ledger.held()?;
            Ok::<_, LedgerError>((ledger, cursor))
        });
        match opened {
            Ok(Ok((ledger, cursor))) => Ok((Self::Whole(ledger), cursor)),
            Ok(Err(error)) if error.is_damage() => Ok((Self::Lost(Lost::damaged(error.to_string())), None)),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok((Self::Lost(Lost::damaged("it cannot be opened")), None)),
        }
    }
}

/// What a writer is made of, beside its ledger.
pub(crate) struct Keeper {
    pub(crate) rebuild: Rebuild,
    pub(crate) spool: Arc<Spool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) batch_events: u64,
    pub(crate) progress: Arc<Progress>,
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) accepting: Arc<AtomicUsize>,
    pub(crate) jobs: Arc<Jobs>,
}

impl Keeper {
    /// Works until the service closes.
    pub(crate) async fn run(self, found: Found) {
        self.keep(found).await;
        self.jobs.close();
    }

    async fn keep(&self, mut found: Found) {
        if let Found::Lost(lost) = &found {
            self.progress.rebuilds(watch::Sender::new(Step::default()).subscribe());
            tracing::warn!(why = lost.why, "the ledger cannot be used");
        }
        let tidied = self.retry(|| async {
            schema::migrate(&self.rebuild.clickhouse).await?;
            self.rebuild.tidy().await
        });
        if tidied.await.is_none() {
            return;
        }
        let mut broken_at = None;
        loop {
            let Some(ledger) = self.settle(found).await else { return };
            let writer = match self.writer(ledger) {
                Ok(writer) => writer,
                Err(error) => {
                    self.progress.failed(&error);
                    found = if error.is_damage() {
                        Found::Lost(Lost::damaged(error.to_string()))
                    } else {
                        if closes_within(RETRY.1, &self.closing).await {
                            return;
                        }
                        let Some(again) = self.reopen().await else { return };
                        again
                    };
                    continue;
                }
            };
            let end = writer.work().await;
            // The ledger is closed with it.
            if spawn_blocking(move || drop(writer)).await.is_err() {
                return;
            }
            let Some(next) = self.after(end, &mut broken_at).await else { return };
            found = next;
        }
    }

    /// What is to be gone on with after a writer's end; `None` when the service closes. `broken_at` is how far batches were applied when the
    /// ledger broke last.
    async fn after(&self, end: End, broken_at: &mut Option<u64>) -> Option<Found> {
        match end {
            End::Closed => None,
            End::LedgerBroken => {
                tracing::warn!("the ledger's disk failed; the ledger is opened again, and its last batch is looked at");
                let applied = self.progress.applied();
                let stands_still = broken_at.replace(applied) == Some(applied);
                let again = self.reopen().await?;
                Some(if stands_still { examined(again).await } else { again })
            }
            End::LedgerDamaged(why) => Some(Found::Lost(Lost::damaged(why))),
            End::Replace(job) => Some(Found::Lost(Lost::unwanted(Some(job)))),
        }
    }

    fn writer(&self, ledger: Ledger) -> Result<Writer, LedgerError> {
        let Rebuild { clickhouse, identifier, rules, .. } = self.rebuild.clone();
        let (name, begun) = (ledger.name()?, ledger.begun()?);
        self.progress.look_at(&ledger)?;
        Ok(Writer {
            store: Store { clickhouse, ledger: name.clone() },
            begun: begun.map(|(range, _)| range),
            preparation: Arc::new(Preparation {
                spool: Arc::clone(&self.spool),
                name,
                ledger: Arc::new(ledger),
                identifier,
                rules,
                begun,
                buffers: Buffers::new(BUFFERS, BUFFER_BYTES),
                cells: Mutex::default(),
            }),
            jobs: Arc::clone(&self.jobs),
            rebuild: self.rebuild.clone(),
            clock: Arc::clone(&self.clock),
            batch_events: self.batch_events,
            progress: Arc::clone(&self.progress),
            closing: self.closing.clone(),
            accepting: Arc::clone(&self.accepting),
        })
    }

    /// Opens the ledger again, as soon as its disk allows; `None` when the service closes meanwhile.
    async fn reopen(&self) -> Option<Found> {
        let opened = self.retry(|| async {
            let (dir, cache) = (self.rebuild.ledger(), self.rebuild.cache);
            Ok(spawn_blocking(move || Found::in_dir(&dir, cache)).await??)
        });
        let (found, cursor) = opened.await?;
        if let Some(cursor) = cursor {
            // What was said to have failed may be there: the ledger on disk decides.
            self.spool.applied(cursor);
            self.progress.reopened(cursor);
        }
        Some(found)
    }

    /// A ledger that knows of all that the tables hold; `None` when the service closes before there is one.
    async fn settle(&self, found: Found) -> Option<Ledger> {
        let lost = match found {
            Found::Lost(lost) => lost,
            Found::Whole(ledger) => match self.retry(|| async { damage(self.judge(&ledger).await) }).await? {
                None => return Some(ledger),
                Some(lost) => {
                    spawn_blocking(move || drop(ledger)).await.ok()?;
                    lost
                }
            },
        };
        let ledger = self.remake(lost).await;
        self.progress.rebuilt();
        ledger
    }

    /// Why a ledger that could be opened must be made anew all the same, if it must.
    async fn judge(&self, ledger: &Ledger) -> Result<Option<Lost>, RecountError> {
        if ledger.is_new()? {
            if self.rebuild.has_rows().await? {
                return Ok(Some(Lost::damaged("there is none, but there are events")));
            }
            ledger.complete(self.beginning(), 0)?;
            return Ok(None);
        }
        if is_behind(&self.rebuild.clickhouse, ledger).await? {
            return Ok(Some(Lost::damaged("it has forgotten batches that the tables have")));
        }
        match self.rebuild.broken_off()? {
            Some(scope) if scope.is_everything() => Ok(Some(Lost::unwanted(None))),
            Some(scope) => {
                self.jobs.push(Job::unattended(scope));
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Where a ledger without a past goes on: everything before is in the events, and what is counted twice then is seen.
    fn beginning(&self) -> u64 {
        self.progress.applied().max(self.spool.beginning())
    }

    /// Makes the ledger anew, and puts the tables right.
    async fn remake(&self, lost: Lost) -> Option<Ledger> {
        if !self.retry(|| self.rebuild.has_rows()).await? {
            self.retry(|| async { Ok(self.rebuild.put_aside(lost.keep)?) }).await?;
            let dir = self.rebuild.ledger();
            if let Some(job) = lost.job {
                job.finish(Ok(Verdict::default()));
            }
            let ledger = self.retry(|| open(dir.clone(), self.rebuild.cache)).await?;
            self.retry(|| async { Ok(ledger.complete(self.beginning(), 0)?) }).await?;
            return Some(ledger);
        }
        let cursor = self.beginning();
        let steps = lost.job.as_ref().map_or_else(|| watch::Sender::new(Step::default()), |job| job.steps.clone());
        self.progress.rebuilds(steps.subscribe());
        tracing::info!(why = lost.why, "tables and ledger are rebuilt from the events");
        let (patience, repairs) = (Patience::default(), AtomicBool::default());
        let rebuilt = self.retry(|| async {
            let rebuilt = self.rebuild.everything(cursor, &steps).await;
            repairs.fetch_or(steps.borrow().doing == Doing::Repairing, Ordering::Relaxed);
            // Nobody can do without a ledger that is lost. And what was put right has all events in it, also those of a batch that was half
            // written, which the ledger before would write once more.
            let is_wanted = lost.job.is_none() || repairs.load(Ordering::Relaxed);
            if is_wanted { rebuilt.map(Ok) } else { patience.judge(rebuilt) }
        });
        let verdict = match telling(&steps, rebuilt).await? {
            Ok(verdict) => verdict,
            Err(error) => {
                self.rebuild.give_up().await;
                if let Some(job) = lost.job {
                    job.finish(Err(error));
                }
                return self.retry(|| open(self.rebuild.ledger(), self.rebuild.cache)).await;
            }
        };
        self.retry(|| async { Ok(self.rebuild.replace_ledger(lost.keep)?) }).await?;
        let ledger = self.retry(|| open(self.rebuild.ledger(), self.rebuild.cache)).await?;
        self.spool.applied(cursor);
        self.progress.reopened(cursor);
        let Verdict { events, deliveries, differing, remaining, .. } = verdict;
        tracing::info!(events, deliveries, rows_put_right = differing, remaining, "tables and ledger are rebuilt");
        if let Some(job) = lost.job {
            job.finish(Ok(verdict));
        }
        Some(ledger)
    }

    /// Tries until it works; `None` when the service closes meanwhile.
    async fn retry<T, F: Future<Output = Result<T, RecountError>>>(&self, mut work: impl FnMut() -> F) -> Option<T> {
        let mut wait = RETRY.0;
        loop {
            match until_closing(&self.closing, work()).await? {
                Ok(value) => {
                    self.progress.recovered();
                    return Some(value);
                }
                Err(error) => self.progress.failed(&error),
            }
            if closes_within(wait, &self.closing).await {
                return None;
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }
}

/// What was found of a ledger, or that it is damaged where that was found.
fn damage(judged: Result<Option<Lost>, RecountError>) -> Result<Option<Lost>, RecountError> {
    match judged {
        Err(RecountError::Ledger(error)) if error.is_damage() => Ok(Some(Lost::damaged(error.to_string()))),
        judged => judged,
    }
}

/// Reads the whole of a ledger that breaks again and again: it is the disk, or it is damaged.
async fn examined(found: Found) -> Found {
    let Found::Whole(ledger) = found else { return found };
    let examined = spawn_blocking(move || {
        match ledger.examine() {
            Err(error) if error.is_damage() => Found::Lost(Lost::damaged(error.to_string())),
            // A disk that fails now may not fail later.
            _ => Found::Whole(ledger),
        }
    });
    examined.await.unwrap_or_else(|_| Found::Lost(Lost::damaged("it cannot be read")))
}

async fn open(dir: std::path::PathBuf, cache: u64) -> Result<Ledger, RecountError> {
    Ok(spawn_blocking(move || Ledger::open(&dir, cache)).await??)
}

/// Works, and tells the log now and then how far it is.
async fn telling<T>(steps: &watch::Sender<Step>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(TELL) => {
                let Step { doing, done, of } = *steps.borrow();
                match (doing, of) {
                    (Doing::Counting, Some(of)) => tracing::info!(done, of, "events are counted anew"),
                    (doing, _) => tracing::info!(?doing, done, "tables and ledger are being rebuilt"),
                }
            }
        }
    }
}
