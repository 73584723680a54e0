//! Validates each event of a body by itself and gives each an outcome: one bad event never fails its batch.

use std::borrow::Cow;

use schema::{AddressError, Event, EventKind, FailureClass, FieldName, Millis, SecureMethod, is_other};
use serde::Serialize;

use crate::decode::{Mismatch, Wire};

/// Events in one body.
pub const MAX_EVENTS: usize = 100_000;
/// Custom fields of one event.
pub const MAX_FIELDS: usize = 16;
/// A time at most this much after now is accepted, in milliseconds: clocks differ, days do not.
const MAX_AHEAD: i64 = 24 * 3600 * 1000;

/// The limits of texts, in bytes. A subject's is RFC 5322's longest line.
pub(crate) const MAX_SUBJECT: usize = 998;
pub(crate) const MAX_FIELD_VALUE: usize = 256;
pub(crate) const MAX_EVENT_ID: usize = 256;
pub(crate) const MAX_CAMPAIGN: usize = 256;
pub(crate) const MAX_URL: usize = 4096;
pub(crate) const MAX_REASON: usize = 4096;

/// An event that was not accepted, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The event's place in the body, from 0; empty lines do not count. In a provider's body, its place among all that is told; where
    /// each line is a body, the line's.
    pub index: u64,
    /// A stable word for programs.
    pub code: &'static str,
    /// The key it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A sentence for people.
    pub detail: String,
}

/// The times that are accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    earliest: Millis,
    latest: Millis,
    /// Up to this time the ledger could not tell an event from a repetition.
    horizon: Option<Millis>,
}

impl Window {
    /// Up to a day ahead of `now`, and back to the retention or to what the ledger remembers.
    pub(crate) fn new(now: Millis, retention_days: u32, horizon: Option<Millis>) -> Self {
        let back = i64::from(retention_days) * 24 * 3600 * 1000;
        Self { earliest: Millis(now.0 - back), latest: Millis(now.0 + MAX_AHEAD), horizon }
    }
}

fn wrong(code: &'static str, field: &str, detail: impl Into<String>) -> Mismatch {
    Mismatch { code, field: Some(field.to_owned()), detail: detail.into() }
}

/// Normalises an event and calls `take` with it.
pub(crate) fn accept(wire: &Wire<'_>, window: Window, take: impl FnOnce(&Event<'_>)) -> Result<(), Mismatch> {
    let kind = kind(wire)?;
    let time = time(wire.time.0, window)?;
    let address = |field, code| move |error: AddressError| wrong(code, field, error.to_string());
    let message_id = schema::message_id(&wire.message_id).map_err(address("message_id", "invalid_message_id"))?;
    let recipient = schema::recipient(&wire.recipient).map_err(address("recipient", "invalid_recipient"))?;
    let sender = schema::sender(&wire.sender).map_err(address("sender", "invalid_sender"))?;
    let (class, method) = (class(wire, kind)?, method(wire, kind)?);
    applies(kind, EventKind::Opened, EventKind::Clicked, "machine", wire.machine.is_some())?;
    applies(kind, EventKind::Opened, EventKind::Clicked, "url", !wire.url.is_empty())?;
    short(&wire.event_id, MAX_EVENT_ID, "event_id")?;
    short(&wire.subject, MAX_SUBJECT, "subject")?;
    short(&wire.campaign, MAX_CAMPAIGN, "campaign")?;
    for (text, field) in [(&*sender, "sender"), (&*wire.subject, "subject"), (&*wire.campaign, "campaign")] {
        foreign(text, field)?;
    }
    foreign(schema::domain_of(&sender), "sender")?;
    short(&wire.url, MAX_URL, "url")?;
    short(&wire.reason, MAX_REASON, "reason")?;
    reason_applies(wire, kind)?;
    take(&Event {
        kind,
        time,
        message_id,
        recipient: &recipient,
        event_id: &wire.event_id,
        sender: &sender,
        subject: &wire.subject,
        campaign: &wire.campaign,
        fields: fields(&wire.fields.0)?,
        machine: wire.machine.unwrap_or(false),
        class,
        method,
        url: &wire.url,
        reason: &wire.reason,
    });
    Ok(())
}

fn kind(wire: &Wire<'_>) -> Result<EventKind, Mismatch> {
    EventKind::from_name(&wire.event)
        .ok_or_else(|| wrong("unknown_event", "event", one_of(EventKind::ALL.iter().map(|kind| kind.name()))))
}

