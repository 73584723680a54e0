//! How old a signed request may be.
//!
//! A window has to be as wide as the time for which a provider repeats a request, for a repetition bears the time of the first try:
//! within it memory tells repetitions from replays.

use schema::Millis;

use super::Refusal;

const HOUR: i64 = 3_600_000;

/// From how long ago to how far ahead, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    back: i64,
    ahead: i64,
}

/// As far as two clocks may differ.
const SKEW: i64 = HOUR / 4;

impl Window {
    /// So many hours back, and as far ahead as clocks differ.
    pub(super) const fn hours(hours: i64) -> Self {
        Self { back: hours * HOUR, ahead: SKEW }
    }

    /// When a request of that time stops being taken.
    ///
    /// # Errors
    /// When it is not taken now.
    pub(super) fn ends(self, signed_at: Millis, now: Millis) -> Result<Millis, Refusal> {
        let (earliest, latest) = (now.0.saturating_sub(self.back), now.0.saturating_add(self.ahead));
        if (earliest..=latest).contains(&signed_at.0) {
            Ok(Millis(signed_at.0.saturating_add(self.back)))
        } else {
            Err(Refusal::Stale)
        }
    }
}

/// Unix seconds of at most eleven digits, as a header or a field has them: far enough for any year, too short to overflow.
pub(super) fn unix_seconds(text: &str) -> Option<Millis> {
    let digits = (1..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = digits.then(|| text.parse().ok())??;
    Some(Millis(seconds * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_taken_from_so_many_hours_ago_to_a_quarter_of_an_hour_ahead() {
        let (window, now) = (Window::hours(2), Millis(100 * HOUR));
        assert_eq!(window.ends(Millis(98 * HOUR), now), Ok(Millis(100 * HOUR)));
        assert_eq!(window.ends(Millis(98 * HOUR - 1), now), Err(Refusal::Stale));
        assert!(window.ends(Millis(100 * HOUR + SKEW), now).is_ok());
        assert_eq!(window.ends(Millis(100 * HOUR + SKEW + 1), now), Err(Refusal::Stale));
        for extreme in [i64::MIN, i64::MAX] {
            assert_eq!(window.ends(Millis(extreme), now), Err(Refusal::Stale));
        }
    }

    #[test]
    fn seconds_are_digits_and_nothing_else() {
        assert_eq!(unix_seconds("1600112502"), Some(Millis(1_600_112_502_000)));
        for text in ["", "-1", "+1", "1.5", " 1", "1e9", "999999999999", "١"] {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }
}
