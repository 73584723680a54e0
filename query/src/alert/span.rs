//! Spans of time as rules have them: whole minutes, written `15m`, `24h` or `7d`.

use std::{fmt, str::FromStr};

/// A number of minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Minutes(pub u32);

/// The text is no span of time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("use a whole number with a unit, like 15m, 24h or 7d")]
pub struct InvalidSpan;

const UNITS: [(char, u32); 3] = [('d', 24 * 60), ('h', 60), ('m', 1)];

impl Minutes {
    /// So many days.
    #[must_use]
    pub const fn days(count: u32) -> Self {
        Self(count * 24 * 60)
    }

    /// The same in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        i64::from(self.0) * 60
    }

    /// The same in milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.seconds() * 1000
    }
}

impl FromStr for Minutes {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let mut letters = text.chars();
        let unit = letters.next_back().ok_or(InvalidSpan)?;
        let number = letters.as_str();
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(InvalidSpan)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidSpan);
        }
        let number: u32 = number.parse().map_err(|_| InvalidSpan)?;
        number.checked_mul(factor).map(Self).ok_or(InvalidSpan)
    }
}

impl fmt::Display for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, factor): &(char, u32)| self.0 > 0 && self.0.is_multiple_of(*factor);
        // A day is written as 24 hours, for it is no calendar day.
        let (unit, factor) =
            UNITS.into_iter().filter(|(unit, _)| *unit != 'd' || self.0 > 24 * 60).find(whole).unwrap_or(('m', 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_they_are_written() {
        for (text, minutes) in [("0m", 0), ("15m", 15), ("90m", 90), ("1h", 60), ("24h", 1440), ("7d", 10_080)] {
            assert_eq!(text.parse(), Ok(Minutes(minutes)));
            assert_eq!(Minutes(minutes).to_string(), text);
        }
        assert_eq!("1d".parse(), Ok(Minutes(1440)));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "15", "m", "+5m", "1.5h", "5s", "99999999d", "5 m", "ä"] {
            assert_eq!(text.parse::<Minutes>(), Err(InvalidSpan), "{text}");
        }
    }
}