fn time(time: Millis, window: Window) -> Result<Millis, Mismatch> {
    if time > window.latest {
        Err(wrong("time_in_future", "time", "is more than a day ahead of the service's clock"))
    } else if time < window.earliest {
        Err(wrong(
            "time_too_old",
            "time",
            "is older than the retention; raise `ingest.retention_days` to load older events",
        ))
    } else if window.horizon.is_some_and(|horizon| time <= horizon) {
        Err(wrong(
            "time_too_old",
            "time",
            "is older than what is remembered of events (`ledger.forget_after_days`): it might repeat one that was counted",
        ))
    } else {
        Ok(time)
    }
}

fn class(wire: &Wire<'_>, kind: EventKind) -> Result<Option<FailureClass>, Mismatch> {
    applies(kind, EventKind::Failed, EventKind::Failed, "class", !wire.class.is_empty())?;
    match (&*wire.class, kind) {
        ("", EventKind::Failed) => Ok(Some(FailureClass::Other)),
        ("", _) => Ok(None),
        (name, _) => FailureClass::from_name(name)
            .map(Some)
            .ok_or_else(|| wrong("invalid_class", "class", one_of(FailureClass::ALL.iter().map(|class| class.name())))),
    }
}

fn method(wire: &Wire<'_>, kind: EventKind) -> Result<Option<SecureMethod>, Mismatch> {
    applies(kind, EventKind::Secured, EventKind::Delivered, "method", !wire.method.is_empty())?;
    match (&*wire.method, kind) {
        ("", EventKind::Secured) => Ok(Some(SecureMethod::Other)),
        ("", _) => Ok(None),
        (name, _) => SecureMethod::from_name(name).map(Some).ok_or_else(|| {
            wrong("invalid_method", "method", one_of(SecureMethod::ALL.iter().map(|method| method.name())))
        }),
    }
}

/// A key that means something for one or two kinds of event only.
fn applies(kind: EventKind, one: EventKind, other: EventKind, field: &str, given: bool) -> Result<(), Mismatch> {
    if !given || kind == one || kind == other {
        return Ok(());
    }
    let kinds = if one == other { one.name().to_owned() } else { format!("{} and {}", one.name(), other.name()) };
    Err(wrong("not_applicable", field, format!("means something for {kinds} only; leave it out")))
}

fn reason_applies(wire: &Wire<'_>, kind: EventKind) -> Result<(), Mismatch> {
    use EventKind::{Clicked, Complained, Deferred, Delivered, Failed, Opened, Queued, Secured, Unsubscribed};
    match kind {
        Deferred | Failed | Complained | Unsubscribed | Delivered => Ok(()),
        Queued | Secured | Opened | Clicked if wire.reason.is_empty() => Ok(()),
        Queued | Secured | Opened | Clicked => Err(wrong(
            "not_applicable",
            "reason",
            "means something for delivered, deferred, failed, complained and unsubscribed only; leave it out",
        )),
    }
}

fn short(text: &str, limit: usize, field: &str) -> Result<(), Mismatch> {
    if text.len() > limit {
        return Err(wrong("too_long", field, format!("has {} bytes, {limit} are allowed", text.len())));
    }
    Ok(())
}

/// Refuses what would be taken for our own value of those beyond a limit.
fn foreign(text: &str, field: &str) -> Result<(), Mismatch> {
    if is_other(text) {
        return Err(wrong(
            "reserved_character",
            field,
            "begins with U+FDD0, which Unicode keeps for the inside of programs",
        ));
    }
    Ok(())
}

