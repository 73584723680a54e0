//! Saved reports from end to end: from a schedule to the mailbox and the receiver of a webhook, through crashes.

use std::{
    collections::HashSet,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{NaiveTime, TimeDelta, Utc};
use postlens_tests::harness::{Client, Receipt, Receiver, Service, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    alert_receivers::installed,
    alerts::{PATIENCE, send},
};

/// A program that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Mail of yesterday, which it remains for as long as its test takes: where midnight is near, it is waited for.
fn mail(client: &Client) {
    let tomorrow = Utc::now().date_naive().succ_opt().unwrap().and_time(NaiveTime::MIN).and_utc();
    let until_midnight = (tomorrow - Utc::now()).to_std().unwrap_or_default();
    if until_midnight < Duration::from_mins(6) {
        thread::sleep(until_midnight);
    }
    let time = (Utc::now() - TimeDelta::days(1)).to_rfc3339();
    let mut body = String::new();
    for (number, domain) in ["yahoo.com", "gmail.com", "yahoo.com"].into_iter().enumerate() {
        for kind in ["queued", "delivered"] {
            let event = json!({"event": kind, "time": time, "message_id": format!("{number}@acme.org"),
                "recipient": format!("pat{number}@{domain}"), "sender": "news@acme.org", "subject": "Caf\u{e9}, \"news\""});
            body.push_str(&event.to_string());
            body.push('\n');
        }
    }
    let reply = client.apply(&body);
    assert_eq!((reply.status, reply.json::<Receipt>().rejected), (200, 0), "{}", reply.text());
}

fn made(client: &Client, path: &str, body: &Value) -> String {
    let reply = send(client, Method::POST, path, body);
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json::<Value>()["id"].as_str().unwrap().to_owned()
}

fn split(channel: &str) -> Value {
    json!({"name": "Yesterday by domain", "channels": [channel],
        "report": {"kind": "split", "range": "yesterday", "document": {"by": ["recipient_domain", "subject"]}}})
}

fn deliveries(client: &Client, id: &str) -> Vec<Value> {
    let saved: Value = client.get(&format!("/v1/saved-reports/{id}"), &[]).json();
    saved["deliveries"].as_array().unwrap().clone()
}

/// Yesterday, as parameters of the same report.
fn yesterday() -> Vec<(&'static str, String)> {
    let today = Utc::now().date_naive();
    vec![
        ("by", "recipient_domain,subject".to_owned()),
        ("from", today.pred_opt().unwrap().to_string()),
        ("to", today.to_string()),
    ]
}

/// The body of the part of that media type, decoded.
fn part(message: &str, media_type: &str) -> Vec<u8> {
    let (_, rest) = message
        .split_once(&format!("Content-Type: {media_type}"))
        .unwrap_or_else(|| panic!("{media_type} in\n{message}"));
    let (head, rest) = rest.split_once("\n\n").unwrap();
    let body = rest.split("\n--").next().unwrap();
    if head.contains("base64") {
        return STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap();
    }
    let plain = body.replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), plain.as_bytes());
    while let [first, more @ ..] = rest {
        match more {
            [high, low, after @ ..] if *first == b'=' && head.contains("quoted-printable") => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&[*high, *low]).unwrap(), 16).unwrap());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    bytes
}

