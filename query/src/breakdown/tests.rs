//! Requests, SQL, JSON and CSV of these reports.

use schema::{AccountId, Millis};

use super::*;
use crate::{SpecError, TableOptions, from_json, from_pairs, sheet, sql, sql::Sql};

const WEEK: [(&str, &str); 2] = [("from", "2026-11-01"), ("to", "2026-11-08")];

fn failures(more: &[(&str, &str)]) -> Result<BreakdownSpec, SpecError> {
    BreakdownSpec::failures(&from_pairs::<FailuresRequest, _, _>(WEEK.iter().chain(more).copied())?)
}

fn links(more: &[(&str, &str)]) -> Result<BreakdownSpec, SpecError> {
    BreakdownSpec::links(&from_pairs::<LinksRequest, _, _>(WEEK.iter().chain(more).copied())?)
}

fn security(more: &[(&str, &str)]) -> Result<BreakdownSpec, SpecError> {
    BreakdownSpec::security(&from_pairs::<SecurityRequest, _, _>(WEEK.iter().chain(more).copied())?)
}

fn account() -> AccountId {
    "acme".parse().unwrap()
}

fn statement(spec: &BreakdownSpec) -> Sql {
    match spec.kind() {
        BreakdownKind::Failures { by } => sql::failures(&account(), spec, *by),
        BreakdownKind::Links { strip_query } => sql::links(&account(), spec, *strip_query),
        BreakdownKind::Security { .. } => unreachable!("it is a split and its steps"),
    }
}

fn shown(sql: &Sql) -> String {
    let params: Vec<_> = sql.params.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
    format!("{}\n---\n{}", sql.text, params.join("\n"))
}

#[test]
fn what_is_wrong_is_told_by_name() {
    for (error, parameter) in [
        (failures(&[]), "by"),
        (failures(&[("by", "subject")]), "by"),
        (failures(&[("by", "class"), ("sort", "clicks")]), "sort"),
        (failures(&[("by", "class"), ("limit", "0")]), "limit"),
        (failures(&[("by", "class"), ("basis", "now")]), "basis"),
        (failures(&[("by", "class"), ("filter", "topic:is:x")]), "filter"),
        (failures(&[("by", "class"), ("segment", "visits")]), "segment"),
        (links(&[("strip_query", "perhaps")]), "strip_query"),
        (links(&[("sort", "reason")]), "sort"),
        (links(&[("segment", "visits")]), "segment"),
        (security(&[("by", "subject")]), "by"),
        (security(&[("methods", "all")]), "methods"),
        (security(&[("sort", "clicked")]), "sort"),
        (security(&[("segment", "visits")]), "segment"),
    ] {
        assert_eq!(error.unwrap_err().parameter(), parameter);
    }
    let request: LinksRequest = from_pairs([("to", "2026-11-08")]).unwrap();
    assert_eq!(BreakdownSpec::links(&request).unwrap_err().parameter(), "from");
}

#[test]
fn a_document_and_a_query_string_of_the_same_words_are_the_same_spec() {
    let document = br#"{"from":"2026-11-01","to":"2026-11-08","campaign":"autumn","strip_query":false,"limit":7,"filter":"subject:is:x"}"#;
    let from_document = BreakdownSpec::links(&from_json(document).unwrap());
    let pairs = [("campaign", "autumn"), ("strip_query", "false"), ("limit", "7"), ("filter", "subject:is:x")];
    assert_eq!(from_document, links(&pairs));
}

#[test]
fn failures_of_a_class_or_a_domain_need_no_events() {
    insta::assert_snapshot!(shown(&statement(&failures(&[("by", "class")]).unwrap())));
    let more = [("by", "domain"), ("basis", "event"), ("sort", "-domains"), ("limit", "3")];
    insta::assert_snapshot!(shown(&statement(&failures(&more).unwrap())));
}

#[test]
fn failures_by_code_and_by_reason_look_at_the_latest_failure_of_each_delivery() {
    insta::assert_snapshot!(shown(&statement(&failures(&[("by", "status"), ("sort", "status")]).unwrap())));
    let more =
        [("by", "reason"), ("basis", "event"), ("filter", "field:payer:is:p'1"), ("filter", "subject:contains:x'y")];
    insta::assert_snapshot!(shown(&statement(&failures(&more).unwrap())));
}

