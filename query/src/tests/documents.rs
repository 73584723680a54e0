//! The JSON, CSV and NDJSON of reports.

use std::collections::HashMap;

use schema::{Measure, Measures, OTHER};
use serde_json::Value;

use crate::{
    Report,
    report::{Body, Remainder, Reporting},
    sheet,
    suppression::{Count, People},
    table::TableOptions,
    testing::{series_report, split_report, summary_report, traffic, with_other},
    xlsx,
};

const FEW: [(&str, &str); 2] = [("measures", "queued,delivered,complained"), ("rates", "spam_rate,delivery_rate")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    FEW.into_iter().chain(more.iter().copied()).collect()
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap()
}

fn written(report: &Report, total: bool) -> String {
    sheet::csv(report.clone().into_table(&TableOptions { total })).collect()
}

fn by_two() -> Report {
    split_report(
        &with(&[("by", "recipient_domain,field:payer")]),
        &[&["example.com", "p7"], &["", ""]],
        Some((37, traffic(900, 3))),
    )
}

fn days() -> Report {
    let more = with(&[("by", "campaign"), ("to", "2026-11-03")]);
    series_report(&more, &[&["autumn"], &[""]], Some(3), false)
}

#[test]
fn a_split_is_written_as_documented() {
    insta::assert_snapshot!(json(&by_two()));
    insta::assert_snapshot!(written(&by_two(), true).replace("\r\n", "⏎\n"));
}

#[test]
fn a_series_is_written_as_documented() {
    insta::assert_snapshot!(json(&days()));
    insta::assert_snapshot!(written(&days(), true).replace("\r\n", "⏎\n"));
}

#[test]
fn a_summary_on_the_event_basis_says_that_rates_can_exceed_all() {
    let report = summary_report(&with(&[("basis", "event")]), traffic(1_000, 2));
    insta::assert_snapshot!(json(&report));
    assert_eq!(written(&report, false), written(&report, true), "a summary is its total");
}

#[test]
fn a_report_that_hides_values_says_of_which_dimensions() {
    let mut report = split_report(&with(&[("by", "subject"), ("basis", "event")]), &[&["hello"], &[OTHER]], None);
    report.others = vec!["subject".parse().unwrap(), "field:payer".parse().unwrap()];
    insta::assert_snapshot!(json(&report));
    assert!(written(&report, false).contains("\r\n(other),"));
}

#[test]
fn a_rate_without_a_denominator_is_null_and_an_empty_cell() {
    let report = summary_report(&FEW, Measures::default());
    assert!(json(&report).contains("\"spam_rate\": null"));
    assert!(written(&report, false).ends_with("0,0,0,,\r\n"));
}

#[test]
fn nothing_cut_is_a_null_remainder_and_no_row() {
    let report = split_report(&FEW, &[&["a.example"]], None);
    assert!(json(&report).contains("\"remainder\": null"));
    assert_eq!(written(&report, false).lines().count(), 2);
}

#[test]
fn a_spreadsheet_takes_no_value_for_a_formula() {
    for value in
        ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\u{a0}=1", "\u{200b}=1", "\t=1", "\tx", "\rx", "＝1", "−1", "=\"a\",b"]
    {
        let report = split_report(&FEW, &[&[value]], None);
        let text = written(&report, false);
        let mut rows = ::csv::Reader::from_reader(text.as_bytes());
        let row = rows.records().next().unwrap().unwrap();
        assert_eq!(&row[0], format!("'{value}"), "{value:?}");
    }
    let report = split_report(&FEW, &[&["a=1-2"]], None);
    assert!(written(&report, false).contains("\r\na=1-2,40000,"));
}

#[test]
fn any_value_survives_a_reader_of_csv() {
    let values = ["a,b", "say \"hi\"", "two\r\nlines", "ünï🏥", "'quoted'", "(none)", "a;b"];
    let keys: Vec<[&str; 1]> = values.iter().map(|value| [*value]).collect();
    let keys: Vec<&[&str]> = keys.iter().map(|key| &key[..]).collect();
    let text = written(&split_report(&FEW, &keys, None), false);
    let read: Vec<String> =
        ::csv::Reader::from_reader(text.as_bytes()).records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(read, values);
}

