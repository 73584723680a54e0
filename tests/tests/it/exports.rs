//! Exports: files of every form, their links, and what a kill in the middle leaves.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read as _},
    thread,
    time::Duration,
};

use postlens_tests::harness::{Client, Engine, Reply, Service, http, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::traffic;

const PATIENCE: Duration = Duration::from_mins(2);
const BY: &str = "subject,recipient_domain,day";

/// An account that reported traffic, and the parameters of a report of all of it.
fn reported(service: &Service, seed: u64) -> (Client, Vec<(&'static str, String)>) {
    let options = traffic::options(seed, 4_000);
    let events: Vec<_> = fixtures::events(&options).collect();
    let (_, client) = service.account();
    client.report_plainly(&events);
    client.wait_applied(&events[0]);
    let mut parameters = traffic::everything(&options).parameters();
    parameters.extend([("by", BY.to_owned()), ("limit", "10000".to_owned())]);
    (client, parameters)
}

fn order(client: &Client, format: &str, parameters: &[(&str, String)]) -> Value {
    let report: BTreeMap<_, _> = parameters.iter().map(|(name, value)| (*name, value.clone())).collect();
    let request = client.request(Method::POST, "/v1/exports").json(&json!({"format": format, "report": report}));
    let reply = Client::send(request).unwrap();
    assert_eq!(reply.status, 202, "{}", reply.text());
    reply.json()
}

fn export(client: &Client, id: &Value) -> Option<Value> {
    let reply = client.try_get(&format!("/v1/exports/{}", id.as_str().unwrap()))?;
    (reply.status == 200).then(|| reply.json())
}

fn done(client: &Client, ordered: &Value) -> Value {
    until("an export is done", PATIENCE, || {
        let export = export(client, &ordered["id"])?;
        assert_ne!(export["state"], "failed", "{export}");
        (export["state"] == "done").then_some(export)
    })
}

/// What a link leads to, without a key.
fn follow(client: &Client, link: &str) -> Reply {
    Client::send(http().get(client.url() + link)).unwrap()
}

fn download(client: &Client, ordered: &Value) -> Reply {
    let reply = follow(client, ordered["download"].as_str().unwrap());
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

fn report(client: &Client, parameters: &[(&'static str, String)], format: &str) -> Reply {
    let mut parameters = parameters.to_vec();
    parameters.push(("format", format.to_owned()));
    let reply = client.get("/v1/reports/split", &parameters);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// The cells of the first sheet, as texts, and all text of the second.
fn book(bytes: &[u8]) -> (Vec<Vec<String>>, String) {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut sheet = |name: &str| {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let (first, second) = (sheet("xl/worksheets/sheet1.xml"), sheet("xl/worksheets/sheet2.xml"));
    assert!(first.contains("state=\"frozen\"") && first.contains("<autoFilter "), "a header that stays in sight");
    let cell = |text: &str| {
        let inner = |open: &str, close: &str| {
            let (_, rest) = text.split_once(open)?;
            Some(rest.split_once('>')?.1.split_once(close)?.0.to_owned())
        };
        inner("<v", "</v>").or_else(|| inner("<t", "</t>")).unwrap_or_default()
    };
    let rows = first.split("<row ").skip(1).map(|row| row.split("<c ").skip(1).map(cell).collect());
    let shared = sheet("xl/sharedStrings.xml");
    (rows.collect(), second + &shared)
}

#[test]
fn every_form_of_an_export_has_the_rows_of_the_report() {
    let (client, parameters) = reported(Service::shared(), 71);
    let unlimited: Vec<_> = parameters.iter().filter(|(name, _)| *name != "limit").cloned().collect();
    let ordered: Vec<_> =
        ["csv", "ndjson", "xlsx", "parquet"].map(|format| order(&client, format, &unlimited)).into_iter().collect();
    let csv = report(&client, &parameters, "csv").text();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let records = reader.records().map(Result::unwrap);
    let rows: Vec<Vec<String>> = records.map(|row| row.iter().map(str::to_owned).collect()).collect();
    assert!(rows.len() > 500 && !csv.contains("(other:"), "{}", rows.len());

    let told = done(&client, &ordered[0]);
    assert_eq!(
        (told["rows"].as_u64(), told["of"].as_u64()),
        (Some(rows.len() as u64 - 1), Some(rows.len() as u64 - 1))
    );
    let reply = download(&client, &ordered[0]);
    assert_eq!(told["bytes"].as_u64(), Some(reply.body.len() as u64));
    assert!(reply.text() == csv, "the CSV of the export is that of the report");

    done(&client, &ordered[1]);
    let ndjson = report(&client, &parameters, "ndjson").text();
    assert!(download(&client, &ordered[1]).text() == ndjson && ndjson.lines().count() == rows.len() - 1);

    done(&client, &ordered[2]);
    let (cells, about) = book(&download(&client, &ordered[2]).body);
    assert_eq!(cells.len(), rows.len());
    for (cells, row) in cells.iter().zip(&rows) {
        // An empty cell at the end of a row is none.
        let wanted: Vec<_> =
            row.iter().map(|cell| cell.trim_start_matches('\'')).filter(|cell| !cell.is_empty()).collect();
        let cells: Vec<_> = cells.iter().filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells.len(), wanted.len(), "{cells:?} {wanted:?}");
        for (cell, wanted) in cells.iter().zip(&wanted) {
            let same = match (cell.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(cell), Ok(wanted)) => (cell - wanted).abs() < 1e-9,
                // A day is a number of days.
                (Ok(_), Err(_)) => wanted.starts_with("20"),
                _ => cell.replace("&amp;", "&") == *wanted,
            };
            assert!(same, "{cell} {wanted}");
        }
    }
    assert!(about.contains("basis") && about.contains("as_of"), "{about}");

    done(&client, &ordered[3]);
    let bytes = download(&client, &ordered[3]).body;
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let read = read_back(&rows[0], bytes);
    assert_eq!(read.len(), rows.len() - 1);
    for (read, row) in read.iter().zip(&rows[1..]) {
        assert_eq!(read.len(), row.len());
        for (read, wanted) in read.iter().zip(row) {
            let same = match (read.parse::<f64>(), wanted.parse::<f64>()) {
                (Ok(read), Ok(wanted)) => read.to_bits() == wanted.to_bits(),
                _ => read == wanted.trim_start_matches('\''),
            };
            assert!(same, "{read} {wanted}");
        }
    }
}

/// What the engine reads in a Parquet file, cell by cell; none is an empty text.
fn read_back(header: &[String], bytes: Vec<u8>) -> Vec<Vec<String>> {
    let engine = Engine::start();
    let url = format!("http://{}/", engine.address());
    let post = |query: &str, body: Vec<u8>| {
        let answer = http().post(&url).query(&[("query", query)]).body(body).send().unwrap();
        let (status, text) = (answer.status(), answer.text().unwrap());
        assert!(status.is_success(), "{query}: {text}");
        text
    };
    let kind = |name: &String| match name.as_str() {
        "subject" | "recipient_domain" | "day" => "String",
        name if name.ends_with("_rate") || name == "ctr" || name == "ctor" => "Float64",
        _ => "Int64",
    };
    let columns: Vec<_> = header.iter().map(|name| format!("`{name}` Nullable({})", kind(name))).collect();
    post("CREATE DATABASE IF NOT EXISTS readback", Vec::new());
    let columns = columns.join(", ");
    post(&format!("CREATE TABLE readback.rows ({columns}) ENGINE = Memory"), Vec::new());
    post("INSERT INTO readback.rows FORMAT Parquet", bytes);
    let text = post(
        "SELECT * FROM readback.rows FORMAT JSONCompactEachRow SETTINGS output_format_json_quote_64bit_floats = 1",
        Vec::new(),
    );
    let row = |line| serde_json::from_str::<Vec<Value>>(line).unwrap();
    let cell = |cell| match cell {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    };
    text.lines().map(|line| row(line).into_iter().map(cell).collect()).collect()
}

#[test]
fn a_link_is_worth_its_token_until_it_expires() {
    let service = Service::with(&[("POSTLENS_EXPORTS_KEEP", "15s")]);
    let (client, parameters) = reported(&service, 72);
    let ordered = order(&client, "csv", &parameters);
    let (id, link) = (ordered["id"].as_str().unwrap(), ordered["download"].as_str().unwrap());
    done(&client, &ordered);
    let file = service.directory().join("data/exports").join(id);
    download(&client, &ordered);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let wrong = format!("{link}x");
    for link in
        [wrong.as_str(), &link[..link.len() - 1], link.split_once('?').unwrap().0, "/v1/exports/0/download?token="]
    {
        assert_eq!(follow(&client, link).status, 404, "{link}");
    }
    let (_, stranger) = service.account();
    assert_eq!(stranger.get(&format!("/v1/exports/{id}"), &[]).status, 404);
    assert_eq!(Client::send(stranger.request(Method::DELETE, &format!("/v1/exports/{id}"))).unwrap().status, 404);
    until("the link expires", PATIENCE, || (follow(&client, link).status == 410).then_some(()));
    until("the file goes", PATIENCE, || (!file.exists()).then_some(()));
    assert_eq!(export(&client, &ordered["id"]).unwrap()["state"], "expired");
    assert!(!service.log().contains(link.split_once("token=").unwrap().1), "the token is not logged");

    let deleted = order(&client, "ndjson", &parameters);
    let path = format!("/v1/exports/{}", deleted["id"].as_str().unwrap());
    assert_eq!(Client::send(client.request(Method::DELETE, &path)).unwrap().status, 204);
    assert_eq!(client.get(&path, &[]).status, 404);
    assert_eq!(follow(&client, deleted["download"].as_str().unwrap()).status, 404);
}

#[test]
fn a_kill_in_the_middle_of_exports_loses_none() {
    let service = Service::start();
    let (client, parameters) = reported(&service, 73);
    let csv = report(&client, &parameters, "csv").text();
    let ordered: Vec<_> = (0..6).map(|_| order(&client, "csv", &parameters)).collect();
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(40));
        service.kill();
        service.restart();
    }
    for ordered in &ordered {
        done(&client, ordered);
        assert!(download(&client, ordered).text() == csv, "as if nothing had happened");
    }
    let names = fs::read_dir(service.directory().join("data/exports")).unwrap();
    let parts = names.filter(|name| name.as_ref().unwrap().path().extension().is_some());
    assert_eq!(parts.count(), 0, "nothing half is left");
}

#[test]
fn what_cannot_be_exported_is_refused_with_what_to_change() {
    let (client, parameters) = reported(Service::shared(), 74);
    for (name, value) in
        [("intervals", "true"), ("cursor", "x"), ("limit", "1000001"), ("rates", "fbl_spam_rate"), ("format", "csv")]
    {
        let mut report: BTreeMap<_, _> = parameters.iter().map(|(name, value)| (*name, value.clone())).collect();
        report.insert(name, value.to_owned());
        let request = client.request(Method::POST, "/v1/exports").json(&json!({"format": "csv", "report": report}));
        let reply = Client::send(request).unwrap();
        assert_eq!(reply.status, 422, "{name}: {}", reply.text());
        assert_eq!(reply.json::<Value>()["parameter"], name);
    }
    let narrow = Service::with(&[("POSTLENS_EXPORTS_ROWS", "50")]);
    let (client, parameters) = reported(&narrow, 75);
    let parameters: Vec<_> = parameters.into_iter().filter(|(name, _)| *name != "limit").collect();
    let ordered = order(&client, "csv", &parameters);
    let failed =
        until("it fails", PATIENCE, || export(&client, &ordered["id"]).filter(|export| export["state"] == "failed"));
    assert!(failed["error"].as_str().unwrap().contains("limit"), "{failed}");
    let mut cut = parameters.clone();
    cut.push(("limit", "50".to_owned()));
    let ordered = order(&client, "csv", &cut);
    done(&client, &ordered);
    let text = download(&client, &ordered).text();
    assert_eq!(text.lines().count(), 52, "header, rows and what was cut");
    assert!(text == report(&client, &cut, "csv").text());
}

#[test]
fn the_command_line_orders_waits_for_and_downloads_an_export() {
    let service = Service::shared();
    let (client, parameters) = reported(service, 73);
    let directory = tempfile::tempdir().unwrap();
    let [order, file] = ["order.json", "split.csv"].map(|name| directory.path().join(name).display().to_string());
    let document: BTreeMap<_, _> = parameters.iter().map(|(name, value)| (*name, value.clone())).collect();
    fs::write(&order, serde_json::to_vec(&document).unwrap()).unwrap();
    let (url, key) = (service.url(), client.key().to_owned());
    let run = |arguments: &[&str]| service.attempt(&[&["exports", "--url", &url, "--key", &key], arguments].concat());

    let (code, said) = run(&["create", &order, "-o", &file]);
    assert_eq!(code, Some(0), "{said}");
    let csv = report(&client, &parameters, "csv").text();
    assert!(fs::read_to_string(&file).unwrap() == csv, "as the report has it");
    // What is refused leaves the file that is there.
    fs::write(&order, r#"{"by":["nothing"]}"#).unwrap();
    let (code, said) = run(&["create", &order, "-o", &file]);
    assert!(code != Some(0) && said.contains("422"), "{said}");
    assert!(fs::read_to_string(&file).unwrap() == csv && fs::read_dir(directory.path()).unwrap().count() == 2);

    fs::write(&order, serde_json::to_vec(&document).unwrap()).unwrap();
    let (code, link) = run(&["create", &order, "--format", "xlsx"]);
    assert_eq!(code, Some(0), "{link}");
    let id = link.split('/').rev().nth(1).unwrap().to_owned();
    done(&client, &json!({"id": id}));
    let reply = Client::send(http().get(link.trim())).unwrap();
    assert!(reply.status == 200 && reply.body.starts_with(b"PK"), "whoever has the link can download it");
    let (code, said) = run(&["list"]);
    assert_eq!((code, said.lines().count()), (Some(0), 3), "{said}");
    assert!(said.contains("csv") && said.contains("xlsx"), "{said}");
    assert_eq!(run(&["delete", &id]).0, Some(0));
    assert_ne!(run(&["show", &id]).0, Some(0));
}
