//! What a server answers when it refuses: reply codes (RFC 5321) and enhanced status codes (RFC 3463), found in its words. The rule
//! stands here twice, as code and as a regular expression of the database; a test of `query` compares the two.

/// An enhanced status code of a failure, the first group of the match: what [`enhanced_status`] finds.
pub const ENHANCED_STATUS_PATTERN: &str = r"(?:^|[^0-9.])([45]\.[0-7]\.[0-9]{1,3})\.*(?:$|[^0-9.])";
/// The reply code that a text begins with, the first group of the match: what [`reply_code`] finds.
pub const REPLY_CODE_PATTERN: &str = r"^(?i:smtp;)?[\pZ\t-\r\x{85}]*([45][0-9]{2})(?:$|[^A-Za-z0-9.])";

/// An enhanced status code of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedStatus {
    /// 4 or 5.
    pub class: u16,
    /// What it is about, 0 to 7.
    pub subject: u16,
    /// What about it.
    pub detail: u16,
}

impl EnhancedStatus {
    /// `class.subject.detail`, the class 4 or 5; neither an address of the internet nor, mostly, the version of a program.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let mut parts = code.split('.');
        let mut part = |longest: usize| {
            let digits = parts.next().filter(|digits| (1..=longest).contains(&digits.len()));
            digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?.parse().ok()
        };
        let status = Self { class: part(1)?, subject: part(1)?, detail: part(3)? };
        (parts.next().is_none() && matches!(status.class, 4 | 5) && status.subject <= 7).then_some(status)
    }

    /// The first in a text that does not contradict the reply code.
    #[must_use]
    pub fn find(text: &str, reply: Option<u16>) -> Option<Self> {
        let agrees = |status: &Self| reply.is_none_or(|reply| reply / 100 == status.class);
        candidates(text).filter_map(Self::parse).find(agrees)
    }
}

/// The first enhanced status code in a text that tells of a failure: `5.1.1` of `550 5.1.1 …`, `550-5.1.1 …` and `… (#5.1.1)`.
#[must_use]
pub fn enhanced_status(text: &str) -> Option<&str> {
    candidates(text).find(|code| EnhancedStatus::parse(code).is_some())
}

/// The reply code that a text begins with, if it tells of a failure: 550 of `550 5.1.1 …`, `550-5.1.1 …` and `smtp; 550 …`.
#[must_use]
pub fn reply_code(text: &str) -> Option<u16> {
    let text = text.trim_start();
    let rest =
        text.get(..5).filter(|start| start.eq_ignore_ascii_case("smtp;")).map_or(text, |_| text[5..].trim_start());
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = !rest[digits..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '.');
    rest[..digits].parse().ok().filter(|code| digits == 3 && ends && is_refusal(*code))
}

/// Whether a reply code tells of a failure.
#[must_use]
pub fn is_refusal(reply: u16) -> bool {
    (400..600).contains(&reply)
}

/// Runs of digits and dots.
fn candidates(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_digit() && letter != '.').map(|run| run.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_where_servers_write_them_and_nowhere_else() {
        for (text, status, reply) in [
            ("550 5.1.1 <pat@example.com>: unknown", Some("5.1.1"), Some(550)),
            ("550-5.7.26 no", Some("5.7.26"), Some(550)),
            ("smtp; 452 4.2.2. full", Some("4.2.2"), Some(452)),
            ("host said: no (#5.1.1)", Some("5.1.1"), None),
            ("421 from 5.1.1.7", None, Some(421)),
            ("5.1.1", Some("5.1.1"), None),
            ("250 2.0.0 ok", None, None),
            ("5501 what", None, None),
            ("550.1 what", None, None),
            ("SMTP;550", None, Some(550)),
            // A combining letter, of whose kind regular expressions and code have different opinions.
            ("455\u{10378}R", None, Some(455)),
            ("\u{85}455 no", None, Some(455)),
            ("5.8.1 and 5.1.1000 and .5.1.1", None, None),
            ("", None, None),
        ] {
            assert_eq!((enhanced_status(text), reply_code(text)), (status, reply), "{text}");
        }
    }
}
