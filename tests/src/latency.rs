//! The comparison of latencies and decay curves with the count: every count exactly, every percentile within 5 %.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    check::sorted,
    harness::Client,
    oracle::{Key, Question, Tally, Times},
};

/// The ages of a decay curve in seconds.
const AGES: [i64; 13] =
    [60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 259_200, 604_800, 1_209_600, 2_592_000];

/// Asks for the latencies of a question and compares every row, the remainder and the total.
pub fn latencies(client: &Client, tally: &Tally, question: &Question) {
    let report = ask(client, "/v1/reports/latency", question, &question.by);
    let context = format!("{question:?}: {report}");
    assert_eq!(report["notes"], Value::Null, "{context}");
    let mut groups = tally.times(question);
    let mut total = Times::default();
    for times in groups.values() {
        add(&mut total, times);
    }
    compare(&report["total"], &total, &context);
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), if question.by.is_empty() { 0 } else { groups.len().min(question.limit) }, "{context}");
    let keys = keys(tally, question, rows, &context);
    for (row, key) in rows.iter().zip(keys) {
        compare(row, &groups.remove(&key).unwrap_or_else(|| panic!("{key:?} of {context}")), &context);
    }
    if question.by.is_empty() || groups.is_empty() {
        assert_eq!(report["remainder"], Value::Null, "{context}");
        return;
    }
    assert_eq!(report["remainder"]["groups"].as_u64(), Some(groups.len() as u64), "{context}");
    let mut rest = Times::default();
    for times in groups.values() {
        add(&mut rest, times);
    }
    compare(&report["remainder"], &rest, &context);
}

/// Asks for the decay curves of a question and compares every age of every group, of the remainder and of the total.
pub fn decay(client: &Client, tally: &Tally, question: &Question) {
    let report = ask(client, "/v1/reports/decay", question, &question.by);
    let context = format!("{question:?}: {report}");
    assert_eq!(report["notes"], Value::Null, "{context}");
    let mut groups: BTreeMap<Key, (u64, Times)> = BTreeMap::new();
    for (key, times) in tally.times(question) {
        groups.entry(key).or_default().1 = times;
    }
    for (key, counts) in tally.split(question) {
        groups.entry(key).or_default().0 = counts[schema::Measure::Delivered];
    }
    let all = |groups: &BTreeMap<Key, (u64, Times)>| {
        groups.values().fold((0, Times::default()), |(delivered, mut total), (more, times)| {
            add(&mut total, times);
            (delivered + more, total)
        })
    };
    curve(&report, &all(&groups), &context);
    let told = report["groups"].as_array().expect("groups");
    assert_eq!(told.len(), if question.by.is_empty() { 0 } else { groups.len().min(question.limit) }, "{context}");
    let keys = keys(tally, question, told, &context);
    for (group, key) in told.iter().zip(keys) {
        curve(group, &groups.remove(&key).unwrap_or_else(|| panic!("{key:?} of {context}")), &context);
    }
    if question.by.is_empty() || groups.is_empty() {
        assert_eq!(report["remainder"], Value::Null, "{context}");
        return;
    }
    assert_eq!(report["remainder"]["groups"].as_u64(), Some(groups.len() as u64), "{context}");
    curve(&report["remainder"], &all(&groups), &context);
}

fn curve(told: &Value, (delivered, times): &(u64, Times), context: &str) {
    assert_eq!(told["delivered"].as_u64(), Some(*delivered), "{context}");
    let rows = told["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), AGES.len() + 1, "{context}");
    for (row, age) in rows.iter().zip(AGES.map(Some).into_iter().chain([None])) {
        assert_eq!(row["seconds"].as_i64(), age, "{context}");
        for (list, name) in [(&times.open, "opened"), (&times.click, "clicked")] {
            let younger = list.iter().filter(|time| age.is_none_or(|age| **time < age * 1000)).count();
            assert_eq!(row[name].as_u64(), Some(younger as u64), "{name} by {age:?} of {context}");
            let share = (*delivered > 0).then(|| younger as f64 / *delivered as f64);
            assert_eq!(row[format!("{name}_share")].as_f64(), share, "{name} by {age:?} of {context}");
        }
    }
}

/// The groups of rows, which are those of most messages, in their order.
fn keys(tally: &Tally, question: &Question, rows: &[Value], context: &str) -> Vec<Key> {
    let value = |row: &Value, dimension: &schema::Dimension| {
        let value = row["key"][dimension.to_string()].as_str().expect("a value");
        if value == "(none)" { String::new() } else { value.to_owned() }
    };
    let keys = rows.iter().map(|row| question.by.iter().map(|dimension| value(row, dimension)).collect());
    let (given, wanted): (Vec<Key>, _) = (keys.collect(), sorted(tally.split(question)));
    assert!(
        given.iter().eq(wanted.iter().map(|(key, _)| key).take(given.len())),
        "the groups and their order: {context}"
    );
    given
}

fn ask(client: &Client, path: &str, question: &Question, by: &[schema::Dimension]) -> Value {
    let question = Question { by: by.to_vec(), ..question.clone() };
    // These reports know one clock.
    let parameters: Vec<_> = question.parameters().into_iter().filter(|(name, _)| *name != "basis").collect();
    let reply = client.get(path, &parameters);
    assert_eq!(reply.status, 200, "{path} {parameters:?}: {}", reply.text());
    reply.json()
}

fn add(total: &mut Times, more: &Times) {
    for (list, more) in
        [(&mut total.delivery, &more.delivery), (&mut total.open, &more.open), (&mut total.click, &more.click)]
    {
        list.extend(more);
        list.sort_unstable();
    }
}

fn compare(told: &Value, times: &Times, context: &str) {
    for (name, list) in [("delivery", &times.delivery), ("open", &times.open), ("click", &times.click)] {
        assert_eq!(told[name]["count"].as_u64(), Some(list.len() as u64), "{name} of {context}");
        for percent in [50, 90, 99] {
            let rank = (list.len() * percent).div_ceil(100);
            let exact = rank.checked_sub(1).map(|place| list[place] as f64 / 1000.0);
            let given = told[name][format!("p{percent}")].as_f64();
            let close = match (given, exact) {
                (Some(given), Some(exact)) => (given - exact).abs() <= 0.05 * exact,
                (given, exact) => given.is_none() && exact.is_none(),
            };
            assert!(close, "p{percent} of {name} is {given:?}, counted {exact:?}: {context}");
        }
    }
}
