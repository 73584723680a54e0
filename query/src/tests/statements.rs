//! The SQL of specs: what is asked, and that no value is ever in the text.

use schema::AccountId;

use crate::{
    Kind, ReportSpec,
    sql::{self, PeopleOf, Sql, Steps},
    testing::{series_spec, split_spec, summary_spec},
};

fn account() -> AccountId {
    "acme".parse().unwrap()
}

fn shown(sql: &Sql) -> String {
    let params: Vec<_> = sql.params.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
    format!("{}\n---\n{}", sql.text, params.join("\n"))
}

fn steps(spec: &ReportSpec, top: &[&[&str]]) -> Sql {
    let Kind::Series(interval) = spec.kind else { unreachable!("a series") };
    let top: Vec<Vec<String>> = top.iter().map(|key| key.iter().map(|value| (*value).to_owned()).collect()).collect();
    sql::steps(&account(), spec, interval, &top)
}

#[test]
fn a_summary_is_one_sum() {
    let spec = summary_spec(&[("measures", "queued"), ("rates", "spam_rate")]);
    insta::assert_snapshot!(shown(&sql::total(&account(), &spec)));
}

#[test]
fn a_summary_by_a_filter_reads_whole_days_and_the_cells_before_and_after_them() {
    let more = [("measures", "queued"), ("rates", ""), ("filter", "sender:in:news@a.example|info@a.example")];
    insta::assert_snapshot!(shown(&sql::total(&account(), &summary_spec(&more))));
}

