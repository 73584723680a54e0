//! From a `ReportSpec` to SQL: a pure function. No text of a caller becomes SQL: every value is a bound parameter (**bind**), every
//! name comes from an enum, and the account is always the first condition (**source**).

mod attributes;
mod bind;
mod breakdown;
mod hygiene;
mod latency;
mod local;
mod messages;
mod others;
mod page;
mod people;
mod source;
mod volumes;

use schema::{AccountId, Dimension, Measure, OTHER_SQL, Rate, SILENT, WEIGHT};

pub(crate) use self::{
    bind::Sql,
    breakdown::{failures, links},
    hygiene::{stopped, unengaged},
    latency::{Steps, latencies},
    messages::{deferred, events, message, messages},
    others::others,
    people::{Of as PeopleOf, people},
    volumes::volumes,
};
use self::{
    bind::{Binder, Param},
    source::Source,
};
use crate::{Grouping, Interval, ReportSpec, SortKey, plan::Plan};

/// The sum of everything in the range: one row of measures, of which the spec needs at least one.
pub(crate) fn total(account: &AccountId, spec: &ReportSpec) -> Sql {
    let mut binder = Binder::default();
    let needed = spec.needed();
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &names(&needed));
    binder.done(format!("SELECT\n    {}\nFROM {}", sums(&needed).join(",\n    "), source.from))
}

/// The first groups in their order: keys, measures, then the number of all groups, the sums over all of them, and for each limited
/// dimension whether one of them stands for others; every row repeats these. Without any group there is no row, and every sum is zero. (`WITH TOTALS` would say the same, but the embedded engine
/// writes it wrongly when there is no group, and it is no faster.) Where not all groups may be shown, for their volume or for being on
/// an earlier page, those that may come first, and at the end of each row stands whether it is one of them, and how many there are.
pub(crate) fn groups(account: &AccountId, spec: &ReportSpec) -> Sql {
    let mut binder = Binder::default();
    let needed = spec.needed();
    let mut columns = names(&needed);
    columns.push(WEIGHT.to_owned());
    columns.extend(bucket(spec));
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &columns);
    let (mut inner, keys) = keys(&source);
    inner.extend(sums(&needed));
    let mut outer = keys.clone();
    outer.extend(needed.iter().map(|measure| format!("sum_{}", measure.name())));
    outer.push("count() OVER () AS groups".to_owned());
    outer
        .extend(needed.iter().map(|measure| format!("sum(sum_{name}) OVER () AS total_{name}", name = measure.name())));
    let limited = keys.iter().zip(&spec.by).filter(|(_, by)| by.is_limited());
    outer.extend(limited.map(|(key, _)| format!("max({key} = {OTHER_SQL}) OVER () AS other_{key}")));
    let mut order = order(spec, &keys);
    if let Some(shown) = page::condition(&mut binder, spec, &keys) {
        outer.push(format!("{shown} AS shown"));
        outer.push("countIf(shown) OVER () AS showable".to_owned());
        order = format!("shown DESC, {order}");
    }
    let limit = binder.number("limit", "UInt32", spec.limit);
    binder.done(format!(
        "SELECT\n    {outer}\nFROM (\n    SELECT\n        {inner}\n    FROM {from}\n    GROUP BY {keys}\n    HAVING sum({WEIGHT}) > 0\n)\nORDER BY {order}\nLIMIT {limit}",
        outer = outer.join(",\n    "),
        inner = inner.join(",\n        "),
        from = source.from.replace('\n', "\n    "),
        keys = keys.join(", "),
    ))
}

/// These groups, as far as they are there: keys, then measures.
pub(crate) fn chosen(account: &AccountId, spec: &ReportSpec, groups: &[&[String]]) -> Sql {
    let mut binder = Binder::default();
    let needed = spec.needed();
    let mut columns = names(&needed);
    columns.extend(bucket(spec));
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &columns);
    let (mut selected, keys) = keys(&source);
    selected.extend(sums(&needed));
    let known = known(&mut binder, spec, &keys, groups);
    binder.done(format!(
        "SELECT\n    {}\nFROM {}\nGROUP BY {}\nHAVING {known}",
        selected.join(",\n    "),
        source.from,
        keys.join(", "),
    ))
}

