//! How finely the cube's rows count. Three things make its rows many: the quarter of an hour, the recipient's domain, and the custom fields.
//! So what the rows of [`Grain::Full`] count stands in it four times more, in rows that keep one of these three at most: these are
//! bounded by how many campaigns, subjects, senders and providers there are, and not by the messages.

/// What rows of the cube tell apart, beside account, clock, campaign, subject, sender and mailbox provider. What a grain leaves out is
/// empty in its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grain {
    /// The quarter of an hour, the recipient's domain and the custom fields.
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
    /// All of them, in the order of the cube's key.
    pub const ALL: [Self; 5] = [Self::Full, Self::Quarter, Self::Domain, Self::Fields, Self::Day];

    /// The value of the cube's column `grain`.
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
