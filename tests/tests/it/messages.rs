//! Single messages and lists of recipients, out of random events in any order, compared with what was counted by hand.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use fixtures::Kind;
use postlens_tests::{
    harness::{Client, SECRET, Service},
    oracle::{Listed, Oracle, Told},
};
use proptest::prelude::*;
use schema::Measure;
use serde_json::Value;

use crate::{budget, properties};

fn millis(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    Some(text.parse::<DateTime<Utc>>().unwrap().timestamp_millis())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// All pages of a search, two messages each.
fn search(client: &Client, parameters: &[(&str, String)]) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = parameters.to_vec();
        parameters.push(("limit", "2".to_owned()));
        parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
        let reply = client.get("/v1/messages", &parameters);
        assert_eq!(reply.status, 200, "{parameters:?}: {}", reply.text());
        let page: Value = reply.json();
        all.extend(page["messages"].as_array().unwrap().iter().cloned());
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return all;
        }
    }
}

fn compare(client: &Client, found: &[Value], wanted: &[&Told]) {
    let mut known: BTreeMap<(String, String), &Told> = wanted.iter().map(|told| (told.name.clone(), *told)).collect();
    let times: Vec<_> = found.iter().map(|message| millis(&message["sent_at"]).unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    for message in found {
        let told = known.remove(&(text(&message["message_id"]), text(&message["recipient"]))).unwrap();
        assert_eq!(millis(&message["sent_at"]), Some(told.sent_at), "{message}");
        assert_eq!(message["outcome"], told.outcome, "{message}");
        assert_eq!(["subject", "sender", "campaign"].map(|name| text(&message[name])), told.attributes, "{message}");
        let names = ["opened", "clicked", "complained", "unsubscribed"];
        for (name, at) in names.into_iter().zip(told.done) {
            assert_eq!((message[name].as_bool(), millis(&message[format!("{name}_at")])), (Some(at.is_some()), at));
        }
        let timeline: Value = client.get(&format!("/v1/messages/{}", text(&message["id"])), &[]).json();
        assert_eq!(timeline["message"], *message);
        let event = |event: &Value| (text(&event["kind"]), millis(&event["time"]).unwrap());
        let events: Vec<_> = timeline["events"].as_array().unwrap().iter().map(event).collect();
        let kind = |kind: Kind| format!("{kind:?}").to_lowercase();
        let expected: Vec<_> = told.events.iter().map(|(named, time)| (kind(*named), *time)).collect();
        assert_eq!(events, expected, "{message}");
    }
    assert!(known.is_empty(), "not found: {known:?}");
}

fn list(client: &Client, parameters: &[(&str, String)]) -> Listed {
    let reply = client.get("/v1/recipients/hygiene", parameters);
    assert_eq!(reply.status, 200, "{parameters:?}: {}", reply.text());
    let mut csv = parameters.to_vec();
    csv.push(("format", "csv".to_owned()));
    let lines: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(client.get("/v1/recipients/hygiene", &csv).text().lines().count(), lines.len() + 1);
    let recipients: Vec<_> = lines.iter().map(|line| text(&line["recipient"])).collect();
    assert!(recipients.is_sorted_by(|one, next| one < next), "{recipients:?}");
    let listed = |line: &Value| {
        let (first, last) = (millis(&line["first_at"]).unwrap(), millis(&line["last_at"]).unwrap());
        (text(&line["recipient"]), (first, last, line["count"].as_u64().unwrap()))
    };
    lines.iter().map(listed).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: budget::RANDOM_CASES / 4,
        max_shrink_time: u32::try_from(budget::SHRINKING.as_millis()).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn single_messages_are_what_their_events_say(
        (events, cuts) in properties::reports(), (others, _) in properties::reports()
    ) {
        let (account, client) = Service::shared().account();
        let (_, stranger) = Service::shared().account();
        stranger.report_plainly(&others);
        stranger.wait_applied(&others[0]);
        let mut oracle = Oracle::new(&account, SECRET);
        properties::report(&client, &mut oracle, &events, &cuts);
        let all = oracle.messages();
        let day = |days: i64| (properties::beginning() + chrono::TimeDelta::days(days)).date_naive().to_string();
        let whole = [("from", day(-1)), ("to", day(3))];
        compare(&client, &search(&client, &whole), &all.iter().collect::<Vec<_>>());
        for outcome in ["delivered", "failed", "deferred", "queued"] {
            let mut parameters = whole.to_vec();
            parameters.push(("outcome", outcome.to_owned()));
            let wanted: Vec<_> = all.iter().filter(|told| told.outcome == outcome).collect();
            compare(&client, &search(&client, &parameters), &wanted);
        }
        let wanted: Vec<_> = all.iter().filter(|told| told.name.1 == "pat@gmail.com").collect();
        compare(&client, &search(&client, &[("recipient", " PAT@gmail.com".to_owned())]), &wanted);
        // The same messages are the stranger's, too, under ids of its own.
        for message in search(&client, &whole) {
            prop_assert_eq!(stranger.get(&format!("/v1/messages/{}", text(&message["id"])), &[]).status, 404);
        }
    }

    #[test]
    fn recipients_to_stop_mailing_are_those_that_events_name(
        (events, cuts) in properties::reports(), (others, _) in properties::reports()
    ) {
        let (account, client) = Service::shared().account();
        let (_, stranger) = Service::shared().account();
        stranger.report_plainly(&others);
        stranger.wait_applied(&others[0]);
        let mut oracle = Oracle::new(&account, SECRET);
        properties::report(&client, &mut oracle, &events, &cuts);
        let day = properties::beginning() + chrono::TimeDelta::days(1);
        for (kind, measure) in [
            ("hard_bounced", Measure::FailedHard),
            ("complained", Measure::Complained),
            ("unsubscribed", Measure::Unsubscribed),
        ] {
            let kind = ("kind", kind.to_owned());
            prop_assert_eq!(list(&client, std::slice::from_ref(&kind)), oracle.listed(measure, 1));
            let since = ("since", day.date_naive().to_string());
            prop_assert_eq!(list(&client, &[kind, since]), oracle.listed(measure, day.timestamp_millis()));
        }
        // Everything happened two to three days ago, and nothing in the last hours.
        for least in [1, 2] {
            let parameters =
                [("kind", "unengaged".to_owned()), ("days", "30".to_owned()), ("min_deliveries", least.to_string())];
            let since = (Utc::now() - chrono::TimeDelta::days(30)).timestamp_millis();
            prop_assert_eq!(list(&client, &parameters), oracle.unengaged(since, least));
        }
    }
}

#[test]
fn a_key_for_reports_opens_no_message() {
    let (account, _) = Service::shared().account();
    let reader = Service::shared().client(&Service::shared().key(&account, "read"));
    for path in [
        "/v1/messages?recipient=a@b.example",
        "/v1/messages/AAAAAAAAAAAAAAAAAAAAAA",
        "/v1/recipients/hygiene?kind=complained",
    ] {
        assert_eq!(reader.get(path, &[]).status, 403, "{path}");
    }
}
