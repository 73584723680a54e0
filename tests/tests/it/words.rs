//! Texts that mean something to SQL, to formats or to Unicode mean nothing here: whatever a sender writes into a subject is counted
//! under exactly that subject, and can be asked for.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use fixtures::{Event, Kind};
use postlens_tests::{
    check,
    harness::{Body, Client, Encoding, SECRET, Service},
    oracle::{Filter, Interval, Oracle, Question, Tally, Test},
};
use schema::Basis;

use crate::traffic;

const WORDS: &[&str] = &[
    "'; DROP TABLE cube; --",
    "\" OR \"\"=\"",
    "` FROM system.tables --",
    "1) UNION ALL SELECT * FROM deliveries --",
    "{account:String}",
    "{filter0:String} {limit:UInt32}",
    "\\",
    "\\'",
    "\\n is no new line",
    "\\N",
    "NULL",
    "\t tab",
    "line\nfeed\r\n",
    "nul\u{0}nul",
    "\u{0}",
    "a|b\\|c",
    "a:b:c",
    "100%",
    "%s %n %00 %27",
    "?",
    "??",
    "$1",
    "=1+1",
    "@SUM(A1)",
    "<script>alert(1)</script>",
    "naïve Ünïcödé 試験 💊",
    "e\u{301}",
    "\u{e9}",
    "\u{202e}desrever",
    "\u{feff}",
    "\u{fffd}",
    "\u{10ffff}",
    " leading",
    "leading",
    "trailing ",
    "trailing",
    "UPPER",
    "upper",
    "(none) ",
    "true",
    "0",
    "[]",
    "['a','b']",
    "file('/etc/passwd')",
];

fn event(number: usize, word: &str) -> Event {
    let fields = [("payer", word), ("a.b-c_D", word)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    Event {
        kind: Kind::Clicked,
        time: traffic::some_days_ago() + TimeDelta::minutes(i64::try_from(number).unwrap()),
        message_id: format!("m{number}"),
        recipient: format!("pat'{number}\"%@example.com"),
        event_id: Some(word.to_owned()),
        sender: Some(format!("{} <o'neill@{number}.example>", word.replace(char::is_control, "_"))),
        subject: Some(word.to_owned()),
        campaign: Some(word.to_owned()),
        fields: BTreeMap::from(fields),
        machine: None,
        class: None,
        method: None,
        url: Some(format!("https://x.example/?q={word}")),
        reason: None,
    }
}

fn question(by: &[&str], basis: Basis) -> Question {
    Question {
        by: by.iter().map(|name| name.parse().unwrap()).collect(),
        basis,
        from: traffic::some_days_ago(),
        to: traffic::some_days_ago() + TimeDelta::days(1),
        filters: Vec::new(),
        limit: 1_000,
    }
}

fn reported() -> (Client, Tally) {
    let (account, client) = Service::shared().account();
    let events: Vec<_> = WORDS.iter().enumerate().map(|(number, word)| event(number, word)).collect();
    client.report(&events, "?wait=applied", Body::Array, Encoding::Gzip);
    let mut oracle = Oracle::new(&account, SECRET);
    for event in &events {
        oracle.accept(event);
    }
    assert_eq!(oracle.distinct(), WORDS.len());
    (client, oracle.tally())
}

#[test]
fn any_text_is_a_group_of_its_own_and_a_filter_finds_it() {
    let (client, tally) = reported();
    for basis in Basis::ALL {
        for by in ["subject", "campaign", "sender", "field:payer", "field:a.b-c_D"] {
            assert_eq!(check::split(&client, &tally, &question(&[by], basis)), WORDS.len());
        }
        check::split(
            &client,
            &tally,
            &Question { limit: 3, ..question(&["subject", "field:payer", "campaign"], basis) },
        );
    }
    let by_word = Question { limit: 7, ..question(&["subject"], Basis::Sent) };
    check::series(&client, &tally, &by_word, chrono_tz::UTC, Interval::Hour);
    let by_pair = Question { limit: 7, ..question(&["subject", "field:payer"], Basis::Sent) };
    check::series(&client, &tally, &by_pair, chrono_tz::UTC, Interval::Day);
}

#[test]
fn a_filter_finds_any_text_by_any_operator() {
    let (client, tally) = reported();
    for word in WORDS {
        let other = "leading".to_owned();
        let word = (*word).to_owned();
        let tests = [
            Test::Is(word.clone()),
            Test::IsNot(word.clone()),
            Test::In(vec![word.clone(), other, String::new()]),
            Test::Contains(word.clone()),
            Test::StartsWith(word.clone()),
        ];
        for (dimension, test) in
            ["subject", "campaign", "field:payer", "subject", "field:a.b-c_D"].into_iter().zip(tests)
        {
            let filter = Filter { dimension: dimension.parse().unwrap(), test };
            check::split(&client, &tally, &Question { filters: vec![filter], ..question(&["subject"], Basis::Sent) });
        }
    }
}

#[test]
fn what_any_text_counts_can_be_verified_while_others_report() {
    let (client, tally) = reported();
    assert_eq!(check::split(&client, &tally, &question(&["subject"], Basis::Sent)), WORDS.len());
    let (code, said) = Service::shared().attempt(&["verify"]);
    assert_eq!(code, Some(0), "{said}");
}
