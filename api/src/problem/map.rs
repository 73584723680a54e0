//! What each crate's error becomes for the client: one exhaustive place.

use super::{Kind, Problem};
use crate::metadata::MetadataError;

impl From<MetadataError> for Problem {
    fn from(error: MetadataError) -> Self {
        let kind = match error {
            MetadataError::Database(_) => Kind::MetadataUnavailable,
            MetadataError::Url | MetadataError::Migration(_) | MetadataError::Unreadable(_) => Kind::Internal,
        };
        Self::new(kind, "the store of accounts and keys does not answer; try again").retry_after(5).caused_by(&error)
    }
}
