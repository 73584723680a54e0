//! Who calls, and what they may do.
//!
//! Handlers take a [`Caller`], which only this module can make, out of a valid key whose role permits the access that the handler
//! names in its type. The account of every query comes from there; no parameter of a request names one.

use std::{
    collections::HashMap,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use schema::{AccountId, Clock, Millis};

use crate::{
    metadata::{KeyRecord, Metadata, MetadataError, Role},
    problem::{Kind, Problem},
    request::Owner,
    state::AppState,
    token::{KeyId, Token},
};

/// How long a key is remembered, in milliseconds: a revoked key is refused at the latest after that.
pub(crate) const REMEMBERED_MS: i64 = 5_000;

/// How many keys are remembered.
const REMEMBERED: usize = 10_000;

/// What a handler does, and whom it allows.
pub(crate) trait Access: Send + Sync + 'static {
    /// What it is called in an error.
    const ROLES: &'static str;

    /// Whether the role permits it.
    fn permits(role: Role) -> bool;
}

/// Reporting events.
pub(crate) struct Report;

impl Access for Report {
    const ROLES: &'static str = "`ingest` or `admin`";

    fn permits(role: Role) -> bool {
        match role {
            Role::Ingest | Role::Admin => true,
            Role::Read => false,
        }
    }
}

/// Reading reports and the state of ingestion.
pub(crate) struct Read;

impl Access for Read {
    const ROLES: &'static str = "`read` or `admin`";

    fn permits(role: Role) -> bool {
        match role {
            Role::Read | Role::Admin => true,
            Role::Ingest => false,
        }
    }
}

/// Looking at single messages and recipients. Reports tell numbers; these tell who was written to about what, so a key made for
/// reports, which stands in dashboards and scripts, does not open them.
pub(crate) struct Inspect;

impl Access for Inspect {
    const ROLES: &'static str = "`admin`";

    fn permits(role: Role) -> bool {
        match role {
            Role::Admin => true,
            Role::Ingest | Role::Read => false,
        }
    }
}

/// Managing the account's keys.
pub(crate) struct Manage;

impl Access for Manage {
    const ROLES: &'static str = "`admin`";

    fn permits(role: Role) -> bool {
        match role {
            Role::Admin => true,
            Role::Ingest | Role::Read => false,
        }
    }
}

/// Somebody with a valid key that permits `A`.
pub(crate) struct Caller<A> {
    account: AccountId,
    inspects: bool,
    access: PhantomData<A>,
}

impl<A> Caller<A> {
    /// The account that everything of this request is confined to.
    pub(crate) fn account(&self) -> &AccountId {
        &self.account
    }

    /// Whether the key opens what tells recipients apart, too.
    pub(crate) const fn inspects(&self) -> bool {
        self.inspects
    }
}

impl<A: Access> FromRequestParts<AppState> for Caller<A> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        let key = state.keys.verify(&token).await?.ok_or_else(|| unauthenticated("the API key is not valid"))?;
        if let Some(owner) = parts.extensions.get::<Owner>() {
            owner.set(&key.account);
        }
        if !A::permits(key.role) {
            let detail = format!("this needs a key with the role {}; this key's role is `{}`", A::ROLES, key.role);
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        Ok(Self { inspects: Inspect::permits(key.role), account: key.account, access: PhantomData })
    }
}

/// The key in the header `Authorization: Bearer KEY`.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Token, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthenticated("send the header `Authorization: Bearer KEY`, once"));
    };
    let token = value.to_str().ok().and_then(|text| text.split_once(' ')).and_then(|(scheme, token)| {
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Token::presented(token))
    });
    token.ok_or_else(|| unauthenticated("send the header `Authorization: Bearer KEY`"))
}

pub(crate) fn unauthenticated(detail: &str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"postlens\"");
    Problem::new(Kind::Unauthenticated, detail).header(header::WWW_AUTHENTICATE, challenge)
}

/// Checks keys, remembering the valid ones for a few seconds.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Inner>);

struct Inner {
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    remembered: Mutex<HashMap<KeyId, (KeyRecord, Millis)>>,
}

impl Keys {
    /// Checks against this store.
    pub(crate) fn new(metadata: Metadata, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { metadata, clock, remembered: Mutex::default() }))
    }

    /// The store itself.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// The key, if it is known and not revoked.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(crate) async fn verify(&self, token: &Token) -> Result<Option<KeyRecord>, MetadataError> {
        let id = token.id();
        let key = match self.recall(&id) {
            Some(key) => Some(key),
            None => self.0.metadata.find_key(&id).await?,
        };
        let valid = key.filter(|key| key.digest.matches(&token.digest()) && key.revoked_at.is_none());
        if let Some(key) = &valid {
            self.remember(key);
        }
        Ok(valid)
    }

    /// Forgets a key at once, because it was revoked here.
    pub(crate) fn forget(&self, id: &KeyId) {
        self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    fn recall(&self, id: &KeyId) -> Option<KeyRecord> {
        let now = self.0.clock.now();
        let remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(id).filter(|(_, since)| is_fresh(*since, now)).map(|(key, _)| key.clone())
    }

    fn remember(&self, key: &KeyRecord) {
        let now = self.0.clock.now();
        let mut remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.retain(|_, (_, since)| is_fresh(*since, now));
        }
        // What is fresh keeps its age: a key in steady use must be looked up again all the same.
        let known = remembered.get(&key.id).is_some_and(|(_, since)| is_fresh(*since, now));
        if !known && remembered.len() < REMEMBERED {
            remembered.insert(key.id.clone(), (key.clone(), now));
        }
    }
}

