//! The rules that every account has from the beginning. Each can be replaced, disabled or muted under its id.

use super::{ConditionRequest, FBL_SPAM_RATE, RuleRequest, Severity};

/// A rule that every account has.
#[derive(Clone, Copy, Debug)]
pub struct DefaultRule {
    /// Its id, the same in every account.
    pub id: &'static str,
    name: &'static str,
    watch: &'static str,
    above: f64,
    window: &'static [&'static str],
    by: Option<&'static str>,
    minimum: u32,
    severity: Severity,
    enabled: bool,
}

/// The hour shows a disaster of a large sender at once, the week that of a small one at all.
const SPAM: DefaultRule = DefaultRule {
    id: "spam-warning",
    name: "Spam rate above 0.1 %",
    watch: FBL_SPAM_RATE,
    above: 0.001,
    window: &["1h", "6h", "24h", "7d"],
    by: None,
    minimum: 1_000,
    severity: Severity::Warning,
    enabled: true,
};

const SPAM_CRITICAL: DefaultRule = DefaultRule {
    id: "spam-critical",
    name: "Spam rate above 0.3 %",
    above: 0.003,
    severity: Severity::Critical,
    ..SPAM
};

/// All of them. Overall and by sender domain, mail to providers that are not known to tell of complaints is left out; by provider, each
/// is looked at for itself, and nothing dilutes anything.
pub const DEFAULTS: [DefaultRule; 8] = [
    SPAM,
    SPAM_CRITICAL,
    DefaultRule {
        id: "spam-warning-sender-domain",
        name: "Spam rate of a sender domain above 0.1 %",
        by: Some("sender_domain"),
        ..SPAM
    },
    DefaultRule {
        id: "spam-critical-sender-domain",
        name: "Spam rate of a sender domain above 0.3 %",
        by: Some("sender_domain"),
        ..SPAM_CRITICAL
    },
    DefaultRule {
        id: "spam-warning-mailbox-provider",
        name: "Spam rate at a mailbox provider above 0.1 %",
        watch: "spam_rate",
        by: Some("mailbox_provider"),
        ..SPAM
    },
    DefaultRule {
        id: "spam-critical-mailbox-provider",
        name: "Spam rate at a mailbox provider above 0.3 %",
        watch: "spam_rate",
        by: Some("mailbox_provider"),
        ..SPAM_CRITICAL
    },
    DefaultRule {
        id: "failures",
        name: "Failure rate above 5 %",
        watch: "failure_rate",
        above: 0.05,
        window: &["1h", "24h"],
        minimum: 200,
        ..SPAM
    },
    // An account declares by enabling it that nothing may go out unencrypted.
    DefaultRule {
        id: "unencrypted",
        name: "Delivered without encryption",
        watch: "unsecured",
        above: 0.0,
        window: &["24h"],
        minimum: 0,
        severity: Severity::Critical,
        enabled: false,
        ..SPAM
    },
];

impl DefaultRule {
    /// The rule as its author would write it.
    #[must_use]
    pub fn request(&self) -> RuleRequest {
        RuleRequest {
            name: self.name.to_owned(),
            watch: self.watch.to_owned(),
            when: ConditionRequest::Above(self.above),
            window: self.window.iter().map(|text| (*text).to_owned()).collect(),
            basis: None,
            filter: Vec::new(),
            by: self.by.map(str::to_owned),
            tz: None,
            minimum: Some(self.minimum),
            hold: None,
            severity: self.severity,
            confidence: None,
            channels: None,
            enabled: self.enabled,
        }
    }

    /// The default of that id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        DEFAULTS.iter().find(|rule| rule.id == id)
    }
}
