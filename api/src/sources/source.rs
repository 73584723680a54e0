//! One webhook of an account, ready to take bodies.

use std::sync::Arc;

use ingest::{Mapping, Provider};
use schema::AccountId;

use super::verify::Scheme;
use crate::metadata::sources::Tokens;

/// A source.
pub(crate) struct Source {
    /// What names it.
    pub(crate) id: String,
    /// Whose it is: everything that comes by it is confined to this account.
    pub(crate) account: AccountId,
    /// Whose format it is.
    pub(crate) provider: Provider,
    /// How what a provider tells becomes an event.
    pub(crate) mapping: Arc<Mapping>,
    /// How its requests are verified.
    pub(crate) scheme: Scheme,
    /// What opens it.
    pub(super) tokens: Tokens,
}
