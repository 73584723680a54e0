//! What a statement reads: the tables of a plan with their conditions. The account is the first condition of each.

use schema::{AccountId, Dimension, Grain, OTHER_SQL, ROLLUP};

use super::{
    bind::{Binder, Param},
    local,
};
use crate::{
    Filter, Grouping, Range, ReportSpec, Test, Tree,
    plan::{Plan, Rows},
};

/// The rows of a plan.
pub(super) struct Source {
    /// What stands after `FROM`, and the conditions.
    pub(super) from: String,
    /// The expression of each part of the key: a text of a dimension, a number of a part of time.
    pub(super) keys: Vec<String>,
}

impl Source {
    /// The rows that answer the spec; `columns` are those needed beside its dimensions, at least one.
    pub(super) fn new(
        binder: &mut Binder,
        account: &AccountId,
        spec: &ReportSpec,
        plan: &Plan,
        columns: &[String],
    ) -> Self {
        let account = binder.text("account", account.as_str());
        let basis = binder.number("basis", "UInt8", spec.basis.code());
        let times = local::parts(binder, spec);
        let reader = Reader { owner: format!("account = {account}\n  AND basis = {basis}"), spec, times };
        match plan {
            Plan::Totals => reader.totals(binder),
            Plan::Quarters(grain) => reader.cells(binder, &[(*grain, RANGE, spec.range)], columns),
            Plan::Days { rows: Rows::Cells(grain), days, beside } => {
                reader.cells(binder, &[(*grain, DAYS, *days), (*beside, RANGE, spec.range)], columns)
            }
            Plan::Days { rows: Rows::Longer { grain, times, beside: by_day }, days, beside } => {
                let layers = [(*grain, TIMES, *times), (*by_day, DAYS, *days), (*beside, RANGE, spec.range)];
                reader.cells(binder, &layers, columns)
            }
            Plan::Days { rows: Rows::Dimension(dimension), days, beside } => {
                reader.days(binder, dimension, (*days, *beside), columns)
            }
        }
    }
}

struct Reader<'s> {
    /// The conditions on account and basis.
    owner: String,
    spec: &'s ReportSpec,
    /// The expressions of the parts of time that it is split by, in their places.
    times: Vec<Option<String>>,
}

