//! Traffic of extreme shapes: everything in one delivery, a delivery over a year, a subject for each message.

use chrono::TimeDelta;
use fixtures::{Event, Kind};
use postlens_tests::{
    check,
    harness::Service,
    oracle::{Interval, Question},
};
use schema::{Basis, Dimension};

use crate::{
    budget::subjects,
    traffic::{self, Work},
};

/// Distinct subjects of a day that reports tell apart by default.
const TOLD_APART: usize = 100_000;
/// The most events that a body may have.
const MOST: usize = 100_000;

pub(super) fn event(kind: Kind, message: usize, number: usize) -> Event {
    Event {
        kind,
        time: traffic::some_days_ago(),
        message_id: format!("m{message}@sender.example"),
        recipient: "pat@example.com".into(),
        event_id: Some(format!("e{number}")),
        sender: None,
        subject: None,
        campaign: None,
        fields: std::collections::BTreeMap::new(),
        machine: None,
        class: None,
        method: None,
        url: None,
        reason: None,
    }
}

pub(super) fn question(from: TimeDelta, to: TimeDelta, by: &str, basis: Basis) -> Question {
    let now = traffic::some_days_ago();
    let by = if by.is_empty() { Vec::new() } else { vec![by.parse().unwrap()] };
    Question { by, basis, from: now - from, to: now + to, filters: Vec::new(), limit: 10_000 }
}

#[test]
fn a_body_full_of_events_of_one_delivery_is_counted() {
    let (account, client) = Service::shared().account();
    let kinds = [Kind::Opened, Kind::Clicked, Kind::Deferred, Kind::Queued, Kind::Delivered, Kind::Failed];
    let events: Vec<Event> = (0..MOST)
        .map(|number| {
            let seconds = i64::try_from(number * 7919 % 86_400).unwrap();
            let subject = (number % 1000 == 1).then(|| format!("subject {number}"));
            let event = event(kinds[number % kinds.len()], 0, number);
            Event { time: event.time + TimeDelta::seconds(seconds), subject, ..event }
        })
        .collect();
    client.report_plainly(&events);
    client.report_plainly(&events[..MOST / 10]);
    client.wait_applied(&events[0]);
    let tally = traffic::count(&account, &events);
    for basis in Basis::ALL {
        let question = question(TimeDelta::days(1), TimeDelta::days(2), "", basis);
        check::summary(&client, &tally, &question);
        check::series(&client, &tally, &question, chrono_tz::UTC, Interval::Quarter);
    }
    assert_eq!(tally.deliveries(), 1);
}

#[test]
fn a_delivery_whose_events_span_a_year_is_counted() {
    let (account, client) = Service::shared().account();
    let mut events: Vec<Event> = (0..366)
        .map(|day| {
            let kind = if day == 365 { Kind::Queued } else { [Kind::Opened, Kind::Clicked, Kind::Deferred][day % 3] };
            let event = event(kind, 0, day);
            Event { time: event.time - TimeDelta::days(i64::try_from(day).unwrap()), ..event }
        })
        .collect();
    // Its earliest event comes last, and moves all that counted before by a year.
    events.rotate_left(100);
    events.sort_by_key(|event| event.kind == Kind::Queued);
    for part in events.chunks(61) {
        client.report_plainly(part);
        client.wait_applied(&part[0]);
    }
    let tally = traffic::count(&account, &events);
    for basis in Basis::ALL {
        let question = question(TimeDelta::days(370), TimeDelta::days(1), "", basis);
        check::summary(&client, &tally, &question);
        check::series(&client, &tally, &question, traffic::ZONE, Interval::Month);
    }
}

#[test]
fn a_subject_for_each_message_of_an_hour_is_counted() {
    let (account, client) = Service::shared().account();
    let events: Vec<Event> = (0..subjects())
        .map(|number| {
            let event = event(if number % 3 == 0 { Kind::Delivered } else { Kind::Queued }, number, number);
            let millis = i64::try_from(number % 3_600_000).unwrap();
            let subject = Some(format!("Your results of visit {number} are here"));
            Event { time: event.time + TimeDelta::milliseconds(millis), subject, ..event }
        })
        .collect();
    Work::cut(&events, 20_000, 95).run(&client, 2);
    client.wait_applied(&events[0]);
    let tally = traffic::count(&account, &events);
    let question = |by, basis| question(TimeDelta::days(1), TimeDelta::days(1), by, basis);
    assert_eq!(check::split(&client, &tally, &question("recipient_domain", Basis::Event)), 1);
    let by_subject = question("subject", Basis::Sent);
    if subjects() <= TOLD_APART {
        assert_eq!(check::split(&client, &tally, &by_subject), subjects());
        return;
    }
    // Beyond the limit of a day every other subject counts under one group, and nothing is lost.
    check::summary(&client, &tally, &by_subject);
    let report = check::ask(&client, "/v1/reports/split", &by_subject, &[]);
    assert_eq!(report.rows.len() + report.remainder.map_or(0, |cut| cut.groups), TOLD_APART + 1);
    assert_eq!(report.rows[0].key["subject"], Dimension::OTHER);
    assert_eq!(report.rows[0].measures["queued"], i64::try_from(subjects() - TOLD_APART).unwrap());
}
