//! What is taken and shown of sources.

use ingest::{CampaignFrom, Mapping, Provider};
use schema::{Millis, sender};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::{ProviderName, WireMapping};
use crate::{
    metadata::sources::SourceRow,
    problem::Problem,
    routes::rfc3339,
    sources::verification::{Shown, Verification},
};

/// The most metadata keys that become fields.
const MOST_FIELDS: usize = 64;
/// The longest prefix or metadata key, in bytes.
const LONGEST: usize = 256;

/// A source that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"provider": "mailgun", "name": "marketing",
    "verification": {"kind": "signature", "keys": ["3ax6xnjp29jd6fds4gc373sgvjxteol0"]},
    "mapping": {"campaign": "first_tag", "fields": {"clinic_id": "clinic"}}}))]
pub(crate) struct SourceRequest {
    /// Whose webhook it is.
    #[schema(value_type = ProviderName)]
    pub(super) provider: String,
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub(super) name: String,
    /// How its requests are verified beyond the token in the URL. Default: not at all.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) verification: Verification,
    /// How what the provider tells becomes an event.
    #[serde(default)]
    #[schema(required = false, value_type = WireMapping)]
    pub(super) mapping: Mapping,
}

/// What is to be changed of a source; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"next_secret": "8e1b3b9f7a2c4d5e"}))]
pub(crate) struct SourceChange {
    /// What people call it, 1 to 200 characters.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200, required = false)]
    pub(super) name: Option<String>,
    /// How its requests are verified, in place of how they were.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) verification: Option<Verification>,
    /// A further key, password or value, valid beside the newest one until that is retired.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) next_secret: Option<String>,
    /// Retires the older one of two secrets.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) retire_secret: bool,
    /// How what the provider tells becomes an event, in place of how it did.
    #[serde(default)]
    #[schema(required = false, value_type = WireMapping)]
    pub(super) mapping: Option<Mapping>,
}

/// A source, without what is secret of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0f3a5c7d9b1e", "provider": "mailgun", "name": "marketing",
    "verification": {"kind": "signature", "secrets": [{"since": "2026-11-20T14:03:07.123Z"}]}, "mapping": {"campaign": "first_tag"},
    "token": {"since": "2026-11-20T14:03:07.123Z", "previous_until": null}, "created_at": "2026-11-20T14:03:07.123Z",
    "updated_at": "2026-11-20T14:03:07.123Z", "last_seen_at": null}))]
pub(crate) struct SourceInfo {
    /// What names it.
    pub(super) id: String,
    /// Whose webhook it is.
    #[schema(value_type = ProviderName)]
    provider: String,
    /// What people call it.
    name: String,
    /// How its requests are verified.
    verification: VerificationInfo,
    /// How what the provider tells becomes an event.
    #[schema(value_type = WireMapping)]
    mapping: Mapping,
    /// The secret of its URL.
    token: TokenInfo,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    updated_at: String,
    /// When a body that was verified came last, as of some seconds ago; null when none came.
    #[schema(format = DateTime, required)]
    last_seen_at: Option<String>,
}

/// How requests are verified, without what is secret of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerificationInfo {
    /// The kind: `none`, `signature`, `basic`, `header` or `sns`.
    kind: String,
    /// The user of HTTP Basic.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    user: Option<String>,
    /// The name of the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    header: Option<String>,
    /// The pinned topics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    topics: Vec<String>,
    /// The keys or secrets that are set, the older one first.
    secrets: Vec<SecretInfo>,
}

/// A key or secret that is set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretInfo {
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
}

/// The secret of a webhook's URL.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenInfo {
    /// When it was made.
    #[schema(format = DateTime)]
    since: String,
    /// Until when the URL before it is valid, too; null when there is none.
    #[schema(format = DateTime, required)]
    previous_until: Option<String>,
}

/// A source that was made, or whose URL is a new one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "0f3a5c7d9b1e", "provider": "postmark", "name": "marketing",
    "verification": {"kind": "none", "secrets": []}, "mapping": {"campaign": "provider"},
    "token": {"since": "2026-11-20T14:03:07.123Z", "previous_until": null}, "created_at": "2026-11-20T14:03:07.123Z",
    "updated_at": "2026-11-20T14:03:07.123Z", "last_seen_at": null, "path": "/v1/hooks/0f3a5c7d9b1e/Zx81…",
    "url": "https://postlens.acme.org/v1/hooks/0f3a5c7d9b1e/Zx81…"}))]
