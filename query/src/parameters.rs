//! What a report was asked, in words and times: the second sheet of a workbook.

use schema::Millis;

use crate::{Kind, ReportSpec, SortKey, table::Cell};

/// Names and values, in the order in which they are read. `notes` are what a reader should know.
pub(crate) fn parameters(spec: &ReportSpec, as_of: Millis, notes: &[String]) -> Vec<(&'static str, Cell)> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let mut all = vec![("report", text(kind(spec.kind)))];
    if let Kind::Series(interval) = spec.kind {
        all.push(("interval", text(interval.name())));
    }
    all.extend([
        ("from", Cell::Time(spec.range.from.into())),
        ("to", Cell::Time(spec.range.to.into())),
        ("tz", text(spec.tz.name())),
        ("basis", text(spec.basis.name())),
    ]);
    all.extend(spec.by.iter().map(|by| ("by", Cell::Text(by.to_string()))));
    all.extend(spec.filters.iter().map(|filter| ("filter", Cell::Text(filter.to_string()))));
    if !spec.by.is_empty() {
        all.push(("sort", Cell::Text(sorted(spec))));
        all.push(("limit", Cell::Count(spec.limit.into())));
    }
    if spec.min_volume > 0 {
        all.push(("min_volume", Cell::Count(spec.min_volume.into())));
    }
    all.push(("as_of", Cell::Time(as_of.0.div_euclid(1000))));
    all.extend(notes.iter().map(|note| ("note", text(note))));
    all
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
