//! What others ask of the writer: to pause between two batches, and to have something counted meanwhile.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::{Notify, oneshot, watch};

use super::{RecountError, Scope, Step, Steps, Verdict};

/// What is to be done between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing: whoever asks wants to know that the tables are complete, and that ClickHouse answers.
    Rest,
    /// Count and compare.
    Check,
    /// Count, compare, and put right.
    Rebuild,
}

/// A question to the writer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) scope: Scope,
    pub(crate) work: Work,
    pub(crate) steps: Steps,
    pub(crate) answer: oneshot::Sender<Result<Verdict, RecountError>>,
}

impl Job {
    /// A job, and where its answer comes.
    pub(crate) fn new(
        scope: Scope,
        work: Work,
        steps: Steps,
    ) -> (Self, oneshot::Receiver<Result<Verdict, RecountError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { scope, work, steps, answer }, answered)
    }

    /// A rebuilding that nobody waits for.
    pub(crate) fn unattended(scope: Scope) -> Self {
        Self::new(scope, Work::Rebuild, watch::Sender::new(Step::default())).0
    }

    /// Whether the whole ledger is to be replaced: that needs no batch to be complete before.
    pub(crate) fn replaces_ledger(&self) -> bool {
        self.work == Work::Rebuild && self.scope.is_everything()
    }

    /// Tells the result to whoever still waits.
    pub(crate) fn finish(self, result: Result<Verdict, RecountError>) {
        // Nobody waits any more: they know.
        let _ = self.answer.send(result);
    }
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// The jobs that wait.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

impl Jobs {
    /// Adds a job; one that comes too late is told so.
    pub(crate) fn push(&self, job: Job) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.jobs.push_back(job);
            self.arrived.notify_one();
        }
    }

    /// The next job.
    pub(crate) fn next(&self) -> Option<Job> {
        self.lock().jobs.pop_front()
    }

    /// A job that the writer need not finish its batch for.
    pub(crate) fn next_that_replaces_ledger(&self) -> Option<Job> {
        let jobs = &mut self.lock().jobs;
        let place = jobs.iter().position(Job::replaces_ledger)?;
        jobs.remove(place)
    }

    /// Over when a job has arrived since the last time.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Nobody does any job any more.
    pub(crate) fn close(&self) {
        *self.lock() = Waiting { jobs: VecDeque::new(), closed: true };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