#[test]
fn a_long_sheet_comes_in_chunks_that_make_the_whole() {
    let keys: Vec<String> = (0..5_000).map(|number| format!("d{number}.example")).collect();
    let keys: Vec<[&str; 1]> = keys.iter().map(|key| [key.as_str()]).collect();
    let keys: Vec<&[&str]> = keys.iter().map(|key| &key[..]).collect();
    let report = split_report(&[], &keys, Some((9, traffic(100, 1))));
    let chunks: Vec<_> = sheet::csv(report.into_table(&TableOptions { total: true })).collect();
    assert!(chunks.len() > 10);
    assert!(chunks.iter().all(|chunk| (1..20_000).contains(&chunk.len())));
    assert_eq!(chunks.concat().lines().count(), 5_003);
}

#[test]
fn where_nobody_tells_of_complaints_the_spam_rate_is_unknown_and_not_zero() {
    let more = [("by", "mailbox_provider"), ("measures", "complained"), ("rates", "spam_rate,ctr")];
    let report = split_report(&more, &[&["gmail"], &["yahoo"], &["other"]], None);
    let document = serde_json::to_value(&report).unwrap();
    let rates: Vec<_> = (0..3).map(|row| document["rows"][row]["rates"]["spam_rate"].is_null()).collect();
    assert_eq!(rates, [true, false, false]);
    assert!(document["rows"][0]["rates"]["ctr"].is_number() && document["total"]["rates"]["spam_rate"].is_number());
    assert!(document["notes"][0].as_str().unwrap().contains("Gmail"));
    for (filter, unknown) in [
        ("mailbox_provider:is:gmail", true),
        ("mailbox_provider:in:gmail|apple", true),
        ("mailbox_provider:in:gmail|yahoo", false),
        ("mailbox_provider:is_not:gmail", false),
    ] {
        let report = summary_report(&[("filter", filter)], traffic(10_000, 5));
        assert_eq!(report.rate(schema::Rate::SpamRate).is_none(), unknown, "{filter}");
    }
}

fn doubtful(more: &[(&str, &str)]) -> Report {
    let mut all =
        vec![("measures", "delivered,clicked"), ("rates", "ctr,ctor"), ("intervals", "true"), ("by", "subject")];
    all.extend(more);
    let mut report = split_report(&all, &[&["usual"], &["one of three"], &["twice as good"], &["empty"]], None);
    let Body::Split { rows, remainder, .. } = &mut report.body else { panic!("a split") };
    for (row, [delivered, opened, clicked]) in
        rows.iter_mut().zip([[10_000, 4_000, 100], [3, 1, 1], [2_000, 800, 40], [0, 0, 0]])
    {
        row.measures = counted(delivered, opened, clicked);
    }
    *remainder = Some(Remainder {
        groups: 7,
        measures: counted(5_000, 2_000, 50),
        hidden: crate::suppression::MeasureSet::default(),
    });
    report.total = counted(17_003, 6_801, 191);
    report.compared()
}

fn counted(delivered: i64, opened: i64, clicked: i64) -> Measures {
    let mut measures = Measures::default();
    measures[Measure::Delivered] = delivered;
    measures[Measure::Opened] = opened;
    measures[Measure::Clicked] = clicked;
    measures
}

#[test]
fn a_split_says_how_sure_its_rates_are_and_which_differ_beyond_chance() {
    let report = doubtful(&[]);
    insta::assert_snapshot!(json(&report));
    insta::assert_snapshot!(written(&report, true).replace("\r\n", "⏎\n"));
    let document = serde_json::to_value(&report).unwrap();
    let sides: Vec<_> = (0..4).map(|row| document["rows"][row]["differences"]["ctr"]["differs"].as_str()).collect();
    assert_eq!(sides[1..], [None, Some("above"), None]);
}

