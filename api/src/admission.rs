//! How much may be held at once: bytes of bodies over all clients, and requests of one account.
//!
//! What is taken is given back by being dropped, so no way out of a handler forgets it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use ingest::Buffers;
use schema::AccountId;

use crate::problem::{Kind, Problem};

/// Bodies whose memory is kept for the next ones, and how much of it.
const SPARE: usize = 8;
const SPARE_BYTES: usize = 32 << 20;

/// Keeps count of what is held. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max_bytes: u64,
    max_requests: usize,
    held: Mutex<Held>,
    spare: Buffers,
}

#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    requests: HashMap<AccountId, usize>,
}

impl Admission {
    /// At most so many bytes of bodies in all, and so many requests of one account.
    pub(crate) fn new(max_bytes: u64, max_requests: usize) -> Self {
        let spare = Buffers::new(SPARE, SPARE_BYTES);
        Self(Arc::new(Inner { max_bytes, max_requests, held: Mutex::default(), spare }))
    }

    /// Lets a request of the account in.
    ///
    /// # Errors
    /// When the account has as many as it may have.
    pub(crate) fn enter(&self, account: &AccountId) -> Result<Entered, Problem> {
        let mut held = self.held();
        let count = held.requests.entry(account.clone()).or_default();
        if *count >= self.0.max_requests {
            let detail = format!("this account has {} requests in work; wait for some", self.0.max_requests);
            return Err(Problem::new(Kind::TooManyRequests, detail).retry_after(1));
        }
        *count += 1;
        Ok(Entered { admission: self.clone(), account: account.clone() })
    }

    /// Room for a body, none at first.
    pub(crate) fn room(&self) -> Room {
        Room { admission: self.clone(), bytes: 0 }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Entered {
    admission: Admission,
    account: AccountId,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut held = self.admission.held();
        if let Some(count) = held.requests.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                held.requests.remove(&self.account);
            }
        }
    }
}

/// Room for a body.
#[derive(Debug)]
pub(crate) struct Room {
    admission: Admission,
    bytes: u64,
}

impl Room {
    /// Makes it at least so large.
    ///
    /// # Errors
    /// When the bodies of all requests together would take more than there is.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = (bytes as u64).saturating_sub(self.bytes);
        let mut held = self.admission.held();
        if held.bytes + more > self.admission.0.max_bytes {
            let detail = "too many bodies are in work; send this one again";
            return Err(Problem::new(Kind::Overloaded, detail).retry_after(1));
        }
        held.bytes += more;
        self.bytes += more;
        Ok(())
    }

    /// Memory for so many bytes, if an earlier body has left it.
    pub(crate) fn spare(&self, bytes: usize) -> Option<Vec<u8>> {
        self.admission.0.spare.find(bytes)
    }

    /// The body's bytes, whose memory goes to the next bodies.
    pub(crate) fn lend(&self, body: Vec<u8>) -> Bytes {
        self.admission.0.spare.lend(body)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.admission.held().bytes -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> AccountId {
        name.parse().unwrap()
    }

    #[test]
    fn one_account_at_its_limit_does_not_keep_another_out() {
        let admission = Admission::new(0, 2);
        let (first, _second) = (admission.enter(&account("a")).unwrap(), admission.enter(&account("a")).unwrap());
        assert_eq!(admission.enter(&account("a")).unwrap_err().kind(), Kind::TooManyRequests);
        assert!(admission.enter(&account("b")).is_ok());
        drop(first);
        assert!(admission.enter(&account("a")).is_ok());
    }

    #[test]
    fn bodies_share_the_room_and_give_it_back() {
        let admission = Admission::new(100, 1);
        let (mut a, mut b) = (admission.room(), admission.room());
        a.grow_to(60).unwrap();
        a.grow_to(30).unwrap();
        b.grow_to(40).unwrap();
        assert_eq!(b.grow_to(41).unwrap_err().kind(), Kind::Overloaded);
        drop(a);
        b.grow_to(100).unwrap();
        drop(b);
        assert_eq!(admission.held().bytes, 0);
    }

    #[test]
    fn nothing_is_remembered_of_an_account_without_requests() {
        let admission = Admission::new(0, 1);
        drop(admission.enter(&account("a")).unwrap());
        assert!(admission.held().requests.is_empty());
    }
}