/// These groups, and all others together: whether it is one of these, its keys, which say nothing of the others, then measures.
pub(crate) fn apart(account: &AccountId, spec: &ReportSpec, groups: &[&[String]]) -> Sql {
    let mut binder = Binder::default();
    let needed = spec.needed();
    let mut columns = names(&needed);
    columns.extend(bucket(spec));
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &columns);
    let (mut with, keys) = keys(&source);
    let known = known(&mut binder, spec, &keys, groups);
    // The keys are named before they are blanked for the others.
    with.push(format!("{known} AS shown"));
    let mut grouped = vec!["shown".to_owned()];
    for (place, (by, key)) in spec.by.iter().zip(&keys).enumerate() {
        let blank = if by.time().is_some() { "0" } else { "''" };
        with.push(format!("if(shown, {key}, {blank}) AS group{place}"));
        grouped.push(format!("group{place}"));
    }
    let selected: Vec<_> = grouped.iter().cloned().chain(sums(&needed)).collect();
    binder.done(format!(
        "WITH\n    {}\nSELECT\n    {}\nFROM {}\nGROUP BY {}",
        with.join(",\n    "),
        selected.join(",\n    "),
        source.from,
        grouped.join(", "),
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
        let top: Vec<_> = top.iter().map(Vec::as_slice).collect();
        let known = known(&mut binder, spec, &names, &top);
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
    grouped.extend(local::step(&mut binder, spec, interval));
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

fn order(spec: &ReportSpec, keys: &[String]) -> String {
    let sort = spec.sort;
    let direction = if sort.descending { "DESC" } else { "ASC" };
    let first = match sort.key {
        SortKey::Measure(measure) => format!("sum_{} {direction}", measure.name()),
        SortKey::Rate(rate) => format!("{} {direction} NULLS LAST", quotient(spec, rate, keys)),
        SortKey::Dimension(place) => format!("{} {direction}", keys[place]),
    };
    let rest = keys.iter().map(|key| format!("{key} ASC"));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join(", ")
}

/// A rate of a group, NULL where nobody knows it.
fn quotient(spec: &ReportSpec, rate: Rate, keys: &[String]) -> String {
    let (numerator, denominator) = (rate.numerator().name(), rate.denominator().name());
    let mut unknown = vec![format!("sum_{denominator} = 0")];
    if rate == Rate::SpamRate {
        let operators = spec.by.iter().zip(keys).filter(|(by, _)| by.dimension() == Some(&Dimension::MailboxProvider));
        unknown.extend(operators.map(|(_, key)| format!("{key} IN ('{}')", SILENT.join("', '"))));
        unknown.extend(spec.is_silent(&[]).then(|| "true".to_owned()));
    }
    format!("if({}, NULL, sum_{numerator} / sum_{denominator})", unknown.join(" OR "))
}

/// The columns of the keys and their names.
fn keys(source: &Source) -> (Vec<String>, Vec<String>) {
    let key = |(place, value)| (format!("{value} AS key{place}"), format!("key{place}"));
    source.keys.iter().enumerate().map(key).unzip()
}

/// When something was counted, if the key has parts of time.
fn bucket(spec: &ReportSpec) -> Option<String> {
    spec.by.iter().any(|by| by.time().is_some()).then(|| "bucket".to_owned())
}

/// Whether the keys are those of one of the top groups.
fn known(binder: &mut Binder, spec: &ReportSpec, keys: &[String], top: &[&[String]]) -> String {
    let (mut texts, mut lists) = (Vec::new(), Vec::new());
    for (place, (by, key)) in spec.by.iter().zip(keys).enumerate() {
        let values = top.iter().map(|values| values[place].as_str());
        let (text, values) = match by {
            Grouping::Dimension(_) => (key.clone(), values.map(str::to_owned).collect()),
            Grouping::Time(part) => {
                let number = |value| part.number(value).unwrap_or_default().to_string();
                (format!("toString({key})"), values.map(number).collect())
            }
        };
        texts.push(text);
        lists.push(binder.bind(format!("top{place}"), "Array(String)", Param::Texts(values)));
    }
    match (texts.as_slice(), lists.as_slice()) {
        ([key], [list]) => format!("{key} IN {list}"),
        (texts, lists) => format!("({}) IN (SELECT arrayJoin(arrayZip({})))", texts.join(", "), lists.join(", ")),
    }
}
