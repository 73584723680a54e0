//! What a source's provider and mapping look like, for the specification: `ingest` reads them itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

/// Whose format it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Provider)]
pub(crate) enum ProviderName {
    SparkPost,
    Mailgun,
    SendGrid,
    Postmark,
    Ses,
    Mailjet,
    Postal,
    KumoMta,
    Arf,
    Dsn,
}

/// How what a provider's items carry becomes an event's campaign, fields and sender.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SourceMapping, example = json!({"campaign": {"tag_prefix": "campaign:"}, "fields": {"clinic_id": "clinic"}, "sender": "news@acme.org"}))]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct WireMapping {
    /// Where the campaign stands. Default: `provider`.
    #[serde(default)]
    campaign: Option<WireCampaign>,
    /// Metadata keys that become fields, and the fields' names. Absent: each key becomes the field of its name. At most 64.
    #[serde(default)]
    #[schema(required = false)]
    fields: Option<BTreeMap<String, String>>,
    /// The sender of events that name none.
    #[serde(default)]
    #[schema(required = false, max_length = 320)]
    sender: Option<String>,
}

/// Where the campaign stands.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CampaignFrom)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum WireCampaign {
    /// What the provider calls a campaign, or else the first tag or category.
    Provider,
    /// The first tag or category.
    FirstTag,
    /// The first tag or category with this beginning, without it.
    TagPrefix(String),
    /// The value of this metadata key.
    Metadata(String),
    /// Nowhere.
    None,
}

#[cfg(test)]
mod tests {
    use ingest::{CampaignFrom, Mapping, Provider};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_specification_knows_every_provider() {
        for provider in Provider::ALL {
            assert!(serde_json::from_value::<ProviderName>(json!(provider.name())).is_ok(), "{}", provider.name());
        }
    }

    #[test]
    fn the_specification_reads_every_mapping() {
        let text = || "x".to_owned();
        for campaign in [
            CampaignFrom::Provider,
            CampaignFrom::FirstTag,
            CampaignFrom::TagPrefix(text()),
            CampaignFrom::Metadata(text()),
            CampaignFrom::None,
        ] {
            let fields = Some([(text(), text().try_into().unwrap())].into());
            let mapping = Mapping { campaign, fields, sender: Some(text()) };
            let document: Value = serde_json::to_value(mapping).unwrap();
            assert!(serde_json::from_value::<WireMapping>(document.clone()).is_ok(), "{document}");
        }
        assert!(serde_json::from_value::<WireMapping>(json!({})).is_ok());
    }
}
