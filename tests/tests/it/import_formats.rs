//! `postlens import --format`: what providers write, and reports as mail, become the numbers they tell, once.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use postlens_tests::harness::{Client, Service, repository};
use serde_json::Value;
use tempfile::TempDir;

/// The fixtures' days.
const SPAN: &str = "from=2026-11-01&to=2026-12-01";

struct Bench {
    service: &'static Service,
    client: Client,
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let service = Service::shared();
        Self { service, client: service.account().1, dir: tempfile::tempdir().unwrap() }
    }

    fn import(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (url, key) = (self.service.url(), self.client.key().to_owned());
        self.service.attempt(&[&["import", "--wait", "--restart", "--url", &url, "--key", &key], arguments].concat())
    }

    fn measures(&self) -> Value {
        let summary: Value = self.client.get(&format!("/v1/reports/summary?basis=event&{SPAN}"), &[]).json();
        summary["total"]["measures"].clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn fixture(provider: &str, name: &str) -> Vec<u8> {
    fs::read(repository().join("fixtures/providers").join(provider).join(name)).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn bounces_in_a_mailbox_and_in_a_maildir_are_counted_once() {
    let bench = Bench::new();
    let (mbox, maildir) = (bench.path("bounces.mbox"), bench.path("Maildir"));
    let mut file = File::create(&mbox).unwrap();
    for name in ["failed.eml", "utf8.eml"] {
        file.write_all(b"From MAILER-DAEMON Fri Nov 20 14:05:00 2026\n").unwrap();
        file.write_all(&fixture("dsn", name)).unwrap();
        file.write_all(b"\n").unwrap();
    }
    for folder in ["cur", "new", "tmp"] {
        fs::create_dir_all(maildir.join(folder)).unwrap();
    }
    fs::write(maildir.join("new/1.host"), fixture("dsn", "failed.eml")).unwrap();
    fs::write(maildir.join("cur/2.host:2,S"), fixture("dsn", "nothing-known.eml")).unwrap();

    let (code, said) = bench.import(&["--format", "dsn", text(&mbox)]);
    assert_eq!(code, Some(0), "{said}");
    let counted = bench.measures();
    assert_eq!(counted["failed"], 2, "{counted} {said}");
    let (code, said) = bench.import(&["--format", "dsn", text(&mbox)]);
    assert_eq!((code, bench.measures()), (Some(0), counted.clone()), "{said}");
    // The Maildir holds one of these again, and one that names no message.
    let (code, said) = bench.import(&["--format", "dsn", text(&maildir)]);
    assert_eq!((code, bench.measures()), (Some(1), counted), "{said}");
    assert!(!said.contains("mailbox.example"), "no address is printed: {said}");
}

#[test]
fn feedback_reports_that_are_single_messages_are_complaints() {
    let bench = Bench::new();
    let (abuse, not_spam) = (bench.path("abuse.eml"), bench.path("not-spam.eml"));
    fs::write(&abuse, fixture("arf", "abuse.eml")).unwrap();
    fs::write(&not_spam, fixture("arf", "not-spam.eml")).unwrap();
    let (code, said) = bench.import(&["--format", "arf", text(&abuse), text(&not_spam)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not-spam"), "what is ignored is named: {said}");
    assert_eq!(bench.measures()["complained"], 1, "{said}");
}

#[test]
fn an_archive_of_a_providers_bodies_is_read_whether_they_stand_in_arrays_or_lines() {
    let bench = Bench::new();
    let names =
        ["processed.json", "delivered.json", "bounce.json", "click.json", "spamreport.json", "group_resubscribe.json"];
    let (arrays, lines) = (bench.path("arrays.json"), bench.path("lines.json.gz"));
    let mut whole = Vec::new();
    let mut gzip = GzEncoder::new(File::create(&lines).unwrap(), Compression::default());
    for name in names {
        let body = fixture("sendgrid", name);
        for event in serde_json::from_slice::<Vec<Value>>(&body).unwrap() {
            writeln!(gzip, "{event}").unwrap();
        }
        whole.extend(body);
    }
    gzip.finish().unwrap();
    fs::write(&arrays, whole).unwrap();

    let (code, said) = bench.import(&["--format", "sendgrid", text(&lines)]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("group_resubscribe"), "{said}");
    let counted = bench.measures();
    for measure in ["queued", "delivered", "clicks", "complained"] {
        assert_eq!(counted[measure], 1, "{measure}: {counted}");
    }
    let (code, said) = bench.import(&["--format", "sendgrid", text(&arrays)]);
    assert_eq!((code, bench.measures()), (Some(0), counted), "{said}");
    let (code, said) = bench.import(&["--format", "smtp", text(&arrays)]);
    assert!(code == Some(2) && said.contains("sendgrid"), "the formats are named: {said}");
}
