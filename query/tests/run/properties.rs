//! What holds of every report, whatever is asked of whatever cells, and whichever rows the plan reads.

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{TestCaseResult, TestRunner},
};
use query::{
    Dimensions, DimensionsRequest, Limits, Report, ReportSpec, SeriesRequest, SplitRequest, SummaryRequest, Values,
    ValuesRequest,
};
use schema::{Basis, ClickHouse, Millis};

use crate::{
    ask,
    generate::{
        DIMENSIONS, PARTS, about_one_dimension, about_one_grain, cell, question, question_of_time, request, time,
    },
    judge::{self, Order},
    support::{
        Cell,
        brute::{Check, Question, Tree},
        database, insert,
    },
};

const INTERVALS: [&str; 5] = ["15m", "hour", "day", "week", "month"];

/// Cells, and a database that holds them.
pub(crate) struct Given {
    runtime: tokio::runtime::Runtime,
    clickhouse: ClickHouse,
    pub(crate) cells: Vec<Cell>,
}

impl Given {
    /// Cells of which some were taken back again.
    pub(crate) fn new(name: &str) -> Self {
        let mut runner = TestRunner::deterministic();
        let mut cells = prop::collection::vec(cell(), 300).new_tree(&mut runner).unwrap().current();
        let taken_back: Vec<_> = cells.iter().step_by(5).map(Cell::negated).collect();
        cells.extend(taken_back);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let clickhouse = runtime.block_on(async {
            let clickhouse = database(name).await;
            insert(&clickhouse, &cells).await;
            clickhouse
        });
        Self { runtime, clickhouse, cells }
    }

    pub(crate) fn report(&self, spec: &ReportSpec) -> Report {
        self.runtime.block_on(ask(&self.clickhouse, spec)).unwrap()
    }

    fn summary(&self, question: &Question) -> Report {
        let request: SummaryRequest = request(question, &[]);
        self.report(&ReportSpec::summary(&request).unwrap())
    }

    fn split(&self, question: &Question, order: Order) -> Report {
        self.page(question, order, None)
    }

    fn page(&self, question: &Question, order: Order, cursor: Option<String>) -> Report {
        let dash = if order.descending { "-" } else { "" };
        let sort = format!("{dash}{}", order.by);
        let by = ("by", question.by.join(","));
        let more =
            [by, ("sort", sort), ("limit", order.limit.to_string()), ("min_volume", order.min_volume.to_string())];
        let more: Vec<_> = more.into_iter().chain(cursor.map(|cursor| ("cursor", cursor))).collect();
        let request: SplitRequest = request(question, &more);
        self.report(&ReportSpec::split(&request).unwrap())
    }

    fn values(&self, question: &Question, prefix: &str, limit: usize) -> Values {
        let (from, to) = (Some(time(question.from)), Some(time(question.to)));
        let (prefix, limit) = (Some(prefix.to_owned()), Some(limit.to_string()));
        let request = ValuesRequest { prefix, from, to, limit, ..ValuesRequest::default() };
        let spec = ReportSpec::values_of(&question.by[0].parse().unwrap(), &request, Millis(0)).unwrap();
        Values::from(&self.report(&spec))
    }

    fn dimensions(&self, question: &Question) -> Dimensions {
        let (from, to) = (Some(time(question.from)), Some(time(question.to)));
        let request = DimensionsRequest { from, to, tz: None };
        let spec = ReportSpec::dimensions_of(&request, Millis(0)).unwrap();
        let account = "default".parse().unwrap();
        let limits = Limits::default();
        let asking = query::dimensions(&self.clickhouse, &account, &spec, Millis(0), &limits);
        self.runtime.block_on(asking).unwrap()
    }

    fn series(&self, question: &Question, interval: &str, limit: usize) -> Report {
        let mut more = vec![("interval", interval.to_owned())];
        if !question.by.is_empty() {
            more.extend([("by", question.by.join(",")), ("limit", limit.to_string())]);
        }
        let request: SeriesRequest = request(question, &more);
        self.report(&ReportSpec::series(&request).unwrap())
    }
}

pub(crate) fn order() -> impl Strategy<Value = Order> {
    let by = prop::sample::select(vec!["queued", "delivered", "ctr", "spam_rate"]);
    let min_volume = prop_oneof![Just(0), 1..200i64];
    (by, any::<bool>(), 1..12usize, min_volume).prop_map(|(by, descending, limit, min_volume)| Order {
        by,
        descending,
        limit,
        min_volume,
    })
}