#[test]
fn a_split_by_a_field_takes_the_deliveries_without_it_from_the_total() {
    let more = [("by", "field:payer"), ("measures", "queued"), ("rates", ""), ("filter", "field:payer:is_not:p1")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn a_split_of_whole_utc_days_reads_no_cells() {
    let more = [("by", "campaign"), ("measures", "queued"), ("rates", ""), ("tz", "UTC")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn a_split_within_two_days_reads_the_cells() {
    let range = [("from", "2026-11-01T00:15:00Z"), ("to", "2026-11-02T23:45:00Z")];
    let more = [range[0], range[1], ("by", "campaign"), ("measures", "queued"), ("rates", "")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn a_split_takes_only_the_measures_that_it_needs() {
    let more = [("measures", "clicked"), ("rates", "spam_rate"), ("sort", "ctor"), ("limit", "5"), ("basis", "event")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn a_split_by_fields_with_every_filter_binds_every_value() {
    let more = [
        ("by", "field:payer,campaign,subject"),
        ("measures", "queued"),
        ("rates", ""),
        ("sort", "campaign"),
        ("filter", "field:clinic:is:no'rth"),
        ("filter", "subject:is_not:(none)"),
        ("filter", r"recipient_domain:in:A.example|b\|c"),
        ("filter", "subject:contains:visit: 10:30"),
        ("filter", "sender:starts_with:NEWS@"),
    ];
    let sql = sql::groups(&account(), &split_spec(&more));
    insta::assert_snapshot!(shown(&sql));
    for value in ["no'rth", "payer", "clinic", "a.example", "visit", "news@", "acme", "2026", "1793"] {
        assert!(!sql.text.contains(value), "{value} is in the text");
    }
}

#[test]
fn a_series_groups_by_steps_of_local_time_across_a_change_of_the_clock() {
    let spec = series_spec(&[("measures", "queued"), ("rates", "")]);
    insta::assert_snapshot!(shown(&steps(&spec, &[&[]])));
}

#[test]
fn a_series_by_groups_keeps_the_top_apart_from_the_rest() {
    let more =
        [("measures", "queued"), ("rates", ""), ("tz", "UTC"), ("interval", "15m"), ("by", "campaign,field:payer")];
    insta::assert_snapshot!(shown(&steps(&series_spec(&more), &[&["autumn", "p1"], &["", "p2"]])));
    let more = [("measures", "queued"), ("rates", ""), ("by", "campaign")];
    insta::assert_snapshot!(shown(&steps(&series_spec(&more), &[&["autumn"], &[""]])));
}

#[test]
fn a_series_of_utc_days_by_one_dimension_reads_days_even_when_it_begins_inside_one() {
    let more =
        [("measures", "queued"), ("rates", ""), ("tz", "UTC"), ("from", "2026-11-01T06:00:00Z"), ("by", "campaign")];
    insta::assert_snapshot!(shown(&steps(&series_spec(&more), &[&["autumn"], &[""]])));
}

#[test]
fn a_split_by_senders_puts_those_beyond_the_limit_together() {
    let more = [("by", "sender"), ("measures", "queued"), ("rates", ""), ("filter", "sender:is:(other)")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn whether_a_filter_hides_others_is_asked_of_every_day_that_the_range_touches() {
    let spec = summary_spec(&[]);
    let dimensions = ["subject", "field:payer"].map(|name| name.parse().unwrap());
    insta::assert_snapshot!(shown(&sql::others(&account(), &spec, &dimensions)));
}

#[test]
fn a_split_by_parts_of_time_alone_reads_the_totals_across_a_change_of_the_clock() {
    let more = [("by", "weekday,hour_of_day"), ("measures", "opened"), ("rates", "")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn a_split_by_a_dimension_and_utc_days_reads_its_days() {
    let more = [("by", "day,campaign"), ("measures", "queued"), ("rates", ""), ("tz", "UTC"), ("sort", "day")];
    let more = [&more[..], &[("from", "2026-11-01T12:00:00Z")]].concat();
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn a_split_by_a_dimension_and_days_of_another_zone_reads_the_cells() {
    let more = [("by", "campaign,day"), ("measures", "queued"), ("rates", ""), ("tz", "Asia/Kathmandu")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

/// The spec of the page behind this one.
fn following(more: &[(&str, &str)], keys: &[&[&str]]) -> ReportSpec {
    let cursor = crate::testing::split_report(more, keys, Some((1, crate::testing::traffic(9, 1)))).next().unwrap();
    split_spec(&[more, &[("cursor", cursor.as_str())]].concat())
}

#[test]
fn groups_of_little_volume_and_of_earlier_pages_come_last_and_are_counted() {
    let more = [("by", "campaign"), ("measures", "clicked"), ("rates", ""), ("tz", "UTC"), ("min_volume", "100")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
    insta::assert_snapshot!(shown(&sql::groups(&account(), &following(&more, &[&["it's"]]))));
    let more = [("by", "weekday,campaign"), ("measures", "clicked"), ("rates", ""), ("sort", "-ctr")];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &following(&more, &[&["friday", "it's"]]))));
}

#[test]
fn what_is_asked_of_the_groups_shown_is_asked_of_no_others() {
    let spec = split_spec(&[("by", "weekday,mailbox_provider"), ("rates", "fbl_spam_rate")]).reporting();
    let shown_groups = [["monday".to_owned(), "yahoo".to_owned()], ["sunday".to_owned(), String::new()]];
    let keys: Vec<_> = shown_groups.iter().map(<[String; 2]>::as_slice).collect();
    insta::assert_snapshot!(shown(&sql::chosen(&account(), &spec, &keys)));
}

#[test]
fn of_the_other_period_the_groups_shown_are_asked_apart_from_all_others() {
    let more = [("by", "weekday,mailbox_provider"), ("measures", "queued"), ("rates", ""), ("compare", "previous")];
    let shown_groups = [["monday".to_owned(), "ya'hoo".to_owned()], ["sunday".to_owned(), String::new()]];
    let keys: Vec<_> = shown_groups.iter().map(<[String; 2]>::as_slice).collect();
    let sql = sql::apart(&account(), &split_spec(&more).other().unwrap(), &keys);
    assert!(!sql.text.contains("ya'hoo"));
    insta::assert_snapshot!(shown(&sql));
    let more =
        [("by", "campaign"), ("measures", "queued"), ("rates", ""), ("min_volume", "9"), ("compare", "year_ago")];
    let other = split_spec(&more).other().unwrap();
    insta::assert_snapshot!(shown(&sql::apart(&account(), &other, &[&["autumn".to_owned()]])));
}

#[test]
fn a_tree_of_filters_binds_every_value_and_keeps_its_shape() {
    let document = br#"{"by":"subject","from":"2026-11-01","to":"2026-11-08","measures":"queued","rates":"","filter":[
        "campaign:not_in:a'b|c",
        {"any":[{"dimension":"field:payer","is":"p'1"},{"not":{"all":["subject:contains:x'y",{"dimension":"subject","in":["z'"]}]}}]}]}"#;
    let spec = ReportSpec::split(&crate::from_json(document).unwrap()).unwrap();
    let sql = sql::groups(&account(), &spec);
    insta::assert_snapshot!(shown(&sql));
    for value in ["a'b", "p'1", "x'y", "z'", "payer"] {
        assert!(!sql.text.contains(value), "{value} is in the text");
    }
    let document = br#"{"from":"2026-11-01","to":"2026-11-08T12:00:00Z","measures":"queued","rates":"","filter":
        {"not":{"any":["field:payer:is:a",{"dimension":"field:payer","starts_with":"b"}]}}}"#;
    let spec = ReportSpec::summary(&crate::from_json(document).unwrap()).unwrap();
    insta::assert_snapshot!(shown(&sql::total(&account(), &spec)));
}

#[test]
fn dimensions_are_found_in_the_days_of_all_of_them() {
    insta::assert_snapshot!(shown(&sql::volumes(&account(), &summary_spec(&[]), 1_007)));
}

#[test]
fn steps_of_the_groups_shown_are_kept_apart_from_those_of_the_rest() {
    let spec = split_spec(&[("by", "campaign"), ("filter", "campaign:is_not:x")]);
    insta::assert_snapshot!(shown(&sql::latencies(&account(), &spec, Steps::Latencies, &[&["autumn".to_owned()]])));
    let spec = split_spec(&[("by", "weekday,subject")]);
    insta::assert_snapshot!(shown(&sql::latencies(
        &account(),
        &spec,
        Steps::Latencies,
        &[&["friday".to_owned(), String::new()]]
    )));
    insta::assert_snapshot!(shown(&sql::latencies(&account(), &summary_spec(&[]), Steps::Latencies, &[])));
    let spec = split_spec(&[("by", "recipient_domain")]);
    insta::assert_snapshot!(shown(&sql::latencies(&account(), &spec, Steps::Methods, &[&["x.example".to_owned()]])));
}

#[test]
fn the_account_is_always_the_first_condition() {
    let series = series_spec(&[("by", "campaign,subject")]);
    let utc = series_spec(&[("by", "field:x"), ("tz", "UTC"), ("to", "2026-11-07T12:00:00Z")]);
    let statements = [
        sql::total(&account(), &summary_spec(&[])),
        sql::total(&account(), &summary_spec(&[("filter", "subject:is:x")])),
        sql::groups(&account(), &split_spec(&[("filter", "subject:is:x")])),
        sql::groups(&account(), &split_spec(&[("by", "subject"), ("filter", "subject:is:x")])),
        steps(&series, &[&["x", "y"]]),
        steps(&utc, &[&["x"]]),
        steps(&series_spec(&[]), &[&[]]),
        sql::others(&account(), &utc, &["subject".parse().unwrap()]),
        sql::groups(&account(), &split_spec(&[("by", "weekday,hour_of_day")])),
        sql::volumes(&account(), &summary_spec(&[]), 1),
        sql::chosen(&account(), &split_spec(&[("by", "subject")]), &[&["x".to_owned()]]),
        sql::apart(&account(), &split_spec(&[("by", "subject")]), &[&["x".to_owned()]]),
        sql::groups(&account(), &split_spec(&[("by", "day,subject"), ("tz", "UTC"), ("min_volume", "3")])),
        sql::latencies(&account(), &summary_spec(&[("filter", "subject:is:x")]), Steps::Latencies, &[]),
        sql::latencies(&account(), &split_spec(&[("by", "subject")]), Steps::Methods, &[&["x".to_owned()]]),
    ];
    for sql in statements {
        let tables = ["FROM cube", "FROM coarse", "FROM rollup"]
            .map(|table| sql.text.matches(table).count())
            .iter()
            .sum::<usize>();
        let conditions: Vec<_> = sql.text.split("WHERE ").skip(1).collect();
        assert_eq!(conditions.len(), tables, "{}", sql.text);
        assert!(tables > 0, "{}", sql.text);
        assert!(conditions.iter().all(|text| text.starts_with("account = {account:String}\n")), "{}", sql.text);
    }
}

#[test]
fn a_split_by_domains_and_others_reads_fourths_of_months_days_and_cells() {
    let more = [
        ("by", "subject,recipient_domain"),
        ("from", "2026-10-20"),
        ("to", "2026-11-10"),
        ("measures", "queued"),
        ("rates", ""),
    ];
    insta::assert_snapshot!(shown(&sql::groups(&account(), &split_spec(&more))));
}

#[test]
fn people_are_distinct_recipients_of_the_groups_shown_and_of_the_others() {
    let more =
        [("by", "mailbox_provider,field:payer,day"), ("measures", "queued,deferrals"), ("filter", "sender:is:a@b.c")];
    let spec = split_spec(&more);
    let top = [["gmail", "p1", "2026-11-01"].map(str::to_owned).to_vec()];
    insta::assert_snapshot!(shown(&sql::people(&account(), &spec, PeopleOf::Groups, &top, 11)));
}

#[test]
fn on_the_event_basis_people_are_counted_by_the_time_of_each_measure() {
    let spec = series_spec(&[("by", "campaign"), ("basis", "event"), ("rates", "")]);
    let Kind::Series(interval) = spec.kind else { unreachable!("a series") };
    let top = [vec!["autumn".to_owned()]];
    insta::assert_snapshot!(shown(&sql::people(&account(), &spec, PeopleOf::Steps(interval), &top, 11)));
    insta::assert_snapshot!(shown(&sql::people(&account(), &spec, PeopleOf::All, &[], 11)));
}
