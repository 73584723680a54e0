//! The count itself, against numbers worked out by hand from METRICS.md.

use std::collections::BTreeMap;

use chrono::DateTime;
use fixtures::{Class, Event, Kind, Method};
use schema::{Basis, Dimension, Measure};

use super::*;

/// An event of message `m` to `pat@example.com`, so many milliseconds after the epoch of these tests.
fn event(kind: Kind, millis: i64) -> Event {
    Event {
        kind,
        time: DateTime::from_timestamp_millis(1_700_000_100_000 + millis).unwrap(),
        message_id: "<m>".into(),
        recipient: "Pat@Example.com".into(),
        event_id: None,
        sender: None,
        subject: None,
        campaign: None,
        fields: BTreeMap::new(),
        machine: None,
        class: None,
        method: None,
        url: None,
        reason: None,
    }
}

fn tally(events: &[Event]) -> Tally {
    let mut oracle = Oracle::new("a", [1; 32]);
    for event in events {
        oracle.accept(event);
    }
    oracle.tally()
}

fn question(by: &str, basis: Basis) -> Question {
    let time = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    Question {
        by: vec![by.parse().unwrap()],
        basis,
        from: time(1_699_999_200),
        to: time(1_700_100_000),
        filters: Vec::new(),
        limit: 100,
    }
}

/// The groups by subject, with the names of what they count.
fn by_subject(events: &[Event], basis: Basis) -> Vec<(String, Vec<&'static str>)> {
    let groups = tally(events).split(&question("subject", basis));
    let names = |counts: Counts| {
        let measures = Measure::ALL.iter().flat_map(|m| (0..counts[*m]).map(|_| m.name()));
        measures.collect()
    };
    groups.into_iter().map(|(key, counts)| (key.concat(), names(counts))).collect()
}

#[test]
fn repeats_and_other_spellings_are_one_event() {
    let spelled = Event { message_id: "m".into(), recipient: " pat@EXAMPLE.com ".into(), ..event(Kind::Opened, 5) };
    let events = [event(Kind::Opened, 5), spelled, event(Kind::Opened, 5)];
    assert_eq!(
        by_subject(&events, Basis::Sent),
        [(String::new(), vec!["queued", "delivered", "unsecured", "opened", "opens"])]
    );
}

#[test]
fn of_two_contents_under_one_id_the_first_accepted_stands() {
    let named =
        |subject: &str| Event { event_id: Some("e".into()), subject: Some(subject.into()), ..event(Kind::Queued, 0) };
    let mut oracle = Oracle::new("a", [1; 32]);
    oracle.accept(&named("first"));
    oracle.accept(&named("second"));
    assert_eq!((oracle.distinct(), oracle.conflicts()), (1, 1));
    assert_eq!(by_subject(&[named("first"), named("second")], Basis::Sent)[0].0, "first");
}

#[test]
fn at_equal_times_failed_wins_and_a_later_delivery_or_engagement_undoes_it() {
    let failed = Event { class: Some(Class::Block), ..event(Kind::Failed, 7) };
    let outcome =
        |more: &[Event]| by_subject(&[std::slice::from_ref(&failed), more].concat(), Basis::Sent)[0].1.clone();
    assert_eq!(outcome(&[event(Kind::Delivered, 7)]), ["queued", "failed", "failed_block"]);
    assert_eq!(outcome(&[event(Kind::Delivered, 8)]), ["queued", "delivered", "unsecured"]);
    assert_eq!(outcome(&[event(Kind::Complained, 1)]), ["queued", "delivered", "unsecured", "complained"]);
}

#[test]
fn the_latest_failure_names_the_class_and_none_is_other() {
    let soft = Event { class: Some(Class::Soft), ..event(Kind::Failed, 1) };
    assert_eq!(by_subject(&[event(Kind::Failed, 2), soft], Basis::Sent)[0].1, ["queued", "failed", "failed_other"]);
}

