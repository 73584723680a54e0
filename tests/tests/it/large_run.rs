//! 200,000 events, shuffled and with a tenth repeated, reported by 8 clients at once in batches of random size: whatever is asked
//! afterwards, the answer is the count.

use std::sync::LazyLock;

use chrono::TimeDelta;
use fixtures::Event;
use postlens_tests::{
    check,
    harness::{Client, Row, Service},
    oracle::{Filter, Interval, Question, Tally, Test},
};
use schema::{Basis, Dimension};

use crate::{
    budget::{CLIENTS, LARGE_RUN, LARGEST_BATCH},
    traffic::{self, Work, ZONE},
};

struct Run {
    client: Client,
    tally: Tally,
    everything: Question,
}

/// The run, once for all the tests of this module.
static RUN: LazyLock<Run> = LazyLock::new(|| {
    let options = traffic::options(1, LARGE_RUN);
    let events: Vec<Event> = fixtures::events(&options).collect();
    assert_eq!(events.len(), options.events + options.repeats());
    let (account, client) = Service::shared().account();
    Work::cut(&events, LARGEST_BATCH, 1).run(&client, CLIENTS);
    let tally = traffic::count(&account, &events);
    client.wait_applied(&events[0]);
    Run { client, tally, everything: traffic::everything(&options) }
});

impl Run {
    /// Everything, split by these dimensions.
    fn by(&self, dimensions: &[Dimension], basis: Basis) -> Question {
        Question { by: dimensions.to_vec(), basis, ..self.everything.clone() }
    }

    fn split(&self, question: &Question) -> usize {
        check::split(&self.client, &self.tally, question)
    }
}

fn dimension(name: &str) -> Dimension {
    name.parse().unwrap()
}

#[test]
fn every_dimension_gives_the_count_on_both_bases() {
    for basis in Basis::ALL {
        for dimension in traffic::dimensions() {
            let groups = RUN.split(&RUN.by(std::slice::from_ref(&dimension), basis));
            assert!(groups > 1 || dimension.to_string() == "field:unheard-of", "{dimension} splits the traffic");
        }
        check::summary(&RUN.client, &RUN.tally, &RUN.by(&[], basis));
    }
    assert!(RUN.tally.deliveries() > LARGE_RUN / 10);
}

#[test]
fn dimensions_together_give_the_count_and_what_a_limit_cuts_is_in_the_remainder() {
    for basis in Basis::ALL {
        RUN.split(&RUN.by(&[dimension("campaign"), dimension("mailbox_provider")], basis));
        RUN.split(&RUN.by(&[dimension("field:payer"), dimension("field:clinic"), dimension("sender")], basis));
        for limit in [1, 2, 50] {
            for by in ["recipient_domain", "subject", "mailbox_provider", "field:payer"] {
                let groups = RUN.split(&Question { limit, ..RUN.by(&[dimension(by)], basis) });
                assert!(groups > limit.min(2), "{by} has a remainder");
            }
        }
    }
}

#[test]
fn a_part_of_the_time_gives_the_count_of_that_part() {
    let quarter = TimeDelta::minutes(15);
    for basis in Basis::ALL {
        let whole = RUN.by(&[dimension("mailbox_provider")], basis);
        let middle = whole.from + (whole.to - whole.from) / 2;
        for length in [quarter, quarter * 7, TimeDelta::hours(25), TimeDelta::days(3)] {
            RUN.split(&Question { from: middle, to: middle + length, ..whole.clone() });
            check::summary(&RUN.client, &RUN.tally, &Question { from: middle - length, to: middle, ..whole.clone() });
        }
        let empty = Question { from: whole.from - TimeDelta::days(9), to: whole.from, ..whole };
        assert_eq!(RUN.split(&empty), 0);
    }
}

