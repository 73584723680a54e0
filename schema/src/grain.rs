//! How finely rows count. Three things make the cube's rows many: the quarter of an hour, the recipient's domain, and the custom fields. So what
//! it counts stands in the table `coarse` five times more, in rows that keep one of these three at most: these are bounded by how many campaigns,
//! subjects, senders and providers there are, and not by the messages.

use chrono::Datelike as _;

use crate::{Bucket, COARSE, CUBE, Millis};

/// Seconds of a UTC day.
const DAY: u32 = 86_400;
/// The days of a month's first three fourths; the last one has the rest, seven to ten. No fourth lies in two months, for
/// the table is partitioned by them.
const FOURTH: u32 = 7;

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
    /// The fourth of a UTC month, which begins on the 1st, 8th, 15th or 22nd, and the recipient's domain: of the grains by the day,
    /// the one with the most rows, once more.
    Fourth,
}

impl Grain {
    /// Those of the table `coarse`, in the order of its key.
    pub const COARSE: [Self; 5] = [Self::Quarter, Self::Domain, Self::Fields, Self::Day, Self::Fourth];

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
            Self::Fourth => "fourth",
        }
    }

    /// The type of that column.
    #[must_use]
    pub fn column() -> String {
        let values = Self::COARSE.map(|grain| format!("'{}' = {}", grain.name(), grain.code()));
        format!("Enum8({})", values.join(", "))
    }

    /// The number of that value.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The grain that counts the same by longer times.
    #[must_use]
    pub const fn longer(self) -> Option<Self> {
        match self {
            Self::Domain => Some(Self::Fourth),
            _ => None,
        }
    }

    /// The first quarter of an hour of the time that a row counts which counts this one.
    #[must_use]
    pub fn first(self, bucket: Bucket) -> Bucket {
        let days = match self {
            Self::Full | Self::Quarter => return bucket,
            Self::Domain | Self::Fields | Self::Day => 0,
            Self::Fourth => {
                let before = Millis::from(bucket).to_datetime().unwrap_or_default().day0();
                before - (before / FOURTH).min(3) * FOURTH
            }
        };
        Bucket((bucket.0 - bucket.0 % DAY).saturating_sub(days * DAY))
    }

    /// The first quarter of an hour at or after this midnight that begins the time of a row; none before time ends, in 2106.
    #[must_use]
    pub fn next(self, midnight: Bucket) -> Option<Bucket> {
        let mut midnights = (midnight.0..=u32::MAX).step_by(DAY as usize).map(Bucket);
        midnights.find(|bucket| self.first(*bucket) == *bucket)
    }

    /// What [`first`](Self::first) says, of an expression in SQL.
    #[must_use]
    pub fn first_of(self, bucket: &str) -> String {
        match self {
            Self::Full | Self::Quarter => bucket.to_owned(),
            Self::Domain | Self::Fields | Self::Day => format!("toStartOfDay({bucket})"),
            Self::Fourth => {
                let days = format!("{FOURTH} * least(intDiv(toDayOfMonth({bucket}) - 1, {FOURTH}), 3)");
                format!("toDateTime(toStartOfMonth({bucket}) + {days}, 'UTC')")
            }
        }
    }

    /// Whether a row counts a quarter of an hour, and not days.
    #[must_use]
    pub const fn has_quarters(self) -> bool {
        matches!(self, Self::Full | Self::Quarter)
    }

    /// Whether the recipients' domains are told apart.
    #[must_use]
    pub const fn has_domains(self) -> bool {
        matches!(self, Self::Full | Self::Domain | Self::Fourth)
    }

    /// Whether the custom fields are told apart.
    #[must_use]
    pub const fn has_fields(self) -> bool {
        matches!(self, Self::Full | Self::Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(text: &str) -> Bucket {
        Bucket::of(chrono::DateTime::parse_from_rfc3339(text).expect("a time").to_utc().into())
    }

    #[test]
    fn rows_begin_with_what_they_count() {
        let first = |grain: Grain, text| grain.first(second(text));
        let late = "2026-11-30T23:45:00Z";
        for (grain, text) in [
            (Grain::Full, late),
            (Grain::Quarter, late),
            (Grain::Domain, "2026-11-30T00:00:00Z"),
            (Grain::Fields, "2026-11-30T00:00:00Z"),
            (Grain::Day, "2026-11-30T00:00:00Z"),
            (Grain::Fourth, "2026-11-22T00:00:00Z"),
        ] {
            assert_eq!(first(grain, late), second(text), "{grain:?}");
        }
    }

    #[test]
    fn a_month_has_four_fourths_none_shorter_than_a_week() {
        for month in ["2024-02", "2026-02", "2026-04", "2026-12"] {
            let firsts = (1..=31).filter_map(|day| {
                let day = chrono::NaiveDate::parse_from_str(&format!("{month}-{day:02}"), "%Y-%m-%d").ok()?;
                let time = day.and_hms_opt(12, 0, 0)?.and_utc();
                Some(Millis::from(Grain::Fourth.first(Bucket::of(time.into()))).to_datetime()?.date_naive().day())
            });
            let mut firsts: Vec<_> = firsts.collect();
            assert_eq!(&firsts[..21], [[1; 7], [8; 7], [15; 7]].as_flattened());
            firsts.dedup();
            assert_eq!(firsts, [1, 8, 15, 22]);
        }
        assert_eq!(Grain::Fourth.first(Bucket(u32::MAX - u32::MAX % 900)), second("2106-02-01T00:00:00Z"));
        assert_eq!(Grain::Fourth.first(Bucket(0)), Bucket(0));
    }

    #[test]
    fn the_next_time_begins_at_the_midnight_or_after_it() {
        let next = |grain: Grain, text: &str| grain.next(second(&format!("{text}T00:00:00Z")));
        for (from, to) in [("2026-11-08", "2026-11-08"), ("2026-11-09", "2026-11-15"), ("2024-02-23", "2024-03-01")] {
            assert_eq!(next(Grain::Fourth, from), Some(second(&format!("{to}T00:00:00Z"))), "{from}");
            assert_eq!(next(Grain::Domain, from), Some(second(&format!("{from}T00:00:00Z"))), "{from}");
        }
        assert_eq!(next(Grain::Fourth, "2106-02-02"), None);
    }
}
