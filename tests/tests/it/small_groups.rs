//! Numbers of few people: hidden in every form, and not to be reckoned from what is shown; zeros and what is of many are shown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use fixtures::{Class, Event, Kind};
use postlens_tests::{
    harness::{Body, Client, Encoding, SECRET, Service},
    oracle::{Oracle, Question},
};
use proptest::prelude::*;
use schema::{Basis, Dimension};
use serde_json::Value;

use crate::{budget, properties};

fn event(kind: Kind, number: usize, person: usize, campaign: &str) -> Event {
    Event {
        kind,
        time: properties::beginning() + TimeDelta::minutes(i64::try_from(number).unwrap()),
        message_id: format!("{campaign}-{number}"),
        recipient: format!("p{person}@{campaign}.example"),
        event_id: None,
        sender: None,
        subject: None,
        campaign: Some(campaign.to_owned()),
        fields: BTreeMap::new(),
        machine: None,
        class: (kind == Kind::Failed).then_some(Class::Hard),
        method: None,
        url: None,
        reason: None,
    }
}

/// Messages to so many people in turn, all delivered, every second opened.
fn campaign(name: &str, messages: usize, people: usize) -> Vec<Event> {
    let one = |number: usize| {
        let of = |kind| event(kind, number, number % people, name);
        let opened = number.is_multiple_of(2).then(|| of(Kind::Opened));
        [of(Kind::Queued), of(Kind::Delivered)].into_iter().chain(opened)
    };
    (0..messages).flat_map(one).collect()
}

fn send(client: &Client, events: &[Event]) {
    client.report(events, "?wait=applied", Body::Ndjson, Encoding::Identity);
    client.wait_applied(&events[0]);
}

fn range(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let day = |days| (properties::beginning() + TimeDelta::days(days)).format("%Y-%m-%d").to_string();
    let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
    [("from", day(-1)), ("to", day(3))].into_iter().chain(more).collect()
}

