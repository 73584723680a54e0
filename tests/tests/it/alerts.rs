//! Alerts from end to end: from events to the receiver of a webhook, through crashes.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};
use postlens_tests::harness::{Client, Engine, Postgres, Receipt, Receiver, Reply, Service, Taken, repository, until};
use reqwest::Method;
use serde_json::{Value, json};

/// How long the service may take to notice and to tell: longer than a letter belongs to a service that died.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

fn service() -> Service {
    Service::with(&[("POSTLENS_ALERTS_INTERVAL", "300ms"), ("POSTLENS_ALERTS_ALLOW_PRIVATE", "true")])
}

pub(crate) fn send(client: &Client, method: Method, path: &str, body: &Value) -> Reply {
    Client::send(client.request(method, path).json(body)).unwrap()
}

fn get(client: &Client, path: &str) -> Value {
    client.get(path, &[]).json()
}

fn webhook(client: &Client, receiver: &Receiver) -> Value {
    let reply = send(
        client,
        Method::POST,
        "/v1/alerts/channels",
        &json!({"name": "ops", "kind": "webhook", "url": receiver.url()}),
    );
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

/// Mail of one campaign that arrived now, some of it complained of.
pub(crate) fn mail(client: &Client, campaign: &str, delivered: usize, complained: usize) {
    mail_at(Utc::now(), client, campaign, (delivered, complained));
}

/// Mail that arrived at a time.
fn mail_at(time: DateTime<Utc>, client: &Client, campaign: &str, (delivered, complained): (usize, usize)) {
    let time = time.to_rfc3339();
    let mut body = String::new();
    for number in 0..delivered {
        let mut kinds = vec!["queued", "delivered"];
        kinds.extend((number < complained).then_some("complained"));
        for kind in kinds {
            let event = json!({"event": kind, "time": time, "message_id": format!("{campaign}-{number}@acme.org"),
                "recipient": format!("pat{number}@yahoo.com"), "sender": "news@acme.org", "campaign": campaign, "subject": "News"});
            body.push_str(&event.to_string());
            body.push('\n');
        }
    }
    let reply = client.apply(&body);
    assert_eq!((reply.status, reply.json::<Receipt>().rejected), (200, 0), "{}", reply.text());
}

/// Waits until the receiver was told, with success, of this change of the rule.
fn told(receiver: &Receiver, rule: &str, change: &str) -> Taken {
    until(&format!("{rule} {change}"), PATIENCE, || {
        let taken = receiver.taken().into_iter().filter(|taken| taken.status == 200);
        taken.into_iter().find(|taken| taken.body["data"]["rule"] == rule && taken.body["data"]["change"] == change)
    })
}

#[test]
fn complaints_beyond_the_line_are_told_once_and_so_is_that_late_mail_changed_the_past() {
    let (service, receiver) = (service(), Receiver::answering(200));
    let (account, client) = service.account();
    webhook(&client, &receiver);
    let time = Utc::now();
    mail_at(time, &client, "calm", (2_000, 0));
    mail_at(time, &client, "loud", (1_000, 40));

    let fired = told(&receiver, "spam-critical", "fired").body["data"].clone();
    assert_eq!((&fired["account"], &fired["severity"]), (&json!(account), &json!("critical")));
    assert_eq!((&fired["numbers"]["count"], &fired["numbers"]["among"]), (&json!(40), &json!(3_000)));
    assert!(fired["numbers"]["interval"][0].as_f64().unwrap() > 0.003, "{fired}");
    let most = &fired["contributors"][0];
    assert_eq!((&most["dimension"], &most["value"], &most["count"]), (&json!("campaign"), &json!("loud"), &json!(40)));
    told(&receiver, "spam-critical-sender-domain", "fired");
    let provider = told(&receiver, "spam-critical-mailbox-provider", "fired");
    assert_eq!(provider.body["data"]["value"], "yahoo");

    let alerts = get(&client, "/v1/alerts");
    let critical = alerts["alerts"].as_array().unwrap().iter().find(|alert| alert["rule"] == "spam-critical").unwrap();
    assert_eq!(critical["state"], "firing");
    let id = critical["id"].as_str().unwrap();
    let reply = send(&client, Method::POST, &format!("/v1/alerts/{id}/acknowledge"), &json!({"by": "Ada"}));
    assert_eq!((reply.status, &reply.json::<Value>()["acknowledged_by"]), (200, &json!("Ada")));
    until("the metrics tell what fires", PATIENCE, || {
        let metrics = client.get("/metrics", &[]).text();
        metrics.contains("postlens_alerts_firing{severity=\"critical\"} 3").then_some(())
    });

    // Mail that arrived at the same time, and was reported late.
    mail_at(time, &client, "late", (14_000, 0));
    let over = told(&receiver, "spam-critical", "resolved");
    assert_eq!(over.body["data"]["reason"], "revised");
    let history = get(&client, "/v1/alerts/history?rule=spam-critical");
    let changes: Vec<_> = history["entries"].as_array().unwrap().iter().map(|entry| entry["change"].clone()).collect();
    assert_eq!(changes, ["resolved", "acknowledged", "fired"]);
    assert!(
        service
            .command(&["alerts", "--url", &service.url(), "--key", client.key(), "history"])
            .contains("acknowledged")
    );
    let ids: Vec<_> = receiver.taken().into_iter().map(|taken| taken.id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "nothing is told twice");
}

#[test]
fn what_was_decided_before_a_crash_is_told_after_it_once() {
    let (service, receiver) = (service(), Receiver::answering(503));
    let (_, client) = service.account();
    webhook(&client, &receiver);
    mail(&client, "loud", 1_000, 40);
    until("a decision waits", PATIENCE, || {
        let waiting = get(&client, "/v1/alerts/deliveries?state=waiting");
        (waiting["deliveries"].as_array().unwrap().len() >= 6).then_some(())
    });
    service.kill();
    receiver.answer(200);
    service.restart();
    for rule in ["spam-critical", "spam-warning", "spam-critical-sender-domain", "spam-warning-mailbox-provider"] {
        told(&receiver, rule, "fired");
    }
    until("nothing waits", PATIENCE, || {
        let waiting = get(&client, "/v1/alerts/deliveries?state=waiting");
        waiting["deliveries"].as_array().unwrap().is_empty().then_some(())
    });
    let delivered: Vec<_> =
        receiver.taken().into_iter().filter(|taken| taken.status == 200).map(|taken| taken.id).collect();
    assert_eq!(delivered.iter().collect::<HashSet<_>>().len(), delivered.len());
    assert_eq!(delivered.len(), 6);
}

#[test]
fn an_observed_rate_fires_and_is_seen_in_the_stream() {
    let (service, receiver) = (service(), Receiver::answering(200));
    let (_, client) = service.account();
    webhook(&client, &receiver);
    let stream = client.request(Method::GET, "/v1/alerts/stream").send().unwrap();
    let rule =
        json!({"name": "Gmail's rate", "watch": "observed_spam_rate", "when": {"above": 0.001}, "severity": "warning"});
    assert_eq!(send(&client, Method::PUT, "/v1/alerts/rules/gmail", &rule).status, 200);
    let day = Utc::now().date_naive();
    let table = format!("domain,day,rate\nNews.ACME.org,{day},0.0042\nacme.org,{day},0.0002\n");
    let request = client.request(Method::PUT, "/v1/observations/spam-rate").header("content-type", "text/csv");
    let reply = Client::send(request.body(table)).unwrap();
    assert_eq!((reply.status, reply.json::<Value>()), (200, json!({"stored": 2})));
    let fired = told(&receiver, "gmail", "fired");
    assert_eq!(
        (&fired.body["data"]["value"], &fired.body["data"]["numbers"]["value"]),
        (&json!("news.acme.org"), &json!(0.0042))
    );

    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).filter(|line| !line.is_empty());
    let event: Vec<_> = lines.by_ref().take(3).collect();
    assert!(event.iter().any(|line| line == "event: fired"), "{event:?}");
    let data = event.iter().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["rule"], "gmail");

    // Without the rule its alert is over; a service that is told to stop ends its streams.
    assert_eq!(send(&client, Method::DELETE, "/v1/alerts/rules/gmail", &json!(null)).status, 204);
    assert_eq!(told(&receiver, "gmail", "resolved").body["data"]["reason"], "rule_gone");
    assert_eq!(service.terminate(), Some(0));
    assert!(lines.any(|line| line == "event: resolved"));
}

