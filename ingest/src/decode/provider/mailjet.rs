//! mailjet

use super::{Item, Mapping, Undecodable};

/// Reads a body.
pub(super) fn decode<'a>(
    _body: &'a [u8],
    _mapping: &'a Mapping,
    _take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Undecodable> {
    todo!("owned by this provider's author")
}