fn ask(client: &Client, path: &str, more: &[(&'static str, &str)]) -> Value {
    let reply = client.get(path, &range(more));
    assert_eq!(reply.status, 200, "{path} {more:?}: {}", reply.text());
    reply.json()
}

const FEW: [(&str, &str); 3] =
    [("by", "campaign"), ("measures", "queued,delivered,complained"), ("rates", "delivery_rate")];

#[test]
fn forty_reminders_to_three_patients_are_three() {
    let (_, client) = Service::shared().account();
    let events = [campaign("autumn", 60, 60), campaign("reminder", 40, 3), campaign("winter", 70, 70)].concat();
    send(&client, &events);
    let split = |more: &[(&'static str, &str)]| ask(&client, "/v1/reports/split", &[&FEW, more].concat());

    let open = split(&[]);
    assert_eq!(open["rows"][2]["measures"]["queued"], 40);
    assert_eq!(open["rows"][2].get("suppressed"), None);

    let hidden = split(&[("suppress_below", "11")]);
    let rows: BTreeMap<_, _> =
        hidden["rows"].as_array().unwrap().iter().map(|row| (row["key"]["campaign"].as_str().unwrap(), row)).collect();
    let reminder = rows["reminder"];
    assert_eq!(reminder["measures"]["queued"], Value::Null, "{hidden}");
    assert_eq!(reminder["rates"]["delivery_rate"], Value::Null);
    assert_eq!(reminder["measures"]["complained"], 0, "zero is shown");
    assert_eq!(reminder["suppressed"], serde_json::json!(["queued", "delivered", "delivery_rate"]));
    let partners: Vec<_> =
        ["autumn", "winter"].iter().filter(|name| rows[**name]["measures"]["queued"].is_null()).collect();
    assert_eq!(partners.len(), 1, "one of the others keeps the total from telling it: {hidden}");
    assert_eq!(hidden["total"]["measures"]["queued"], 170);
    assert_eq!(hidden["next"], Value::Null);
    assert!(hidden["notes"][0].as_str().unwrap().contains("fewer than 11 recipients"));

    let three = split(&[("suppress_below", "3")]);
    assert!(
        three["rows"].as_array().unwrap().iter().all(|row| row["suppressed"] == serde_json::json!([])),
        "three are three: {three}"
    );

    let csv = client
        .get("/v1/reports/split", &range(&[&FEW[..], &[("suppress_below", "11"), ("format", "csv")]].concat()))
        .text();
    assert!(csv.contains("reminder,suppressed,suppressed,0,suppressed"), "{csv}");
    let png =
        client.get("/v1/reports/split", &range(&[&FEW[..], &[("suppress_below", "11"), ("format", "png")]].concat()));
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));

    let summary = [("measures", "queued,delivered"), ("suppress_below", "11")];
    let of = |campaign| ask(&client, "/v1/reports/summary", &[&summary[..], &[("filter", campaign)]].concat());
    assert_eq!(of("campaign:is:reminder")["total"]["measures"]["queued"], Value::Null);
    assert_eq!(of("campaign:is:winter")["total"]["measures"]["queued"], 70);

    let by_day = [
        ("interval", "day"),
        ("by", "campaign"),
        ("limit", "2"),
        ("suppress_below", "11"),
        ("measures", "queued"),
        ("rates", ""),
    ];
    let series = ask(&client, "/v1/reports/series", &by_day);
    let points: Vec<_> =
        series["remainder"]["rows"].as_array().unwrap().iter().map(|row| &row["measures"]["queued"]).collect();
    assert!(
        points.contains(&&Value::Null) && points.contains(&&Value::from(0)) && !points.contains(&&Value::from(40)),
        "{series}"
    );
    assert_eq!(series["remainder"]["measures"]["queued"], Value::Null);

    for refused in [
        ("cursor", "x"),
        ("suppress_below", "1"),
        ("suppress_below", "many"),
        ("limit", "1001"),
        ("rates", "fbl_spam_rate"),
    ] {
        let all = [("by", "campaign"), refused];
        let more: &[(&str, &str)] = if refused.0 == "suppress_below" { &[] } else { &[("suppress_below", "11")] };
        assert_eq!(client.get("/v1/reports/split", &range(&[&all[..], more].concat())).status, 422, "{refused:?}");
    }
}

#[test]
fn an_account_s_setting_is_raised_by_a_request_and_never_lowered() {
    let service = Service::with(&[("POSTLENS_REPORTS_SUPPRESS_BELOW", "default=11")]);
    let client = service.bootstrap();
    send(&client, &[campaign("autumn", 60, 60), campaign("few", 12, 5), campaign("some", 15, 15)].concat());
    let hidden = |more: &[(&'static str, &str)]| {
        let split = ask(&client, "/v1/reports/split", &[&FEW[..], &[("sort", "campaign")], more].concat());
        let rows = split["rows"].as_array().unwrap().clone();
        let few = rows.iter().find(|row| row["key"]["campaign"] == "few").unwrap();
        assert_eq!(few["measures"]["queued"], Value::Null, "of 5 people");
        let names = |row: &Value| row["suppressed"].as_array().unwrap().contains(&"queued".into());
        rows.iter().filter(|row| names(row)).map(|row| row["key"]["campaign"].to_string()).collect::<Vec<_>>()
    };
    let usual = hidden(&[]);
    assert!(usual.len() >= 2, "the total less one that is shown would tell: {usual:?}");
    assert_eq!(hidden(&[("suppress_below", "2")]), usual, "not lowered");
    let some = "\"some\"".to_owned();
    assert!(hidden(&[("suppress_below", "20")]).contains(&some), "raised: 15 people are few, too");
    let compared = client.get("/v1/reports/split", &range(&[&FEW[..], &[("compare", "previous")]].concat()));
    assert_eq!(compared.status, 422, "what another period shows could tell");
    let (_, other) = service.account();
    send(&other, &campaign("few", 12, 5));
    let split = ask(&other, "/v1/reports/split", &FEW);
    assert_eq!(split["rows"][0]["measures"]["queued"], 12, "another account has no such setting");
}

/// What is shown of a number, from least to most.
type Bounds = BTreeMap<(usize, String), (i64, i64)>;

const MANY: i64 = 1 << 30;

/// What a reader reckons from the numbers of entries – rows, then the remainder if there is one, then the total: by bounds, again and again.
fn reckoned(entries: &[&Value], sent: bool) -> Bounds {
    let mut bounds = Bounds::new();
    for (place, entry) in entries.iter().enumerate() {
        for (name, value) in entry["measures"].as_object().unwrap() {
            let known = value.as_i64().map_or((1, MANY), |value| (value, value));
            bounds.insert((place, name.clone()), known);
        }
    }
    let names: BTreeSet<_> = bounds.keys().map(|(_, name)| name.clone()).collect();
    let total = entries.len() - 1;
    // Sums that are not negative; an equation is two.
    let mut sums: Vec<Vec<((usize, String), i64)>> = Vec::new();
    let mut equation = |parts: Vec<((usize, String), i64)>| {
        // What was not asked for he does not know.
        if !parts.iter().all(|((_, name), _)| names.contains(name)) {
            return;
        }
        sums.push(parts.iter().map(|(cell, by)| (cell.clone(), -by)).collect());
        sums.push(parts);
    };
    for name in &names {
        let rows = (0..total).map(|row| ((row, name.clone()), 1));
        equation(rows.chain([((total, name.clone()), -1)]).collect());
    }
    for place in 0..=total {
        let of = |parts: &[(&str, i64)]| parts.iter().map(|(name, by)| ((place, (*name).to_owned()), *by)).collect();
        equation(of(&[
            ("failed", 1),
            ("failed_hard", -1),
            ("failed_soft", -1),
            ("failed_block", -1),
            ("failed_suppressed", -1),
            ("failed_other", -1),
        ]));
        if sent {
            equation(of(&[("queued", 1), ("pending", -1), ("delivered", -1), ("failed", -1)]));
        }
    }
    if sent {
        for place in 0..=total {
            for (more, less) in [
                ("delivered", "opened"),
                ("opened", "clicked"),
                ("delivered", "unsecured"),
                ("delivered", "complained"),
            ] {
                if names.contains(more) && names.contains(less) {
                    sums.push(vec![((place, more.to_owned()), 1), ((place, less.to_owned()), -1)]);
                }
            }
        }
    }
    for _ in 0..50 {
        for parts in &sums {
            let most = |(cell, by): &((usize, String), i64), bounds: &Bounds| {
                if *by > 0 { by * bounds[cell].1 } else { by * bounds[cell].0 }
            };
            let whole: i64 = parts.iter().map(|part| most(part, &bounds)).sum();
            for part in parts {
                let others = whole - most(part, &bounds);
                let known = bounds.get_mut(&part.0).unwrap();
                if part.1 > 0 {
                    known.0 = known.0.max(-others);
                } else {
                    known.1 = known.1.min(others);
                }
                assert!(known.0 <= known.1, "what is shown contradicts itself: {part:?}");
            }
        }
    }
    bounds
}

fn told(question: &Question, row: &Value) -> Vec<String> {
    let value = |dimension: &Dimension| row["key"][dimension.to_string()].as_str().unwrap();
    question
        .by
        .iter()
        .map(|dimension| Some(value(dimension)).filter(|value| *value != "(none)").unwrap_or_default().to_owned())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: budget::RANDOM_CASES / 2,
        max_shrink_time: u32::try_from(budget::SHRINKING.as_millis()).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_number_of_few_people_is_shown_or_reckoned((events, cuts) in properties::reports(), least in 2_usize..5) {
        let (account, client) = Service::shared().account();
        let mut oracle = Oracle::new(&account, SECRET);
        properties::report(&client, &mut oracle, &events, &cuts);
        let tally = oracle.tally();
        let at = |days| properties::beginning() + TimeDelta::days(days);
        for (by, measures) in [
            ("subject", ""),
            ("recipient_domain", ""),
            ("mailbox_provider", "queued,pending,delivered,failed,failed_hard"),
            ("sender_domain,field:payer", "delivered,opened,clicked,opens"),
            ("sender,campaign", ""),
        ] {
            for basis in Basis::ALL {
                let by = by.split(',').map(|name| name.parse().unwrap()).collect();
                let question = Question { by, basis, from: at(-1), to: at(3), filters: Vec::new(), limit: 100 };
                let whole = Question { by: Vec::new(), ..question.clone() };
                let mut parameters = question.parameters();
                parameters.push(("suppress_below", least.to_string()));
                if !measures.is_empty() {
                    parameters.extend([("measures", measures.to_owned()), ("rates", String::new())]);
                }
                let reply = client.get("/v1/reports/split", &parameters);
                prop_assert_eq!(reply.status, 200, "{}", reply.text());
                let report: Value = reply.json();
                let (mut groups, mut counted) = (tally.people(&question), tally.split(&question));
                let mut entries: Vec<_> = report["rows"].as_array().unwrap().iter().map(|row| (row, told(&question, row))).collect();
                groups.extend(tally.people(&whole).into_values().map(|people| (vec!["the total".to_owned()], people)));
                counted.extend(tally.split(&whole).into_values().map(|counts| (vec!["the total".to_owned()], counts)));
                entries.push((&report["total"], vec!["the total".to_owned()]));
                let values: Vec<_> = entries.iter().map(|(entry, _)| *entry).collect();
                let bounds = reckoned(&values, basis == Basis::Sent);
                for (place, (entry, key)) in entries.iter().enumerate() {
                    for measure in schema::Measure::ALL {
                        let name = measure.name();
                        if !measures.is_empty() && !measures.split(',').any(|shown| shown == name) {
                            continue;
                        }
                        let people = groups.get(key).and_then(|group| group.get(name)).map_or(0, BTreeSet::len);
                        let value = counted.get(key).map_or(0, |counts| i64::try_from(counts[*measure]).unwrap());
                        let shown = entry["measures"][name].as_i64();
                        let context = format!("{name} of {key:?} by {question:?}, {people} people: {report}");
                        prop_assert!(shown.is_none_or(|shown| shown == value), "{}", context);
                        prop_assert!(value > 0 || shown == Some(0), "zero is shown: {}", context);
                        let few = value > 0 && people < least;
                        prop_assert!(!few || shown.is_none(), "{}", context);
                        let (low, high) = bounds[&(place, name.to_owned())];
                        prop_assert!(!few || low < high, "reckoned as {}: {}", low, context);
                    }
                }
            }
        }
    }
}
