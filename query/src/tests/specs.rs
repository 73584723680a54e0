//! Which requests make a report, and what the others are told.

use crate::{
    Format, Kind, ReportSpec, SeriesRequest, SpecError, SplitRequest, SummaryRequest, from_json, from_pairs,
    testing::{series_spec, split_spec},
};
use schema::{Basis, Measure, Rate};

const WEEK: [(&str, &str); 2] = [("from", "2026-11-01"), ("to", "2026-11-08")];

fn split(more: &[(&str, &str)]) -> Result<ReportSpec, SpecError> {
    let pairs = WEEK.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name)).chain(more);
    ReportSpec::split(&from_pairs::<SplitRequest, _, _>(pairs.copied())?)
}

fn series(more: &[(&str, &str)]) -> Result<ReportSpec, SpecError> {
    let pairs = WEEK.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name)).chain(more);
    ReportSpec::series(&from_pairs::<SeriesRequest, _, _>(pairs.copied())?)
}

#[test]
fn what_is_not_named_has_its_documented_default() {
    let spec = split(&[("by", "subject")]).unwrap();
    assert_eq!((spec.basis(), spec.limit, spec.tz()), (Basis::Sent, 50, chrono_tz::Tz::UTC));
    assert_eq!((spec.measures(), spec.rates()), (Measure::ALL, Rate::ALL));
    assert_eq!(spec.sort, split_spec(&[("sort", "-queued")]).sort);
    assert_eq!(series(&[("interval", "day"), ("by", "subject")]).unwrap().limit, 10);
}

#[test]
fn a_document_and_a_query_string_of_the_same_words_are_the_same_spec() {
    let document = br#"{"by":["recipient_domain","field:payer"],"from":"2026-11-01","to":"2026-11-08","rates":["ctr"],
        "filter":["subject:is:a,b"],"limit":7,"total":true,"width":640,"format":"csv"}"#;
    let from_document: SplitRequest = from_json(document).unwrap();
    let pairs = [
        ("by", "recipient_domain, field:payer"),
        ("rates", "ctr"),
        ("filter", "subject:is:a,b"),
        ("limit", "7"),
        ("total", "true"),
        ("width", "640"),
        ("format", "csv"),
    ];
    let from_query: SplitRequest = from_pairs(WEEK.into_iter().chain(pairs)).unwrap();
    assert_eq!(from_document, from_query);
    assert_eq!(ReportSpec::split(&from_document), split(&pairs));
    let tree = br#"{"by":"subject","filter":{"any":["subject:is:a",{"dimension":"campaign","in":["b"]}]}}"#;
    let tree: SplitRequest = from_json(tree).unwrap();
    assert_eq!(from_json::<SplitRequest>(&serde_json::to_vec(&tree).unwrap()).unwrap(), tree);
    let presentation = from_document.presentation().unwrap();
    assert_eq!((presentation.format, presentation.table.total), (Some(Format::Csv), true));
    assert_eq!((presentation.chart.width(), presentation.chart.height()), (640, 675));
    let again = serde_json::to_vec(&from_document).unwrap();
    assert_eq!(from_json::<SplitRequest>(&again).unwrap(), from_document);
}

#[test]
fn measures_and_rates_are_shown_in_their_own_order_whatever_order_they_are_named_in() {
    let spec = split(&[("by", "subject"), ("measures", "clicked,queued,clicked"), ("rates", "spam_rate,ctr")]).unwrap();
    assert_eq!(spec.measures(), [Measure::Queued, Measure::Clicked]);
    assert_eq!(spec.rates(), [Rate::Ctr, Rate::SpamRate]);
}

