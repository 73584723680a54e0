//! Sources: providers whose webhooks are taken.
//!
//! - a **source** is one webhook of an account: whose it is, what opens it, how it is verified and mapped; **token** is the secret of its URL;
//! - **verification** is what a user says of how its requests are verified, **verify** does it;
//! - **intake** is the way of a body: verified, decoded, kept on disk, counted;
//! - **counts** are what is told of a source, collected in memory and stored every few seconds by **task**; **recent** knows bodies that
//!   are sent again;
//! - **rejects** are bodies that could not be decoded, kept sealed to be replayed.

mod counts;
mod intake;
mod recent;
mod rejects;
mod source;
mod task;
mod token;
pub(crate) mod verification;
pub(crate) mod verify;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use schema::{AccountId, Clock, Millis, Secret};

pub(crate) use counts::Counter;
pub(crate) use intake::{HookError, Outcome};
pub(crate) use rejects::Replayed;
pub(crate) use source::Source;
pub(crate) use task::Flushing;
pub(crate) use token::HookToken;

use self::{counts::Counts, recent::Recent, verification::Verification, verify::Verifier};
use crate::{
    metadata::{Metadata, MetadataError, sources::SourceRow},
    seal::{Purpose, Sealer, Unreadable},
};

/// How long a source is remembered, in milliseconds: what is changed by another service holds at the latest after that.
const REMEMBERED_MS: i64 = 5_000;
/// How many sources are remembered.
const REMEMBERED: usize = 10_000;

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The store does not answer.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// What is secret of it cannot be read.
    #[error(transparent)]
    Sealed(#[from] Unreadable),
    /// Its verification is that of another version.
    #[error("the source's verification cannot be read: set it anew")]
    Verification,
}

/// What routes and tasks share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sources(Arc<Inner>);

struct Inner {
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    keys: Sealer,
    bodies: Sealer,
    /// The key of digests of bodies.
    digests: [u8; 32],
    verifier: Verifier,
    known: Mutex<HashMap<String, (Arc<Source>, Millis)>>,
    counts: Counts,
    /// Held while counts are stored.
    storing: Arc<tokio::sync::Mutex<()>>,
    recent: Recent,
}

impl Sources {
    /// Sources of this installation.
    pub(crate) fn new(metadata: Metadata, clock: Arc<dyn Clock>, secret: &Secret, verifier: Verifier) -> Self {
        Self(Arc::new(Inner {
            metadata,
            clock,
            keys: Sealer::new(secret, Purpose::Sources),
            bodies: Sealer::new(secret, Purpose::Rejects),
            digests: secret.derive("Postlens 1 digests of rejected bodies"),
            verifier,
            known: Mutex::default(),
            counts: Counts::default(),
            storing: Arc::default(),
            recent: Recent::default(),
        }))
    }

    /// The source that this token opens. It takes as long to find that there is none of this id as that the token is another one.
    ///
    /// # Errors
    /// When the store does not answer, or what is secret of the source cannot be read.
    pub(crate) async fn open(&self, id: &str, token: &HookToken) -> Result<Option<Arc<Source>>, SourceError> {
        let (digest, now) = (token.digest(), self.now());
        if let Some(source) = self.recall(id, now).filter(|source| source.tokens.open(digest, now)) {
            return Ok(Some(source));
        }
        let row = self.0.metadata.source_of_anyone(plain(id)).await?;
        let opens = row.as_ref().map_or(&token::nobodys(), |row| &row.tokens).open(digest, now);
        match row.filter(|_| opens) {
            None => Ok(None),
            Some(row) => {
                let source = Arc::new(self.ready(row)?);
                self.remember(&source, now);
                Ok(Some(source))
            }
        }
    }

    /// A source of an account, as it is stored.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn find(&self, account: &AccountId, id: &str) -> Result<Option<SourceRow>, MetadataError> {
        self.0.metadata.source(account, plain(id)).await
    }

    /// A stored source, ready to take bodies.
    ///
    /// # Errors
    /// When what is secret of it cannot be read.
    pub(crate) fn ready(&self, row: SourceRow) -> Result<Source, SourceError> {
        let verification = self.verification(&row)?;
        let scheme = verification.scheme(row.provider).map_err(|_| SourceError::Verification)?;
        Ok(Source {
            id: row.id,
            account: row.account,
            provider: row.provider,
            mapping: Arc::new(row.mapping),
            scheme,
            tokens: row.tokens,
        })
    }

    /// How a source is verified, with what is secret of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn verification(&self, row: &SourceRow) -> Result<Verification, SourceError> {
        let text = self.0.keys.open(&row.account, &row.id, &row.sealed)?;
        serde_json::from_slice(&text).map_err(|_| SourceError::Verification)
    }

    /// The verification of the source of this id, as it is stored.
    pub(crate) fn seal(&self, account: &AccountId, id: &str, verification: &Verification) -> String {
        let text = serde_json::to_vec(verification).expect("how a source is verified is plain data");
        self.0.keys.seal(account, id, &text)
    }

    /// Forgets what is remembered of a source, because it was changed here.
    pub(crate) fn forget(&self, id: &str) {
        self.known().remove(id);
    }

    fn now(&self) -> Millis {
        self.0.clock.now()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Arc<Source>, Millis)>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recall(&self, id: &str, now: Millis) -> Option<Arc<Source>> {
        self.known().get(id).filter(|(_, since)| is_fresh(*since, now)).map(|(source, _)| Arc::clone(source))
    }

    fn remember(&self, source: &Arc<Source>, now: Millis) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, since)| is_fresh(*since, now));
        }
        if known.len() < REMEMBERED {
            known.insert(source.id.clone(), (Arc::clone(source), now));
        }
    }
}

/// The id, if a source can have it; otherwise one that none has.
fn plain(id: &str) -> &str {
    if (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) { id } else { "" }
}

/// A clock that was set back makes nothing last longer.
fn is_fresh(since: Millis, now: Millis) -> bool {
    (0..REMEMBERED_MS).contains(&(now.0 - since.0))
}
