//! How finely rows count. Three things make the cube's rows many: the quarter of an hour, the recipient's domain, and the custom fields. So what
//! it counts stands in the table `coarse` four times more, in rows that keep one of these three at most: these are bounded by how many campaigns,
//! subjects, senders and providers there are, and not by the messages.

use crate::{COARSE, CUBE};

/// What rows tell apart, beside account, clock, campaign, subject, sender and mailbox provider. What a grain leaves out is
/// empty in its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grain {
    /// The quarter of an hour, the recipient's domain and the custom fields: the cube.
    Full,
    /// The quarter of an hour.
    Quarter,
    /// The UTC day and the recipient's domain.
    Domain,
    /// The UTC day and the custom fields.
    Fields,
    /// The UTC day.
    Day,
}

impl Grain {
    /// Those of the table `coarse`, in the order of its key.
    pub const COARSE: [Self; 4] = [Self::Quarter, Self::Domain, Self::Fields, Self::Day];

    /// The table that has its rows.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Full => CUBE,
            _ => COARSE,
        }
    }

    /// The value of the column `grain`; the cube has none.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Quarter => "quarter",
            Self::Domain => "domain",
            Self::Fields => "fields",
            Self::Day => "day",
        }
    }

    /// The number of that value.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether a row counts a quarter of an hour, and not a day.
    #[must_use]
    pub const fn has_quarters(self) -> bool {
        matches!(self, Self::Full | Self::Quarter)
    }

    /// Whether the recipients' domains are told apart.
    #[must_use]
    pub const fn has_domains(self) -> bool {
        matches!(self, Self::Full | Self::Domain)
    }

    /// Whether the custom fields are told apart.
    #[must_use]
    pub const fn has_fields(self) -> bool {
        matches!(self, Self::Full | Self::Fields)
    }
}