#[test]
fn every_problem_names_its_parameter_and_what_to_change() {
    for (pairs, parameter, words) in [
        (&[][..], "by", "required"),
        (&[("by", "topic")], "by", "recipient_domain"),
        (&[("by", "subject,subject")], "by", "twice"),
        (&[("by", "subject,sender,campaign,field:x")], "by", "at most 3"),
        (&[("by", "subject"), ("tz", "Mars/Olympus")], "tz", "IANA"),
        (&[("by", "subject"), ("basis", "opened")], "basis", "sent or event"),
        (&[("by", "subject"), ("measures", "queued,joy")], "measures", "unsubscribed"),
        (&[("by", "subject"), ("rates", "joy_rate")], "rates", "spam_rate"),
        (&[("by", "subject"), ("sort", "--queued")], "sort", "descending"),
        (&[("by", "subject"), ("sort", "campaign")], "sort", "dimension of `by`"),
        (&[("by", "hour")], "by", "hour_of_day"),
        (&[("by", "day,weekday,day")], "by", "twice"),
        (&[("by", "subject"), ("min_volume", "-1")], "min_volume", "whole number"),
        (&[("by", "subject"), ("cursor", "x")], "cursor", "first page"),
        (&[("by", "subject"), ("limit", "0")], "limit", "1 to 10000"),
        (&[("by", "subject"), ("limit", "10001")], "limit", "1 to 10000"),
        (&[("by", "subject"), ("limit", "99999999999999999999")], "limit", "1 to 10000"),
        (&[("by", "subject"), ("filter", "subject:is:x"), ("filter", "x")], "filter", "number 2"),
        (&[("by", "subject"), ("from", "2026-11-01T00:01:00Z")], "from", "nearest is 2026-11-01T00:00:00Z"),
        (&[("by", "subject"), ("to", "2026-10-01")], "to", "exchange"),
        (&[("by", "subject"), ("by", "sender")], "by", "once"),
        (&[("by", "subject"), ("interval", "day")], "request", "interval"),
    ] {
        let error = split(pairs).unwrap_err();
        assert_eq!(error.parameter(), parameter, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let filters = vec![("filter", "subject:is:x"); 33];
    let pairs: Vec<_> = filters.into_iter().chain([("by", "subject")]).collect();
    assert_eq!(split(&pairs).unwrap_err(), SpecError::TooMany { parameter: "filter", limit: 32 });
}

#[test]
fn how_an_answer_is_shown_is_judged_too() {
    for (name, value) in [
        ("format", "xls"),
        ("total", "yes"),
        ("width", "319"),
        ("height", "4097"),
        ("width", "wide"),
        ("theme", "neon"),
    ] {
        let request: SummaryRequest = from_pairs([(name, value)]).unwrap();
        assert_eq!(request.presentation().unwrap_err().parameter(), name);
    }
}

#[test]
fn documents_that_are_no_request_are_refused() {
    let deep = "[".repeat(10_000);
    for document in ["", "[]", "{", r#"{"by":5}"#, r#"{"by":["subject"],"surprise":1}"#, r#"{"limit":[1]}"#, &deep] {
        let error = from_json::<SplitRequest>(document.as_bytes()).unwrap_err();
        assert_eq!(error.parameter(), "request", "{document}");
    }
}

#[test]
fn a_series_with_too_many_points_names_a_coarser_interval() {
    let error = series(&[("interval", "15m"), ("to", "2027-11-01")]).unwrap_err();
    assert_eq!(error.parameter(), "interval");
    assert!(error.to_string().contains("use interval=hour"), "{error}");
    let error = series(&[("interval", "hour"), ("by", "subject"), ("to", "2027-11-01")]).unwrap_err();
    assert!(error.to_string().contains("use interval=day"), "{error}");
    let error =
        series(&[("interval", "month"), ("by", "subject"), ("limit", "10000"), ("to", "2027-11-01")]).unwrap_err();
    assert!(error.to_string().contains("smaller limit"), "{error}");
    assert_eq!(series(&[("interval", "year")]).unwrap_err().parameter(), "interval");
    assert_eq!(series(&[("interval", "day"), ("by", "weekday")]).unwrap_err().parameter(), "by");
    assert!(matches!(series_spec(&[("interval", "15m")]).kind(), Kind::Series(_)));
}

#[test]
fn intervals_are_asked_for_by_true_or_false_and_a_page_may_have_them_or_not() {
    let error = series(&[("interval", "day"), ("intervals", "95")]).unwrap_err();
    assert_eq!(error.parameter(), "intervals");
    assert!(split_spec(&[("intervals", "true")]).intervals() && !split_spec(&[("intervals", "false")]).intervals());
    let spec = split_spec(&[("intervals", "true")]);
    assert!(spec.compares() && !split_spec(&[("intervals", "true"), ("basis", "event")]).compares());
}

#[test]
fn a_comparison_asks_for_the_same_of_another_period() {
    let spec =
        split(&[("by", "subject"), ("compare", "previous"), ("min_volume", "5"), ("intervals", "true")]).unwrap();
    let other = spec.other().unwrap();
    assert_eq!(
        (other.range().to, other.compare(), other.intervals(), other.min_volume),
        (spec.range().from, None, false, 0)
    );
    assert_eq!((other.measures(), other.rates(), other.by()), (spec.measures(), spec.rates(), spec.by()));
    for by in ["day", "subject,day"] {
        let error = split(&[("by", by), ("compare", "previous")]).unwrap_err();
        assert_eq!(error.parameter(), "compare");
        assert!(error.to_string().contains("a series with interval=day"), "{error}");
    }
    assert!(split(&[("by", "weekday,hour_of_day"), ("compare", "year_ago")]).is_ok());
    let long = [("interval", "15m"), ("compare", "2025-01-01..2026-01-01")];
    assert_eq!(series(&long).unwrap_err().parameter(), "interval");
    assert_eq!(split(&[("by", "subject"), ("compare", "last_week")]).unwrap_err().parameter(), "compare");
}

#[test]
fn the_openapi_schema_says_what_is_required_and_what_may_be_repeated() {
    use utoipa::{IntoParams, PartialSchema};
    let schema = serde_json::to_value(SplitRequest::schema()).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["from", "to", "by"]));
    assert_eq!(schema["properties"]["limit"]["maximum"], 10_000);
    let params = serde_json::to_value(SeriesRequest::into_params(|| None)).unwrap();
    let required: Vec<_> = params.as_array().unwrap().iter().filter(|param| param["required"] == true).collect();
    assert_eq!(required.iter().map(|param| &param["name"]).collect::<Vec<_>>(), ["from", "to", "interval"]);
    let by = params.as_array().unwrap().iter().find(|param| param["name"] == "by").unwrap();
    assert_eq!((&by["in"], &by["explode"]), (&"query".into(), &false.into()));
}
