//! Random cells, filters and questions, with values that could break a quoting.

use proptest::prelude::*;
use schema::{Basis, Measure, Measures};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::support::{
    Cell,
    brute::{Check, Question, Tree},
};

/// 2026-10-25T00:00:00Z: the begin of sixteen days in which London, Lord Howe's neighbours and New York change their clocks, and a whole fourth of a month lies.
pub(crate) const START: i64 = 1_792_886_400;
pub(crate) const QUARTERS: u32 = 16 * 96;
const ZONES: [&str; 7] = [
    "UTC",
    "America/New_York",
    "Europe/London",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Australia/Adelaide",
    "Pacific/Chatham",
];
pub(crate) const DIMENSIONS: [&str; 8] = [
    "subject",
    "sender",
    "sender_domain",
    "recipient_domain",
    "mailbox_provider",
    "campaign",
    "field:payer",
    "field:clinic",
];
pub(crate) const PARTS: [&str; 3] = ["day", "hour_of_day", "weekday"];

/// Values with everything that could break a quoting.
const SUBJECTS: [&str; 9] = [
    "",
    "Your visit",
    "a|b\\c",
    "it's \"q\" `t` {account:String}",
    "tab\tand\nline",
    "Grüße 🏥",
    "%_?",
    "\\N",
    "a\u{1}b",
];

const CAMPAIGNS: [&str; 3] = ["", "autumn", "winter"];
const SENDERS: [&str; 3] = ["", "news@acme.org", "info@clinic.example"];
const DOMAINS: [&str; 4] = ["gmail.com", "yahoo.com", "example.org", "xn--bcher-kva.example"];
const PAYERS: [&str; 3] = ["", "p1", "p'2"];
const CLINICS: [&str; 2] = ["", "north"];

/// The values of a dimension that cells have.
fn values_of(dimension: &str) -> &'static [&'static str] {
    match dimension {
        "subject" => &SUBJECTS,
        "sender" => &SENDERS,
        "sender_domain" => &["", "acme.org", "clinic.example"],
        "recipient_domain" => &DOMAINS,
        "mailbox_provider" => &["gmail", "yahoo", "other"],
        "campaign" => &CAMPAIGNS,
        "field:payer" => &PAYERS,
        "field:clinic" => &CLINICS,
        other => panic!("no dimension {other}"),
    }
}

fn text(values: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(values).prop_map(str::to_owned)
}

pub(crate) fn cell() -> impl Strategy<Value = Cell> {
    let place = (prop::sample::select(vec!["default", "other"]), any::<bool>(), 0..QUARTERS);
    let names = (text(&SUBJECTS), text(&CAMPAIGNS), text(&SENDERS), text(&DOMAINS), text(&PAYERS), text(&CLINICS));
    let counts = prop::collection::vec(0..50i64, Measure::ALL.len());
    (place, names, counts).prop_map(|((account, sent, quarter), names, counts)| {
        let (subject, campaign, sender, domain, payer, clinic) = names;
        let mut measures = Measures::default();
        for (measure, count) in Measure::ALL.iter().zip(counts) {
            measures[*measure] = count;
        }
        let fields = [("payer", payer), ("clinic", clinic)];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        Cell {
            account: account.parse().unwrap(),
            basis: if sent { Basis::Sent } else { Basis::Event },
            bucket: u32::try_from(START).unwrap() + quarter * 900,
            campaign,
            subject,
            sender,
            domain,
            fields: fields.map(|(name, value)| (name.to_owned(), value)).collect(),
            measures,
        }
    })
}

fn check() -> impl Strategy<Value = Check> {
    let subject = || text(&SUBJECTS);
    prop_oneof![
        subject().prop_map(|text| Check::Is("subject", text)),
        subject().prop_map(|text| Check::IsNot("subject", text)),
        prop::collection::vec(subject(), 1..4).prop_map(|texts| Check::In("subject", texts)),
        prop::collection::vec(subject(), 1..4).prop_map(|texts| Check::NotIn("subject", texts)),
        text(&["a", "\\", "'", "🏥", "\t"]).prop_map(|text| Check::Contains("subject", text)),
        text(&["Your", "a|", "\\N", "%"]).prop_map(|text| Check::StartsWith("subject", text)),
        text(&["", "p1", "p'2"]).prop_map(|text| Check::Is("field:payer", text)),
        text(&["gmail.com", "yahoo.com"]).prop_map(|text| Check::IsNot("recipient_domain", text)),
        text(&["gmail", "other"]).prop_map(|text| Check::Is("mailbox_provider", text)),
    ]
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    let range = (0..i64::from(QUARTERS) - 1, 1..i64::from(QUARTERS));
    let by = prop::sample::subsequence(DIMENSIONS.to_vec(), 1..=3);
    let checks = prop::collection::vec(check(), 0..3);
    let tree = prop::option::of(tree(check()));
    let tz = prop::sample::select(&ZONES[..]);
    (any::<bool>(), range, tz, by, checks, tree).prop_map(|(sent, (first, length), tz, by, checks, tree)| {
        let from = START + first * 900;
        Question {
            account: "default".to_owned(),
            basis: if sent { Basis::Sent } else { Basis::Event },
            from,
            to: from + length * 900,
            tz: tz.parse().unwrap(),
            checks,
            tree,
            by,
        }
    })
}

