//! Dimensions: the attributes of a delivery that a report splits or filters by (METRICS.md, "Dimensions").

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a custom field: 1 to 64 characters out of letters, digits, `_`, `-` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldName(String);

impl FieldName {
    /// Whether the text is the name of a field.
    #[must_use]
    pub fn is_valid(name: &str) -> bool {
        (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FieldName {
    type Error = InvalidFieldName;

    fn try_from(name: String) -> Result<Self, InvalidFieldName> {
        if Self::is_valid(&name) { Ok(Self(name)) } else { Err(InvalidFieldName) }
    }
}

impl From<FieldName> for String {
    fn from(name: FieldName) -> Self {
        name.0
    }
}

/// A text that is no field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a field's name has 1 to 64 characters out of letters, digits, `_`, `-` and `.`")]
pub struct InvalidFieldName;

/// An attribute of a delivery. A delivery has one value of each; the empty value is shown as `(none)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Dimension {
    /// The subject.
    Subject,
    /// The whole From address.
    Sender,
    /// Its domain.
    SenderDomain,
    /// The recipient's domain, in IDNA ASCII form.
    RecipientDomain,
    /// Who runs the mailbox.
    MailboxProvider,
    /// The campaign.
    Campaign,
    /// A custom field.
    Field(FieldName),
}

/// The text names no dimension.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no dimension of that name: use subject, sender, sender_domain, recipient_domain, mailbox_provider, campaign or field:NAME (NAME of 1 to 64 letters, digits, `_`, `-`, `.`)"
)]
pub struct InvalidDimension;

impl Dimension {
    /// The dimensions that every account has; custom fields come on top.
    pub const FIXED: [Self; 6] =
        [Self::Subject, Self::Sender, Self::SenderDomain, Self::RecipientDomain, Self::MailboxProvider, Self::Campaign];

    /// How the empty value is shown.
    pub const NONE: &'static str = "(none)";

    /// How the values beyond the limit of a day are shown, together.
    pub const OTHER: &'static str = "(other)";

    /// Whether its values of a day are limited in number: those that a caller writes as he likes.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        match self {
            Self::Subject | Self::Sender | Self::Campaign | Self::Field(_) => true,
            Self::SenderDomain | Self::RecipientDomain | Self::MailboxProvider => false,
        }
    }

    /// The cube's column; custom fields share one, a map.
    #[must_use]
    pub const fn column(&self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Sender => "sender",
            Self::SenderDomain => "sender_domain",
            Self::RecipientDomain => "recipient_domain",
            Self::MailboxProvider => "mailbox_provider",
            Self::Campaign => "campaign",
            Self::Field(_) => "fields",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "field:{}", name.0),
            fixed => f.write_str(fixed.column()),
        }
    }
}

impl FromStr for Dimension {
    type Err = InvalidDimension;

    fn from_str(text: &str) -> Result<Self, InvalidDimension> {
        if let Some(name) = text.strip_prefix("field:") {
            return if FieldName::is_valid(name) {
                Ok(Self::Field(FieldName(name.to_owned())))
            } else {
                Err(InvalidDimension)
            };
        }
        Self::FIXED.into_iter().find(|dimension| dimension.column() == text).ok_or(InvalidDimension)
    }
}

impl TryFrom<String> for Dimension {
    type Error = InvalidDimension;

    fn try_from(text: String) -> Result<Self, InvalidDimension> {
        text.parse()
    }
}

impl From<Dimension> for String {
    fn from(dimension: Dimension) -> Self {
        dimension.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_is_read_as_it_is_written() {
        let field = Dimension::Field(FieldName("payer-1.x".into()));
        for dimension in Dimension::FIXED.into_iter().chain([field]) {
            assert_eq!(dimension.to_string().parse(), Ok(dimension));
        }
    }

    #[test]
    fn what_is_no_dimension_is_refused() {
        for text in ["", "fields", "field:", "field:a b", "field:a'b", "Subject", "recipient"] {
            assert_eq!(text.parse::<Dimension>(), Err(InvalidDimension), "{text}");
        }
    }
}
