//! What a report was asked, in words and times: the second sheet of a workbook.

use schema::Millis;

use crate::{Kind, ReportSpec, SortKey, table::Cell};

/// Names and values, in the order in which they are read. `notes` are what a reader should know.
pub(crate) fn parameters(spec: &ReportSpec, as_of: Millis, notes: &[String]) -> Vec<(&'static str, Cell)> {
    let mut all = frame(kind(spec.kind), spec);
    if let Kind::Series(interval) = spec.kind {
        all.push(("interval", text(interval.name())));
    }
    if let Some(range) = spec.compare {
        all.extend([("compare_from", Cell::Time(range.from.into())), ("compare_to", Cell::Time(range.to.into()))]);
    }
    all.extend(spec.by.iter().map(|by| ("by", Cell::Text(by.to_string()))));
    all.extend(filters(spec));
    if !spec.by.is_empty() {
        all.push(("sort", Cell::Text(sorted(spec))));
        all.push(("limit", Cell::Count(spec.limit.into())));
    }
    if spec.min_volume > 0 {
        all.push(("min_volume", Cell::Count(spec.min_volume.into())));
    }
    if let Some(least) = spec.suppress_below {
        all.push(("suppress_below", Cell::Count(least.into())));
    }
    all.extend(known(as_of, notes));
    all
}

/// The same of a report that has no more of a split than its range and its filters.
pub(crate) fn framed(
    report: &'static str,
    spec: &ReportSpec,
    as_of: Millis,
    notes: &[String],
) -> Vec<(&'static str, Cell)> {
    frame(report, spec).into_iter().chain(filters(spec)).chain(known(as_of, notes)).collect()
}

fn frame(report: &'static str, spec: &ReportSpec) -> Vec<(&'static str, Cell)> {
    vec![
        ("report", text(report)),
        ("from", Cell::Time(spec.range.from.into())),
        ("to", Cell::Time(spec.range.to.into())),
        ("tz", text(spec.tz.name())),
        ("basis", text(spec.basis.name())),
    ]
}

fn filters(spec: &ReportSpec) -> impl Iterator<Item = (&'static str, Cell)> {
    spec.filters.iter().map(|filter| ("filter", Cell::Text(filter.to_string())))
}

fn known(as_of: Millis, notes: &[String]) -> impl Iterator<Item = (&'static str, Cell)> {
    std::iter::once(("as_of", Cell::Instant(as_of))).chain(notes.iter().map(|note| ("note", text(note))))
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Summary => "summary",
        Kind::Split => "split",
        Kind::Series(_) => "series",
    }
}

fn sorted(spec: &ReportSpec) -> String {
    let name = match spec.sort.key {
        SortKey::Measure(measure) => measure.name().to_owned(),
        SortKey::Rate(rate) => rate.name().to_owned(),
        SortKey::Dimension(place) => spec.by.get(place).map(ToString::to_string).unwrap_or_default(),
    };
    if spec.sort.descending { format!("-{name}") } else { name }
}