/// The fields, checked; those with an empty value say nothing and are left out. They come sorted by name.
fn fields<'a>(given: &'a [(Cow<'a, str>, Cow<'a, str>)]) -> Result<Vec<(&'a str, &'a str)>, Mismatch> {
    if given.len() > MAX_FIELDS {
        return Err(wrong(
            "too_many_fields",
            "fields",
            format!("has {} fields, {MAX_FIELDS} are allowed", given.len()),
        ));
    }
    if let Some((name, _)) = given.iter().find(|(name, _)| !FieldName::is_valid(name)) {
        let shown: String = name.chars().take(64).collect();
        let rule = "a field's name has 1 to 64 characters out of letters, digits, `_`, `-`, `.`";
        return Err(wrong("invalid_field_name", &format!("fields.{shown}"), rule));
    }
    for (name, value) in given {
        if value.len() > MAX_FIELD_VALUE {
            let detail = format!("has {} bytes, {MAX_FIELD_VALUE} are allowed", value.len());
            return Err(wrong("too_long", &format!("fields.{name}"), detail));
        }
        if is_other(value) {
            foreign(value, &format!("fields.{name}"))?;
        }
    }
    Ok(given.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (&**name, &**value)).collect())
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("must be one of {}", names.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_183_387_123);

    fn outcome(extra: &str) -> Result<(), (&'static str, Option<String>)> {
        let base = r#""event":"queued","time":1795183387,"message_id":"<m>","recipient":"Pat@Example.com""#;
        let json = if extra.starts_with('{') { extra.to_owned() } else { format!("{{{base}{extra}}}") };
        let wire = Wire::parse(json.as_bytes()).map_err(|m| (m.code, m.field))?;
        let horizon = Some(Millis(NOW.0 - 99 * 86_400_000));
        accept(&wire, Window::new(NOW, 100, horizon), |event| {
            assert_eq!((event.message_id, event.recipient), ("m", "pat@example.com"));
        })
        .map_err(|m| (m.code, m.field))
    }

    fn of_kind(kind: &str, rest: &str) -> String {
        format!(r#"{{"event":"{kind}","time":1795183387,"message_id":"m","recipient":"pat@example.com"{rest}}}"#)
    }

    #[test]
    fn keys_are_refused_where_they_mean_nothing() {
        assert_eq!(outcome(""), Ok(()));
        for (rest, field) in [
            (r#","machine":false"#, "machine"),
            (r#","class":"hard""#, "class"),
            (r#","method":"tls""#, "method"),
            (r#","url":"https://x""#, "url"),
            (r#","reason":"x""#, "reason"),
        ] {
            assert_eq!(outcome(rest), Err(("not_applicable", Some(field.into()))));
        }
        assert_eq!(outcome(&of_kind("failed", r#","class":"hard","reason":"550""#)), Ok(()));
        assert_eq!(outcome(&of_kind("clicked", r#","machine":true,"url":"https://x""#)), Ok(()));
        assert_eq!(outcome(&of_kind("delivered", r#","method":"tls""#)), Ok(()));
    }

    #[test]
    fn limits_are_kept_and_named() {
        let long = "x".repeat(999);
        assert_eq!(outcome(&format!(r#","subject":"{long}""#)), Err(("too_long", Some("subject".into()))));
        assert_eq!(outcome(&format!(r#","fields":{{"a":"{long}"}}"#)), Err(("too_long", Some("fields.a".into()))));
        assert_eq!(outcome(r#","fields":{"a b":"x"}"#), Err(("invalid_field_name", Some("fields.a b".into()))));
        let many: Vec<_> = (0..17).map(|n| format!(r#""f{n}":"x""#)).collect();
        assert_eq!(
            outcome(&format!(r#","fields":{{{}}}"#, many.join(","))),
            Err(("too_many_fields", Some("fields".into())))
        );
    }

    #[test]
    fn nobody_can_pass_a_text_off_as_the_value_of_those_beyond_a_limit() {
        for (rest, field) in [
            (r#","subject":"\ufdd0""#, "subject"),
            (r#","sender":"x@\ufdd0""#, "sender"),
            (r#","campaign":"\ufdd0@x""#, "campaign"),
            (r#","sender":" \ufdd0@acme.org""#, "sender"),
            (r#","fields":{"a":"\ufdd0"}"#, "fields.a"),
        ] {
            assert_eq!(outcome(rest), Err(("reserved_character", Some(field.into()))));
        }
        assert_eq!(outcome(r#","subject":"(other) \ufdd0""#), Ok(()));
    }

    #[test]
    fn times_beyond_the_window_are_refused() {
        let at =
            |time: i64| format!(r#"{{"event":"queued","time":{time},"message_id":"m","recipient":"pat@example.com"}}"#);
        assert_eq!(outcome(&at(1_795_183_387 + 86_399)), Ok(()));
        assert_eq!(outcome(&at(1_795_183_387 + 86_402)), Err(("time_in_future", Some("time".into()))));
        assert_eq!(outcome(&at(1_795_183_387 - 101 * 86_400)), Err(("time_too_old", Some("time".into()))));
        assert_eq!(outcome(&at(1_795_183_387 - 99 * 86_400)), Err(("time_too_old", Some("time".into()))), "forgotten");
        assert_eq!(outcome(&at(1_795_183_387 - 98 * 86_400)), Ok(()));
    }

    #[test]
    fn unknown_words_are_answered_with_the_known_ones() {
        assert_eq!(outcome(&of_kind("bounced", "")), Err(("unknown_event", Some("event".into()))));
        assert_eq!(outcome(&of_kind("failed", r#","class":"HARD""#)), Err(("invalid_class", Some("class".into()))));
        assert_eq!(outcome(&of_kind("secured", r#","method":"ssl""#)), Err(("invalid_method", Some("method".into()))));
    }
}
