//! How what a provider's items carry — its campaign, tags, metadata — becomes an event's campaign, fields and sender.

use std::{borrow::Cow, collections::BTreeMap};

use schema::FieldName;
use serde::{Deserialize, Serialize};

use super::draft::fit;
use crate::accept::{MAX_FIELD_VALUE, MAX_FIELDS};

/// What the user of a source chose. The default takes what the provider calls a campaign, or else the first tag, and makes a field of each
/// metadata key whose name and value fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// Where the campaign stands.
    pub campaign: CampaignFrom,
    /// Metadata keys that become fields, and the fields' names. Absent: each key becomes the field of its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<BTreeMap<String, FieldName>>,
    /// The sender of events that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

impl Mapping {
    /// The campaign of an item.
    pub(super) fn campaign<'a>(
        &self,
        own: Cow<'a, str>,
        tags: &[Cow<'a, str>],
        metadata: &[(Cow<'a, str>, Cow<'a, str>)],
    ) -> Cow<'a, str> {
        let first = || tags.first().cloned().unwrap_or_default();
        match &self.campaign {
            CampaignFrom::Provider if own.is_empty() => first(),
            CampaignFrom::Provider => own,
            CampaignFrom::FirstTag => first(),
            CampaignFrom::TagPrefix(prefix) => {
                tags.iter().find_map(|tag| without_prefix(tag, prefix)).unwrap_or_default()
            }
            CampaignFrom::Metadata(key) => {
                metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap_or_default()
            }
            CampaignFrom::None => Cow::default(),
        }
    }

    /// The fields of an item, sorted, each name once, as many as an event may have.
    pub(super) fn fields<'a>(
        &'a self,
        metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    ) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let mut fields: Vec<_> = metadata
            .into_iter()
            .filter_map(|(key, value)| {
                let name = match &self.fields {
                    None if FieldName::is_valid(&key) => key,
                    None => return None,
                    Some(chosen) => Cow::Borrowed(chosen.get(&*key)?.as_str()),
                };
                Some((name, fit(value, MAX_FIELD_VALUE)))
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        // Stable: of a name that stands twice the first value counts.
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        fields.dedup_by(|(later, _), (first, _)| later == first);
        fields.truncate(MAX_FIELDS);
        fields
    }

    /// The sender of events that name none.
    pub(super) fn sender(&self) -> Cow<'_, str> {
        self.sender.as_deref().unwrap_or_default().into()
    }
}

fn without_prefix<'a>(tag: &Cow<'a, str>, prefix: &str) -> Option<Cow<'a, str>> {
    match tag {
        Cow::Borrowed(tag) => tag.strip_prefix(prefix).map(Cow::Borrowed),
        Cow::Owned(tag) => tag.strip_prefix(prefix).map(|rest| Cow::Owned(rest.to_owned())),
    }
}

/// Where the campaign stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignFrom {
    /// What the provider calls a campaign, or else the first tag or category.
    #[default]
    Provider,
    /// The first tag or category.
    FirstTag,
    /// The first tag or category with this beginning, without it: `campaign:` of `campaign:autumn`.
    TagPrefix(String),
    /// The value of this metadata key.
    Metadata(String),
    /// Nowhere.
    None,
}

/// What an item carries beside the message itself.
#[derive(Debug, Default)]
pub(crate) struct Labels<'a> {
    /// What the provider calls a campaign; empty when it has none.
    pub(crate) campaign: Cow<'a, str>,
    /// Tags or categories.
    pub(crate) tags: Vec<Cow<'a, str>>,
    /// Metadata, custom arguments, variables.
    pub(crate) metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

#[cfg(test)]
mod tests;