pub(crate) struct MadeSource {
    #[serde(flatten)]
    pub(super) info: SourceInfo,
    /// The webhook's path at this service. It holds a secret and cannot be shown again.
    pub(super) path: String,
    /// The webhook's URL, to be given to the provider: below the setting `alerts.link`, or where this request was sent to.
    pub(super) url: String,
}

/// The sources of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceList {
    /// Oldest first.
    pub(super) sources: Vec<SourceInfo>,
}

/// A new URL.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_hours": 24}))]
pub(crate) struct TokenRequest {
    /// How long the URL before it is valid, too, in hours, at most 720; 0: not any more. Default: 24.
    #[serde(default = "a_day")]
    #[schema(required = false, minimum = 0, maximum = 720)]
    pub(super) overlap_hours: u32,
}

const fn a_day() -> u32 {
    24
}

impl SourceInfo {
    pub(super) fn new(row: SourceRow, now: Millis) -> Self {
        let until = row.tokens.previous.map(|(_, until)| until).filter(|until| now < *until);
        Self {
            id: row.id,
            provider: row.provider.name().to_owned(),
            name: row.name,
            verification: row.verification.into(),
            mapping: row.mapping,
            token: TokenInfo { since: rfc3339(row.tokens.since), previous_until: until.map(rfc3339) },
            created_at: rfc3339(row.created_at),
            updated_at: rfc3339(row.updated_at),
            last_seen_at: row.seen_at.map(rfc3339),
        }
    }
}

impl From<Shown> for VerificationInfo {
    fn from(shown: Shown) -> Self {
        let Shown { kind, user, header, topics, since } = shown;
        let secrets = since.into_iter().map(|since| SecretInfo { since: rfc3339(Millis(since)) }).collect();
        Self { kind, user, header, topics, secrets }
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Problem> {
    if name.trim().is_empty() {
        return Err(Problem::parameter("name", "`name` has 1 to 200 characters and no control characters"));
    }
    Problem::unless_short("name", name, 200)
}

pub(super) fn provider(name: &str) -> Result<Provider, Problem> {
    let known = || Provider::ALL.iter().map(|provider| provider.name()).collect::<Vec<_>>().join(", ");
    Provider::from_name(name).ok_or_else(|| Problem::parameter("provider", format!("`provider` is one of {}", known())))
}

pub(super) fn check_mapping(mapping: &Mapping) -> Result<(), Problem> {
    let wrong = |detail: String| Err(Problem::parameter("mapping", detail));
    if let CampaignFrom::TagPrefix(text) | CampaignFrom::Metadata(text) = &mapping.campaign
        && !(1..=LONGEST).contains(&text.len())
    {
        return wrong(format!("a prefix or metadata key has 1 to {LONGEST} bytes"));
    }
    if let Some(fields) = &mapping.fields {
        if fields.len() > MOST_FIELDS || fields.keys().any(|key| !(1..=LONGEST).contains(&key.len())) {
            return wrong(format!("at most {MOST_FIELDS} metadata keys become fields, each of 1 to {LONGEST} bytes"));
        }
        let names: std::collections::BTreeSet<_> = fields.values().collect();
        if names.len() < fields.len() {
            return wrong("two metadata keys cannot become one field".to_owned());
        }
    }
    match mapping.sender.as_deref().map(sender) {
        None => Ok(()),
        Some(Ok(address)) if !address.is_empty() => Ok(()),
        Some(Ok(_)) => wrong("the default sender is empty: leave it out".to_owned()),
        Some(Err(error)) => wrong(format!("the default sender {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_that_no_event_could_use_is_refused() {
        let mapping = |text: &str| serde_json::from_str::<Mapping>(text).unwrap();
        for good in [r"{}", r#"{"campaign":{"tag_prefix":"c:"},"fields":{"k":"f"},"sender":"News <news@acme.org>"}"#] {
            assert!(check_mapping(&mapping(good)).is_ok(), "{good}");
        }
        let long = format!(r#"{{"campaign":{{"metadata":"{}"}}}}"#, "x".repeat(257));
        for bad in [
            r#"{"campaign":{"tag_prefix":""}}"#,
            &long,
            r#"{"fields":{"":"f"}}"#,
            r#"{"fields":{"a":"f","b":"f"}}"#,
            r#"{"sender":" "}"#,
            r#"{"sender":"a\u0007b@acme.org"}"#,
        ] {
            assert!(check_mapping(&mapping(bad)).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Mapping>(r#"{"fields":{"a":"no name"}}"#).is_err());
    }
}
