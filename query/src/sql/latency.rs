//! How long things took: the steps of each group shown, and of all others together.

use schema::{AccountId, LATENCY_COUNTS, LATENCY_STEPS, METHODS};

use super::{Sql, bind::Binder, bucket, keys, known, source::Source};
use crate::{
    Grouping, ReportSpec,
    latency::{DELIVERED, OPENED},
    plan::Plan,
};

/// Which steps are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    /// How long things took, and how many were delivered and opened in all.
    Latencies,
    /// By which methods mail was secured.
    Methods,
}

impl Steps {
    /// What stands beside the steps, and is read for them.
    const fn beside(self) -> &'static [&'static str] {
        match self {
            Self::Latencies => &["delivered", "opened"],
            Self::Methods => &[],
        }
    }

    /// A list of the steps' and one of the numbers' column, of those asked for alone: each that is read takes its time.
    fn columns(self) -> [String; 2] {
        let of = match self {
            Self::Latencies => format!("step < {METHODS}"),
            Self::Methods => format!("step >= {METHODS}"),
        };
        let steps = format!("arrayFilter(step -> {of}, {LATENCY_STEPS})");
        let counts = format!("arrayFilter((part, step) -> {of}, {LATENCY_COUNTS}, {LATENCY_STEPS})");
        match self {
            Self::Latencies => [
                format!("arrayConcat({steps}, [{DELIVERED}, {OPENED}]) AS steps"),
                format!("arrayConcat({counts}, [delivered, opened]) AS counts"),
            ],
            Self::Methods => [format!("{steps} AS steps"), format!("{counts} AS counts")],
        }
    }
}

/// For each of the groups in `top` and for all others together one row: whether it is a group of `top`, its keys as texts, then its steps
/// and how many deliveries each has. What was delivered and opened in all stands among the steps, so that it is of the same moment.
/// Without groups it is one row of steps and numbers.
pub(crate) fn latencies(account: &AccountId, spec: &ReportSpec, asked: Steps, top: &[&[String]]) -> Sql {
    let mut binder = Binder::default();
    let columns = asked.beside().iter().chain(&[LATENCY_STEPS, LATENCY_COUNTS]);
    let mut columns: Vec<_> = columns.map(|name| (*name).to_owned()).collect();
    columns.extend(bucket(spec));
    let source = Source::new(&mut binder, account, spec, &Plan::of_sums(spec), &columns);
    let (mut read, names) = keys(&source);
    read.extend(asked.columns());
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
