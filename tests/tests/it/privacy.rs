//! What must not be logged is not: no address, subject, token or body, neither of what was accepted nor of what was refused.

use fixtures::{Event, Kind};
use postlens_tests::harness::{Body, Client, Encoding, Service};
use reqwest::Method;

use crate::traffic;

/// Stands in everything that must not be logged.
const MARKER: &str = "zq7marker";

fn event() -> Event {
    let text = |what: &str| Some(format!("{MARKER} {what}"));
    Event {
        kind: Kind::Clicked,
        time: traffic::some_days_ago(),
        message_id: format!("<{MARKER}@sender.example>"),
        recipient: format!("{MARKER}@{MARKER}.example"),
        event_id: text("id"),
        sender: Some(format!("{MARKER}@sender.example")),
        subject: text("subject"),
        campaign: text("campaign"),
        fields: [(MARKER.to_owned(), MARKER.to_owned())].into(),
        machine: None,
        class: None,
        method: None,
        url: Some(format!("https://{MARKER}.example/")),
        reason: None,
    }
}

/// Requests of all sorts with the marker in every place that a caller fills.
fn provoke(service: &Service, client: &Client) {
    let range = format!("from=2026-01-01&to=2026-02-01&filter=subject:is:{MARKER}");
    for path in [
        format!("/v1/reports/split?by=subject,field:{MARKER}&{range}"),
        format!("/v1/reports/split?by=subject&{range}&format=csv"),
        format!("/v1/reports/series?interval=day&by=campaign&{range}&format=png"),
        format!("/v1/reports/split?by={MARKER}&{range}"),
        format!("/v1/reports/summary?{range}&tz={MARKER}"),
        format!("/v1/reports/summary?{range}&{MARKER}={MARKER}"),
        format!("/v1/reports/summary?from={MARKER}&to={MARKER}"),
        format!("/v1/keys/{MARKER}"),
        format!("/{MARKER}"),
    ] {
        assert!(client.get(&path, &[]).status < 500, "{path}");
        assert_eq!(service.client(&format!("pl_{MARKER}_{MARKER}")).get(&path, &[]).status / 100, 4, "{path}");
    }
    for (path, media_type) in [
        ("/v1/events", "application/x-ndjson"),
        ("/v1/events", "application/json"),
        ("/v1/reports/split", "application/json"),
    ] {
        for body in [format!("{{\"{MARKER}\":\"{MARKER}\"}}"), format!("{{\"event\":\"{MARKER}"), MARKER.to_owned()] {
            let request = client
                .request(Method::POST, path)
                .header("content-type", media_type)
                .header("user-agent", MARKER)
                .header("x-request-id", format!("{MARKER} {MARKER}"))
                .header("cookie", MARKER);
            assert!(Client::send(request.body(body)).unwrap().status < 500);
        }
    }
}

/// Nothing of what must not be logged is in the log; but there is a log.
fn assert_silent(service: &Service, client: &Client) {
    let log = service.log();
    assert!(log.contains("/v1/reports/split"), "requests are logged: {log}");
    let secret = client.key().rsplit('_').next().unwrap();
    for word in [MARKER, secret, client.key(), "bootstrap-key-0123456789"] {
        let line = log.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "the log has {word}");
    }
}

#[test]
fn nothing_private_is_logged_in_any_format_even_when_the_engine_dies() {
    for (format, level) in [("text", "info"), ("json", "debug")] {
        let service = Service::with(&[("POSTLENS_LOG_FORMAT", format), ("POSTLENS_LOG_LEVEL", level)]);
        let (_, client) = service.account();
        client.report(&[event()], "?wait=applied", Body::Ndjson, Encoding::Identity);
        provoke(&service, &client);
        let killed = std::process::Command::new("kill").args(["-9", &service.engine().to_string()]).status().unwrap();
        assert!(killed.success());
        // Reported and asked while there is no engine: whatever fails now must not tell why in the log's words.
        client.report(&[Event { event_id: None, ..event() }], "", Body::Ndjson, Encoding::Identity);
        let path = format!("/v1/reports/split?by=subject&from=2026-01-01&to=2026-02-01&filter=subject:is:{MARKER}");
        assert!(matches!(client.get(&path, &[]).status, 200 | 503));
        client.wait_applied(&event());
        assert_silent(&service, &client);
    }
}

#[test]
fn the_files_of_the_service_are_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = Service::shared().directory().join("data");
    let mode = std::fs::metadata(&data).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