#[test]
fn a_report_that_is_run_comes_by_mail_with_its_file_and_its_picture() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let mailbox = directory.path().join("mailbox");
    let child = Command::new(installed("aiosmtpd-1.4.6/venv/bin/python"))
        .args(["-u", "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Debugging", "stdout", "-l"])
        .arg(format!("127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&mailbox).unwrap())
        .stderr(Stdio::null())
        .spawn();
    let _running = Running(child.unwrap());
    let service = Service::with(&[
        ("POSTLENS_ALERTS_SMTP", &format!("smtp://127.0.0.1:{port}")),
        ("POSTLENS_ALERTS_FROM", "Postlens <postlens@example.org>"),
    ]);
    let (_, client) = service.account();
    mail(&client);
    let channel =
        made(&client, "/v1/alerts/channels", &json!({"name": "mail", "kind": "email", "to": ["boss@example.org"]}));
    let id = made(&client, "/v1/saved-reports", &split(&channel));
    let arguments = ["saved-reports", "--url", &service.url(), "--key", client.key()];
    assert!(service.command(&[&arguments[..], &["list"]].concat()).contains(&id));
    let expected = client.get("/v1/reports/split", &[yesterday(), vec![("format", "csv".to_owned())]].concat()).text();
    assert!(expected.contains("yahoo.com"), "{expected}");
    let _ = service.command(&[&arguments[..], &["run", &id]].concat());

    let message = until("the mail is there", PATIENCE, || {
        let mailbox = fs::read_to_string(&mailbox).unwrap();
        mailbox.contains("END MESSAGE").then_some(mailbox)
    });
    for wanted in [
        "Subject: Yesterday by domain: ",
        "To: boss@example.org",
        "Message-ID: <msg_",
        "Auto-Submitted: auto-generated",
        "cid:report",
        "Content-ID: <report>",
        "filename=\"postlens-split-",
    ] {
        // Quoted-printable breaks long lines.
        assert!(message.replace("=\n", "").contains(wanted), "{wanted} is missing in\n{message}");
    }
    let csv = String::from_utf8(part(&message, "text/csv")).unwrap();
    assert_eq!(csv.replace("\r\n", "\n").trim_end(), expected.replace("\r\n", "\n").trim_end());
    assert!(part(&message, "image/png").starts_with(b"\x89PNG\r\n\x1a\n"));
    let mut workbook = split(&channel);
    workbook["format"] = "xlsx".into();
    let book = made(&client, "/v1/saved-reports", &workbook);
    let _ = service.command(&[&arguments[..], &["run", &book]].concat());
    let message = until("the workbook is there", PATIENCE, || {
        let mailbox = fs::read_to_string(&mailbox).unwrap();
        (mailbox.matches("END MESSAGE").count() == 2).then_some(mailbox)
    });
    assert!(part(&message, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet").starts_with(b"PK"));
    until("it is noted", PATIENCE, || (deliveries(&client, &id)[0]["state"] == "delivered").then_some(()));
    let log = service.log();
    assert!(!log.contains("boss@example.org") && !log.contains("Caf\u{e9}"), "{log}");
    let _ = service.command(&[&arguments[..], &["delete", &id]].concat());
    assert_eq!(client.get(&format!("/v1/saved-reports/{id}"), &[]).status, 404);
}

#[test]
fn a_due_time_is_delivered_once_though_the_service_is_killed_around_it() {
    let service = Service::with(&[("POSTLENS_ALERTS_ALLOW_PRIVATE", "true")]);
    let receiver = Receiver::answering(503);
    let (account, client) = service.account();
    mail(&client);
    let channel =
        made(&client, "/v1/alerts/channels", &json!({"name": "hook", "kind": "webhook", "url": receiver.url()}));
    // The next whole minute, and one more where that is too near to be killed before it.
    let due = Utc::now() + TimeDelta::seconds(75);
    let mut saved = split(&channel);
    saved["schedule"] = json!({"every": "daily", "at": due.format("%H:%M").to_string(), "tz": "UTC"});
    let id = made(&client, "/v1/saved-reports", &saved);
    let next: Value = client.get(&format!("/v1/saved-reports/{id}"), &[]).json();
    let next = next["next_at"].as_str().unwrap().to_owned();
    assert!(next.starts_with(&due.format("%Y-%m-%dT%H:%M:00").to_string()), "{next}");

    // Away when it is due.
    service.kill();
    let due = chrono::DateTime::parse_from_rfc3339(&next).unwrap();
    while Utc::now() < due {
        thread::sleep(Duration::from_millis(200));
    }
    service.restart();
    until("it is tried", PATIENCE, || (!receiver.taken().is_empty()).then_some(()));
    // Killed when it is ordered and not yet delivered.
    service.kill();
    service.restart();
    receiver.answer(200);
    until("it is delivered", 3 * PATIENCE, || {
        deliveries(&client, &id).first().filter(|delivery| delivery["state"] == "delivered").cloned()
    });
    service.kill();
    service.restart();
    thread::sleep(Duration::from_secs(5));

    let taken = receiver.taken();
    let delivered: Vec<_> = taken.iter().filter(|taken| taken.status == 200).collect();
    assert_eq!(delivered.len(), 1, "once");
    assert_eq!(taken.iter().map(|taken| &taken.id).collect::<HashSet<_>>().len(), 1, "each attempt has the same id");
    assert_eq!(deliveries(&client, &id).len(), 1);
    let body = &delivered[0].body;
    assert_eq!((&body["type"], &body["data"]["account"]), (&json!("report"), &json!(account)));
    assert_eq!((&body["data"]["due_at"], &body["data"]["saved_report"]), (&json!(next), &json!(id)));
    let mut asked: Value = client.get("/v1/reports/split", &yesterday()).json();
    let mut told = body["data"]["report"].clone();
    for report in [&mut asked, &mut told] {
        report.as_object_mut().unwrap().remove("as_of");
    }
    assert_eq!(told, asked);
}
