//! One report, several forms: JSON by GET and by POST, CSV and PNG say the same.

use chrono::{DateTime, Utc};
use postlens_tests::{
    check,
    harness::{Client, Report, Service},
    oracle::Question,
};
use reqwest::Method;
use schema::{Basis, Measure};

use crate::traffic;

fn reported() -> (Client, Question) {
    let options = traffic::options(31, 3_000);
    let events: Vec<_> = fixtures::events(&options).collect();
    let (_, client) = Service::shared().account();
    client.report_plainly(&events);
    client.wait_applied(&events[0]);
    let by = vec!["campaign".parse().unwrap(), "mailbox_provider".parse().unwrap()];
    (client, Question { by, basis: Basis::Event, limit: 12, ..traffic::everything(&options) })
}

#[test]
fn a_document_asks_what_parameters_ask_and_csv_holds_the_same_numbers() {
    let (client, question) = reported();
    let by_get = check::ask(&client, "/v1/reports/split", &question, &[]);
    let document = serde_json::json!({
        "by": ["campaign", "mailbox_provider"], "basis": "event", "limit": 12,
        "from": question.from.to_rfc3339(), "to": question.to.to_rfc3339(),
    });
    let reply = Client::send(client.request(Method::POST, "/v1/reports/split").json(&document)).unwrap();
    let by_post: Report = reply.json();
    assert_eq!((&by_get.rows, &by_get.remainder, &by_get.total), (&by_post.rows, &by_post.remainder, &by_post.total));
    assert!(
        by_get.notes.iter().any(|note| note.contains("100")),
        "on the event basis a rate can pass 100 %, and it says so"
    );

    let mut parameters = question.parameters();
    parameters.extend([("format", "csv".to_owned()), ("total", "true".to_owned())]);
    let reply = client.get("/v1/reports/split", &parameters);
    assert!(reply.header("content-type").starts_with("text/csv"), "{}", reply.text());
    let text = reply.text();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let lines: Vec<_> = lines.collect();
    let groups = by_get.rows.iter().map(|row| &row.measures);
    let groups = groups.chain(by_get.remainder.iter().map(|rest| &rest.measures)).chain([&by_get.total.measures]);
    for (line, measures) in lines.iter().zip(groups.clone()) {
        for measure in Measure::ALL {
            assert_eq!(
                line[column(measure.name())],
                measures[measure.name()].to_string(),
                "{} in {line:?}",
                measure.name()
            );
        }
    }
    assert_eq!(lines.len(), groups.count());
}

#[test]
fn the_accept_header_chooses_the_form() {
    let (client, question) = reported();
    for (accept, begins) in [("application/json", &b"{"[..]), ("text/csv", b"campaign,"), ("image/png", b"\x89PNG\r\n")]
    {
        for path in ["/v1/reports/split", "/v1/reports/series"] {
            let mut parameters = question.parameters();
            if path.ends_with("series") {
                parameters.push(("interval", "day".to_owned()));
            }
            let request = client.request(Method::GET, path).query(&parameters).header("accept", accept);
            let reply = Client::send(request).unwrap();
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert!(reply.header("content-type").starts_with(accept), "{accept}");
            assert!(path.ends_with("series") || reply.body.starts_with(begins), "{accept}: {}", reply.text());
        }
    }
}

#[test]
fn a_report_says_up_to_when_it_is_complete() {
    let before = Utc::now();
    let (client, question) = reported();
    let report = check::ask(&client, "/v1/reports/split", &question, &[]);
    let as_of: DateTime<Utc> = report.as_of.parse().unwrap();
    assert!(before < as_of && as_of <= Utc::now(), "{as_of}: everything acknowledged before is in the reports");
}

#[test]
fn pages_of_a_split_by_parts_of_time_show_every_group_once_in_every_form() {
    let (client, question) = reported();
    let parameters = |limit: &str, format: &str, cursor: Option<String>| {
        let mut parameters = question.parameters();
        parameters.retain(|(name, _)| !["by", "limit"].contains(name));
        let fixed = [("by", "weekday,hour_of_day"), ("tz", "Asia/Kathmandu"), ("sort", "weekday"), ("min_volume", "2")];
        parameters.extend(fixed.map(|(name, value)| (name, value.to_owned())));
        parameters.extend([("limit", limit.to_owned()), ("format", format.to_owned())]);
        parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
        parameters
    };
    let ask =
        |limit: &str, cursor| -> Report { client.get("/v1/reports/split", &parameters(limit, "json", cursor)).json() };
    let whole = ask("168", None);
    assert!(whole.rows.len() > 30 && whole.next.is_none(), "{}", whole.rows.len());
    assert!(whole.rows.iter().all(|row| row.measures["queued"] >= 2));
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = ask("13", cursor.clone());
        check::hold(&page, "a page");
        assert_eq!(page.total, whole.total);
        let reply = client.get("/v1/reports/split", &parameters("13", "csv", cursor.clone()));
        let lines = reply.text().lines().count();
        assert_eq!(lines, 1 + page.rows.len() + usize::from(page.remainder.is_some()), "{}", reply.text());
        assert_eq!(page.next.as_deref().unwrap_or_default(), reply.header("x-next-cursor"));
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(rows, whole.rows);
}

