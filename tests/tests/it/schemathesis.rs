//! schemathesis, driven by the document that the service itself serves, finds no server error.

use std::process::Command;

use postlens_tests::harness::{Service, repository};

use crate::budget::SCHEMATHESIS;

#[test]
fn schemathesis_finds_no_server_error() {
    let service = Service::start();
    let client = service.bootstrap();
    let output = Command::new(repository().join("tests/schemathesis"))
        .args([service.url(), client.key().to_owned(), SCHEMATHESIS.as_secs().to_string()])
        .current_dir(service.directory())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}\n(without schemathesis, run `tests/setup` or `make setup`)");
    assert!(!service.log().contains("panicked"), "{}", service.log());
    service.wait_ready();
}
