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
//! under their names in `intervals`, and in a split's rows their differences from the rest in `differences`. With `suppress_below`,
//! `suppressed` names what is hidden and null.

use chrono::SecondsFormat;
use schema::Measure;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    Difference, Kind,
    doubt::ShownRate,
    report::{Body, Line, Part, Report, Seen, shown},
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
        map.serialize_entry("tz", spec.tz.name())?;
        map.serialize_entry("basis", spec.basis.name())?;
        let as_of = self.as_of.to_datetime().unwrap_or_default();
        map.serialize_entry("as_of", &as_of.to_rfc3339_opts(SecondsFormat::Millis, true))?;
        let notes = self.notes();
        if !notes.is_empty() {
            map.serialize_entry("notes", &notes)?;
        }
        match &self.body {
            Body::Summary => {}
            Body::Split { rows, remainder, .. } => {
                let rows = rows.iter().enumerate().map(|(place, row)| Entry {
                    differences: self.differences.get(place).map(Vec::as_slice),
                    ..self.entry(None, Some(&row.key), row.seen())
                });
                map.serialize_entry("rows", &Sequence(rows))?;
                let remainder = remainder
                    .as_ref()
                    .map(|cut| Entry { groups: Some(cut.groups), ..self.entry(None, None, cut.seen()) });
                map.serialize_entry("remainder", &remainder)?;
                map.serialize_entry("next", &self.next())?;
            }
            Body::Series { times, groups, remainder } => {
                let keyed = !spec.by.is_empty();
                let rows = groups.iter().flat_map(|line| self.points(times, line, keyed));
                map.serialize_entry("rows", &Sequence(rows))?;
                let remainder = remainder.as_ref().map(|(groups, line)| Entry {
                    groups: Some(*groups),
                    rows: Some((times, line)),
                    ..self.entry(None, None, line.seen_in_total())
                });
                map.serialize_entry("remainder", &remainder)?;
            }
        }
        map.serialize_entry("total", &self.entry(None, None, self.seen()))?;
        map.end()
    }
}

impl Report {
    fn entry<'a>(&'a self, time: Option<i64>, key: Option<&'a [String]>, seen: Seen<'a>) -> Entry<'a> {
        Entry { report: self, time, key, groups: None, seen, differences: None, rows: None }
    }

    fn points<'a>(
        &'a self,
        times: &'a [i64],
        line: &'a Line,
        keyed: bool,
    ) -> impl Iterator<Item = Entry<'a>> + Clone + 'a {
        let key = keyed.then_some(line.key.as_slice());
        times.iter().enumerate().map(move |(place, time)| self.entry(Some(*time), key, line.seen(place)))
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
            map.serialize_entry("differences", &Object(shown.map(ShownRate::name).zip(differences)))?;
        }
        if let Some((times, line)) = self.rows {
            map.serialize_entry("rows", &Sequence(self.report.points(times, line, false)))?;
        }
        map.end()
    }
}

/// Serializes pairs as a map, in their order.
struct Object<I>(I);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)> + Clone> Serialize for Object<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}
