//! Which operators of mailboxes tell senders of single complaints (feedback loops). Of the others none is ever heard: no data is
//! not zero.
//!
//! Sources: Yahoo's Complaint Feedback Loop (senders.yahooinc.com), Microsoft's JMRP (sendersupport.olc.protection.outlook.com), the
//! Universal Feedback Loop of Validity (fbl.validity.com: Comcast, Cox, Charter, Fastmail, La Poste, Italiaonline, Zoho, …), Signal Spam
//! for France, and the programmes of Mail.ru, Yandex and Telekom. Gmail and Apple have none: Gmail shows rates by day in Postmaster
//! Tools, Apple shows nothing.

use crate::MailboxProvider;

/// The operators that report, by their names in the API.
pub const REPORTING: &[&str] = &[
    "microsoft",
    "yahoo",
    "att",
    "comcast",
    "charter",
    "cox",
    "fastmail",
    "zoho",
    "gmx",
    "telekom",
    "orange",
    "free",
    "laposte",
    "libero",
    "mail_ru",
    "yandex",
];

/// The operators that are known not to. Of `other` some report and some do not.
pub const SILENT: &[&str] = &["gmail", "apple", "proton", "qq", "netease", "naver"];

impl MailboxProvider {
    /// Whether this operator tells of single complaints; `None` for `other`, of which nobody knows.
    #[must_use]
    pub fn reports_complaints(self) -> Option<bool> {
        reports_complaints(self.name())
    }
}

/// Whether the operator of this name tells of single complaints; `None` when nobody knows.
#[must_use]
pub fn reports_complaints(name: &str) -> Option<bool> {
    if REPORTING.contains(&name) {
        return Some(true);
    }
    SILENT.contains(&name).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gmail_is_silent_and_yahoo_reports() {
        let reports = |domain| MailboxProvider::of_domain(domain).reports_complaints();
        assert_eq!(reports("gmail.com"), Some(false));
        assert_eq!(reports("yahoo.co.uk"), Some(true));
        assert_eq!(reports("acme.org"), None);
    }

    #[test]
    fn of_every_operator_that_is_known_it_is_known_whether_it_reports() {
        for name in crate::provider::names() {
            assert!(reports_complaints(name).is_some(), "{name}");
        }
        assert!(!REPORTING.iter().any(|name| SILENT.contains(name)));
    }
}
