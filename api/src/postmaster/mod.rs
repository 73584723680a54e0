//! The connector of Google Postmaster Tools: Gmail tells nobody of single complaints, but a spam rate for each sending domain and day.
//!
//! - **token** is the way in: a service account's key, signed assertions, access tokens;
//! - **pull** asks the API (v2) for the domains and their rates;
//! - **task** does so every few hours, in one of several services, and stores what is told as observations, which alert rules watch.

mod pull;
mod task;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use schema::{AccountId, Clock};

pub(crate) use self::task::Pulling;
use self::token::{Access, ServiceAccount};
use crate::{
    config,
    metadata::{Metadata, MetadataError},
    outgoing::{Outgoing, OutgoingError, Permit},
};

/// Whose observations they are, as `source`.
pub(crate) const SOURCE: &str = "postmaster_tools";

/// Why nothing was pulled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostmasterError {
    /// Google did not answer, or refused.
    #[error("{0}: {1}")]
    Google(&'static str, #[source] OutgoingError),
    /// The answer is not what is documented.
    #[error("{0}: the answer cannot be read")]
    Answer(&'static str),
    /// The store does not answer.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// Why the connector cannot be used: what is to be changed in the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The key file.
    #[error("`postmaster.key_file`: {0}")]
    Key(String),
    /// The account.
    #[error("`postmaster.account` is no name of an account")]
    Account,
    /// A URL.
    #[error("{0} must begin with https://")]
    Url(&'static str),
}

/// What the connector works with.
pub(crate) struct Postmaster {
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    outgoing: Outgoing,
    access: Access,
    api: String,
    account: AccountId,
    /// The domains asked for; those that Google lists when empty.
    domains: Vec<String>,
    days: u16,
}

impl Postmaster {
    /// As it is configured; `None` when no key file is named.
    ///
    /// # Errors
    /// Says which setting is wrong.
    pub(crate) fn configured(
        settings: &config::Postmaster,
        (outgoing, permit): (Outgoing, Permit),
        metadata: Metadata,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, SetupError> {
        let Some(path) = &settings.key_file else { return Ok(None) };
        let text = std::fs::read(path).map_err(|error| SetupError::Key(format!("{}: {error}", path.display())))?;
        let key = ServiceAccount::read(&text).map_err(|what| SetupError::Key(format!("{}: {what}", path.display())))?;
        // The key and what it opens do not go over the network in the clear.
        let may_go = |url: &str| permit == Permit::Anywhere || url.starts_with("https://");
        if !may_go(key.token_uri()) {
            return Err(SetupError::Url("`token_uri` in the key file"));
        }
        if !may_go(&settings.api) {
            return Err(SetupError::Url("`postmaster.api`"));
        }
        let domains = settings.domains.split(',').map(str::trim).filter(|domain| !domain.is_empty());
        let domains: Vec<_> = domains.map(str::to_owned).collect();
        Ok(Some(Self {
            metadata,
            clock,
            outgoing,
            access: Access::new(key, domains.is_empty()),
            api: settings.api.trim_end_matches('/').to_owned(),
            account: settings.account.parse().map_err(|_| SetupError::Account)?,
            domains,
            days: settings.days.get(),
        }))
    }
}
