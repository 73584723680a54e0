//! The life of one request in the engine, shared by the side that serves the client and the thread that runs the
//! statement: so that a client who goes away takes its statement along, and nobody else's.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    mpsc::{Receiver, RecvTimeoutError, Sender},
};
use std::time::Duration;

use crate::ffi::{Connection, Params};

/// A statement may not be known to the engine yet when it is to be killed, so killing is repeated this often.
const KILL_INTERVAL: Duration = Duration::from_millis(50);

/// The setting that carries a connection's tag, for the engine to show in `system.processes`: a text that means
/// something only to table engines for message queues, so no request has a reason to set it.
pub(crate) const TAG_SETTING: &str = "stream_like_engine_insert_queue";

#[derive(Debug)]
enum Phase {
    Waiting,
    /// On the connection that carries this tag.
    Running(String),
    Cancelled,
    Finished,
}

/// One request's phase.
#[derive(Debug, Clone)]
pub(crate) struct Ticket(Arc<Mutex<Phase>>);

impl Ticket {
    /// For a request that waits for a connection.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Phase::Waiting)))
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request has got the connection `tag`; false if nobody waits for it any more.
    pub(crate) fn start(&self, tag: &str) -> bool {
        let mut phase = self.phase();
        let wanted = matches!(*phase, Phase::Waiting);
        if wanted {
            *phase = Phase::Running(tag.to_owned());
        }
        wanted
    }

    /// The engine is done with the request; true if it was left in peace until then.
    pub(crate) fn finish(&self) -> bool {
        let before = std::mem::replace(&mut *self.phase(), Phase::Finished);
        matches!(before, Phase::Running(_))
    }

    fn is_finished(&self) -> bool {
        matches!(*self.phase(), Phase::Finished)
    }

    /// Nobody waits for the request any more; gives the connection it runs on.
    fn cancel(&self) -> Option<String> {
        let mut phase = self.phase();
        if matches!(*phase, Phase::Finished) {
            return None;
        }
        match std::mem::replace(&mut *phase, Phase::Cancelled) {
            Phase::Running(tag) => Some(tag),
            Phase::Waiting | Phase::Cancelled | Phase::Finished => None,
        }
    }
}

/// A statement to stop: the tag of its connection, and the request it belongs to.
pub(crate) type Kill = (String, Ticket);

/// Held on the client's side; dropped before the request is finished, it cancels it.
#[derive(Debug)]
pub(crate) struct CancelOnDrop {
    ticket: Ticket,
    kills: Sender<Kill>,
}

impl CancelOnDrop {
    /// Watches over `ticket`.
    pub(crate) fn new(ticket: Ticket, kills: Sender<Kill>) -> Self {
        Self { ticket, kills }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(tag) = self.ticket.cancel() {
            // Fails only when the engine is closing, which stops every statement anyway.
            let _closing = self.kills.send((tag, self.ticket.clone()));
        }
    }
}

/// Stops statements until their threads have noticed; returns when nobody can ask for more.
pub(crate) fn kill_loop(keeper: &mut Connection, kills: &Receiver<Kill>) {
    let mut pending: Vec<Kill> = Vec::new();
    loop {
        if pending.is_empty() {
            match kills.recv() {
                Ok(kill) => pending.push(kill),
                Err(_) => return,
            }
        } else {
            match kills.recv_timeout(KILL_INTERVAL) {
                Ok(kill) => pending.push(kill),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(KILL_INTERVAL),
            }
        }
        pending.retain(|(_, ticket)| !ticket.is_finished());
        for (tag, _) in &pending {
            // The tag is ours: letters, digits and dashes. A statement that is just ending is no error.
            let sql = format!("KILL QUERY WHERE Settings['{TAG_SETTING}'] = '{tag}' ASYNC FORMAT Null");
            let _ended = keeper.query(sql.as_bytes(), "Null", &Params::default()).map(|_| ());
        }
    }
}
