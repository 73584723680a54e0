//! Alerts to the programs that people use: Prometheus Alertmanager and an SMTP server.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use postlens_tests::harness::{Service, http, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::alerts::{PATIENCE, mail, send};

/// A program that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Running {
    let child = command.stdin(Stdio::null()).spawn();
    Running(child.unwrap_or_else(|error| panic!("{command:?}: {error} (`make setup` installs it)")))
}

/// What `tests/setup` installed.
pub(crate) fn installed(path: &str) -> PathBuf {
    let cache = env::var_os("POSTLENS_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| Path::new(&env::var_os("HOME").unwrap()).join(".cache/postlens"));
    cache.join(path)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn alertmanager_takes_an_alert_and_learns_that_it_is_over() {
    let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
    let config = directory.path().join("alertmanager.yml");
    fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n").unwrap();
    let address = format!("127.0.0.1:{port}");
    let _running = start(
        Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", directory.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null()),
    );
    let ready = format!("http://{address}/-/ready");
    until("Alertmanager is ready", PATIENCE, || {
        http().get(&ready).send().ok().filter(|reply| reply.status().is_success())
    });
    let service = Service::with(&[("POSTLENS_ALERTS_INTERVAL", "300ms"), ("POSTLENS_ALERTS_ALLOW_PRIVATE", "true")]);
    let (account, client) = service.account();
    let channel = json!({"name": "prometheus", "kind": "alertmanager", "url": format!("http://{address}")});
    assert_eq!(send(&client, Method::POST, "/v1/alerts/channels", &channel).status, 201);
    mail(&client, "loud", 1_000, 40);
    let alerts = || -> Option<Vec<Value>> {
        let answer = http().get(format!("http://{address}/api/v2/alerts?active=true")).send().ok()?;
        serde_json::from_str(&answer.text().ok()?).ok()
    };
    let of = |rule: &str| {
        let labels = |alert: &Value| alert["labels"]["rule"] == rule && alert["labels"]["account"] == account.as_str();
        alerts().map(|alerts| alerts.into_iter().filter(labels).collect::<Vec<_>>())
    };
    let fired = until("Alertmanager has the alert", PATIENCE, || {
        of("spam-critical").and_then(|alerts| alerts.into_iter().next())
    });
    assert_eq!((&fired["labels"]["severity"], &fired["status"]["state"]), (&json!("critical"), &json!("active")));
    assert!(fired["annotations"]["summary"].as_str().unwrap().contains("4 % (40 of 1000)"), "{fired}");
    mail(&client, "late", 16_000, 0);
    until("Alertmanager knows that it is over", PATIENCE, || of("spam-critical").filter(Vec::is_empty));
}

#[test]
fn an_smtp_server_takes_text_html_and_the_chart() {
    let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
    let mailbox = directory.path().join("mailbox");
    let _running = start(
        Command::new(installed("aiosmtpd-1.4.6/venv/bin/python"))
            .args(["-u", "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Debugging", "stdout", "-l"])
            .arg(format!("127.0.0.1:{port}"))
            .stdout(fs::File::create(&mailbox).unwrap())
            .stderr(Stdio::null()),
    );
    let service = Service::with(&[
        ("POSTLENS_ALERTS_INTERVAL", "300ms"),
        ("POSTLENS_ALERTS_SMTP", &format!("smtp://127.0.0.1:{port}")),
        ("POSTLENS_ALERTS_FROM", "Postlens <postlens@example.org>"),
        ("POSTLENS_ALERTS_LINK", "https://postlens.example.org"),
    ]);
    let (_, client) = service.account();
    let channel = json!({"name": "mail", "kind": "email", "to": ["ops@example.org"]});
    assert_eq!(send(&client, Method::POST, "/v1/alerts/channels", &channel).status, 201);
    mail(&client, "loud", 1_000, 40);
    let message = until("the mail is there", PATIENCE, || {
        let mailbox = fs::read_to_string(&mailbox).unwrap().replace("=\n", "");
        let mut messages = mailbox.split("---------- MESSAGE FOLLOWS ----------");
        let critical = messages.find(|message| message.contains("Subject: [CRITICAL] Spam rate above 0.3 %\n"));
        critical.filter(|message| message.contains("END MESSAGE")).map(str::to_owned)
    });
    for wanted in [
        "To: ops@example.org",
        "Auto-Submitted: auto-generated",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        "src=3D\"cid:chart\"",
        "Content-ID: <chart>",
        "Content-Type: image/png",
        // The beginning of a PNG, in base64.
        "iVBORw0KGgo",
        "campaign loud: 40 of 1000",
        "https://postlens.example.org/v1/reports/split",
    ] {
        assert!(message.contains(wanted), "{wanted} is missing in\n{message}");
    }
}
