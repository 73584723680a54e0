//! From a `ReportSpec` to SQL: a pure function. No text of a caller becomes SQL: every value is a bound parameter, every name
//! comes from an enum, and the account is always the first condition.

use std::fmt::Write as _;

use schema::{AccountId, CUBE, Dimension, Measure, Rate, WEIGHT};
use serde::{Serialize, Serializer};

use crate::{
    Filter, Interval, ReportSpec, Sort, SortKey, Test,
    zone::{DAY, Zone},
};

/// A query and the values bound to its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sql {
    /// The text, with `{name:Type}` where a value belongs.
    pub(crate) text: String,
    /// The values by name.
    pub(crate) params: Vec<(String, Param)>,
}

/// A bound value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Param {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Texts(texts) => texts.serialize(serializer),
        }
    }
}

/// The sum of everything in the range: one row of measures.
pub(crate) fn total(account: &AccountId, spec: &ReportSpec) -> Sql {
    let mut query = Builder::default();
    let sums = sums(&spec.needed());
    let conditions = query.conditions(account, spec);
    query.done(format!("SELECT\n    {}\nFROM {CUBE}\nWHERE {conditions}", or_one(sums).join(",\n    ")))
}

/// The first groups in their order: keys, measures, then the number of all groups and the sums over all of them, which every row
/// repeats. Without any group there is no row, and every sum is zero. (`WITH TOTALS` would say the same, but the embedded engine
/// writes it wrongly when there is no group, and it is no faster.)
pub(crate) fn groups(account: &AccountId, spec: &ReportSpec) -> Sql {
    let mut query = Builder::default();
    let needed = spec.needed();
    let (mut inner, keys) = query.keys(&spec.by);
    inner.extend(sums(&needed));
    let mut outer = keys.clone();
    outer.extend(needed.iter().map(|measure| format!("sum_{}", measure.name())));
    outer.push("count() OVER () AS groups".to_owned());
    outer
        .extend(needed.iter().map(|measure| format!("sum(sum_{name}) OVER () AS total_{name}", name = measure.name())));
    let conditions = query.conditions(account, spec).replace('\n', "\n    ");
    let order = order(spec.sort, &keys);
    let limit = query.bind("limit", "UInt32", Param::Number(spec.limit.into()));
    query.done(format!(
        "SELECT\n    {outer}\nFROM (\n    SELECT\n        {inner}\n    FROM {CUBE}\n    WHERE {conditions}\n    GROUP BY {keys}\n    HAVING sum({WEIGHT}) > 0\n)\nORDER BY {order}\nLIMIT {limit}",
        outer = outer.join(",\n    "),
        inner = inner.join(",\n        "),
        keys = keys.join(", "),
    ))
}

/// Steps of local time: for each of the groups in `top` and for the rest of all groups together, one row for each step in which
/// something happened: whether it is a group of `top`, its keys, a quarter inside the step, then measures. A step lies inside
/// one row of the series, which the quarter tells.
pub(crate) fn steps(account: &AccountId, spec: &ReportSpec, interval: Interval, top: &[Vec<String>]) -> Sql {
    let mut query = Builder::default();
    let mut columns = Vec::new();
    let mut grouped = Vec::new();
    if !spec.by.is_empty() {
        let (parts, names) = query.keys(&spec.by);
        let known = query.top(&names, top);
        // The keys are named before they are blanked for the rest of the groups.
        columns.extend(parts);
        columns.push(format!("{known} AS shown"));
        grouped.push("shown".to_owned());
        for (place, name) in names.iter().enumerate() {
            columns.push(format!("if(shown, {name}, '') AS group{place}"));
            grouped.push(format!("group{place}"));
        }
    }
    let with = if columns.is_empty() { String::new() } else { format!("WITH\n    {}\n", columns.join(",\n    ")) };
    let mut selected = grouped.clone();
    selected.push("toUInt32(min(bucket)) AS quarter".to_owned());
    selected.extend(sums(&spec.needed()));
    grouped.extend(query.step(spec, interval));
    let conditions = query.conditions(account, spec);
    query.done(format!(
        "{with}SELECT\n    {selected}\nFROM {CUBE}\nWHERE {conditions}\nGROUP BY {grouped}",
        selected = selected.join(",\n    "),
        grouped = grouped.join(", "),
    ))
}

fn sums(measures: &[Measure]) -> Vec<String> {
    measures.iter().map(|measure| format!("sum({name}) AS sum_{name}", name = measure.name())).collect()
}

/// A query must select something, even when no measure is asked for.
fn or_one(columns: Vec<String>) -> Vec<String> {
    if columns.is_empty() { vec!["count()".to_owned()] } else { columns }
}

fn order(sort: Sort, keys: &[String]) -> String {
    let direction = if sort.descending { "DESC" } else { "ASC" };
    let first = match sort.key {
        SortKey::Measure(measure) => format!("sum_{} {direction}", measure.name()),
        SortKey::Rate(rate) => format!("{} {direction} NULLS LAST", quotient(rate)),
        SortKey::Dimension(place) => format!("{} {direction}", keys[place]),
    };
    let rest = keys.iter().map(|key| format!("{key} ASC"));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join(", ")
}

