//! Alerts: the part around the pure functions of `query::alert` that asks, stores and tells.
//!
//! - **rules** are what an account has: the defaults, as it changed them, and its own;
//! - the **evaluator** asks every distinct question of an account once, evaluates its rules, and stores what changed together with the
//!   letters that tell of it, in one transaction; one service at a time does so, under a lease;
//! - a **notice** is what is told, whatever the channel; **channel** has the kinds of channels, whose secrets `crate::seal` keeps;
//! - the **courier** takes letters out of the outbox and brings them to their channels, through `crate::outgoing`, which goes to no
//!   private address. Saved reports (`crate::saved`) go the same way, by a courier of their own.

mod advice;
pub(crate) mod channel;
mod chart;
mod courier;
mod decision;
mod evaluator;
mod letter;
pub(crate) mod notice;
mod pass;
pub(crate) mod rules;
mod task;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use schema::{AccountId, Clock, Millis, Secret};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

pub(crate) use channel::Mailer;
pub(crate) use chart::Charts;
pub(crate) use courier::Courier;
pub(crate) use decision::{history_row, letter_id};
pub(crate) use evaluator::Evaluator;
pub(crate) use letter::LetterText;
pub(crate) use task::Tasks;

use self::notice::Notice;
use crate::{
    metadata::Metadata,
    outgoing::Outgoing,
    saved::Reports,
    seal::{Purpose, Sealer},
};

/// A name made of these parts, in hexadecimal digits; where one ends and the next begins matters.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// How alerts reach people.
pub(crate) struct Ways {
    /// Requests to the outside.
    pub(crate) outgoing: Outgoing,
    /// E-mail, if a server is configured.
    pub(crate) mailer: Option<Mailer>,
    /// Charts for it.
    pub(crate) charts: Option<Charts>,
    /// Reports of letters that bring one, if this service makes any.
    pub(crate) reports: Option<Reports>,
    /// Where people reach this service, for links in messages.
    pub(crate) link: Option<String>,
}

/// What routes, evaluator and courier share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Alerts(Arc<Inner>);

struct Inner {
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    sealer: Sealer,
    ways: Ways,
    posted: Notify,
    closing: watch::Sender<bool>,
}

impl Alerts {
    /// Alerts of this installation.
    pub(crate) fn new(metadata: Metadata, clock: Arc<dyn Clock>, secret: &Secret, ways: Ways) -> Self {
        let (posted, closing) = (Notify::new(), watch::Sender::default());
        let sealer = Sealer::new(secret, Purpose::Channels);
        Self(Arc::new(Inner { metadata, clock, sealer, ways, posted, closing }))
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.0.clock.as_ref()
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.0.ways.outgoing
    }

    /// Where people reach this service, if somebody said so.
    pub(crate) fn link(&self) -> Option<&str> {
        self.0.ways.link.as_deref()
    }

    pub(crate) fn mailer(&self) -> Option<&Mailer> {
        self.0.ways.mailer.as_ref()
    }

    /// Who makes the reports that letters bring.
    pub(crate) fn reports(&self) -> Option<&Reports> {
        self.0.ways.reports.as_ref()
    }

    /// The chart of a notice, if it can be drawn.
    pub(crate) async fn chart(&self, account: &AccountId, notice: &Notice, now: Millis) -> Option<Vec<u8>> {
        self.0.ways.charts.as_ref()?.of(account, notice, now).await
    }

    /// Ends the streams of clients: the service stops.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Waits so long, or until the service stops; tells whether it does.
    pub(crate) async fn closed_within(&self, time: Duration) -> bool {
        let mut closing = self.0.closing.subscribe();
        timeout(time, closing.wait_for(|closing| *closing)).await.is_ok()
    }

    /// Wakes the courier: there are letters.
    pub(crate) fn wake(&self) {
        self.0.posted.notify_one();
    }

    /// Over when there are letters.
    pub(crate) async fn posted(&self) {
        self.0.posted.notified().await;
    }
}
