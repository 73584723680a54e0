//! From a `ReportSpec` to SQL: a pure function. No text of a caller becomes SQL: every value is a bound parameter (**bind**), every
//! name comes from an enum, and the account is always the first condition (**source**).

mod bind;
mod others;
mod source;

use std::fmt::Write as _;

use schema::{AccountId, Measure, OTHER_SQL, Rate, WEIGHT};

pub(crate) use self::{bind::Sql, others::others};
use self::{
    bind::{Binder, Param},
    source::Source,
};
use crate::{
    Interval, ReportSpec, Sort, SortKey,
    plan::Plan,
    zone::{DAY, Zone},
};

/// The sum of everything in the range: one row of measures, of which the spec needs at least one.
pub(crate) fn total(account: &AccountId, spec: &ReportSpec) -> Sql {
    let mut binder = Binder::default();
    let needed = spec.needed();
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &names(&needed));
    binder.done(format!("SELECT\n    {}\nFROM {}", sums(&needed).join(",\n    "), source.from))
}

/// The first groups in their order: keys, measures, then the number of all groups, the sums over all of them, and for each limited
/// dimension whether one of them stands for others; every row repeats these. Without any group there is no row, and every sum is zero. (`WITH TOTALS` would say the same, but the embedded engine
/// writes it wrongly when there is no group, and it is no faster.)
pub(crate) fn groups(account: &AccountId, spec: &ReportSpec) -> Sql {
    let mut binder = Binder::default();
    let needed = spec.needed();
    let mut columns = names(&needed);
    columns.push(WEIGHT.to_owned());
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &columns);
    let (mut inner, keys) = keys(&source);
    inner.extend(sums(&needed));
    let mut outer = keys.clone();
    outer.extend(needed.iter().map(|measure| format!("sum_{}", measure.name())));
    outer.push("count() OVER () AS groups".to_owned());
    outer
        .extend(needed.iter().map(|measure| format!("sum(sum_{name}) OVER () AS total_{name}", name = measure.name())));
    let limited = keys.iter().zip(&spec.by).filter(|(_, dimension)| dimension.is_limited());
    outer.extend(limited.map(|(key, _)| format!("max({key} = {OTHER_SQL}) OVER () AS other_{key}")));
    let order = order(spec.sort, &keys);
    let limit = binder.number("limit", "UInt32", spec.limit);
    binder.done(format!(
        "SELECT\n    {outer}\nFROM (\n    SELECT\n        {inner}\n    FROM {from}\n    GROUP BY {keys}\n    HAVING sum({WEIGHT}) > 0\n)\nORDER BY {order}\nLIMIT {limit}",
        outer = outer.join(",\n    "),
        inner = inner.join(",\n        "),
        from = source.from.replace('\n', "\n    "),
        keys = keys.join(", "),
    ))
}

/// Steps of local time: for each of the groups in `top` and for the rest of all groups together, one row for each step in which
/// something happened: whether it is a group of `top`, its keys, a quarter inside the step, then measures. A step lies inside
/// one row of the series, which the quarter tells.
pub(crate) fn steps(account: &AccountId, spec: &ReportSpec, interval: Interval, top: &[Vec<String>]) -> Sql {
    let mut binder = Binder::default();
    let needed = spec.needed();
    let mut read = names(&needed);
    read.push("bucket".to_owned());
    let source = Source::new(&mut binder, account, spec, &Plan::of_steps(spec, interval), &read);
    let mut columns = Vec::new();
    let mut grouped = Vec::new();
    if !spec.by.is_empty() {
        let (parts, names) = keys(&source);
        let known = known(&mut binder, &names, top);
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
    selected.extend(sums(&needed));
    grouped.extend(step(&mut binder, spec, interval));
    binder.done(format!(
        "{with}SELECT\n    {selected}\nFROM {from}\nGROUP BY {grouped}",
        selected = selected.join(",\n    "),
        from = source.from,
        grouped = grouped.join(", "),
    ))
}

fn names(measures: &[Measure]) -> Vec<String> {
    measures.iter().map(|measure| measure.name().to_owned()).collect()
}

fn sums(measures: &[Measure]) -> Vec<String> {
    measures.iter().map(|measure| format!("sum({name}) AS sum_{name}", name = measure.name())).collect()
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

/// The columns of the keys and their names.
fn keys(source: &Source) -> (Vec<String>, Vec<String>) {
    let key = |(place, value)| (format!("toString({value}) AS key{place}"), format!("key{place}"));
    source.keys.iter().enumerate().map(key).unzip()
}

/// Whether the keys are those of one of the top groups.
fn known(binder: &mut Binder, keys: &[String], top: &[Vec<String>]) -> String {
    let mut lists = Vec::new();
    for place in 0..keys.len() {
        let values = top.iter().map(|key| key[place].clone()).collect();
        lists.push(binder.bind(format!("top{place}"), "Array(String)", Param::Texts(values)));
    }
    match (keys, lists.as_slice()) {
        ([key], [list]) => format!("{key} IN {list}"),
        _ => format!("({}) IN (SELECT arrayJoin(arrayZip({})))", keys.join(", "), lists.join(", ")),
    }
}

/// What steps of local time are grouped by. Local time is UTC plus the offset of the zone, which changes now and then; it
/// is moved on by a day so that nothing before 1970 is divided.
fn step(binder: &mut Binder, spec: &ReportSpec, interval: Interval) -> Vec<String> {
    if interval == Interval::Quarter {
        return vec!["bucket".to_owned()];
    }
    let step = binder.number("step", "Int64", interval.step());
    let (from, to) = (i64::from(spec.range.from), i64::from(spec.range.to));
    let zone = Zone::over(spec.tz, from, to);
    let segments: Vec<_> = zone.segments.iter().filter(|segment| segment.start < to).collect();
    let mut offsets = String::new();
    for (place, segment) in segments.iter().enumerate() {
        let offset = binder.number(format!("offset{place}"), "Int64", segment.offset + DAY);
        if let Some(next) = segments.get(place + 1) {
            let until = binder.number(format!("until{place}"), "Int64", next.start);
            write!(offsets, "toInt64(bucket) < {until}, {offset}, ").expect("writing to a String does not fail");
        } else {
            offsets.push_str(&offset);
        }
    }
    let offset = if segments.len() > 1 { format!("multiIf({offsets})") } else { offsets };
    let number = format!("intDiv(toInt64(bucket) + {offset}, {step})");
    if segments.len() > 1 { vec![offset, number] } else { vec![number] }
}
