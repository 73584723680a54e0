//! The report as JSON.
//!
//! ```json
//! {"by":["recipient_domain"],"from":"…","to":"…","tz":"UTC","basis":"sent","as_of":"…",
//!  "rows":[{"key":{"recipient_domain":"example.com"},"measures":{"queued":10},"rates":{"ctr":0.1}}],
//!  "remainder":{"groups":37,"measures":{},"rates":{}},"next":"…","total":{"measures":{},"rates":{}}}
//! ```
//!
//! A summary has no `by`, `rows` and `remainder`. A series has `interval`, its rows have a `time` (group by group, each in the
//! order of time), and its remainder has `rows` of its own, so that rows add up to the total. On the `event` basis, and where values
//! were beyond a limit, there are `notes`. `next` is the cursor of the next page. With `intervals`, the bounds of `rates` stand
//! under their names in `intervals`, and in a split's rows their differences from the rest in `differences`. With `compare`, the other
//! period stands in front, and what was counted there and changed since in the `compare` of rows, remainder and total. With
//! `suppress_below`, `suppressed` names what is hidden and null.

use schema::{Measure, Measures};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    Change, Difference, Kind,
    compare::{At, Before},
    doubt::ShownRate,
    report::{Body, Line, Part, Report, Seen, shown},
    zone::instant,
};

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spec = &self.spec;
        let mut map = serializer.serialize_map(None)?;
        if let Kind::Series(interval) = spec.kind {
            map.serialize_entry("interval", interval.name())?;
        }
        if spec.kind != Kind::Summary {
            map.serialize_entry("by", &spec.by)?;
        }
        map.serialize_entry("from", &self.time(spec.range.from.into()))?;
        map.serialize_entry("to", &self.time(spec.range.to.into()))?;
        if let Some(range) = self.other.as_ref().and(spec.compare) {
            let ends = [("from", range.from), ("to", range.to)].map(|(name, time)| (name, self.time(time.into())));
            map.serialize_entry("compare", &Object(ends.into_iter()))?;
        }
        map.serialize_entry("tz", spec.tz.name())?;
        map.serialize_entry("basis", spec.basis.name())?;
        map.serialize_entry("as_of", &instant(self.as_of))?;
        let notes = self.notes();
        if !notes.is_empty() {
            map.serialize_entry("notes", &notes)?;
        }
        match &self.body {
            Body::Summary => {}
            Body::Split { rows, remainder, .. } => {
                let rows = rows.iter().enumerate().map(|(place, row)| Entry {
                    differences: self.differences.get(place).map(Vec::as_slice),
                    ..self.entry(At::Row(place), Some(&row.key), row.seen())
                });
                map.serialize_entry("rows", &Sequence(rows))?;
                let remainder = remainder
                    .as_ref()
                    .map(|cut| Entry { groups: Some(cut.groups), ..self.entry(At::Cut, None, cut.seen()) });
                map.serialize_entry("remainder", &remainder)?;
                map.serialize_entry("next", &self.next())?;
            }
            Body::Series { times, groups, remainder } => {
                let keyed = !spec.by.is_empty();
                let rows = (0..).zip(groups).flat_map(|(group, line)| {
                    let points = self.points(times, line).zip(0..);
                    points.map(move |(point, place)| Entry {
                        key: keyed.then_some(line.key.as_slice()),
                        at: At::Point(group, place),
                        ..point
                    })
                });
                map.serialize_entry("rows", &Sequence(rows))?;
                let remainder = remainder.as_ref().map(|(groups, line)| Entry {
                    groups: Some(*groups),
                    rows: Some((times, line)),
                    ..self.entry(At::Cut, None, line.seen_in_total())
                });
                map.serialize_entry("remainder", &remainder)?;
            }
        }
        map.serialize_entry("total", &self.entry(At::Total, None, self.seen()))?;
        map.end()
    }
}

impl Report {
    fn entry<'a>(&'a self, at: At, key: Option<&'a [String]>, seen: Seen<'a>) -> Entry<'a> {
        Entry { report: self, at, time: None, key, groups: None, seen, differences: None, rows: None }
    }

    /// The points of a line, as those of what was cut.
    fn points<'a>(&'a self, times: &'a [i64], line: &'a Line) -> impl Iterator<Item = Entry<'a>> + Clone + 'a {
        times.iter().enumerate().map(move |(place, time)| Entry {
            time: Some(*time),
            ..self.entry(At::CutPoint(place), None, line.seen(place))
        })
    }
}

