//! Normal forms: two spellings of one address, domain or message id become the same text here, once, at the edge.

use std::borrow::Cow;

/// The longest address that is accepted, in bytes (RFC 5321, 4.5.3.1: 64 + `@` + 255).
pub const MAX_ADDRESS: usize = 320;

/// Why a text is no address or message id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More than the limit allows.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// Not `local@domain`.
    #[error("must have the form local@domain")]
    NotAnAddress,
    /// The domain cannot be written in its IDNA ASCII form.
    #[error("has a domain that is not a valid IDNA domain")]
    Domain,
    /// A control character inside.
    #[error("must not contain control characters")]
    Control,
}

/// The normal form of a recipient (METRICS.md, "Words"): trimmed, lower-cased, its domain in IDNA ASCII form.
///
/// # Errors
/// Says what to change when the text is not an address.
pub fn recipient(text: &str) -> Result<Cow<'_, str>, AddressError> {
    let text = plain(text, MAX_ADDRESS)?;
    let at = last_at(text).ok_or(AddressError::NotAnAddress)?;
    let (local, domain) = (&text[..at], &text[at + 1..]);
    if local.is_empty() || domain.is_empty() {
        return Err(AddressError::NotAnAddress);
    }
    if is_normal(text) && is_plain_domain(domain) {
        return Ok(Cow::Borrowed(text));
    }
    let domain = ascii_domain(domain)?;
    let address = format!("{}@{domain}", local.to_lowercase());
    if address.len() > MAX_ADDRESS {
        return Err(AddressError::TooLong(MAX_ADDRESS));
    }
    Ok(Cow::Owned(address))
}

/// The normal form of a sender: the whole From address as given, trimmed and lower-cased. An empty one is allowed (no sender known).
///
/// # Errors
/// Says what to change when it is too long or has control characters.
pub fn sender(text: &str) -> Result<Cow<'_, str>, AddressError> {
    if text.trim().is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    let text = plain(text, MAX_ADDRESS)?;
    if is_normal(text) {
        return Ok(Cow::Borrowed(text));
    }
    let lower = text.to_lowercase();
    if lower.len() > MAX_ADDRESS {
        return Err(AddressError::TooLong(MAX_ADDRESS));
    }
    Ok(Cow::Owned(lower))
}

/// The normal form of a message id: without surrounding `<>` and white space.
///
/// # Errors
/// Says what to change when nothing is left, it is longer than 998 bytes (RFC 5322, 2.1.1) or has control characters.
pub fn message_id(text: &str) -> Result<&str, AddressError> {
    let text = plain(text, 998)?;
    let bare = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text).trim();
    if bare.is_empty() { Err(AddressError::Empty) } else { Ok(bare) }
}

/// The domain of a normalised address: what follows its last `@` (and ends before a closing `>`); empty when there is none.
#[must_use]
pub fn domain_of(address: &str) -> &str {
    last_at(address).map_or("", |at| address[at + 1..].trim_end_matches('>'))
}

/// Where the last `@` is. Addresses are short: a loop over bytes beats a search made for long texts.
fn last_at(address: &str) -> Option<usize> {
    address.as_bytes().iter().rposition(|byte| *byte == b'@')
}

fn plain(text: &str, limit: usize) -> Result<&str, AddressError> {
    let text = text.trim();
    if text.is_empty() {
        Err(AddressError::Empty)
    } else if text.len() > limit {
        Err(AddressError::TooLong(limit))
    } else if text.bytes().any(|byte| byte.is_ascii_control()) {
        Err(AddressError::Control)
    } else {
        Ok(text)
    }
}

fn is_normal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// Whether the domain is what IDNA would leave as it is, told without asking it: nearly every domain is.
fn is_plain_domain(domain: &str) -> bool {
    domain.len() <= 253
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with("xn--")
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        })
}

fn ascii_domain(domain: &str) -> Result<String, AddressError> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if domain.starts_with('[') && domain.ends_with(']') {
        return Ok(domain.to_lowercase());
    }
    let ascii = idna::domain_to_ascii(domain).map_err(|_| AddressError::Domain)?;
    if ascii.is_empty() || ascii.len() > 253 { Err(AddressError::Domain) } else { Ok(ascii) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_compared_trimmed_lower_cased_and_in_ascii() {
        for spelling in ["  Pat@Example.COM ", "pat@example.com", "PAT@example.com."] {
            assert_eq!(recipient(spelling).as_deref(), Ok("pat@example.com"), "{spelling}");
        }
        assert_eq!(recipient("jörg@bücher.example").as_deref(), Ok("jörg@xn--bcher-kva.example"));
        assert_eq!(recipient("jörg@xn--bcher-kva.example").as_deref(), Ok("jörg@xn--bcher-kva.example"));
        assert_eq!(recipient("\"a@b\"@example.com").as_deref(), Ok("\"a@b\"@example.com"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        assert_eq!(recipient(" "), Err(AddressError::Empty));
        assert_eq!(recipient("pat"), Err(AddressError::NotAnAddress));
        assert_eq!(recipient("@example.com"), Err(AddressError::NotAnAddress));
        assert_eq!(recipient("pat@"), Err(AddressError::NotAnAddress));
        assert_eq!(recipient("p\0t@example.com"), Err(AddressError::Control));
        assert_eq!(recipient(&format!("{}@example.com", "a".repeat(320))), Err(AddressError::TooLong(MAX_ADDRESS)));
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        for spelling in ["Pat@EXAMPLE.com", "jörg@bücher.example", "İ@example.com", "x@[192.0.2.1]"] {
            let once = recipient(spelling).map(Cow::into_owned).unwrap_or_default();
            assert_eq!(recipient(&once).as_deref(), Ok(once.as_str()));
        }
    }

    #[test]
    fn a_message_id_loses_its_brackets() {
        assert_eq!(message_id(" <a1@acme.org> "), Ok("a1@acme.org"));
        assert_eq!(message_id("a1@acme.org"), Ok("a1@acme.org"));
        assert_eq!(message_id("<>"), Err(AddressError::Empty));
    }

    #[test]
    fn a_sender_may_be_absent_and_its_domain_is_what_follows_the_at() {
        assert_eq!(sender("  ").as_deref(), Ok(""));
        assert_eq!(sender("News <News@Acme.org>").as_deref(), Ok("news <news@acme.org>"));
        assert_eq!(domain_of("news <news@acme.org>"), "acme.org");
        assert_eq!(domain_of("postmaster"), "");
    }
}
