//! Limits against runaway cardinality, set low: values beyond them are one group, the report says so, and everything else is the count.

use std::collections::BTreeMap;

use postlens_tests::{
    check,
    harness::{Report, Service},
    oracle::{Filter, Question, Test},
};
use schema::{Basis, Dimension};

use crate::{
    budget::FAULTY_RUN,
    traffic::{self, Work},
};

const SETTINGS: [(&str, &str); 4] = [
    ("POSTLENS_LIMITS_SUBJECTS", "3"),
    ("POSTLENS_LIMITS_SENDERS", "1"),
    ("POSTLENS_LIMITS_CAMPAIGNS", "1000"),
    ("POSTLENS_LIMITS_FIELD_VALUES", "2"),
];

fn dimension(name: &str) -> Dimension {
    name.parse().unwrap()
}

fn row(report: &Report, value: &str) -> i64 {
    let of = |key: &BTreeMap<String, String>| key.values().all(|known| known == value);
    report.rows.iter().find(|row| of(&row.key)).map_or(0, |row| row.measures["queued"])
}

#[test]
fn values_beyond_a_limit_count_as_other_and_the_rest_is_the_count() {
    let service = Service::with(&SETTINGS);
    let (account, client) = service.account();
    let options = traffic::options(71, FAULTY_RUN);
    let events: Vec<_> = fixtures::events(&options).collect();
    let (before, after) = events.split_at(events.len() / 2);
    Work::cut(before, 2_000, 72).run(&client, 3);
    // What a day admitted outlasts a kill in the midst of a batch, which is written to its end as it was begun.
    service.kill();
    service.set("POSTLENS_LIMITS_SUBJECTS", "5");
    service.restart();
    Work::cut(after, 2_000, 73).run(&client, 3);
    client.wait_applied(&events[0]);
    let tally = traffic::count(&account, &events);
    let ask = |by: &str, basis, filters| {
        let question = Question { by: vec![dimension(by)], basis, filters, ..traffic::everything(&options) };
        check::ask(&client, "/v1/reports/split", &question, &[])
    };

    for basis in Basis::ALL {
        for by in ["sender_domain", "recipient_domain", "mailbox_provider", "campaign", "field:unheard-of"] {
            let question = Question { by: vec![dimension(by)], basis, ..traffic::everything(&options) };
            check::split(&client, &tally, &question);
            assert!(!ask(by, basis, Vec::new()).notes.concat().contains(Dimension::OTHER), "{by}");
        }
        for by in ["subject", "sender", "field:clinic"] {
            let report = ask(by, basis, Vec::new());
            assert!(row(&report, Dimension::OTHER) > 0, "{by}");
            assert!(report.notes.iter().any(|note| note.contains(by) && note.contains(Dimension::OTHER)), "{by}");
            let total: i64 = report.rows.iter().map(|row| row.measures["queued"]).sum();
            assert_eq!((total, &report.remainder), (report.total.measures["queued"], &None), "{by}");
            assert_eq!(report.total.measures, ask("mailbox_provider", basis, Vec::new()).total.measures, "{by}");
        }
    }

    // Whole days and the cells behind them hide the same.
    for by in ["subject", "sender", "field:clinic"] {
        let pair = vec![dimension(by), dimension("mailbox_provider")];
        let cells = Question { by: pair, ..traffic::everything(&options) };
        let mut sums = BTreeMap::<String, i64>::new();
        for row in check::ask(&client, "/v1/reports/split", &cells, &[]).rows {
            *sums.entry(row.key[by].clone()).or_default() += row.measures["queued"];
        }
        let days = ask(by, Basis::Sent, Vec::new());
        let days: BTreeMap<_, _> = days.rows.iter().map(|row| (row.key[by].clone(), row.measures["queued"])).collect();
        assert_eq!(sums, days, "{by}");
    }

    // A filter on a limited dimension leaves out what is among the others, and says that it may.
    let subjects = ask("subject", Basis::Sent, Vec::new());
    for value in [Dimension::OTHER.to_owned(), subjects.rows[1].key["subject"].clone()] {
        let filter = Filter { dimension: dimension("subject"), test: Test::Is(value.clone()) };
        let report = ask("mailbox_provider", Basis::Sent, vec![filter]);
        assert_eq!(report.total.measures["queued"], row(&subjects, &value), "{value}");
        assert!(report.notes.iter().any(|note| note.contains("subject")), "{value}");
    }

    // What was judged does not follow from the events: who counts anew knows it, also when the ledger is lost.
    let verify = || {
        let (code, said) = service.attempt(&["verify"]);
        assert_eq!(code, Some(0), "{said}");
    };
    verify();
    let (code, said) = service.attempt(&["rebuild"]);
    assert_eq!(code, Some(0), "{said}");
    service.kill();
    std::fs::remove_dir_all(service.directory().join("data/ledger")).unwrap();
    service.restart();
    verify();
    // The register was learned, too: what comes later is judged by it.
    Work::cut(after, 2_000, 74).run(&client, 3);
    let more: Vec<_> = fixtures::events(&traffic::options(75, FAULTY_RUN / 4)).collect();
    Work::cut(&more, 2_000, 76).run(&client, 3);
    client.wait_applied(&more[0]);
    verify();
    let again = ask("subject", Basis::Sent, Vec::new());
    for told_apart in subjects.rows.iter().filter(|row| row.key["subject"] != Dimension::OTHER) {
        let value = &told_apart.key["subject"];
        assert!(row(&again, value) >= told_apart.measures["queued"], "what was told apart stays so");
    }
}