#[test]
fn a_spam_rate_that_nobody_knows_comes_after_all_that_are_known_on_every_page() {
    let (client, question) = reported();
    for sort in ["spam_rate", "-spam_rate"] {
        let ask = |limit: usize, cursor: Option<String>| -> Report {
            let mut parameters = question.parameters();
            parameters.retain(|(name, _)| !["by", "limit"].contains(name));
            let fixed =
                [("by", "mailbox_provider".to_owned()), ("sort", sort.to_owned()), ("limit", limit.to_string())];
            parameters.extend(fixed);
            parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
            client.get("/v1/reports/split", &parameters).json()
        };
        let whole = ask(100, None);
        let rates: Vec<Option<f64>> = whole.rows.iter().map(|row| row.rates["spam_rate"]).collect();
        let known: Vec<f64> = rates.iter().copied().take_while(Option::is_some).flatten().collect();
        assert!(known.len() > 1 && rates[known.len()..].iter().all(Option::is_none), "{sort}: {rates:?}");
        let silent = whole.rows.iter().position(|row| row.key["mailbox_provider"] == "gmail");
        assert!(silent.is_some_and(|place| place >= known.len()), "{sort}: {rates:?}");
        let descends = sort.starts_with('-');
        assert!(known.is_sorted_by(|one, next| if descends { one >= next } else { one <= next }), "{known:?}");
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let page = ask(2, cursor);
            rows.extend(page.rows);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(rows, whole.rows, "{sort}");
    }
}

#[test]
fn a_tree_of_filters_asks_every_report_for_what_its_parts_add_up_to() {
    let (client, question) = reported();
    let (one, other) = ("mailbox_provider:is:gmail", "campaign:is:(none)");
    let queued = |path: &str, filter: serde_json::Value| {
        let document = serde_json::json!({
            "by": if path == "summary" { serde_json::Value::Null } else { "recipient_domain".into() },
            "interval": (path == "series").then_some("day"), "filter": filter,
            "from": question.from.to_rfc3339(), "to": question.to.to_rfc3339(),
        });
        let members = document.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        let document: serde_json::Map<_, _> = members.map(|(name, value)| (name.clone(), value.clone())).collect();
        let request = client.request(Method::POST, &format!("/v1/reports/{path}")).json(&document);
        let reply = Client::send(request).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let report: Report = reply.json();
        report.total.measures["queued"]
    };
    for path in ["summary", "split", "series"] {
        let ask = |filter| queued(path, filter);
        let (a, b) = (ask(serde_json::json!(one)), ask(serde_json::json!([other])));
        let (all, both) = (ask(serde_json::json!([])), ask(serde_json::json!([one, other])));
        assert!(all > a && a > both && b > both && both > 0, "{all} {a} {b} {both}");
        assert_eq!(ask(serde_json::json!({"any": [one, {"dimension": "campaign", "in": ["(none)"]}]})), a + b - both);
        assert_eq!(ask(serde_json::json!({"not": {"any": [one, other]}})), all - (a + b - both));
    }
    let document = serde_json::json!({"from": "2026-11-01", "to": "2026-11-02", "filter": {"any": []}});
    let reply = Client::send(client.request(Method::POST, "/v1/reports/summary").json(&document)).unwrap();
    assert_eq!(reply.status, 422, "{}", reply.text());
}

#[test]
fn what_can_be_picked_is_what_a_split_shows() {
    let (client, question) = reported();
    let range = [("from", question.from.to_rfc3339()), ("to", question.to.to_rfc3339())];
    let dimensions: serde_json::Value = client.get("/v1/dimensions", &range).json();
    let named = |name: &str| {
        let all = dimensions["dimensions"].as_array().unwrap();
        all.iter().find(|dimension| dimension["name"] == name).unwrap_or_else(|| panic!("{name}: {dimensions}")).clone()
    };
    assert_eq!((&named("subject")["kind"], &named("field:payer")["kind"]), (&"fixed".into(), &"field".into()));
    assert_eq!(named("weekday")["volume"], serde_json::Value::Null);
    let by = vec!["field:payer".parse().unwrap()];
    let split = check::ask(&client, "/v1/reports/split", &Question { by, basis: Basis::Sent, ..question }, &[]);
    let path = "/v1/dimensions/field:payer/values";
    let values: serde_json::Value = client.get(path, &range).json();
    let shown: Vec<_> = split.rows.iter().map(|row| (row.key["field:payer"].clone(), row.measures["queued"])).collect();
    let listed = values["values"].as_array().unwrap();
    let listed =
        listed.iter().map(|value| (value["value"].as_str().unwrap().to_owned(), value["volume"].as_i64().unwrap()));
    assert_eq!(listed.take(shown.len()).collect::<Vec<_>>(), shown);
    for (path, status) in [("/v1/dimensions/weekday/values", 404), ("/v1/dimensions/topic/values", 404), (path, 422)] {
        assert_eq!(client.get(path, &[("limit", "0".to_owned())]).status, status, "{path}");
    }
}