#[test]
fn filters_leave_the_count_of_what_passes_them() {
    let campaigns: Vec<_> =
        RUN.tally.split(&RUN.by(&[dimension("campaign")], Basis::Sent)).into_keys().map(|key| key.concat()).collect();
    let named = campaigns.iter().rfind(|name| !name.is_empty()).unwrap();
    let (head, _) = named.split_at(named.ceil_char_boundary(named.len() / 2));
    let on = |name: &str, test| Filter { dimension: dimension(name), test };
    let sets = [
        vec![on("campaign", Test::Is(named.clone()))],
        vec![on("campaign", Test::IsNot(named.clone()))],
        vec![on("campaign", Test::Is(String::new()))],
        vec![on("campaign", Test::In(vec![named.clone(), String::new()]))],
        vec![on("campaign", Test::StartsWith(head.into()))],
        vec![on("subject", Test::Contains("a".into())), on("mailbox_provider", Test::IsNot("gmail".into()))],
        vec![
            on("field:payer", Test::In(vec!["p1".into(), "p2".into()])),
            on("field:clinic", Test::IsNot(String::new())),
        ],
        vec![on("recipient_domain", Test::Is("gmail.com".into())), on("sender_domain", Test::Contains(".".into()))],
        vec![on("subject", Test::Is("nobody ever wrote this".into()))],
    ];
    for basis in Basis::ALL {
        for filters in &sets {
            let question = Question { filters: filters.clone(), limit: 20, ..RUN.by(&[dimension("subject")], basis) };
            RUN.split(&question);
            check::summary(&RUN.client, &RUN.tally, &question);
        }
    }
}

#[test]
fn a_series_in_local_time_gives_the_count_across_a_change_of_clocks() {
    for basis in Basis::ALL {
        for interval in [Interval::Quarter, Interval::Hour, Interval::Day, Interval::Week, Interval::Month] {
            for tz in [ZONE, chrono_tz::Asia::Kolkata, chrono_tz::UTC] {
                check::series(&RUN.client, &RUN.tally, &RUN.by(&[], basis), tz, interval);
            }
        }
        for (by, limit) in [("mailbox_provider", 100), ("mailbox_provider", 3), ("recipient_domain", 4)] {
            let question = Question { limit, ..RUN.by(&[dimension(by)], basis) };
            check::series(&RUN.client, &RUN.tally, &question, ZONE, Interval::Day);
        }
        let pair = Question { limit: 5, ..RUN.by(&[dimension("campaign"), dimension("field:clinic")], basis) };
        check::series(&RUN.client, &RUN.tally, &pair, ZONE, Interval::Week);
    }
}

#[test]
fn rows_come_in_the_order_asked_for() {
    let measure = |row: &Row, name: &str| row.measures[name] as f64;
    for (sort, name, descending) in
        [("-ctr", "ctr", true), ("spam_rate", "spam_rate", false), ("clicked", "clicked", false)]
    {
        let question = Question { limit: 300, ..RUN.by(&[dimension("recipient_domain")], Basis::Sent) };
        let report = check::ask(&RUN.client, "/v1/reports/split", &question, &[("sort", sort.to_owned())]);
        check::hold(&report, sort);
        let values: Vec<_> = report
            .rows
            .iter()
            .map(|row| row.rates.get(name).copied().unwrap_or_else(|| Some(measure(row, name))))
            .collect();
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        assert!(values[..known.len()].iter().all(Option::is_some), "{sort}: groups without the rate come last");
        assert!(known.is_sorted_by(|a, b| if descending { a >= b } else { a <= b }), "{sort}: {known:?}");
    }
    for (sort, descending) in [("recipient_domain", false), ("-recipient_domain", true)] {
        let question = Question { limit: 500, ..RUN.by(&[dimension("recipient_domain")], Basis::Event) };
        let report = check::ask(&RUN.client, "/v1/reports/split", &question, &[("sort", sort.to_owned())]);
        let keys: Vec<_> = report.rows.iter().map(|row| &row.key["recipient_domain"]).collect();
        assert!(keys.is_sorted_by(|a, b| if descending { a > b } else { a < b }), "{sort}");
    }
}
