//! What is due is ordered once, over a real store, at times of our own.

use schema::{AccountId, Millis};
use serde_json::{Value, json};

use super::{task::round, *};
use crate::{
    alerts::LetterText,
    metadata::{Metadata, alerts::Topic},
};

struct Bench {
    metadata: Metadata,
    account: AccountId,
    _dir: tempfile::TempDir,
}

fn at(text: &str) -> Millis {
    Millis(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

fn request(schedule: Value) -> SavedReportRequest {
    let mut document = json!({"name": "Daily", "channels": ["a", "b"],
        "report": {"kind": "split", "range": "yesterday", "document": {"by": "subject", "tz": "America/New_York"}}});
    document["schedule"] = schedule;
    serde_json::from_value(document).unwrap()
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let metadata = Metadata::open(None, dir.path()).await.unwrap();
        let account: AccountId = "acme".parse().unwrap();
        metadata.ensure_account(&account, Millis(0)).await.unwrap();
        Self { metadata, account, _dir: dir }
    }

    async fn save(&self, request: &SavedReportRequest, now: Millis) {
        let next = next_after(request.schedule().unwrap().as_ref(), now);
        assert!(self.metadata.create_saved_report((&self.account, "r"), request, next, 9, now).await.unwrap());
    }

    /// What was ordered so far: when it was due, and what is asked of which days.
    async fn ordered(&self) -> Vec<(Millis, String)> {
        let letters = self.metadata.letters(&self.account, None, 100).await.unwrap();
        let mut ordered: Vec<_> = letters.iter().map(|letter| read(&letter.notice)).collect();
        ordered.sort();
        ordered
    }
}

fn read(notice: &str) -> (Millis, String) {
    let LetterText::Report { report } = serde_json::from_str(notice).unwrap() else { panic!("no report: {notice}") };
    let Question::Split(asked) = report.question else { panic!("no split") };
    (Millis(report.due_at), format!("{}..{} {:?}", asked.from, asked.to, asked.filter))
}

#[tokio::test]
async fn a_due_time_is_ordered_once_for_each_channel_with_the_range_of_that_time() {
    let bench = Bench::new().await;
    let daily = request(json!({"every": "daily", "at": "07:00"}));
    bench.save(&daily, at("2026-11-20T06:00:00-05:00")).await;
    round(&bench.metadata, at("2026-11-20T06:59:59-05:00")).await.unwrap();
    assert_eq!(bench.ordered().await, []);
    // Late, on the next day of UTC, and several times.
    for _ in 0..3 {
        round(&bench.metadata, at("2026-11-20T20:00:00-05:00")).await.unwrap();
    }
    let due = (at("2026-11-20T07:00:00-05:00"), "2026-11-19..2026-11-20 []".to_owned());
    assert_eq!(bench.ordered().await, [due.clone(), due]);
    let row = bench.metadata.saved_report(&bench.account, "r").await.unwrap().unwrap();
    assert_eq!(row.next_at, Some(at("2026-11-21T07:00:00-05:00")));
    let told = bench.metadata.report_deliveries(&bench.account, "r", 10).await.unwrap();
    let channels: Vec<_> = told.into_iter().map(|told| told.letter.unwrap().channel).collect();
    assert_eq!(channels, ["a", "b"]);
}

#[tokio::test]
async fn of_times_that_were_missed_the_latest_is_ordered_alone() {
    let bench = Bench::new().await;
    bench.save(&request(json!({"every": "daily", "at": "07:00"})), at("2026-11-01T00:00:00Z")).await;
    round(&bench.metadata, at("2026-11-20T18:00:00Z")).await.unwrap();
    let due: Vec<_> = bench.ordered().await.into_iter().map(|(due, _)| due).collect();
    assert_eq!(due, [at("2026-11-20T12:00:00Z"); 2]);
}

#[tokio::test]
async fn two_services_that_saw_the_same_order_it_once() {
    let bench = Bench::new().await;
    bench.save(&request(json!({"every": "daily", "at": "07:00"})), at("2026-11-20T00:00:00Z")).await;
    let now = at("2026-11-20T12:00:00Z");
    let seen = bench.metadata.due_reports(now, 9).await.unwrap().remove(0);
    let order = order(&bench.metadata, &seen, now).await.unwrap();
    let next = Some(at("2026-11-21T12:00:00Z"));
    assert!(bench.metadata.order_due(&seen, &order, next, now).await.unwrap());
    assert!(!bench.metadata.order_due(&seen, &order, next, now).await.unwrap());
    assert!(!bench.metadata.order_now((&bench.account, "r"), &order, now).await.unwrap());
    assert_eq!(bench.ordered().await.len(), 2);
}

#[tokio::test]
async fn a_letter_says_what_a_segment_stood_for_when_it_was_ordered() {
    let bench = Bench::new().await;
    let mut named = request(json!({"every": "daily", "at": "07:00"}));
    named.report.document.insert("segment".to_owned(), json!("visits"));
    assert!(named.names_segment("visits") && !named.names_segment("other"));
    let segment: query::SegmentRequest = serde_json::from_value(json!({"filter": "subject:is:visit"})).unwrap();
    bench.metadata.put_segment(&bench.account, "visits", &segment, 9, Millis(0)).await.unwrap();
    bench.save(&named, at("2026-11-20T00:00:00Z")).await;
    round(&bench.metadata, at("2026-11-20T12:00:00Z")).await.unwrap();
    let (_, asked) = bench.ordered().await.remove(0);
    assert!(asked.contains("subject:is:visit"), "{asked}");
}

#[tokio::test]
async fn reports_and_alerts_are_taken_apart_and_kept_by_one_alone() {
    let bench = Bench::new().await;
    bench.save(&request(json!({"every": "daily", "at": "07:00"})), at("2026-11-20T00:00:00Z")).await;
    let now = at("2026-11-20T12:00:00Z");
    round(&bench.metadata, now).await.unwrap();
    assert!(bench.metadata.take_letters(Topic::Alert, now, 1_000, 9).await.unwrap().is_empty());
    let taken = bench.metadata.take_letters(Topic::Report, now, 1_000, 9).await.unwrap();
    assert_eq!(taken.len(), 2);
    let (id, seen) = (&taken[0].id, taken[0].next_at);
    assert!(bench.metadata.keep_letter(id, seen, Millis(seen.0 + 5_000)).await.unwrap());
    assert!(!bench.metadata.keep_letter(id, seen, Millis(seen.0 + 9_000)).await.unwrap());
}

#[test]
fn what_makes_no_schedule_is_refused_by_name() {
    for (schedule, parameter) in [
        (json!({"every": "daily", "at": "07:00", "on": "monday"}), "on"),
        (json!({"every": "weekly", "at": "07:00"}), "on"),
        (json!({"every": "weekly", "at": "07:00", "on": 1}), "on"),
        (json!({"every": "weekly", "at": "07:00", "on": "Monday"}), "on"),
        (json!({"every": "monthly", "at": "07:00", "on": 0}), "on"),
        (json!({"every": "monthly", "at": "07:00", "on": 32}), "on"),
        (json!({"every": "daily", "at": "7:00"}), "at"),
        (json!({"every": "daily", "at": "24:00"}), "at"),
        (json!({"every": "daily", "at": "07:00", "tz": "Mars/Olympus"}), "tz"),
    ] {
        let problem = format!("{:?}", request(schedule.clone()).check().unwrap_err());
        assert!(problem.contains(&format!("String(\"{parameter}\")")), "{schedule}: {problem}");
    }
    assert!(request(json!({"every": "monthly", "at": "07:00", "on": 31, "tz": "Asia/Kathmandu"})).check().is_ok());
}
