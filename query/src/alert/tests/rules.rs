//! Rules as they are written, and the windows that they look at.

use schema::Rate;

use super::*;

fn error(more: &Value) -> String {
    Rule::new(&request(more)).unwrap_err().to_string()
}

fn times(more: &Value, now: &str) -> Vec<String> {
    let now = chrono::DateTime::parse_from_rfc3339(now).unwrap().timestamp_millis();
    let mut times = Vec::new();
    for Pair { current, earlier } in rule(more).questions(Millis(now)) {
        for Question { range, .. } in std::iter::once(current).chain(earlier) {
            let text = |seconds: u32| crate::rfc3339(chrono_tz::Tz::UTC, seconds.into());
            times.push(format!("{}/{}", text(range.from), text(range.to)));
        }
    }
    times
}

#[test]
fn a_rule_that_says_little_is_of_a_day_by_the_event_clock_and_sure() {
    let rule = rule(&json!({}));
    assert_eq!((rule.windows.as_slice(), rule.minimum), ([Window::Rolling(Minutes(1440))].as_slice(), 100));
    assert_eq!(rule.confidence.map(Confidence::level), Some(0.99));
    assert_eq!((rule.basis, rule.watch), (schema::Basis::Event, Watch::Rate(Rate::SpamRate)));
}

#[test]
fn what_is_no_rule_is_refused_with_what_to_change() {
    for (more, words) in [
        (json!({"name": ""}), "`name`"),
        (json!({"watch": "spam"}), "observed_spam_rate"),
        (json!({"when": {"above": 3}}), "0.003 is 0.3 %"),
        (json!({"when": {"above": -1}, "watch": "failed"}), "from 0 on"),
        (json!({"when": {"rises": {"factor": 1, "before": "day"}}}), "greater than 1"),
        (json!({"when": {"stops": "week"}}), "`stops` watches"),
        (json!({"watch": "activity"}), "`activity` only stops"),
        (json!({"window": "5m"}), "15m to 30d"),
        (json!({"window": []}), "`window` is required"),
        (json!({"window": ["15m", "16m", "17m", "18m", "19m", "20m", "21m"]}), "at most 6"),
        (json!({"for": "31d"}), "0m to 30d"),
        (json!({"by": "recipient"}), "there is no dimension"),
        (json!({"filter": ["subject"]}), "DIM:OP:VALUE"),
        (json!({"tz": "Mars"}), "IANA"),
        (json!({"confidence": 0.3}), "0.5 to 0.9999"),
        (json!({"basis": "day"}), "sent or event"),
        (json!({"watch": "observed_spam_rate", "by": "campaign"}), "leave `by`"),
    ] {
        let error = error(&more);
        assert!(error.contains(words), "{more}: {error}");
    }
}

#[test]
fn every_default_is_a_rule_and_is_read_back_as_it_is_written() {
    for default in DEFAULTS {
        let request = default.request();
        Rule::new(&request).unwrap();
        let written = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<RuleRequest>(&written).unwrap(), request);
        assert_eq!(DefaultRule::find(default.id).unwrap().id, default.id);
    }
}

#[test]
fn a_rolling_window_holds_at_least_its_length_up_to_now() {
    assert_eq!(times(&json!({"window": "15m"}), "2026-11-20T10:07:00Z"), ["2026-11-20T09:45:00Z/2026-11-20T10:15:00Z"]);
    assert_eq!(
        times(&json!({"window": ["24h", "1h"]}), "2026-11-20T10:00:00Z"),
        ["2026-11-20T09:00:00Z/2026-11-20T10:15:00Z", "2026-11-19T10:00:00Z/2026-11-20T10:15:00Z"]
    );
}

#[test]
fn changes_compare_whole_quarters_of_the_same_length() {
    let week = json!({"window": "1h", "when": {"rises": {"factor": 2, "before": "week"}}});
    assert_eq!(
        times(&week, "2026-11-20T10:07:00Z"),
        ["2026-11-20T09:00:00Z/2026-11-20T10:00:00Z", "2026-11-13T09:00:00Z/2026-11-13T10:00:00Z"]
    );
}

#[test]
fn the_local_day_begins_at_its_midnight_and_is_compared_with_the_same_part_of_an_earlier_one() {
    let today = json!({"window": "today", "tz": "America/New_York", "when": {"falls": {"factor": 2, "before": "day"}}});
    // The clock went back on the first: its midnight was at four in UTC, that of the second at five.
    assert_eq!(
        times(&today, "2026-11-02T14:05:00Z"),
        ["2026-11-02T05:00:00Z/2026-11-02T14:00:00Z", "2026-11-01T04:00:00Z/2026-11-01T13:00:00Z"]
    );
}

#[test]
fn rules_that_look_at_the_same_ask_the_same() {
    let now = Millis(1_795_183_387_123);
    let (warning, critical) = (DEFAULTS[0].request(), DEFAULTS[1].request());
    assert_eq!(Rule::new(&warning).unwrap().questions(now), Rule::new(&critical).unwrap().questions(now));
}
