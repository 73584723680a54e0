//! From a decision to its receiver.

use serde_json::json;

use super::{postbox::Postbox, receiver::Receiver, *};
use crate::metadata::alerts::{Care, DeliveryState, Topic};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn with_webhook() -> (Bench, Receiver) {
    let (bench, receiver) = (Bench::new().await, Receiver::start().await);
    bench.channel("hook", Settings::Webhook { url: receiver.url() + "/hook", secret: Some(SECRET.to_owned()) }).await;
    (bench, receiver)
}

async fn states(bench: &Bench) -> Vec<(String, DeliveryState, i64)> {
    let letters = bench.alerts.metadata().letters(&bench.account, None, 100).await.unwrap();
    letters.into_iter().map(|letter| (letter.id, letter.state, letter.attempts)).collect()
}

#[tokio::test]
async fn a_webhook_is_signed_and_says_everything() {
    let (bench, receiver) = with_webhook().await;
    let id = bench.decide(Change::Fired, "hook").await;
    bench.bring().await;
    let [taken] = receiver.taken().try_into().unwrap();
    assert_eq!((taken.path.as_str(), taken.header("webhook-id")), ("/hook", id.as_str()));
    let seconds: i64 = taken.header("webhook-timestamp").parse().unwrap();
    assert_eq!(seconds, NOW.0 / 1000);
    assert_eq!(taken.header("webhook-signature"), channel::sign(SECRET, &id, seconds, &taken.body).unwrap());
    let body = taken.json();
    assert_eq!((&body["type"], &body["data"]["rule"]), (&json!("alert.fired"), &json!("spam-critical")));
    assert_eq!(body["data"]["numbers"]["among"], 40_000);
    assert_eq!(body["data"]["contributors"][0]["excess"], 123.0);
    assert!(body["data"]["advice"][0].as_str().unwrap().contains("0.3 %"));
    assert!(
        body["data"]["link"]
            .as_str()
            .unwrap()
            .starts_with("https://postlens.example/v1/reports/split?by=campaign&from=2026")
    );
    assert_eq!(states(&bench).await, [(id, DeliveryState::Delivered, 1)]);
}

#[tokio::test]
async fn a_receiver_that_is_down_for_an_hour_is_told_once_when_it_is_back_and_in_order() {
    let (bench, receiver) = with_webhook().await;
    receiver.answer(503);
    let fired = bench.decide(Change::Fired, "hook").await;
    for _ in 0..60 {
        bench.bring().await;
        bench.pass_time(MINUTE);
    }
    let tried = receiver.taken().len();
    assert!((6..30).contains(&tried), "{tried}");
    let resolved = bench.decide(RECOVERED, "hook").await;
    bench.bring().await;
    receiver.answer(200);
    for _ in 0..31 {
        bench.pass_time(MINUTE);
        bench.bring().await;
    }
    let taken = receiver.taken();
    let ids: Vec<_> = taken.iter().map(|taken| taken.header("webhook-id").to_owned()).collect();
    let (last, before) = ids.split_last().unwrap();
    // Every attempt of the first letter has the same id, and the second comes after it, once.
    assert_eq!(last, &resolved);
    assert!(before.iter().all(|id| *id == fired));
    assert_eq!(states(&bench).await.iter().filter(|(_, state, _)| *state == DeliveryState::Delivered).count(), 2);
}