#[test]
fn in_a_maintenance_window_nobody_is_told_until_it_is_over() {
    let (service, receiver) = (service(), Receiver::answering(200));
    let (_, client) = service.account();
    webhook(&client, &receiver);
    let window = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    let window: Value = send(&client, Method::POST, "/v1/alerts/maintenance", &window).json();
    mail(&client, "loud", 1_000, 40);
    until("it fires", PATIENCE, || {
        let alerts = get(&client, "/v1/alerts");
        (alerts["alerts"].as_array().unwrap().len() == 6).then_some(())
    });
    assert!(receiver.taken().is_empty());
    let path = format!("/v1/alerts/maintenance/{}", window["id"].as_str().unwrap());
    assert_eq!(send(&client, Method::DELETE, &path, &json!(null)).status, 204);
    told(&receiver, "spam-critical", "told");
}

#[test]
fn without_leave_nothing_private_is_reached() {
    let (service, receiver) = (Service::with(&[("POSTLENS_ALERTS_INTERVAL", "300ms")]), Receiver::answering(200));
    let (_, client) = service.account();
    let channel = webhook(&client, &receiver);
    let path = format!("/v1/alerts/channels/{}/test", channel["id"].as_str().unwrap());
    let outcome: Value = send(&client, Method::POST, &path, &json!(null)).json();
    assert_eq!(outcome["delivered"], false);
    assert!(outcome["error"].as_str().unwrap().contains("alerts.allow_private"), "{outcome}");
    assert!(receiver.taken().is_empty());
    let secret = channel["secret"].as_str().unwrap();
    assert!(!client.get("/v1/alerts/channels", &[]).text().contains(secret) && !service.log().contains(secret));
}