pub(crate) fn interval() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&INTERVALS[..])
}

pub(crate) fn holds<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    TestRunner::new(config).run(strategy, test).unwrap();
}

#[test]
fn splits_are_what_a_count_by_brute_force_says() {
    let given = Given::new("splits");
    holds(150, &(question_of_time(), order()), |(question, order)| {
        judge::split(&given.split(&question, order), &question, &given.cells, order)
    });
}

#[test]
fn pages_show_every_group_of_enough_volume_once_and_each_sums_up_the_others() {
    let given = Given::new("pages");
    holds(40, &(question_of_time(), order()), |(question, order)| {
        let order = Order { limit: order.limit * 7, ..order };
        let (mut before, mut cursor) = (0, None);
        loop {
            let report = given.page(&question, order, cursor);
            judge::page(&report, &question, &given.cells, (order, before))?;
            cursor = report.next();
            before += order.limit;
            if cursor.is_none() {
                return Ok(());
            }
        }
    });
}

#[test]
fn dimensions_and_their_values_have_the_volumes_that_a_count_by_brute_force_says() {
    let given = Given::new("pickers");
    let prefix = prop::sample::select(vec!["", "a", "g", "p", "Your", "\\"]);
    holds(40, &(about_one_dimension(), prefix, 1..5usize), |(question, prefix, limit)| {
        let question = Question { basis: Basis::Sent, checks: Vec::new(), tree: None, ..question };
        for name in DIMENSIONS {
            let tree = (!prefix.is_empty()).then(|| Tree::Check(Check::StartsWith(name, prefix.to_owned())));
            let question = Question { by: vec![name], tree, ..question.clone() };
            judge::values(&given.values(&question, prefix, limit), &question, &given.cells, limit)?;
        }
        judge::dimensions(&given.dimensions(&question), &question, &given.cells)
    });
}

#[test]
fn series_are_what_a_count_by_brute_force_says_across_changes_of_the_clock() {
    let given = Given::new("series");
    holds(150, &(question(), interval(), any::<bool>(), 1..4usize), |(mut question, interval, split, limit)| {
        question.by.truncate(if split { 2 } else { 0 });
        let report = given.series(&question, interval, limit);
        judge::series(&report, &question, &given.cells, interval, limit)
    });
}

/// The same question with conditions that every cell meets, on a recipient's domain and on a field: none but the cube's finest rows know both.
fn of_the_finest(question: &Question) -> Question {
    let mut question = question.clone();
    let names = ["recipient_domain", "field:payer"];
    question.checks.extend(names.map(|name| Check::IsNot(name, "nobody has this".to_owned())));
    question
}

fn same(planned: &Report, fine: &Report) -> TestCaseResult {
    prop_assert_eq!(planned.total(), fine.total());
    prop_assert_eq!(planned.body(), fine.body());
    Ok(())
}

#[test]
fn the_rollup_and_the_cube_give_one_answer_which_is_that_of_a_count_by_brute_force() {
    agree("plans", &about_one_dimension());
}

#[test]
fn all_grains_of_the_cube_give_one_answer_which_is_that_of_a_count_by_brute_force() {
    agree("grains", &about_one_grain());
}

/// Asks everything as it is planned and of the finest rows.
fn agree(name: &str, questions: &impl Strategy<Value = Question>) {
    let given = Given::new(name);
    let cells = &given.cells;
    holds(200, &(questions, order(), interval()), |(mut question, order, interval)| {
        let fine = of_the_finest(&question);
        if question.by.is_empty() {
            let report = given.summary(&question);
            judge::summary(&report, &question, cells)?;
            same(&report, &given.summary(&fine))?;
        } else {
            let report = given.split(&question, order);
            judge::split(&report, &question, cells, order)?;
            same(&report, &given.split(&fine, order))?;
        }
        question.by.retain(|name| !PARTS.contains(name));
        let fine = of_the_finest(&question);
        // A series of all quarters of an hour has no more points than one may have.
        let limit = order.limit.min(6);
        let report = given.series(&question, interval, limit);
        judge::series(&report, &question, cells, interval, limit)?;
        same(&report, &given.series(&fine, interval, limit))
    });
}