/// Serializes an iterator as it goes, without a list in between.
struct Sequence<I>(I);

impl<T: Serialize, I: Iterator<Item = T> + Clone> Serialize for Sequence<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// Measures and rates with what they belong to.
#[derive(Clone)]
struct Entry<'a> {
    report: &'a Report,
    at: At,
    time: Option<i64>,
    key: Option<&'a [String]>,
    groups: Option<u64>,
    seen: Seen<'a>,
    differences: Option<&'a [Option<Difference>]>,
    rows: Option<(&'a [i64], &'a Line)>,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spec = &self.report.spec;
        let mut map = serializer.serialize_map(None)?;
        if let Some(time) = self.time {
            map.serialize_entry("time", &self.report.time(time))?;
        }
        if let Some(key) = self.key {
            let key = spec.by.iter().zip(key).map(|(dimension, value)| (dimension, shown(value)));
            map.serialize_entry("key", &Object(key))?;
        }
        if let Some(groups) = self.groups {
            map.serialize_entry("groups", &groups)?;
        }
        let measures =
            spec.measures().iter().copied().map(|measure| (Measure::name(measure), self.seen.count(measure)));
        map.serialize_entry("measures", &Object(measures))?;
        let part = match (self.key, self.groups) {
            (Some(key), _) => Part::Group(key),
            (None, Some(_)) => Part::Remainder,
            (None, None) => Part::Total,
        };
        let shown = self.report.shown_rates();
        let rates = shown.clone().map(|rate| (rate.name(), self.report.shown_rate(rate, part, self.seen)));
        map.serialize_entry("rates", &Object(rates))?;
        if spec.suppress_below.is_some() {
            let measures = spec.measures().iter().filter(|measure| self.seen.hidden.contains(**measure));
            let rates = spec.rates().iter().filter(|rate| self.seen.hides(**rate));
            let names: Vec<_> = measures.map(|one| Measure::name(*one)).chain(rates.map(|one| one.name())).collect();
            map.serialize_entry("suppressed", &names)?;
        }
        if spec.intervals {
            let bounds = shown.clone().map(|rate| (rate.name(), self.report.bounds(rate, part, self.seen)));
            map.serialize_entry("intervals", &Object(bounds))?;
        }
        if let Some(differences) = self.differences {
            map.serialize_entry("differences", &Object(shown.clone().map(ShownRate::name).zip(differences)))?;
        }
        if self.report.has_other() {
            let before = self.report.before(self.at);
            let rates = shown.clone().map(|rate| (rate, self.report.shown_rate(rate, part, self.seen)));
            let now = self.seen.measures;
            map.serialize_entry("compare", &before.map(|before| Comparison { before, now, rates }))?;
        }
        if let Some((times, line)) = self.rows {
            map.serialize_entry("rows", &Sequence(self.report.points(times, line)))?;
        }
        map.end()
    }
}

/// What was in the other period, and what changed since.
struct Comparison<'a, I> {
    before: Before<'a>,
    now: &'a Measures,
    /// The rates of this period.
    rates: I,
}

impl<I: Iterator<Item = (ShownRate, Option<f64>)> + Clone> Serialize for Comparison<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (before, now) = (self.before, self.now);
        let mut map = serializer.serialize_map(None)?;
        if let Some(time) = before.begins() {
            map.serialize_entry("time", &time)?;
        }
        let measures = before.shown().iter().copied();
        let counts = measures.clone().map(|measure| (Measure::name(measure), before.measures[measure]));
        map.serialize_entry("measures", &Object(counts))?;
        let rates = self.rates.clone();
        map.serialize_entry("rates", &Object(rates.clone().map(|(rate, _)| (rate.name(), before.rate(rate)))))?;
        let changes =
            measures.map(|measure| (Measure::name(measure), Change::of_counts(now[measure], before.measures[measure])));
        let of_rates = rates.map(|(rate, now)| (rate.name(), Change::of_rates(now, before.rate(rate))));
        map.serialize_entry("change", &Changes { measures: Object(changes), rates: Object(of_rates) })?;
        map.end()
    }
}

#[derive(Serialize)]
struct Changes<M, R> {
    measures: M,
    rates: R,
}

/// Serializes pairs as a map, in their order.
struct Object<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for Object<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}
