//! How long things took: the steps of each group shown, and of all others together.

use schema::{AccountId, LATENCY_COUNTS, LATENCY_STEPS};

use super::{Sql, bind::Binder, bucket, keys, known, source::Source};
use crate::{
    Grouping, ReportSpec,
    latency::{DELIVERED, OPENED},
    plan::Plan,
};

/// For each of the groups in `top` and for all others together one row: whether it is a group of `top`, its keys as texts, then its steps
/// and how many deliveries each has. What was delivered and opened in all stands among the steps, so that it is of the same moment.
/// Without groups it is one row of steps and numbers.
pub(crate) fn latencies(account: &AccountId, spec: &ReportSpec, top: &[&[String]]) -> Sql {
    let mut binder = Binder::default();
    let mut columns = ["delivered", "opened", LATENCY_STEPS, LATENCY_COUNTS].map(str::to_owned).to_vec();
    columns.extend(bucket(spec));
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &columns);
    let (mut read, names) = keys(&source);
    read.push(format!("arrayConcat({LATENCY_STEPS}, [{DELIVERED}, {OPENED}]) AS steps"));
    read.push(format!("arrayConcat({LATENCY_COUNTS}, [delivered, opened]) AS counts"));
    let (mut selected, mut grouped) = (Vec::new(), Vec::new());
    if !spec.by.is_empty() {
        selected.push(format!("{} AS shown", known(&mut binder, spec, &names, top)));
        grouped.push("shown".to_owned());
        for (place, (by, key)) in spec.by.iter().zip(&names).enumerate() {
            let text = if matches!(by, Grouping::Time(_)) { format!("toString({key})") } else { key.clone() };
            selected.push(format!("if(shown, {text}, '') AS group{place}"));
            grouped.push(format!("group{place}"));
        }
    }
    let with = |own: &[&str], more: &[String]| {
        more.iter().map(String::as_str).chain(own.iter().copied()).collect::<Vec<_>>().join(", ")
    };
    let by = if grouped.is_empty() { String::new() } else { format!("\nGROUP BY {}", grouped.join(", ")) };
    binder.done(format!(
        "SELECT {outer}\nFROM (\n    SELECT {inner}\n    FROM (\n        SELECT\n            {read}\n        FROM {from}\n    )\n    \
         ARRAY JOIN steps AS step, counts AS part\n    GROUP BY {steps}\n    HAVING deliveries != 0\n){by}",
        outer = with(&["groupArray(step)", "groupArray(deliveries)"], &grouped),
        inner = with(&["step", "sum(part) AS deliveries"], &selected),
        read = read.join(",\n            "),
        from = source.from.replace('\n', "\n        "),
        steps = with(&["step"], &grouped),
    ))
}
