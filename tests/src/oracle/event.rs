//! One event, normalised, and its identity (METRICS.md, "Words" and "Events").

use std::collections::BTreeMap;

use fixtures::{Class, Event, Kind, Method};
use schema::{AccountId, EventId, EventKind, Identifier, Millis};

/// What makes two events one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// The source's stable id.
    Named(String),
    /// Kind, message id, recipient, time and url.
    Unnamed(Kind, String, String, i64, String),
}

/// A distinct event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    /// Orders events of equal time.
    pub(super) id: EventId,
    pub(super) kind: Kind,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    pub(super) message_id: String,
    pub(super) recipient: String,
    pub(super) sender: String,
    pub(super) subject: String,
    pub(super) campaign: String,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) machine: bool,
    /// A failure without a class is of the class `other`.
    pub(super) class: Option<Class>,
    pub(super) method: Option<Method>,
    pub(super) url: String,
    pub(super) reason: String,
}

impl Fact {
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.kind == kind
    }

    /// Engagement of any sort, machine or not.
    pub(super) fn is_engagement(&self) -> bool {
        matches!(self.kind, Kind::Opened | Kind::Clicked | Kind::Complained | Kind::Unsubscribed)
    }

    /// Evidence of `secured`.
    pub(super) fn is_secured(&self) -> bool {
        self.is(Kind::Secured) || (self.is(Kind::Delivered) && self.method.is_some())
    }
}

/// Normalises an event.
pub(super) fn read(account: &AccountId, identifier: &Identifier, event: &Event) -> (Identity, Fact) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (message_id, recipient) = (bare(&event.message_id), address(&event.recipient));
    let (event_id, url, time) = (text(&event.event_id), text(&event.url), event.time.timestamp_millis());
    let identity = if event_id.is_empty() {
        Identity::Unnamed(event.kind, message_id.clone(), recipient.clone(), time, url.clone())
    } else {
        Identity::Named(event_id.clone())
    };
    let id = identifier.event(account, &for_identity(event.kind, time, &message_id, &recipient, &event_id, &url));
    let fact = Fact {
        id,
        kind: event.kind,
        time,
        message_id,
        recipient,
        sender: text(&event.sender).trim().to_lowercase(),
        subject: text(&event.subject),
        campaign: text(&event.campaign),
        fields: event.fields.clone(),
        machine: event.machine.unwrap_or(false),
        class: event.class.or((event.kind == Kind::Failed).then_some(Class::Other)),
        method: event.method.or((event.kind == Kind::Secured).then_some(Method::Other)),
        url,
        reason: text(&event.reason),
    };
    (identity, fact)
}

/// A message id without surrounding `<>` and white space.
fn bare(message_id: &str) -> String {
    message_id.trim().trim_start_matches('<').trim_end_matches('>').trim().to_owned()
}

/// A recipient trimmed and lower-cased, its domain in its IDNA ASCII form.
fn address(recipient: &str) -> String {
    let lower = recipient.trim().to_lowercase();
    let (local, domain) = lower.rsplit_once('@').expect("tests report accepted events only");
    format!("{local}@{}", idna::domain_to_ascii(domain).expect("tests report accepted events only"))
}

/// The parts of an event that make its identity.
fn for_identity<'a>(
    kind: Kind,
    time: i64,
    message_id: &'a str,
    recipient: &'a str,
    event_id: &'a str,
    url: &'a str,
) -> schema::Event<'a> {
    schema::Event {
        kind: match kind {
            Kind::Queued => EventKind::Queued,
            Kind::Delivered => EventKind::Delivered,
            Kind::Deferred => EventKind::Deferred,
            Kind::Failed => EventKind::Failed,
            Kind::Secured => EventKind::Secured,
            Kind::Opened => EventKind::Opened,
            Kind::Clicked => EventKind::Clicked,
            Kind::Complained => EventKind::Complained,
            Kind::Unsubscribed => EventKind::Unsubscribed,
        },
        time: Millis(time),
        message_id,
        recipient,
        event_id,
        sender: "",
        subject: "",
        campaign: "",
        fields: Vec::new(),
        machine: false,
        class: None,
        method: None,
        url,
        reason: "",
    }
}