#[test]
fn links_of_all_mail_are_its_clicks_and_those_of_some_are_the_clicks_of_its_deliveries() {
    insta::assert_snapshot!(shown(&statement(&links(&[("basis", "event")]).unwrap())));
    let more = [("campaign", "it's"), ("filter", "mailbox_provider:is:gmail"), ("strip_query", "false")];
    insta::assert_snapshot!(shown(&statement(&links(&more).unwrap())));
}

#[test]
fn every_value_is_bound_and_the_account_is_the_first_condition_of_every_table() {
    let filters = [
        ("filter", "field:payer:is:p'1"),
        ("filter", "sender_domain:in:a'b|c"),
        ("filter", "mailbox_provider:is:y'z"),
        ("filter", "sender:starts_with:n'n"),
    ];
    for basis in ["sent", "event"] {
        let more = [&filters[..], &[("basis", basis)]].concat();
        let by = |by| failures(&[&more[..], &[("by", by)]].concat()).unwrap();
        for spec in [by("class"), by("domain"), by("status"), by("reason"), links(&more).unwrap()] {
            let sql = statement(&spec);
            let tables = sql.text.matches("FROM deliveries").count() + sql.text.matches("FROM events").count();
            let conditions: Vec<_> = sql.text.split("WHERE ").skip(1).collect();
            assert_eq!(conditions.len(), tables, "{}", sql.text);
            assert!(conditions.iter().all(|text| text.starts_with("account = {account:String}")), "{}", sql.text);
            for value in ["p'1", "payer", "a'b", "y'z", "n'n", "acme", "it's"] {
                assert!(!sql.text.contains(value), "{value} is in the text: {}", sql.text);
            }
        }
    }
}

fn row(key: &str, measures: &[i64], seen: Option<(i64, i64)>) -> Row {
    Row { key: key.to_owned(), measures: measures.to_vec(), seen }
}

/// 2026-11-20T14:03:07.123Z.
const AS_OF: Millis = Millis(1_795_183_387_123);

pub(super) fn some_failures() -> Breakdown {
    let at = |days: i64| 1_793_500_000_000 + days * 86_400_000;
    Breakdown {
        spec: failures(&[("by", "reason"), ("limit", "2")]).unwrap(),
        as_of: AS_OF,
        rows: vec![
            row("550 5.1.1 <address>: user unknown", &[12, 3], Some((at(0), at(5)))),
            row("=1+1", &[6, 1], Some((at(1), at(1)))),
        ],
        remainder: Some((2, row("", &[2, 2], Some((at(0), at(3)))))),
        total: row("", &[20, 4], Some((at(0), at(5)))),
        others: vec!["subject".parse().unwrap()],
    }
}

#[test]
fn a_report_is_written_as_documented() {
    let report = some_failures();
    insta::assert_json_snapshot!(report);
    insta::assert_snapshot!(sheet::csv(report.table(&TableOptions { total: true })).collect::<String>());
    let nothing = Breakdown {
        spec: links(&[]).unwrap(),
        rows: Vec::new(),
        remainder: None,
        total: row("", &[0, 0, 0], None),
        others: Vec::new(),
        ..report
    };
    insta::assert_json_snapshot!(nothing);
    assert_eq!(
        sheet::csv(nothing.table(&TableOptions::default())).collect::<String>(),
        "url,clicks,clicked,machine_clicks,share\r\n"
    );
}

#[test]
fn a_picture_shows_what_the_rows_say() {
    let report = some_failures();
    let bars = report.bars();
    assert_eq!(bars.title, "Failed deliveries by reason");
    assert_eq!(bars.rows, [("550 5.1.1 <address>: user unknown", 12, Some(0.6)), ("=1+1", 6, Some(0.3))]);
    assert_eq!((bars.cut, bars.total), (2, 20));
    let png = report.draw(&crate::chart::ChartOptions::default(), crate::chart::Picture::Png).unwrap();
    assert!(png::Decoder::new(std::io::Cursor::new(png)).read_info().is_ok());
}