impl Reader<'_> {
    /// Rows of one grain or more, the longest times first: each has what its range holds beside that of the one before.
    fn cells(&self, binder: &mut Binder, layers: &[(Grain, Names, Range)], columns: &[String]) -> Source {
        let mut parts = Vec::new();
        let mut inner = None;
        for (grain, names, range) in layers {
            let time = match inner.replace((*names, *range)) {
                None => Some(Bounds::of(binder, *names, *range).within()),
                Some(inner) => edges(binder, (*names, *range), inner),
            };
            parts.extend(time.map(|time| (*grain, time)));
        }
        let keys = self.keys(|place, dimension| {
            let value = column(binder, dimension, format!("field{place}"));
            format!("toString({value})")
        });
        let tests = self.spec.tests().into_iter().enumerate();
        let tests: Vec<_> = tests
            .map(|(place, filter)| {
                let value = column(binder, &filter.dimension, format!("filter_field{place}"));
                condition(&value, filter, &value_of(binder, place, filter))
            })
            .collect();
        let tests = self.conditions(tests);
        let part = |(grain, time): &(Grain, String)| {
            let mut conditions = vec![self.owner.clone()];
            conditions.extend(of_grain(*grain));
            conditions.push(time.clone());
            conditions.extend_from_slice(&tests);
            read(grain.table(), &conditions)
        };
        let from = match parts.as_slice() {
            [only] => part(only),
            parts => {
                let mut selected: Vec<_> =
                    self.spec.by.iter().filter_map(Grouping::dimension).map(Dimension::column).collect();
                selected.sort_unstable();
                selected.dedup();
                let selected: Vec<_> = selected.into_iter().map(str::to_owned).chain(columns.iter().cloned()).collect();
                union(parts.iter().map(|of| select(&selected, &part(of))))
            }
        };
        Source { from, keys }
    }

    /// The expressions of the key, those of dimensions made by `of`.
    fn keys(&self, mut of: impl FnMut(usize, &Dimension) -> String) -> Vec<String> {
        let all = self.spec.by.iter().zip(&self.times).enumerate();
        all.map(|(place, (by, time))| match (by, time) {
            (Grouping::Dimension(dimension), _) => of(place, dimension),
            (Grouping::Time(_), time) => time.clone().unwrap_or_default(),
        })
        .collect()
    }

    fn totals(&self, binder: &mut Binder) -> Source {
        let bounds = Bounds::of(binder, RANGE, self.spec.range).within();
        Source {
            from: read(ROLLUP, &[self.owner.clone(), "dimension = ''".to_owned(), bounds]),
            keys: self.keys(|_, _| "''".to_owned()),
        }
    }

    /// Whole days from the rollup, and what the range holds before and after them from the grain beside them.
    fn days(
        &self,
        binder: &mut Binder,
        dimension: &Dimension,
        (days, beside): (Range, Grain),
        columns: &[String],
    ) -> Source {
        let name = binder.text("dimension", &dimension.to_string());
        let named = match dimension {
            // What the rows of a field leave of the total are the deliveries without it.
            Dimension::Field(_) => format!("dimension IN ('', {name})"),
            _ => format!("dimension = {name}"),
        };
        let inner = Bounds::of(binder, DAYS, days).within();
        let filters = self.spec.tests().into_iter().enumerate();
        let filters: Vec<_> = filters.map(|(place, filter)| (filter, value_of(binder, place, filter))).collect();
        let tests = |value: &str| {
            self.conditions(filters.iter().map(|(filter, bound)| condition(value, filter, bound)).collect())
        };

        let mut conditions = vec![self.owner.clone(), named, inner];
        conditions.extend(tests("value"));
        let whole = read(ROLLUP, &conditions);
        let keys = self.keys(|_, _| "toString(value)".to_owned());
        let Some(edges) = edges(binder, (RANGE, self.spec.range), (DAYS, days)) else {
            return Source { from: whole, keys };
        };

        let value = column(binder, dimension, "field".to_owned());
        let mut conditions = vec![self.owner.clone()];
        conditions.extend(of_grain(beside));
        conditions.push(edges);
        conditions.extend(tests(&value));
        let cells = read(beside.table(), &conditions);
        let with = |value: String| -> Vec<String> {
            let key = self.spec.by.iter().any(|by| by.dimension().is_some()).then_some(value);
            key.into_iter().chain(columns.iter().cloned()).collect()
        };
        let days = select(&with("value".to_owned()), &whole);
        let from = union([days, select(&with(format!("toString({value}) AS value")), &cells)].into_iter());
        Source { from, keys }
    }

    /// The filters, made of their tests in the order in which they stand.
    fn conditions(&self, tests: Vec<String>) -> Vec<String> {
        let mut tests = tests.into_iter();
        self.spec.filters.iter().map(|tree| combined(tree, &mut tests)).collect()
    }
}

