//! The value that stands for all values of a dimension beyond the limit of a day: how the tables keep it, so that no text of a
//! caller is taken for it. It is shown as [`Dimension::OTHER`](crate::Dimension::OTHER).

use crate::domain_of;

/// The value in the tables: a noncharacter of Unicode, which is meant for use inside a program. An event whose text begins with it is
/// refused.
pub const OTHER: &str = "\u{fdd0}";

/// [`OTHER`] as a literal of SQL.
pub const OTHER_SQL: &str = r"'\xEF\xB7\x90'";

/// Whether a value stands for others.
#[must_use]
pub fn is_other(value: &str) -> bool {
    value.starts_with(OTHER)
}

/// What stands for a sender in the cube: its domain is known still, for it is a dimension of its own.
#[must_use]
pub fn other_sender(sender: &str) -> String {
    format!("{OTHER}@{}", domain_of(sender))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_is_another_keeps_its_domain() {
        for sender in ["news@acme.org", "The News <news@acme.org>"] {
            let other = other_sender(sender);
            assert!(is_other(&other) && domain_of(&other) == "acme.org", "{sender}");
        }
        assert_eq!(domain_of(&other_sender("the news")), "");
    }

    #[test]
    fn the_literal_is_the_value() {
        let bytes = OTHER.bytes().fold(String::new(), |bytes, byte| bytes + &format!(r"\x{byte:02X}"));
        assert_eq!(OTHER_SQL, format!("'{bytes}'"));
    }
}
