//! A report by a saved filter has the numbers of the same filter written out.

use postlens_tests::{
    check,
    harness::{Client, Service},
    oracle::Question,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::traffic;

fn put(client: &Client, name: &str, filter: &Value) {
    let document = json!({"filter": filter});
    let request = client.request(Method::PUT, &format!("/v1/segments/{name}")).json(&document);
    let reply = Client::send(request).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// The report, but for when it was made.
fn report(client: &Client, kind: &str, document: &Value) -> Value {
    let reply = Client::send(client.request(Method::POST, &format!("/v1/reports/{kind}")).json(document)).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut report: Value = reply.json();
    report.as_object_mut().unwrap().remove("as_of");
    report
}

#[test]
fn a_report_by_segments_is_the_report_by_their_filters_written_out() {
    let options = traffic::options(47, 3_000);
    let events: Vec<_> = fixtures::events(&options).collect();
    let (_, client) = Service::shared().account();
    client.report_plainly(&events);
    client.wait_applied(&events[0]);
    let question = Question { by: vec!["campaign".parse().unwrap()], ..traffic::everything(&options) };
    let all = check::ask(&client, "/v1/reports/split", &question, &[]);
    let campaign = &all.rows[0].key["campaign"];

    let one = json!({"dimension": "campaign", "is": campaign});
    let other = json!(["mailbox_provider:is_not:gmail", {"not": {"dimension": "campaign", "is": "(other)"}}]);
    put(&client, "one", &one);
    put(&client, "small", &other);
    let both = json!([one, other[0], other[1]]);
    let nested = json!({"any": [{"not": one}, {"all": other}]});
    let queued = "/total/measures/queued";
    for (kind, own, count) in [
        ("split", json!({"by": ["recipient_domain"], "limit": 20}), queued),
        ("summary", json!({}), queued),
        ("series", json!({"interval": "day", "tz": "America/New_York"}), queued),
        ("failures", json!({"by": "status"}), "/total/measures/failed"),
        ("links", json!({}), "/total/measures/clicks"),
        ("security", json!({"methods": true}), queued),
        ("latency", json!({"by": ["mailbox_provider"]}), "/total/delivery/count"),
        ("decay", json!({}), "/delivered"),
    ] {
        let ask = |member: &str, value: Value| {
            let mut document = own.clone();
            document["from"] = json!(question.from.to_rfc3339());
            document["to"] = json!(question.to.to_rfc3339());
            document[member] = value;
            let mut answer = report(&client, kind, &document);
            // A cursor holds for the question as it was asked.
            answer.as_object_mut().unwrap().remove("next");
            answer
        };
        let written = ask("filter", both.clone());
        let counted = |report: &Value| report.pointer(count).and_then(Value::as_i64).unwrap();
        let (some, all) = (counted(&written), counted(&ask("filter", json!([]))));
        assert!(0 < some && some < all, "{kind}: the filter leaves {some} of {all}: some, and not all");
        assert_eq!(ask("segment", json!("one,small")), written, "{kind}");
        assert_eq!(ask("segment", json!(["small", "one"])), written, "{kind}");
        assert_eq!(ask("filter", json!([{"segment": "one"}, {"segment": "small"}])), written, "{kind}");
        let within = json!({"any": [{"not": {"segment": "one"}}, {"segment": "small"}]});
        assert_eq!(ask("filter", within), ask("filter", nested.clone()), "{kind}");
    }

    let range = question.parameters().into_iter().filter(|(name, _)| matches!(*name, "from" | "to"));
    let range: Vec<_> = range.collect();
    let with = |by: &str, segment: &str| {
        let own = [("by", by.to_owned()), ("segment", segment.to_owned())];
        range.iter().cloned().chain(own).collect::<Vec<_>>()
    };
    for kind in ["split", "latency"] {
        let by_get: Value = client.get(&format!("/v1/reports/{kind}"), &with("campaign", "one")).json();
        assert_eq!(by_get["rows"].as_array().unwrap().len(), 1, "{kind}: of one campaign alone");
    }
    let refused = client.get("/v1/reports/failures", &with("class", "none"));
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("there are one, small"), "{}", refused.text());
}