/// Trees of such checks.
fn tree(check: impl Strategy<Value = Check> + 'static) -> impl Strategy<Value = Tree> {
    check.prop_map(Tree::Check).prop_recursive(3, 8, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            list().prop_map(Tree::All),
            list().prop_map(Tree::Any),
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
        ]
    })
}

/// A question by dimensions and parts of time, in any order.
pub(crate) fn question_of_time() -> impl Strategy<Value = Question> {
    let all = [&DIMENSIONS[..], &PARTS, &PARTS].concat();
    let by = prop::collection::vec(prop::sample::select(all), 1..=3);
    (question(), by).prop_map(|(question, mut by)| {
        let mut seen = Vec::new();
        by.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        Question { by, ..question }
    })
}

fn check_on(dimension: &'static str) -> impl Strategy<Value = Check> {
    let value = || text(values_of(dimension));
    let part = || text(&["a", "p1", "\\", "n", "🏥", "o", "g"]);
    prop_oneof![
        value().prop_map(move |text| Check::Is(dimension, text)),
        value().prop_map(move |text| Check::IsNot(dimension, text)),
        prop::collection::vec(value(), 1..4).prop_map(move |texts| Check::In(dimension, texts)),
        prop::collection::vec(value(), 1..4).prop_map(move |texts| Check::NotIn(dimension, texts)),
        part().prop_map(move |text| Check::Contains(dimension, text)),
        part().prop_map(move |text| Check::StartsWith(dimension, text)),
    ]
}

/// A question that names one dimension, as its groups or in its filters or both, or none, and parts of time; its range often ends on midnights of UTC.
pub(crate) fn about_one_dimension() -> impl Strategy<Value = Question> {
    about(prop::sample::select(&DIMENSIONS[..]).prop_map(|dimension| vec![dimension]))
}

/// The same about some dimensions that are told by rows which are not the finest.
pub(crate) fn about_one_grain() -> impl Strategy<Value = Question> {
    let fine: Vec<&[&str]> = vec![&["recipient_domain"], &["field:payer", "field:clinic"], &[]];
    let coarse = ["subject", "sender", "sender_domain", "mailbox_provider", "campaign"];
    let all = prop::sample::select(fine).prop_map(move |fine| [&coarse[..], fine].concat());
    about(all.prop_flat_map(|all| prop::sample::subsequence(all, 2..=3)))
}

fn about(dimensions: impl Strategy<Value = Vec<&'static str>>) -> impl Strategy<Value = Question> {
    let asked = dimensions.prop_flat_map(|dimensions| {
        let check = || prop::sample::select(dimensions.clone()).prop_flat_map(check_on);
        let by = prop::sample::subsequence(dimensions.clone(), 0..=dimensions.len().min(2));
        let parts = prop::sample::subsequence(PARTS.to_vec(), 0..=3 - dimensions.len().min(2));
        let by = (by, parts).prop_map(|(by, parts)| [by, parts].concat());
        (by, prop::collection::vec(check(), 0..3), prop::option::of(tree(check())))
    });
    let midnight = || prop_oneof![Just(1), Just(96)];
    (question(), asked, midnight(), midnight()).prop_map(|(question, (by, checks, tree), first, last)| {
        let rounded = |time: i64, quarters: i64| START + (time - START) / (quarters * 900) * quarters * 900;
        let from = rounded(question.from, first);
        let to = rounded(question.to, last);
        let to = if to > from { to } else { question.to };
        Question { from, to, checks, tree, by, ..question }
    })
}

pub(crate) fn time(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0).unwrap().to_rfc3339()
}

/// The question as a request: out of a document where it has a tree, else out of the pairs of a query string.
pub(crate) fn request<T: DeserializeOwned>(question: &Question, more: &[(&str, String)]) -> T {
    let pairs = pairs(question, more);
    let Some(tree) = &question.tree else { return query::from_pairs(pairs).unwrap() };
    let members = pairs.into_iter().filter(|(name, _)| name != "filter").map(|(name, value)| (name, json!(value)));
    let mut document: serde_json::Map<_, _> = members.collect();
    let filters = question.checks.iter().map(|check| json!(check.text())).chain([tree.document()]);
    document.insert("filter".to_owned(), filters.collect());
    query::from_json(&serde_json::to_vec(&document).unwrap()).unwrap()
}

/// The question as the pairs of a query string.
fn pairs(question: &Question, more: &[(&str, String)]) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("from".to_owned(), time(question.from)),
        ("to".to_owned(), time(question.to)),
        ("basis".to_owned(), question.basis.name().to_owned()),
        ("tz".to_owned(), question.tz.name().to_owned()),
    ];
    pairs.extend(question.checks.iter().map(|check| ("filter".to_owned(), check.text())));
    pairs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    pairs
}