#[test]
fn on_the_event_basis_nothing_is_said_of_how_sure_rates_are_but_that() {
    let report = doubtful(&[("basis", "event")]);
    let document = serde_json::to_value(&report).unwrap();
    assert_eq!(document["rows"][0]["intervals"], serde_json::json!({"ctr": null, "ctor": null}));
    assert!(document["rows"][0].get("differences").is_none());
    assert!(document["notes"][1].as_str().unwrap().contains("no interval"));
    assert!(written(&report, false).contains("usual,10000,100,0.01,,,,,,0.025,,,,,\r\n"));
}

#[test]
fn complaints_are_compared_where_they_are_told() {
    let more = [("by", "mailbox_provider"), ("measures", ""), ("rates", "spam_rate"), ("intervals", "true")];
    let mut report = split_report(&more, &[&["gmail"], &["yahoo"], &["microsoft"]], None);
    let told = |delivered: i64, complained: i64| {
        let mut measures = counted(delivered, 0, 0);
        measures[Measure::Complained] = complained;
        measures
    };
    let rows = [told(10_000_000, 0), told(100_000, 100), told(100_000, 100)];
    let Body::Split { rows: found, .. } = &mut report.body else { panic!("a split") };
    for (row, measures) in found.iter_mut().zip(rows) {
        row.measures = measures;
    }
    report.total = told(10_200_000, 200);
    let groups = [("yahoo", rows[1]), ("microsoft", rows[2])].map(|(name, measures)| (vec![name.to_owned()], measures));
    report.reporting = Some(Reporting { groups: groups.into(), total: told(200_000, 200) });
    let document = serde_json::to_value(report.compared()).unwrap();
    assert!(document["rows"][0]["differences"]["spam_rate"].is_null(), "nobody knows");
    for row in 1..3 {
        let found = &document["rows"][row]["differences"]["spam_rate"];
        assert!(
            found["differs"].is_null() && found["p"].as_f64().unwrap() > 0.9,
            "the silence of others is no difference: {found}"
        );
        assert!(document["rows"][row]["rates"].get("fbl_spam_rate").is_none());
    }
}

#[test]
fn a_summary_and_a_series_have_intervals_and_compare_nothing() {
    let summary = summary_report(&with(&[("intervals", "true")]), traffic(1_000, 2));
    let header = "queued,delivered,complained,delivery_rate,delivery_rate_low,delivery_rate_high,spam_rate,spam_rate_low,spam_rate_high\r\n";
    assert!(written(&summary, false).starts_with(header));
    assert!(serde_json::to_value(&summary).unwrap()["total"]["intervals"]["delivery_rate"]["low"].is_number());
    let days = series_report(&with(&[("intervals", "true")]), &[&[]], None, false);
    let document = serde_json::to_value(&days).unwrap();
    assert!(document["rows"][1]["intervals"]["delivery_rate"]["high"].is_number());
    assert!(document["rows"][1].get("differences").is_none());
}