/// What the ends of a range are bound as.
type Names = [&'static str; 2];

/// Of a report's range, of the days in it, and of the longer times in these.
const RANGE: Names = ["from", "to"];
const DAYS: Names = ["days_from", "days_to"];
const TIMES: Names = ["times_from", "times_to"];

/// The condition on what a range holds beside another that lies in it; `None` when that is all of it.
fn edges(
    binder: &mut Binder,
    ([from, to], outer): (Names, Range),
    ([inner_from, inner_to], inner): (Names, Range),
) -> Option<String> {
    let mut edges = Vec::new();
    if outer.from < inner.from {
        edges.push(Bounds::of(binder, [from, inner_from], Range { from: outer.from, to: inner.from }));
    }
    if inner.to < outer.to {
        edges.push(Bounds::of(binder, [inner_to, to], Range { from: inner.to, to: outer.to }));
    }
    let edges: Vec<_> = edges.into_iter().map(|edge| edge.within().replace("\n  AND", " AND")).collect();
    match edges.as_slice() {
        [] => None,
        [edge] => Some(edge.clone()),
        edges => Some(format!("({})", edges.join("\n    OR "))),
    }
}

/// The bound ends of a range.
struct Bounds {
    from: String,
    to: String,
}

impl Bounds {
    fn of(binder: &mut Binder, [from, to]: Names, range: Range) -> Self {
        Self { from: binder.number(from, "UInt32", range.from), to: binder.number(to, "UInt32", range.to) }
    }

    fn within(&self) -> String {
        let Self { from, to } = self;
        format!("bucket >= toDateTime({from}, 'UTC')\n  AND bucket < toDateTime({to}, 'UTC')")
    }
}

/// The condition on a grain's rows; the cube has none other.
fn of_grain(grain: Grain) -> Option<String> {
    (grain != Grain::Full).then(|| format!("grain = '{}'", grain.name()))
}

fn read(table: &str, conditions: &[String]) -> String {
    format!("{table}\nWHERE {}", conditions.join("\n  AND "))
}

fn select(selected: &[String], from: &str) -> String {
    format!("SELECT {}\nFROM {from}", selected.join(", "))
}

fn union(parts: impl Iterator<Item = String>) -> String {
    format!("(\n    {}\n)", parts.collect::<Vec<_>>().join("\nUNION ALL\n").replace('\n', "\n    "))
}

/// The expression of a dimension in the cube; the name of a field is bound as `name`. A sender that stands for others is kept there with
/// its domain.
fn column(binder: &mut Binder, dimension: &Dimension, name: String) -> String {
    match dimension {
        Dimension::Sender => format!("if(startsWith(sender, {OTHER_SQL}), {OTHER_SQL}, sender)"),
        Dimension::Field(field) => format!("{}[{}]", dimension.column(), binder.text(name, field.as_str())),
        fixed => fixed.column().to_owned(),
    }
}

/// A tree, made of its tests in the order in which they stand.
pub(super) fn combined(tree: &Tree, tests: &mut impl Iterator<Item = String>) -> String {
    let mut list = |trees: &[Tree], word| {
        let parts: Vec<_> = trees.iter().map(|tree| combined(tree, &mut *tests)).collect();
        format!("({})", parts.join(word))
    };
    match tree {
        Tree::Test(_) => tests.next().expect("there is a test for each leaf"),
        Tree::All(trees) => list(trees, " AND "),
        Tree::Any(trees) => list(trees, " OR "),
        Tree::Not(tree) => format!("NOT ({})", combined(tree, tests)),
    }
}

/// Binds what a filter compares with.
pub(super) fn value_of(binder: &mut Binder, place: usize, filter: &Filter) -> String {
    let name = format!("filter{place}");
    match &filter.test {
        Test::In(texts) | Test::NotIn(texts) => binder.bind(name, "Array(String)", Param::Texts(texts.clone())),
        Test::Is(text) | Test::IsNot(text) | Test::Contains(text) | Test::StartsWith(text) => binder.text(name, text),
    }
}

/// Whether `value`, an expression, passes the filter, which compares it with what was bound.
pub(super) fn condition(value: &str, filter: &Filter, bound: &str) -> String {
    match &filter.test {
        Test::Is(_) => format!("{value} = {bound}"),
        Test::IsNot(_) => format!("{value} != {bound}"),
        Test::In(_) => format!("{value} IN {bound}"),
        Test::NotIn(_) => format!("{value} NOT IN {bound}"),
        Test::Contains(_) => format!("position({value}, {bound}) > 0"),
        Test::StartsWith(_) => format!("startsWith({value}, {bound})"),
    }
}
