//! Which groups may be shown: those of enough volume, and behind the page before.

use super::{
    bind::{Binder, Param},
    quotient,
};
use crate::{
    ReportSpec, SortKey,
    cursor::{Position, Sorted},
    grouping::Grouping,
};

/// Whether a group may be shown; `None` when all may.
pub(super) fn condition(binder: &mut Binder, spec: &ReportSpec, keys: &[String]) -> Option<String> {
    let mut conditions = Vec::new();
    if spec.min_volume > 0 {
        conditions.push(format!("sum_queued >= {}", binder.number("min_volume", "Int64", spec.min_volume)));
    }
    if let Some(position) = &spec.after {
        conditions.push(after(binder, spec, keys, position));
    }
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

/// Whether a group comes after a position in the order of the groups.
fn after(binder: &mut Binder, spec: &ReportSpec, keys: &[String], position: &Position) -> String {
    let parts = spec.by.iter().zip(&position.key).enumerate();
    let bound: Vec<_> = parts.map(|(place, (by, value))| key(binder, place, by, value)).collect();
    let tie = match (keys, bound.as_slice()) {
        ([key], [value]) => format!("{key} > {value}"),
        _ => format!("({}) > ({})", keys.join(", "), bound.join(", ")),
    };
    let beyond = if spec.sort.descending { "<" } else { ">" };
    match (spec.sort.key, position.value) {
        (SortKey::Measure(measure), Sorted::Measure(value)) => {
            let (column, value) = (format!("sum_{}", measure.name()), binder.number("after_value", "Int64", value));
            format!("({column} {beyond} {value} OR ({column} = {value} AND {tie}))")
        }
        (SortKey::Rate(rate), Sorted::Rate(_, 0)) => format!("(isNull({}) AND {tie})", quotient(spec, rate, keys)),
        (SortKey::Rate(rate), Sorted::Rate(count, among)) => {
            let count = binder.number("after_count", "Int64", count);
            let among = binder.number("after_among", "Int64", among);
            let (column, value) = (quotient(spec, rate, keys), format!("{count} / {among}"));
            // Groups without a rate come last.
            format!("ifNull({column} {beyond} {value} OR ({column} = {value} AND {tie}), 1)")
        }
        (SortKey::Dimension(place), _) => {
            let (column, value) = (&keys[place], &bound[place]);
            format!("({column} {beyond} {value} OR ({column} = {value} AND {tie}))")
        }
        // A position of another order is refused when it is read.
        (SortKey::Measure(_) | SortKey::Rate(_), _) => tie,
    }
}

/// Binds a part of the key.
fn key(binder: &mut Binder, place: usize, by: &Grouping, value: &str) -> String {
    let name = format!("after{place}");
    match by {
        Grouping::Dimension(_) => binder.bind(name, "String", Param::Text(value.to_owned())),
        Grouping::Time(part) => binder.number(name, "Int64", part.number(value).unwrap_or_default()),
    }
}