#[test]
fn a_person_s_click_is_an_opening_and_hides_the_machine_s() {
    let machine = Event { machine: Some(true), ..event(Kind::Opened, 1) };
    let counts = |events: &[Event]| by_subject(events, Basis::Sent)[0].1.clone();
    let alone = ["queued", "delivered", "unsecured", "machine_opened", "machine_opens"];
    assert_eq!(counts(std::slice::from_ref(&machine)), alone);
    let both = ["queued", "delivered", "unsecured", "opened", "clicked", "clicks", "machine_opens"];
    assert_eq!(counts(&[machine, event(Kind::Clicked, 9)]), both);
}

#[test]
fn attributes_come_from_the_earliest_queued_event_that_has_them() {
    let with = |kind, millis, subject: &str| Event { subject: Some(subject.into()), ..event(kind, millis) };
    let events = [with(Kind::Opened, 0, "opened"), with(Kind::Queued, 9, "late"), with(Kind::Queued, 5, "")];
    assert_eq!(by_subject(&events, Basis::Sent)[0].0, "late");
    assert_eq!(by_subject(&events[..1], Basis::Sent)[0].0, "opened");
}

#[test]
fn on_the_event_basis_each_measure_has_its_own_date() {
    let hour = 3_600_000;
    let secured = Event { method: Some(Method::Tls), ..event(Kind::Delivered, hour) };
    let events = [event(Kind::Queued, 0), secured, event(Kind::Deferred, 2 * hour), event(Kind::Opened, 3 * hour)];
    let counts = tally(&events);
    let at = |basis, hours: i64| {
        let mut question = question("recipient_domain", basis);
        question.from += chrono::TimeDelta::hours(hours);
        question.to = question.from + chrono::TimeDelta::hours(1);
        counts.split(&question).into_values().next().unwrap_or_default()
    };
    let names =
        |counts: &Counts| -> Vec<_> { Measure::ALL.iter().filter(|m| counts[**m] > 0).map(|m| m.name()).collect() };
    assert_eq!(names(&at(Basis::Sent, 0)), ["queued", "delivered", "secured", "opened", "opens", "deferrals"]);
    assert!(at(Basis::Sent, 1).is_zero());
    assert_eq!(names(&at(Basis::Event, 0)), ["queued"]);
    assert_eq!(names(&at(Basis::Event, 1)), ["delivered", "secured"]);
    assert_eq!(names(&at(Basis::Event, 2)), ["deferrals"]);
    assert_eq!(names(&at(Basis::Event, 3)), ["opened", "opens"]);
}

#[test]
fn dimensions_are_read_off_the_addresses() {
    let event = Event {
        sender: Some("News <News@Acme.org>".into()),
        recipient: "x@bücher.example".into(),
        ..event(Kind::Queued, 0)
    };
    let key = |by: &str| {
        tally(std::slice::from_ref(&event)).split(&question(by, Basis::Sent)).into_keys().next().unwrap().concat()
    };
    assert_eq!(key("sender"), "news <news@acme.org>");
    assert_eq!(key("sender_domain"), "acme.org");
    assert_eq!(key("recipient_domain"), "xn--bcher-kva.example");
    assert_eq!(key("mailbox_provider"), "other");
    assert_eq!(key("field:none"), "");
}

#[test]
fn rows_of_a_day_with_an_hour_more_are_one_and_its_hours_are_25() {
    let tz = chrono_tz::America::New_York;
    let time = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    let question = Question {
        from: time("2026-11-01T00:00:00-04:00"),
        to: time("2026-11-02T00:00:00-05:00"),
        ..question("subject", Basis::Sent)
    };
    assert_eq!(rows(&question, tz, Interval::Day), ["2026-11-01T00:00:00-04:00"]);
    assert_eq!(rows(&question, tz, Interval::Hour).len(), 25);
    assert_eq!(rows(&question, tz, Interval::Week), ["2026-10-26T00:00:00-04:00"]);
    assert_eq!(last_change_of_offset(tz, time("2026-11-23T00:00:00Z")).unwrap().to_string(), "2026-11-01");
}

#[test]
fn filters_are_written_as_the_api_reads_them() {
    let dimension: Dimension = "field:payer".parse().unwrap();
    let text = |test| Filter { dimension: dimension.clone(), test }.text();
    assert_eq!(text(Test::In(vec![r"a|b\".into(), String::new()])), r"field:payer:in:a\|b\\|(none)");
    assert_eq!(text(Test::Is(String::new())), "field:payer:is:(none)");
}