/// A clock that was set back makes nothing last longer.
fn is_fresh(since: Millis, now: Millis) -> bool {
    (0..REMEMBERED_MS).contains(&(now.0 - since.0))
}

#[cfg(test)]
mod tests {
    use schema::ManualClock;

    use super::*;
    use crate::metadata::NewKey;

    struct Bench {
        keys: Keys,
        clock: Arc<ManualClock>,
        _dir: tempfile::TempDir,
    }

    async fn bench() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let metadata = Metadata::open(None, dir.path()).await.unwrap();
        let clock = Arc::new(ManualClock::at(Millis(1_000_000)));
        Bench { keys: Keys::new(metadata, Arc::<ManualClock>::clone(&clock)), clock, _dir: dir }
    }

    async fn key(bench: &Bench) -> Token {
        let token = Token::generate();
        let account: AccountId = "acme".parse().unwrap();
        let metadata = bench.keys.metadata();
        metadata.ensure_account(&account, Millis(0)).await.unwrap();
        let new = NewKey {
            id: token.id(),
            account,
            role: Role::Read,
            name: String::new(),
            digest: token.digest(),
            created_at: Millis(0),
        };
        assert!(metadata.insert_key(&new).await.unwrap());
        token
    }

    #[tokio::test]
    async fn a_known_key_leads_to_its_account_and_role() {
        let bench = bench().await;
        let token = key(&bench).await;
        let found = bench.keys.verify(&token).await.unwrap().unwrap();
        assert_eq!((found.account.as_str(), found.role), ("acme", Role::Read));
    }

    #[tokio::test]
    async fn a_key_of_the_same_id_with_another_secret_is_refused_even_when_the_right_one_is_remembered() {
        let bench = bench().await;
        let token = key(&bench).await;
        bench.keys.verify(&token).await.unwrap().unwrap();
        let forged = Token::presented(&format!("pl_{}_{}", token.id(), "A".repeat(43)));
        assert_eq!(forged.id(), token.id());
        assert!(bench.keys.verify(&forged).await.unwrap().is_none());
        assert!(bench.keys.verify(&Token::generate()).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_key_revoked_elsewhere_is_refused_when_it_is_no_longer_remembered_however_steadily_it_is_used() {
        let bench = bench().await;
        let token = key(&bench).await;
        bench.keys.verify(&token).await.unwrap().unwrap();
        assert!(bench.keys.metadata().revoke_key(&token.id(), None, Millis(1)).await.unwrap());
        bench.clock.set(Millis(1_000_000 + REMEMBERED_MS - 1));
        assert!(bench.keys.verify(&token).await.unwrap().is_some());
        bench.clock.set(Millis(1_000_000 + REMEMBERED_MS));
        assert!(bench.keys.verify(&token).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_key_revoked_here_is_refused_at_once() {
        let bench = bench().await;
        let token = key(&bench).await;
        bench.keys.verify(&token).await.unwrap().unwrap();
        bench.keys.metadata().revoke_key(&token.id(), None, Millis(1)).await.unwrap();
        bench.keys.forget(&token.id());
        assert!(bench.keys.verify(&token).await.unwrap().is_none());
    }

    #[test]
    fn only_one_well_formed_header_is_a_key() {
        let headers = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            headers
        };
        assert!(bearer(&headers(&["Bearer abc"])).is_ok());
        assert!(bearer(&headers(&["bearer  abc"])).is_ok());
        for wrong in [&[][..], &["abc"], &["Basic abc"], &["Bearer "], &["Bearer a", "Bearer b"]] {
            let problem = bearer(&headers(wrong)).unwrap_err();
            assert_eq!(problem.kind(), Kind::Unauthenticated, "{wrong:?}");
        }
    }

    #[test]
    fn each_role_may_do_what_it_is_for_and_no_more() {
        let may = |role| (Report::permits(role), Read::permits(role), Inspect::permits(role), Manage::permits(role));
        assert_eq!(may(Role::Ingest), (true, false, false, false));
        assert_eq!(may(Role::Read), (false, true, false, false));
        assert_eq!(may(Role::Admin), (true, true, true, true));
    }
}