/// The cells of a sheet by the names of their columns.
fn cells(report: &Report) -> Vec<HashMap<String, String>> {
    let text = written(report, true);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_split_is_compared_with_another_period_row_by_row() {
    let more = [("by", "recipient_domain"), ("measures", "queued"), ("rates", "spam_rate"), ("compare", "previous")];
    let report = with_other(split_report(&more, &[&["example.com"], &["new.example"]], Some((37, traffic(900, 3)))));
    insta::assert_snapshot!(json(&report));
    insta::assert_snapshot!(written(&report, true).replace("\r\n", "⏎\n"));
}

#[test]
fn a_series_is_compared_interval_by_interval_as_far_as_both_have_them() {
    let more =
        [("measures", "queued"), ("rates", "spam_rate"), ("to", "2026-11-04"), ("compare", "2026-10-01..2026-10-03")];
    let report = with_other(series_report(&more, &[&[]], None, false));
    insta::assert_snapshot!(json(&report));
    insta::assert_snapshot!(written(&report, true).replace("\r\n", "⏎\n"));
    let more = [("to", "2026-11-03"), ("compare", "2026-10-01..2026-10-04")];
    let notes = with_other(series_report(&more, &[&[]], None, false)).notes();
    assert!(notes[1].contains("its last ones are in its total alone"), "{notes:?}");
}

#[test]
fn json_and_csv_show_the_same_numbers_of_both_periods_to_the_last_digit() {
    let more = [("compare", "year_ago"), ("intervals", "true"), ("by", "recipient_domain,campaign")];
    let keys: [&[&str]; 4] = [&["a", ""], &["b", "c"], &["d", "e"], &["f", "g"]];
    let reports = [
        split_report(&more, &keys, Some((3, traffic(977, 3)))),
        series_report(&more[..1], &[&[]], None, false),
        series_report(&[more[0], ("by", "sender,campaign")], &keys, Some(3), false),
        summary_report(&more[..1], traffic(12_345, 2)),
    ];
    for report in reports.map(with_other) {
        let document = serde_json::to_value(&report).unwrap();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut entries = list(&document["rows"]);
        match &document["remainder"] {
            Value::Null => {}
            rest if rest["rows"].is_array() => entries.extend(list(&rest["rows"])),
            rest => entries.push(rest.clone()),
        }
        entries.push(document["total"].clone());
        let cells = cells(&report);
        assert_eq!(cells.len(), entries.len());
        for (row, entry) in cells.iter().zip(&entries) {
            let mut compared = 0;
            for kind in ["measures", "rates"] {
                for name in entry[kind].as_object().unwrap().keys() {
                    let compare = &entry["compare"];
                    let change = &compare["change"][kind][name];
                    for (column, value) in [
                        (name.clone(), &entry[kind][name]),
                        (format!("{name}_before"), &compare[kind][name]),
                        (format!("{name}_change"), &change["absolute"]),
                        (format!("{name}_change_relative"), &change["relative"]),
                    ] {
                        let cell = Some(row[&column].as_str()).filter(|cell| !cell.is_empty());
                        let cell = cell.map(|cell| cell.parse::<f64>().unwrap());
                        assert_eq!(cell, value.as_f64(), "{column} of {row:?}");
                        compared += usize::from(cell.is_some());
                    }
                }
            }
            assert!(compared > 40, "{compared}");
        }
    }
}

#[test]
fn what_only_the_other_period_has_is_in_a_remainder_of_no_groups() {
    let more = [("compare", "previous"), ("measures", "queued"), ("rates", "")];
    let report = with_other(split_report(&more, &[&["a.example"]], None));
    let document = serde_json::to_value(&report).unwrap();
    let rest = &document["remainder"];
    assert_eq!((&rest["groups"], &rest["measures"]["queued"]), (&0.into(), &0.into()));
    assert_eq!(rest["compare"]["measures"]["queued"], 800);
    assert_eq!(rest["compare"]["change"]["measures"]["queued"]["relative"], -1.0);
    assert!(written(&report, false).contains("(other: 0 groups),0,800,-800,-1\r\n"));
}

#[test]
fn a_comparison_says_what_keeps_numbers_from_being_compared() {
    let notes = |more: &[(&str, &str)]| with_other(split_report(more, &[&["a.example"]], None)).notes();
    assert_eq!(notes(&[("compare", "previous")]), Vec::<String>::new());
    let named = notes(&[("compare", "2026-10-01..2026-11-01")]);
    assert!(named[0].contains("31 days, this one 7 days"), "{named:?}");
    let open = notes(&[("compare", "previous"), ("to", "2026-12-01")]);
    assert!(open[0].contains("not ended"), "{open:?}");
    let mut report = with_other(split_report(&[("compare", "previous"), ("by", "subject")], &[&["a"]], None));
    report.other.as_mut().unwrap().others = vec!["subject".parse().unwrap()];
    assert!(report.notes()[0].starts_with("On a day of the other period subject had more"), "{:?}", report.notes());
}

#[test]
fn what_is_hidden_is_null_and_named_and_no_value_of_it_is_left() {
    let more = with(&[("by", "campaign"), ("suppress_below", "11"), ("intervals", "true")]);
    let mut report = split_report(&more, &[&["autumn"], &["few"], &["winter"]], Some((2, traffic(900, 3))));
    let Body::Split { rows, .. } = &report.body else { unreachable!("a split") };
    let many = |key: Option<&str>, people: i64| {
        let key = key.map(|key| vec![key.to_owned()]);
        ((key, 0), vec![people; Count::number()])
    };
    let [few] = [rows[1].measures[Measure::Queued]];
    let groups = [many(Some("autumn"), 100), many(Some("few"), 3), many(Some("winter"), 100), many(None, 100)];
    let people = People { groups: groups.into(), rest: [].into(), whole: [many(None, 100)].into() };
    report.suppress(&people, 11);
    let report = report.compared();
    insta::assert_snapshot!(json(&report));
    insta::assert_snapshot!(written(&report, true).replace("\r\n", "⏎\n"));
    assert!(!format!("{report:?}").contains(&few.to_string()), "it is nowhere in the report");
}

fn lines(report: &Report, total: bool) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let text: String = sheet::ndjson(report.clone().into_table(&TableOptions { total })).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn lines_of_ndjson_have_the_cells_of_csv() {
    let more = [("compare", "previous"), ("by", "recipient_domain")];
    let changed = with_other(split_report(&more, &[&["example.com"], &["new.example"]], Some((37, traffic(900, 3)))));
    for report in [by_two(), days(), doubtful(&[]), changed, summary_report(&FEW, Measures::default())] {
        let text = written(&report, true);
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let header: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let lines = lines(&report, true);
        assert_eq!(lines.len(), rows.len());
        for (line, row) in lines.iter().zip(&rows) {
            assert_eq!(line.len(), header.len());
            for (name, cell) in header.iter().zip(row) {
                match &line[name] {
                    serde_json::Value::Null => assert_eq!(cell, ""),
                    serde_json::Value::String(text) => assert_eq!(cell, text),
                    number => {
                        let (cell, number) = (cell.parse::<f64>().unwrap(), number.as_f64().unwrap());
                        assert!((cell - number).abs() < 1e-12, "{name}: {cell} {number}");
                    }
                }
            }
        }
    }
}

/// A part of a workbook.
fn part(book: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(book)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut archive.by_name(name).unwrap(), &mut text).unwrap();
    text
}