/// Answers as Google does: a token, the one domain, and its rate of yesterday.
fn google(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).unwrap() <= 2 {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let yesterday = Utc::now().date_naive().pred_opt().unwrap().to_string();
    let date: Vec<u32> = yesterday.split('-').map(|part| part.parse().unwrap()).collect();
    let answer = match &*path {
        "/token" => json!({"access_token": "t", "expires_in": 3600}),
        path if path.starts_with("/v2/domains?") => json!({"domains": [{"name": "domains/news.acme.org"}]}),
        _ => json!({"domainStats": [{"metric": "spam_rate", "value": {"doubleValue": 0.0042},
            "date": {"year": date[0], "month": date[1], "day": date[2]}}]}),
    }
    .to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).unwrap();
}

#[test]
fn a_rate_that_google_tells_fires() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().flatten().for_each(google));
    let directory = tempfile::tempdir().unwrap();
    let pem = fs::read_to_string(repository().join("fixtures/providers/keys/rsa-1.pem")).unwrap();
    let key =
        json!({"client_email": "reader@project.example", "private_key": pem, "token_uri": format!("{url}/token")});
    let file = directory.path().join("key.json");
    fs::write(&file, key.to_string()).unwrap();
    let receiver = Receiver::answering(200);
    let service = Service::with(&[
        ("POSTLENS_ALERTS_INTERVAL", "300ms"),
        ("POSTLENS_ALERTS_ALLOW_PRIVATE", "true"),
        ("POSTLENS_POSTMASTER_KEY_FILE", &file.to_string_lossy()),
        ("POSTLENS_POSTMASTER_API", &url),
    ]);
    let client = service.bootstrap();
    webhook(&client, &receiver);
    let rule =
        json!({"name": "Gmail", "watch": "observed_spam_rate", "when": {"above": 0.003}, "severity": "critical"});
    assert_eq!(send(&client, Method::PUT, "/v1/alerts/rules/gmail", &rule).status, 200);
    let fired = told(&receiver, "gmail", "fired").body["data"].clone();
    assert_eq!((&fired["value"], &fired["numbers"]["value"]), (&json!("news.acme.org"), &json!(0.0042)));
    let observations = get(&client, "/v1/observations/spam-rate");
    assert_eq!(observations["observations"][0]["source"], "postmaster_tools", "{observations}");
    let metrics = client.get("/metrics", &[]).text();
    assert!(metrics.contains("postlens_postmaster_pulls_total{outcome=\"complete\"} 1"), "{metrics}");
    assert!(!service.log().contains("PRIVATE KEY"));
}

/// Passes of a service in which it evaluated.
fn passes(service: &Service) -> u64 {
    let metrics = service.client("").get("/metrics", &[]).text();
    let of = |outcome| {
        let line = format!("postlens_alert_passes_total{{outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|text| text.strip_prefix(&line)?.parse::<u64>().ok()).unwrap_or(0)
    };
    of("complete") + of("partial")
}

#[test]
fn of_two_services_on_one_postgresql_one_evaluates_and_the_other_takes_over() {
    let (postgres, engine, receiver) = (Postgres::start(""), Engine::start(), Receiver::answering(200));
    let (metadata, clickhouse) = (postgres.url(), format!("http://{}", engine.address()));
    let settings = [
        ("POSTLENS_ALERTS_INTERVAL", "300ms"),
        ("POSTLENS_ALERTS_ALLOW_PRIVATE", "true"),
        ("POSTLENS_METADATA_URL", &*metadata),
        ("POSTLENS_CLICKHOUSE_URL", &*clickhouse),
    ];
    let (one, other) = (Service::with(&settings), Service::with(&settings));
    let (_, client) = one.account();
    webhook(&client, &receiver);
    mail(&client, "loud", 1_000, 40);
    let told_of = |change: &str| {
        let taken = receiver.taken();
        let letters = taken.iter().filter(|taken| taken.status == 200 && taken.body["data"]["change"] == change);
        letters
            .map(|taken| (taken.body["data"]["rule"].clone(), taken.body["data"]["value"].clone()))
            .collect::<Vec<_>>()
    };
    let all = |change: &str, count: usize| {
        until(change, 2 * PATIENCE, || (told_of(change).len() >= count).then_some(()));
        let told = told_of(change);
        let distinct: HashSet<_> = told.iter().map(|(rule, value)| format!("{rule} {value}")).collect();
        assert_eq!((told.len(), distinct.len()), (count, count), "{told:?}");
    };
    all("fired", 6);
    let (active, idle) = if passes(&one) > 0 { (&one, &other) } else { (&other, &one) };
    assert_eq!(passes(idle), 0, "one at a time");

    // A lease that nobody gives back runs out.
    active.kill();
    mail(&idle.client(client.key()), "late", 14_000, 0);
    // The warnings' line is lower.
    all("resolved", 3);
    until("its pass is counted", PATIENCE, || (passes(idle) > 0).then_some(()));
}