#[tokio::test]
async fn what_is_in_vain_for_a_day_is_given_up_and_can_be_replayed() {
    let (bench, receiver) = with_webhook().await;
    receiver.answer(500);
    let id = bench.decide(Change::Fired, "hook").await;
    for _ in 0..100 {
        bench.bring().await;
        bench.pass_time(15 * MINUTE);
    }
    let metadata = bench.alerts.metadata();
    let [dead] = metadata.letters(&bench.account, Some(DeliveryState::Dead), 10).await.unwrap().try_into().unwrap();
    assert_eq!((dead.id.as_str(), dead.error.as_deref()), (id.as_str(), Some("the answer was 500")));
    receiver.answer(200);
    assert!(metadata.replay_letter(&bench.account, &id, bench.now()).await.unwrap());
    assert!(!metadata.replay_letter(&bench.account, &id, bench.now()).await.unwrap());
    bench.bring().await;
    assert_eq!(metadata.letters(&bench.account, Some(DeliveryState::Delivered), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (bench, receiver) = with_webhook().await;
    receiver.answer(302);
    bench.decide(Change::Fired, "hook").await;
    bench.bring().await;
    let taken = receiver.taken();
    assert_eq!(taken.iter().map(|taken| taken.path.as_str()).collect::<Vec<_>>(), ["/hook"]);
    assert_eq!(states(&bench).await[0].1, DeliveryState::Waiting);
}

#[tokio::test]
async fn what_was_decided_is_delivered_after_a_crash_of_the_courier() {
    let (bench, receiver) = with_webhook().await;
    bench.decide(Change::Fired, "hook").await;
    // Taken by somebody who died.
    let metadata = bench.alerts.metadata();
    assert_eq!(metadata.take_letters(Topic::Alert, bench.now(), MINUTE, 10).await.unwrap().len(), 1);
    bench.bring().await;
    assert_eq!(receiver.taken().len(), 0);
    bench.pass_time(MINUTE);
    bench.bring().await;
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test]
async fn the_same_decision_twice_tells_once() {
    let (bench, receiver) = with_webhook().await;
    bench.decide(Change::Fired, "hook").await;
    bench.decide(Change::Fired, "hook").await;
    bench.bring().await;
    assert_eq!(receiver.taken().len(), 1);
}

#[tokio::test]
async fn an_evaluator_that_lost_its_lease_decides_nothing() {
    let (bench, _) = with_webhook().await;
    let metadata = bench.alerts.metadata();
    let old = bench.term().await;
    assert_eq!(metadata.lease("alerts", "another", bench.now(), MINUTE).await.unwrap(), None);
    bench.pass_time(MINUTE);
    let new = metadata.lease("alerts", "another", bench.now(), MINUTE).await.unwrap().unwrap();
    let rule = bench.rule().await;
    let decide = async |term: &Term| {
        let decision = decision(&bench, &rule, Change::Fired, "hook");
        metadata.decide(term, &bench.account, &[decision], bench.now()).await.unwrap()
    };
    assert!(!decide(&old).await);
    assert_eq!(metadata.alert_states(&bench.account).await.unwrap(), []);
    assert!(decide(&new).await);
    metadata.release(&new).await.unwrap();
    assert_eq!(metadata.alert_states(&bench.account).await.unwrap().len(), 1);
    assert!(metadata.lease("alerts", "this one", bench.now(), MINUTE).await.unwrap().is_some());
}

#[tokio::test]
async fn of_a_rule_that_was_changed_meanwhile_nothing_is_decided() {
    let (bench, _) = with_webhook().await;
    let before = bench.rule().await;
    bench.alerts.metadata().put_rule(&bench.account, &before.id, &before.request, bench.now()).await.unwrap();
    let decision = decision(&bench, &before, Change::Fired, "hook");
    let term = bench.term().await;
    assert!(bench.alerts.metadata().decide(&term, &bench.account, &[decision], bench.now()).await.unwrap());
    assert_eq!(states(&bench).await, []);
}

#[tokio::test]
async fn who_takes_care_of_an_alert_is_known_until_it_is_over() {
    let (bench, _) = with_webhook().await;
    bench.decide(Change::Fired, "hook").await;
    let metadata = bench.alerts.metadata();
    let alert = ("spam-critical", "");
    assert!(metadata.care(&bench.account, alert, &Care::Acknowledge { by: "Ada".into() }, bench.now()).await.unwrap());
    assert!(metadata.care(&bench.account, alert, &Care::Mute(Some(Millis(5))), bench.now()).await.unwrap());
    bench.pass_time(MINUTE);
    bench.decide(Change::Reminded, "hook").await;
    let [row] = metadata.alert_states(&bench.account).await.unwrap().try_into().unwrap();
    assert!(row.alert.acknowledged);
    assert_eq!((row.acknowledged, row.alert.muted_until), (Some((NOW, "Ada".to_owned())), Some(Millis(5))));
    bench.pass_time(MINUTE);
    bench.decide(RECOVERED, "hook").await;
    assert!(!metadata.care(&bench.account, alert, &Care::Mute(None), bench.now()).await.unwrap());
    assert_eq!(metadata.history(&bench.account, "", "", 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn each_kind_of_channel_speaks_its_receiver_s_language() {
    let (bench, receiver) = (Bench::new().await, Receiver::start().await);
    let url = |path: &str| receiver.url() + path;
    bench.channel("slack", Settings::Slack { url: url("/slack") }).await;
    bench.channel("teams", Settings::Teams { url: url("/teams") }).await;
    bench.channel("pager", Settings::PagerDuty { routing_key: "k".repeat(32), url: Some(url("/v2/enqueue")) }).await;
    bench.channel("prometheus", Settings::Alertmanager { url: url("/am/"), token: Some("t".into()) }).await;
    for channel in ["slack", "teams", "pager", "prometheus"] {
        bench.decide(Change::Fired, channel).await;
        bench.bring().await;
        bench.pass_time(MINUTE);
        bench.decide(RECOVERED, channel).await;
        bench.bring().await;
    }
    let taken = receiver.taken();
    let bodies: Vec<_> = taken.iter().map(|taken| (taken.path.as_str(), taken.json())).collect();
    let [slack, slack_over, teams, _, pager, pager_over, prometheus, prometheus_over] = bodies.try_into().unwrap();
    assert!(slack.1["text"].as_str().unwrap().starts_with("[CRITICAL] Spam rate above 0.3 %"));
    assert!(slack.1.to_string().contains("Last &lt;chance&gt; &amp; more"));
    assert!(slack_over.1["text"].as_str().unwrap().starts_with("[RESOLVED]"));
    let card = &teams.1["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!((&card["content"]["type"], &card["content"]["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    assert_eq!(
        (pager.0, &pager.1["event_action"], &pager_over.1["event_action"]),
        ("/v2/enqueue", &json!("trigger"), &json!("resolve"))
    );
    assert_eq!(pager.1["dedup_key"], pager_over.1["dedup_key"]);
    assert_eq!(pager.1["payload"]["severity"], "critical");
    assert_eq!(prometheus.0, "/am/api/v2/alerts");
    let (firing, over) = (&prometheus.1[0], &prometheus_over.1[0]);
    assert_eq!((&firing["labels"], &firing["startsAt"]), (&over["labels"], &over["startsAt"]));
    assert!(firing["endsAt"].as_str().unwrap() > over["endsAt"].as_str().unwrap());
    assert_eq!(taken[6].header("authorization"), "Bearer t");
}

#[tokio::test]
async fn e_mail_goes_to_all_addresses_as_text_and_html_with_an_id_that_stays() {
    let postbox = Postbox::start().await;
    let settings = crate::config::Alerts {
        smtp: Some(postbox.url.as_str().into()),
        from: Some("Postlens <postlens@example.org>".to_owned()),
        ..crate::config::Alerts::default()
    };
    let bench = Bench::mailing(Mailer::configured(&settings).unwrap()).await;
    let to = vec!["ops@example.org".to_owned(), "ada@example.com".to_owned()];
    bench.channel("mail", Settings::Email { to: to.clone() }).await;
    let id = bench.decide(Change::Fired, "mail").await;
    bench.bring().await;
    let [(recipients, message)] = postbox.mail().try_into().unwrap();
    assert_eq!(recipients, to);
    // Without the breaks of quoted-printable.
    let message = message.replace("=\n", "");
    for wanted in [
        &format!("Message-ID: <{id}@postlens>"),
        "From: Postlens <postlens@example.org>",
        "Subject: [CRITICAL] Spam rate above 0.3 %",
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "Last &lt;chance&gt; &amp; more",
    ] {
        assert!(message.contains(wanted), "{wanted} is missing in\n{message}");
    }
}

#[tokio::test]
async fn without_a_mail_server_mail_waits_and_says_why() {
    let bench = Bench::new().await;
    bench.channel("mail", Settings::Email { to: vec!["ops@example.org".to_owned()] }).await;
    bench.decide(Change::Fired, "mail").await;
    bench.bring().await;
    let [letter] = bench.alerts.metadata().letters(&bench.account, None, 10).await.unwrap().try_into().unwrap();
    assert_eq!(letter.state, DeliveryState::Waiting);
    assert!(letter.error.unwrap().contains("alerts.smtp"));
}

#[test]
fn a_mail_server_needs_a_sender() {
    let settings = |smtp: &str, from: Option<&str>| crate::config::Alerts {
        smtp: Some(smtp.into()),
        from: from.map(str::to_owned),
        ..crate::config::Alerts::default()
    };
    assert!(Mailer::configured(&crate::config::Alerts::default()).unwrap().is_none());
    assert!(Mailer::configured(&settings("smtp://x", None)).is_err());
    assert!(Mailer::configured(&settings("smtp://x", Some("nobody"))).is_err());
    assert!(Mailer::configured(&settings("https://x", Some("a@b.c"))).is_err());
}
