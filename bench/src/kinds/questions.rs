//! A question of each kind.

/// A question, and what is wanted of it.
pub(super) struct Question {
    pub(super) name: &'static str,
    /// What follows the address. In it `$range` stands for a range, `$from` for its beginning; other such words for what the service has.
    pub(super) get: &'static str,
    /// A filter that a query string cannot hold: then the question is posted.
    pub(super) filter: Option<&'static str>,
    /// Whether it reads events or deliveries by what it is for, and so may take the longer the more there are.
    pub(super) grows: bool,
    /// Whether it reads those of its range, so that a narrower one takes less.
    pub(super) bounded: bool,
}

/// What reads the rollup or the cube.
const fn report(name: &'static str, get: &'static str) -> Question {
    Question { name, get, filter: None, grows: false, bounded: false }
}

/// The same with a tree of filters.
const fn filtered(name: &'static str, get: &'static str, filter: &'static str) -> Question {
    Question { filter: Some(filter), ..report(name, get) }
}

/// What reads the events or deliveries of its range.
const fn ranged(name: &'static str, get: &'static str) -> Question {
    Question { grows: true, bounded: true, ..report(name, get) }
}

/// A tree whose tests are of one dimension, and one whose tests are of three.
const ONE: &str = r#"{"any": ["recipient_domain:is:gmail.com", {"all": ["recipient_domain:contains:o",
    {"not": {"dimension": "recipient_domain", "starts_with": "m"}}]}]}"#;
const THREE: &str = r#"{"any": ["mailbox_provider:in:gmail|yahoo", {"all": ["subject:contains:visit",
    {"not": {"dimension": "sender_domain", "contains": "labs"}}]}]}"#;
/// The segment is that of three dimensions.
pub(super) const SEGMENT: &str = THREE;

pub(super) const QUESTIONS: &[Question] = &[
    report("summary", "reports/summary?$range"),
    report("split by campaign", "reports/split?by=campaign&$range"),
    report("split by recipient_domain", "reports/split?by=recipient_domain&$range"),
    report("split by campaign, mailbox_provider", "reports/split?by=campaign,mailbox_provider&$range"),
    report("split by subject, recipient_domain", "reports/split?by=subject,recipient_domain&$range"),
    // From the 2nd to the 13th: no whole fourth of the month lies in it.
    report(
        "split by subject, recipient_domain, no fourth",
        "reports/split?by=subject,recipient_domain&from=$second&to=$last",
    ),
    report(
        "split by campaign, mailbox_provider, field:clinic",
        "reports/split?by=campaign,mailbox_provider,field:clinic&$range",
    ),
    report("split by day", "reports/split?by=day&$range"),
    report("split by hour_of_day", "reports/split?by=hour_of_day&tz=America/New_York&$range"),
    report("split by weekday", "reports/split?by=weekday&tz=America/New_York&$range"),
    report("split by campaign, day", "reports/split?by=campaign,day&$range"),
    report("split by campaign, hour_of_day", "reports/split?by=campaign,hour_of_day&$range"),
    report("series by hour", "reports/series?interval=hour&$range"),
    report("series by day, by campaign", "reports/series?interval=day&by=campaign&limit=5&$range"),
    filtered("filter tree of one dimension", "reports/split?by=recipient_domain&$range", ONE),
    filtered("filter tree of three dimensions", "reports/split?by=campaign&$range", THREE),
    report("segment of three dimensions", "reports/split?by=campaign&segment=bench&$range"),
    report("min_volume", "reports/split?by=recipient_domain&min_volume=100&$range"),
    report("cursor, page 2", "reports/split?by=recipient_domain&limit=50&cursor=$cursor&$range"),
    report("top 10 with remainder", "reports/split?by=recipient_domain&limit=10&$range"),
    report("compare=previous, a week", "reports/split?by=campaign&compare=previous&from=$week&to=$to"),
    report("intervals=true", "reports/split?by=recipient_domain&intervals=true&$range"),
    report(
        "heat map as PNG",
        "reports/split?by=weekday,hour_of_day&rates=open_rate&format=png&tz=America/New_York&$range",
    ),
    report(
        "heat map of a provider as PNG",
        "reports/split?by=weekday,hour_of_day&rates=open_rate&format=png&filter=mailbox_provider:is:gmail&$range",
    ),
    report("latency by mailbox_provider", "reports/latency?by=mailbox_provider&$range"),
    report("latency by day", "reports/latency?by=day&$range"),
    report("decay", "reports/decay?$range"),
    report("decay of a campaign", "reports/decay?filter=campaign:is:$campaign&$range"),
    report("dimensions", "dimensions?$range"),
    report("values with a prefix", "dimensions/recipient_domain/values?prefix=m&$range"),
    report("security", "reports/security?$range"),
    // It reads events, and is none of those that may grow.
    Question { bounded: true, ..report("security, methods=true", "reports/security?methods=true&$range") },
    ranged("suppress_below=11", "reports/split?by=campaign&suppress_below=11&$range"),
    ranged("failures by reason", "reports/failures?by=reason&$range"),
    ranged("failures by class", "reports/failures?by=class&$range"),
    ranged("links", "reports/links?$range"),
    ranged("links of a campaign", "reports/links?campaign=$campaign&$range"),
    ranged("messages of a recipient", "messages?recipient=$recipient&$range"),
    ranged("messages of a campaign", "messages?campaign=$campaign&$range"),
    Question { bounded: false, ..ranged("messages of a recipient, ever", "messages?recipient=$recipient") },
    Question { bounded: false, ..ranged("one message", "messages/$message") },
    ranged("hygiene, hard_bounced", "recipients/hygiene?kind=hard_bounced&since=$from"),
    Question {
        bounded: false,
        ..ranged("hygiene, unengaged", "recipients/hygiene?kind=unengaged&days=90&min_deliveries=2")
    },
];