fn quotient(rate: Rate) -> String {
    let (numerator, denominator) = (rate.numerator().name(), rate.denominator().name());
    format!("if(sum_{denominator} = 0, NULL, sum_{numerator} / sum_{denominator})")
}

/// Collects the values while the text is written.
#[derive(Default)]
struct Builder {
    params: Vec<(String, Param)>,
}

impl Builder {
    fn bind(&mut self, name: impl Into<String>, kind: &str, value: Param) -> String {
        let name = name.into();
        let placeholder = format!("{{{name}:{kind}}}");
        self.params.push((name, value));
        placeholder
    }

    fn text(&mut self, name: impl Into<String>, text: &str) -> String {
        self.bind(name, "String", Param::Text(text.to_owned()))
    }

    fn done(self, text: String) -> Sql {
        Sql { text, params: self.params }
    }

    /// The expression of a dimension; the name of a field is bound as `name`.
    fn value_of(&mut self, dimension: &Dimension, name: String) -> String {
        match dimension {
            Dimension::Field(field) => format!("{}[{}]", dimension.column(), self.text(name, field.as_str())),
            fixed => fixed.column().to_owned(),
        }
    }

    /// The columns of the keys and their names.
    fn keys(&mut self, by: &[Dimension]) -> (Vec<String>, Vec<String>) {
        let key = |(place, dimension)| {
            let value = self.value_of(dimension, format!("field{place}"));
            (format!("toString({value}) AS key{place}"), format!("key{place}"))
        };
        by.iter().enumerate().map(key).unzip()
    }

    /// Whether the keys are those of one of the top groups.
    fn top(&mut self, keys: &[String], top: &[Vec<String>]) -> String {
        let mut lists = Vec::new();
        for place in 0..keys.len() {
            let values = top.iter().map(|key| key[place].clone()).collect();
            lists.push(self.bind(format!("top{place}"), "Array(String)", Param::Texts(values)));
        }
        match (keys, lists.as_slice()) {
            ([key], [list]) => format!("{key} IN {list}"),
            _ => format!("({}) IN (SELECT arrayJoin(arrayZip({})))", keys.join(", "), lists.join(", ")),
        }
    }

    /// What steps of local time are grouped by. Local time is UTC plus the offset of the zone, which changes now and then; it
    /// is moved on by a day so that nothing before 1970 is divided.
    fn step(&mut self, spec: &ReportSpec, interval: Interval) -> Vec<String> {
        if interval == Interval::Quarter {
            return vec!["bucket".to_owned()];
        }
        let step = self.bind("step", "Int64", Param::Number(interval.step()));
        let (from, to) = (i64::from(spec.range.from), i64::from(spec.range.to));
        let zone = Zone::over(spec.tz, from, to);
        let segments: Vec<_> = zone.segments.iter().filter(|segment| segment.start < to).collect();
        let mut offsets = String::new();
        for (place, segment) in segments.iter().enumerate() {
            let offset = self.bind(format!("offset{place}"), "Int64", Param::Number(segment.offset + DAY));
            if let Some(next) = segments.get(place + 1) {
                let until = self.bind(format!("until{place}"), "Int64", Param::Number(next.start));
                write!(offsets, "toInt64(bucket) < {until}, {offset}, ").expect("writing to a String does not fail");
            } else {
                offsets.push_str(&offset);
            }
        }
        let offset = if segments.len() > 1 { format!("multiIf({offsets})") } else { offsets };
        let number = format!("intDiv(toInt64(bucket) + {offset}, {step})");
        if segments.len() > 1 { vec![offset, number] } else { vec![number] }
    }

    /// The account, the basis, the range, then the filters.
    fn conditions(&mut self, account: &AccountId, spec: &ReportSpec) -> String {
        let mut conditions = vec![
            format!("account = {}", self.text("account", account.as_str())),
            format!("basis = {}", self.bind("basis", "UInt8", Param::Number(spec.basis.code().into()))),
        ];
        for (name, relation, time) in [("from", ">=", spec.range.from), ("to", "<", spec.range.to)] {
            let time = self.bind(name, "UInt32", Param::Number(time.into()));
            conditions.push(format!("bucket {relation} toDateTime({time}, 'UTC')"));
        }
        for (place, filter) in spec.filters.iter().enumerate() {
            conditions.push(self.condition(place, filter));
        }
        conditions.join("\n  AND ")
    }

    fn condition(&mut self, place: usize, filter: &Filter) -> String {
        let value = self.value_of(&filter.dimension, format!("filter_field{place}"));
        let name = format!("filter{place}");
        match &filter.test {
            Test::Is(text) => format!("{value} = {}", self.text(name, text)),
            Test::IsNot(text) => format!("{value} != {}", self.text(name, text)),
            Test::In(texts) => {
                format!("{value} IN {}", self.bind(name, "Array(String)", Param::Texts(texts.clone())))
            }
            Test::Contains(text) => format!("position({value}, {}) > 0", self.text(name, text)),
            Test::StartsWith(text) => format!("startsWith({value}, {})", self.text(name, text)),
        }
    }
}
