//! The way of a webhook's body: verified over its bytes, decoded, on disk, counted. It waits for the disk and for nothing else.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use bytes::Bytes;
use ingest::{Ingest, IngestError, Taken};
use schema::metrics::{EVENTS_TOTAL, Outcome as EventOutcome};

use super::{
    Counter, Source, SourceError, Sources,
    verify::{Kind, Refusal, Signed},
};
use crate::metadata::MetadataError;

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    /// It was not verified.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is not what the provider sends. It is kept.
    #[error("{0}")]
    Undecodable(String),
    /// Its events cannot be kept now.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The source cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl From<MetadataError> for HookError {
    fn from(error: MetadataError) -> Self {
        Self::Source(error.into())
    }
}

/// What became of what a body tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Events that are on disk.
    pub(crate) accepted: u64,
    /// Events that were not accepted.
    pub(crate) rejected: u64,
    /// How many for which reason.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// What is none of our events.
    pub(crate) ignored: u64,
}

impl From<&Taken> for Outcome {
    fn from(taken: &Taken) -> Self {
        let receipt = &taken.receipt;
        let mut reasons = BTreeMap::new();
        for rejection in &receipt.errors {
            *reasons.entry(rejection.code.to_owned()).or_default() += 1;
        }
        let untold = receipt.rejected.saturating_sub(receipt.errors.len() as u64);
        if untold > 0 {
            reasons.insert("other".to_owned(), untold);
        }
        let ignored = taken.ignored.values().sum();
        Self { accepted: receipt.accepted, rejected: receipt.rejected, reasons, ignored }
    }
}

impl Outcome {
    /// Adds another.
    pub(crate) fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.ignored += other.ignored;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }
}

impl Sources {
    /// Takes a body that came by the webhook of a source.
    ///
    /// # Errors
    /// When it was not taken. One that is undecodable is kept.
    pub(crate) async fn take(
        &self,
        ingest: &Ingest,
        source: &Source,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Outcome, HookError> {
        let (now, counts) = (self.now(), &self.0.counts);
        counts.add(&source.id, Counter::Bodies, "", 1);
        counts.add(&source.id, Counter::Bytes, "", body.len() as u64);
        let signed = Signed { headers, body: &body, now };
        let verified = match self.0.verifier.verify(&source.id, &source.scheme, &signed).await {
            Ok(verified) => verified,
            Err(refusal) => {
                match refusal {
                    Refusal::Replayed => counts.add(&source.id, Counter::Repeated, "", 1),
                    other => counts.add(&source.id, Counter::Refused, label(other), 1),
                }
                return Err(refusal.into());
            }
        };
        counts.seen(&source.id, now);
        let of_topic = match verified.kind() {
            Kind::Payload | Kind::Notification => None,
            Kind::Subscribed => Some("SubscriptionConfirmation"),
            Kind::Unsubscribed => Some("UnsubscribeConfirmation"),
        };
        if let Some(kind) = of_topic {
            counts.add(&source.id, Counter::Ignored, kind, 1);
            verified.remember();
            return Ok(Outcome { ignored: 1, ..Outcome::default() });
        }
        match self.decode(ingest, source, body.clone()).await {
            Ok(taken) => {
                verified.remember();
                if self.0.recent.note(&source.id, &body, now) {
                    counts.add(&source.id, Counter::Repeated, "", 1);
                }
                Ok(self.told(source, &taken))
            }
            Err(IngestError::Malformed(reason)) => {
                // Not remembered: what its provider sends again after an upgrade is decoded then.
                self.keep(source, &body, &reason).await?;
                counts.add(&source.id, Counter::Undecodable, "", 1);
                Err(HookError::Undecodable(reason))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Decodes a body of a source and puts its events on disk.
    pub(super) async fn decode(&self, ingest: &Ingest, source: &Source, body: Bytes) -> Result<Taken, IngestError> {
        let taken =
            ingest.accept_from(&source.account, &source.id, body, source.provider, source.mapping.clone()).await?;
        let events =
            [(EventOutcome::Accepted, taken.receipt.accepted), (EventOutcome::Rejected, taken.receipt.rejected)];
        for (outcome, count) in events {
            metrics::counter!(EVENTS_TOTAL, "outcome" => outcome.label()).increment(count);
        }
        Ok(taken)
    }
}

/// Why a body was refused, as a label.
const fn label(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Missing => "missing",
        Refusal::Wrong => "wrong",
        Refusal::Stale => "stale",
        Refusal::Replayed => "replayed",
        Refusal::Unavailable => "unavailable",
    }
}
