//! The rules of an account: the defaults, as it changed them, and its own.

use query::alert::{DEFAULTS, DefaultRule, Rule, RuleRequest};
use schema::{AccountId, Millis};

use crate::metadata::{Metadata, MetadataError, alerts::RuleRow};

/// A rule of an account.
#[derive(Clone, Debug)]
pub(crate) struct AccountRule {
    /// What names it.
    pub(crate) id: String,
    /// As its author wrote it.
    pub(crate) request: RuleRequest,
    /// Until when nobody is told.
    pub(crate) muted_until: Option<Millis>,
    /// Counts its changes; 0 is a default as it comes.
    pub(crate) revision: i64,
    /// When it was changed last; a default as it comes never was.
    pub(crate) updated_at: Option<Millis>,
}

impl AccountRule {
    /// The rule to evaluate; none when it is disabled, or written by a version that knew more.
    pub(crate) fn judged(&self) -> Option<Rule> {
        if !self.request.enabled {
            return None;
        }
        Rule::new(&self.request).ok()
    }

    /// Whether every account has a rule of this id.
    pub(crate) fn is_default(&self) -> bool {
        DefaultRule::find(&self.id).is_some()
    }

    fn unchanged(default: &DefaultRule) -> Self {
        let id = default.id.to_owned();
        Self { id, request: default.request(), muted_until: None, revision: 0, updated_at: None }
    }
}

impl From<RuleRow> for AccountRule {
    fn from(row: RuleRow) -> Self {
        let RuleRow { id, request, muted_until, revision, updated_at } = row;
        Self { id, request, muted_until, revision, updated_at: Some(updated_at) }
    }
}

/// The rules of an account, the defaults first.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn of(metadata: &Metadata, account: &AccountId) -> Result<Vec<AccountRule>, MetadataError> {
    let mut stored: Vec<AccountRule> = metadata.rules(account).await?.into_iter().map(AccountRule::from).collect();
    let mut rules = Vec::with_capacity(DEFAULTS.len() + stored.len());
    for default in &DEFAULTS {
        let changed = stored.iter().position(|rule| rule.id == default.id);
        rules.push(changed.map_or_else(|| AccountRule::unchanged(default), |place| stored.remove(place)));
    }
    rules.extend(stored);
    Ok(rules)
}

/// A rule of an account.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn find(
    metadata: &Metadata,
    account: &AccountId,
    id: &str,
) -> Result<Option<AccountRule>, MetadataError> {
    Ok(of(metadata, account).await?.into_iter().find(|rule| rule.id == id))
}
