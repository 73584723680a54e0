//! schemathesis, driven by the document that the service itself serves, finds no server error.

use std::process::Command;

use postlens_tests::harness::{Service, repository};

use crate::{budget::SCHEMATHESIS, traffic};

#[test]
fn schemathesis_finds_no_server_error_and_no_answer_that_is_not_in_the_document() {
    let service = Service::start();
    let (_, client) = service.account();
    let options = traffic::options(41, 2_000);
    let events: Vec<_> = fixtures::events(&options).collect();
    client.report_plainly(&events);
    client.wait_applied(&events[0]);
    let output = Command::new(repository().join("tests/schemathesis"))
        .args([service.url(), client.key().to_owned(), SCHEMATHESIS.to_string()])
        .current_dir(service.directory())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{out}\n{err}\n(schemathesis is installed by `tests/setup`, which `make setup` runs)"
    );
    let log = service.log();
    // Before it was ready it said so.
    let failure =
        log.lines().find(|line| line.contains("panicked") || (line.contains("status=5") && !line.contains("/readyz")));
    assert_eq!(failure, None, "{out}");
    for (route, status) in [
        ("/v1/events", 202),
        ("/v1/reports/split", 200),
        ("/v1/reports/summary", 200),
        ("/v1/reports/series", 200),
        ("/v1/keys", 201),
    ] {
        let line = format!("route=\"{route}\" status={status}");
        assert!(log.matches(&line).count() > 3, "the search got past the first checks of {route}");
    }
    let question = [("from", "2020-01-01".to_owned()), ("to", "2029-12-31".to_owned())];
    assert_eq!(client.get("/v1/reports/summary", &question).status, 200, "the search did not lock itself out");
}
