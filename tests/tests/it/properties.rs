//! Small random sets of events with few distinct values, so that ties, conflicts, repeats and late news are the rule: in any order
//! and in any batches, the reports are the count.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fixtures::{Class, Event, Kind, Method};
use postlens_tests::{
    check, compared,
    harness::{Body, Client, Encoding, SECRET, Service},
    oracle::{Interval, Oracle, Question},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use schema::{Basis, Dimension};

use crate::{budget, traffic};

/// One of these texts, or none.
fn some(texts: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    proptest::option::weighted(0.6, select(texts)).prop_map(|text| text.map(str::to_owned))
}

/// Milliseconds after the beginning: within and across quarters of an hour and days, many of them equal.
fn millis() -> impl Strategy<Value = i64> {
    select(&[0, 1, 1, 899_999, 900_000, 5_400_000, 86_400_000][..])
}

/// What the mail systems report.
const TRANSPORT: [Kind; 7] =
    [Kind::Queued, Kind::Queued, Kind::Delivered, Kind::Delivered, Kind::Deferred, Kind::Failed, Kind::Failed];

/// What recipients, machines and everything else report.
const MORE: [Kind; 6] =
    [Kind::Secured, Kind::Opened, Kind::Opened, Kind::Clicked, Kind::Complained, Kind::Unsubscribed];

/// What servers say, the status code in it, and its pattern.
pub(crate) const REASONS: [(&str, &str, &str); 6] = [
    ("", "", ""),
    ("550 5.1.1 <Pat@GMail.com>: user unknown", "5.1.1", "550 5.1.1 <address>: user unknown"),
    ("550 5.1.1 <sam@x.example>: user unknown", "5.1.1", "550 5.1.1 <address>: user unknown"),
    ("452 4.2.2 mailbox full (12345 bytes)", "4.2.2", "452 4.2.2 mailbox full (<number> bytes)"),
    ("421 try later from 192.0.2.7", "421", "421 try later from <ip>"),
    ("connection timed out", "", "connection timed out"),
];

prop_compose! {
    /// What an event says of its message.
    fn attributes()(
        sender in some(&["", "A@one.example", "a@ONE.example", "News <n@two.example>"]),
        subject in some(&["", "S", "T"]),
        campaign in some(&["", "c", "d"]),
        payer in some(&["", "p1", "p2"]),
        clinic in some(&["north"]),
    ) -> (Option<String>, Option<String>, Option<String>, BTreeMap<String, String>) {
        let fields = [("payer", payer), ("clinic", clinic)];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        (sender, subject, campaign, fields)
    }
}

prop_compose! {
    /// An event; what means nothing for its kind is left out.
    fn event(kinds: Vec<Kind>)(
        kind in select(kinds),
        millis in millis(),
        message_id in select(&["m", "<m>", " <n> ", "o"][..]),
        recipient in select(&["pat@gmail.com", "Pat@GMail.com", "sam@bücher.example", "sam@xn--bcher-kva.example"][..]),
        event_id in proptest::option::weighted(0.3, select(&["e1", "e2", "e3", "e4"][..])),
        (sender, subject, campaign, fields) in attributes(),
        machine in select(&[None, Some(false), Some(true)][..]),
        class in select(&[None, Some(Class::Hard), Some(Class::Soft), Some(Class::Other)][..]),
        method in select(&[None, Some(Method::Tls), Some(Method::Portal)][..]),
        url in some(&["https://x.example/1", "https://x.example/2", "https://x.example/1?u=7", "https://x.example/3#a"]),
        (reason, ..) in select(&REASONS[..]),
    ) -> Event {
        let seen = matches!(kind, Kind::Opened | Kind::Clicked);
        Event {
            kind,
            time: beginning() + TimeDelta::milliseconds(millis),
            message_id: message_id.to_owned(),
            recipient: recipient.to_owned(),
            event_id: event_id.map(str::to_owned),
            sender, subject, campaign, fields,
            machine: machine.filter(|_| seen),
            class: class.filter(|_| kind == Kind::Failed),
            method: method.filter(|_| matches!(kind, Kind::Delivered | Kind::Secured)),
            url: url.filter(|_| seen),
            reason: Some(reason.to_owned()).filter(|reason| kind == Kind::Failed && !reason.is_empty()),
        }
    }
}

pub(crate) fn beginning() -> DateTime<Utc> {
    traffic::some_days_ago()
}

/// Events in an order, some repeated, and where their batches end.
pub(crate) fn reports() -> impl Strategy<Value = (Vec<Event>, Vec<(usize, bool)>)> {
    // Engagement decides an outcome by itself: without it, transport's ties do.
    let kinds = prop_oneof![Just(TRANSPORT.to_vec()), Just([TRANSPORT.as_slice(), &MORE].concat())];
    let events = kinds.prop_flat_map(|kinds| vec(event(kinds), 1..budget::RANDOM_EVENTS));
    let repeats = vec((any::<Index>(), any::<Index>()), 0..8);
    let cuts = vec((1_usize..9, prop::bool::weighted(0.3)), 1..8);
    (events, repeats, cuts).prop_map(|(mut events, repeats, cuts)| {
        for (from, to) in repeats {
            let event = events[from.index(events.len())].clone();
            events.insert(to.index(events.len() + 1), event);
        }
        (events, cuts)
    })
}

/// Reports events in small batches, some of which are applied before the next one comes: then outcomes are taken back.
pub(crate) fn report(client: &Client, oracle: &mut Oracle, events: &[Event], cuts: &[(usize, bool)]) {
    let mut rest = events;
    for (size, wait) in cuts.iter().cycle() {
        let (batch, left) = rest.split_at((*size).min(rest.len()));
        if batch.is_empty() {
            break;
        }
        client.report(batch, if *wait { "?wait=applied" } else { "" }, Body::Ndjson, Encoding::Identity);
        rest = left;
    }
    for event in events {
        oracle.accept(event);
    }
    client.wait_applied(&events[0]);
}

/// Everything, split so that together the keys tell the cells apart.
fn questions() -> impl Iterator<Item = Question> {
    let splits = [
        "subject,sender,campaign",
        "recipient_domain,mailbox_provider,sender_domain",
        "field:payer,field:clinic,subject",
    ];
    let spans = [(-1, 3 * 96), (0, 1), (1, 96)];
    splits.into_iter().zip(spans).flat_map(|(split, span)| {
        let by: Vec<Dimension> = split.split(',').map(|name| name.parse().unwrap()).collect();
        let at = |quarters: i64| beginning() + TimeDelta::minutes(15 * quarters);
        Basis::ALL.into_iter().flat_map(move |basis| {
            [(-1, 3 * 96), span].map(|(from, to)| Question {
                by: by.clone(),
                basis,
                from: at(from),
                to: at(to),
                filters: Vec::new(),
                limit: 10_000,
            })
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: budget::RANDOM_CASES,
        max_shrink_time: u32::try_from(budget::SHRINKING.as_millis()).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_events_in_any_order_and_any_batches_give_the_count((events, cuts) in reports()) {
        let (account, client) = Service::shared().account();
        let mut oracle = Oracle::new(&account, SECRET);
        report(&client, &mut oracle, &events, &cuts);
        let tally = oracle.tally();
        for question in questions() {
            check::split(&client, &tally, &question);
        }
        let whole = Question { by: Vec::new(), ..questions().next().unwrap() };
        check::series(&client, &tally, &whole, chrono_tz::Asia::Kolkata, Interval::Hour);
        for question in questions().step_by(6) {
            let question = Question { from: beginning() + TimeDelta::minutes(15), limit: 2, ..question };
            compared::split(&client, &tally, &question, "previous", &question.previous());
            let first = Question { from: beginning(), to: beginning() + TimeDelta::minutes(15), ..question.clone() };
            compared::split(&client, &tally, &question, &first.period(), &first);
            compared::split(&client, &tally, &first, &question.period(), &question);
        }
        let first = Question { from: beginning(), to: beginning() + TimeDelta::hours(7), ..whole.clone() };
        let kolkata = (chrono_tz::Asia::Kolkata, Interval::Hour);
        compared::series(&client, &tally, &whole, kolkata, &first.period(), &first);
        compared::series(&client, &tally, &first, kolkata, &whole.period(), &whole);
    }
}
