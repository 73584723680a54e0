//! Bodies that could not be decoded: kept sealed and bounded, listed, opened, replayed.

use ingest::{Ingest, IngestError, Taken};
use schema::Millis;

use super::{Counter, HookError, Outcome, Source, SourceError, Sources};
use crate::metadata::{
    MetadataError,
    sources::{Bounds, NewReject},
};

/// How many bodies of a source are kept.
const MOST: usize = 100;
/// How many bytes of them.
const MOST_BYTES: i64 = 16 << 20;
/// How long one is kept after it came last, in milliseconds.
const OLDEST: i64 = 14 * 86_400_000;

/// What became of bodies that were replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    /// Bodies that were decoded, and are not kept any more.
    pub(crate) decoded: u64,
    /// Bodies that still cannot be.
    pub(crate) remaining: u64,
    /// What became of what they tell.
    pub(crate) outcome: Outcome,
    /// Why one still cannot be decoded.
    pub(crate) reason: Option<String>,
}

impl Sources {
    /// Keeps a body.
    pub(super) async fn keep(&self, source: &Source, body: &[u8], reason: &str) -> Result<(), MetadataError> {
        let mut hasher = blake3::Hasher::new_keyed(&self.0.digests);
        hasher.update(source.id.as_bytes()).update(b"/").update(body);
        let digest = hasher.finalize().to_hex().to_string();
        let sealed = self.0.bodies.seal(&source.account, &place(&source.id, &digest), body);
        let bytes = i64::try_from(body.len()).unwrap_or(i64::MAX);
        let reject = NewReject { digest, reason: reason.to_owned(), bytes, sealed };
        let now = self.now();
        let bounds = Bounds { count: MOST, bytes: MOST_BYTES, since: oldest(now) };
        self.0.metadata.keep_reject(&source.id, &reject, bounds, now).await
    }

    /// A body that is kept.
    ///
    /// # Errors
    /// When the store does not answer, or the body cannot be read.
    pub(crate) async fn body(&self, source: &Source, number: i64) -> Result<Option<Vec<u8>>, SourceError> {
        let Some(reject) = self.0.metadata.reject(&source.id, number).await? else { return Ok(None) };
        Ok(Some(self.0.bodies.open(&source.account, &place(&source.id, &reject.digest), &reject.sealed)?))
    }

    /// Decodes a body once more; when that succeeds, it is not kept any more. `None`: it is not kept.
    ///
    /// # Errors
    /// When its events cannot be kept, or the store does not answer.
    pub(crate) async fn replay(
        &self,
        ingest: &Ingest,
        source: &Source,
        number: i64,
    ) -> Result<Option<Replayed>, HookError> {
        let Some(body) = self.body(source, number).await? else { return Ok(None) };
        match self.decode(ingest, source, body.into()).await {
            Ok(taken) => {
                self.0.metadata.delete_reject(&source.id, number).await?;
                Ok(Some(Replayed { decoded: 1, outcome: self.told(source, &taken), ..Replayed::default() }))
            }
            Err(IngestError::Malformed(reason)) => {
                Ok(Some(Replayed { remaining: 1, reason: Some(reason), ..Replayed::default() }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Decodes all bodies of a source once more, the oldest first.
    ///
    /// # Errors
    /// When events cannot be kept, or the store does not answer.
    pub(crate) async fn replay_all(&self, ingest: &Ingest, source: &Source) -> Result<Replayed, HookError> {
        let mut all = Replayed::default();
        for reject in self.0.metadata.rejects(&source.id).await?.iter().rev() {
            let Some(one) = self.replay(ingest, source, reject.number).await? else { continue };
            all.decoded += one.decoded;
            all.remaining += one.remaining;
            all.outcome.add(one.outcome);
            all.reason = one.reason.or(all.reason);
        }
        Ok(all)
    }

    /// Forgets bodies whose time is over.
    pub(super) async fn forget_old_rejects(&self) -> Result<(), MetadataError> {
        self.0.metadata.forget_rejects(oldest(self.now())).await
    }

    /// Counts what became of what a body tells.
    pub(super) fn told(&self, source: &Source, taken: &Taken) -> Outcome {
        let outcome = Outcome::from(taken);
        let counts = &self.0.counts;
        counts.add(&source.id, Counter::Accepted, "", outcome.accepted);
        for (reason, count) in &outcome.reasons {
            counts.add(&source.id, Counter::Rejected, reason, *count);
        }
        for (kind, count) in &taken.ignored {
            counts.add(&source.id, Counter::Ignored, kind, *count);
        }
        outcome
    }
}

/// What a body is bound to.
fn place(source: &str, digest: &str) -> String {
    format!("{source}/{digest}")
}

fn oldest(now: Millis) -> Millis {
    Millis(now.0 - OLDEST)
}
