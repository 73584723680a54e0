//! Which attributes of a delivery reports show as other.

use foldhash::HashMap;
use schema::DeliveryKey;
use serde::{Deserialize, Serialize};

/// What was judged of deliveries before; of all others it was that nothing is other.
pub(crate) type Judged = HashMap<DeliveryKey, Others>;

/// A set of a delivery's attributes; nearly always it is empty. A field is named by its place among the delivery's fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Others(u128);

impl Others {
    pub(crate) const SUBJECT: u32 = 0;
    pub(crate) const SENDER: u32 = 1;
    pub(crate) const CAMPAIGN: u32 = 2;
    const FIELDS: u32 = 3;

    /// The set of these bits, as [`Others::bits`] tells them.
    pub(crate) const fn of_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// A bit for each attribute.
    pub(crate) const fn bits(self) -> u128 {
        self.0
    }

    /// The place of a field in the set. A delivery has at most 64 fields.
    pub(crate) fn field(place: usize) -> u32 {
        Self::FIELDS + u32::try_from(place).unwrap_or(u32::MAX / 2)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, place: u32) -> bool {
        self.0 & Self::bit(place) != 0
    }

    pub(crate) fn insert(&mut self, place: u32) {
        self.0 |= Self::bit(place);
    }

    fn bit(place: u32) -> u128 {
        1u128.checked_shl(place).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_tells_its_attributes_apart() {
        let mut others = Others::default();
        assert!(others.is_empty());
        others.insert(Others::CAMPAIGN);
        others.insert(Others::field(63));
        for place in [Others::SUBJECT, Others::SENDER, Others::field(0), Others::field(62)] {
            assert!(!others.contains(place), "{place}");
        }
        assert!(others.contains(Others::CAMPAIGN) && others.contains(Others::field(63)) && !others.is_empty());
    }
}
