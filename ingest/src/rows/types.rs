//! How dates and times are written.

use schema::Millis;

/// `DateTime64(3, 'UTC')`.
pub(super) const TIME: &str = "DateTime64(3, 'UTC')";

/// A time's bytes.
pub(super) fn time(time: Millis) -> [u8; 8] {
    time.0.to_le_bytes()
}

/// A time's bytes, or those of 1970 for never: a column of nulls would cost another column.
pub(super) fn or_never(time: Option<Millis>) -> [u8; 8] {
    time.unwrap_or_default().0.to_le_bytes()
}

/// `Date`: days since 1970 in UTC.
pub(super) fn day(time: Millis) -> u16 {
    let days = time.0.div_euclid(24 * 3600 * 1000).clamp(0, i64::from(u16::MAX));
    u16::try_from(days).unwrap_or(u16::MAX)
}