#[test]
fn a_workbook_has_typed_cells_and_says_what_was_asked() {
    let book = xlsx::write(days().into_table(&TableOptions { total: true })).unwrap();
    let sheet = part(&book, "xl/worksheets/sheet1.xml");
    // 2026-11-01 in New York, though it was 04:00 in UTC.
    assert!(sheet.contains("<v>46327</v>"), "{sheet}");
    assert!(sheet.contains(r#"state="frozen""#) && sheet.contains("<autoFilter "), "{sheet}");
    assert_eq!(sheet.matches("<row ").count(), written(&days(), true).lines().count());
    let texts = part(&book, "xl/sharedStrings.xml");
    for text in ["time", "campaign", "autumn", "(none)", "(total)", "America/New_York", "sent", "as_of", "series"] {
        assert!(texts.contains(&format!(">{text}<")), "{text}: {texts}");
    }
    assert!(part(&book, "xl/workbook.xml").contains(r#"name="Parameters""#));
}

#[test]
fn a_workbook_takes_no_text_for_a_formula_or_a_link() {
    let long = "x".repeat(40_000);
    let keys: [&[&str]; 5] = [&["=1+1"], &["https://example.org"], &["a\u{0}\u{1b}b"], &["_x000D_"], &[&long]];
    let report = split_report(&with(&[("by", "subject")]), &keys, None);
    let book = xlsx::write(report.into_table(&TableOptions::default())).unwrap();
    let sheet = part(&book, "xl/worksheets/sheet1.xml");
    assert!(!sheet.contains("<f>") && !sheet.contains("<hyperlink"), "{sheet}");
    let texts = part(&book, "xl/sharedStrings.xml");
    assert!(texts.contains(">=1+1<") && texts.contains("a\u{FFFD}\u{FFFD}b") && !texts.contains('\0'), "{texts}");
}
