//! Two events of one identity are one event, and the first one accepted stands: within a body, across bodies, across restarts.

use chrono::TimeDelta;
use fixtures::{Event, Kind};
use postlens_tests::{
    check,
    harness::{Body, Client, Encoding, SECRET, Service},
    oracle::{Oracle, Question},
};
use schema::Basis;

use crate::traffic;

fn named(event_id: &str, kind: Kind, minutes: i64, subject: &str) -> Event {
    Event {
        kind,
        time: traffic::some_days_ago() + TimeDelta::minutes(minutes),
        message_id: "m@sender.example".into(),
        recipient: "pat@example.com".into(),
        event_id: Some(event_id.into()),
        sender: None,
        subject: Some(subject.into()),
        campaign: None,
        fields: std::collections::BTreeMap::new(),
        machine: None,
        class: None,
        method: None,
        url: None,
        reason: None,
    }
}

/// Compares everything that the account was told with the count of these events in this order.
fn same(client: &Client, account: &str, events: &[Event]) {
    let mut oracle = Oracle::new(account, SECRET);
    for event in events {
        oracle.accept(event);
    }
    client.wait_applied(&events[0]);
    for basis in Basis::ALL {
        let question = Question {
            by: vec!["subject".parse().unwrap(), "recipient_domain".parse().unwrap()],
            basis,
            from: traffic::some_days_ago() - TimeDelta::days(1),
            to: traffic::some_days_ago() + TimeDelta::days(2),
            filters: Vec::new(),
            limit: 100,
        };
        check::split(client, &oracle.tally(), &question);
    }
}

#[test]
fn of_two_contents_under_one_id_the_first_accepted_stands_within_a_body_and_across_bodies() {
    let (account, client) = Service::shared().account();
    let first = named("e1", Kind::Queued, 0, "first");
    let second = named("e1", Kind::Failed, 40, "second");
    client.report_plainly(&[first.clone(), second.clone()]);
    let elsewhere = Event { recipient: "sam@elsewhere.example".into(), ..named("e1", Kind::Opened, 90, "third") };
    client.report(std::slice::from_ref(&elsewhere), "", Body::Array, Encoding::Zstd);
    same(&client, &account, &[first, second, elsewhere]);
}

#[test]
fn an_id_means_nothing_in_another_account() {
    let (one, first) = Service::shared().account();
    let (other, second) = Service::shared().account();
    let (mine, theirs) = (named("e1", Kind::Queued, 0, "mine"), named("e1", Kind::Delivered, 5, "theirs"));
    first.report_plainly(std::slice::from_ref(&mine));
    second.report_plainly(std::slice::from_ref(&theirs));
    same(&first, &one, &[mine]);
    same(&second, &other, &[theirs]);
}

#[test]
fn what_was_accepted_before_a_restart_is_known_after_it_and_sigterm_ends_with_status_0() {
    let service = Service::start();
    let (account, client) = service.account();
    let events = [
        named("e1", Kind::Queued, 0, "first"),
        named("e1", Kind::Failed, 40, "second"),
        named("e2", Kind::Delivered, 1, ""),
        named("e3", Kind::Queued, -30, "earlier"),
    ];
    client.report_plainly(&events[..1]);
    let engine = service.engine();
    assert_eq!(service.terminate(), Some(0), "{}", service.log());
    assert!(!postlens_tests::harness::is_alive(engine), "the service takes its engine along");
    service.restart();
    client.report_plainly(&events[1..]);
    same(&client, &account, &events);
}
