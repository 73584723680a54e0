//! Certificates of SNS: fetched, believed or not, and kept for a day.
//!
//! SNS serves a certificate without the one of its issuer. It is fetched from where the certificate says it is, if that is one of Amazon's
//! authorities; what makes it trustworthy is its signature, not its address.
//!
//! Who may post to a source can name any path on a host of SNS. So few are asked at a time, what was found wanting is remembered for a minute, and
//! never at the cost of what was found good.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use schema::Millis;
use tokio::sync::{Mutex as Turn, Semaphore};

use super::{
    super::{Refusal, key::Rsa},
    address::Address,
    later,
    trust::{self, Distrust, Signer},
};
use crate::outgoing::{Outgoing, OutgoingError};

/// How many addresses are remembered: there are some thirty regions, and two certificates in each while one takes over from the other.
const MOST: usize = 128;
/// How many are asked at a time.
const AT_ONCE: usize = 4;
/// How long one request may take. SNS waits for fifteen seconds.
const PATIENCE: Duration = Duration::from_secs(4);
/// The longest file, and the longest chain in it.
const LONGEST: usize = 65_536;
const LONGEST_CHAIN: usize = 6;

/// How long a good one is believed, a bad one refused, and a silent one not asked again.
const GOOD_FOR: Duration = Duration::from_hours(24);
const BAD_FOR: Duration = Duration::from_mins(1);
const SILENT_FOR: Duration = Duration::from_secs(5);

/// Whoever holds the turn asks, and all who wait for it know then.
type Slot = Arc<Turn<Option<Known>>>;

#[derive(Clone)]
struct Known {
    outcome: Result<Rsa, Refusal>,
    until: Millis,
}

impl Known {
    fn is_good(&self, now: Millis) -> bool {
        self.outcome.is_ok() && now < self.until
    }
}

#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    #[error(transparent)]
    Distrust(#[from] Distrust),
}

/// Keys of SNS, by the address of their certificate.
pub(super) struct Certificates {
    outgoing: Outgoing,
    roots: RootCertStore,
    slots: Mutex<HashMap<String, Slot>>,
    places: Semaphore,
}

impl Certificates {
    pub(super) fn new(outgoing: Outgoing, roots: RootCertStore) -> Self {
        Self { outgoing, roots, slots: Mutex::default(), places: Semaphore::new(AT_ONCE) }
    }

    /// The key whose certificate is there.
    ///
    /// # Errors
    /// When there is none that is believed, or nobody answers.
    pub(super) async fn key(&self, address: &Address, now: Millis) -> Result<Rsa, Refusal> {
        let slot = self.slot(&address.url, now).ok_or(Refusal::Unavailable)?;
        let mut known = slot.lock().await;
        if let Some(known) = known.as_ref().filter(|known| now < known.until) {
            return known.outcome.clone();
        }
        let learnt = self.ask(address, now).await;
        known.insert(learnt).outcome.clone()
    }

    /// The slot of an address; `None` when there are too many.
    fn slot(&self, url: &str, now: Millis) -> Option<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST && !slots.contains_key(url) {
            // Whose turn is taken is being asked.
            slots.retain(|_, slot| {
                slot.try_lock().map_or(true, |known| known.as_ref().is_some_and(|known| known.is_good(now)))
            });
        }
        if slots.len() >= MOST && !slots.contains_key(url) {
            return None;
        }
        Some(slots.entry(url.to_owned()).or_default().clone())
    }

    async fn ask(&self, address: &Address, now: Millis) -> Known {
        let Ok(_place) = self.places.acquire().await else {
            return Known { outcome: Err(Refusal::Unavailable), until: now };
        };
        match self.fetch(address, now).await {
            Ok(signer) => Known { outcome: Ok(signer.key), until: signer.until.min(later(now, GOOD_FOR)) },
            Err(error) => {
                tracing::warn!(%error, "a certificate of SNS cannot be used");
                match error {
                    Unfit::Outgoing(_) => Known { outcome: Err(Refusal::Unavailable), until: later(now, SILENT_FOR) },
                    Unfit::Distrust(_) => Known { outcome: Err(Refusal::Wrong), until: later(now, BAD_FOR) },
                }
            }
        }
    }

    async fn fetch(&self, address: &Address, now: Millis) -> Result<Signer, Unfit> {
        let file = self.outgoing.get(&address.url, PATIENCE, LONGEST).await?;
        let pem: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file).take(LONGEST_CHAIN).collect();
        let mut chain = pem.map_err(|_| Distrust::Certificate)?;
        match trust::signer(&chain, address, &self.roots, now) {
            Err(Distrust::Issuer) => {}
            known => return Ok(known?),
        }
        let issuer = chain.first().and_then(trust::issuer).ok_or(Distrust::Issuer)?;
        chain.push(self.outgoing.get(&issuer, PATIENCE, LONGEST).await?.into());
        Ok(trust::signer(&chain, address, &self.roots, now)?)
    }
}
