//! The report as JSON, in the form that splits have.
//!
//! ```json
//! {"by":["reason"],"from":"…","to":"…","tz":"UTC","basis":"sent","as_of":"…",
//!  "rows":[{"key":{"reason":"550 5.1.1 <address>: user unknown"},"measures":{"failed":12,"domains":3},"rates":{"share":0.4},
//!           "first_at":"…","last_at":"…"}],
//!  "remainder":{"groups":2,"measures":{},"rates":{},"first_at":"…","last_at":"…"},"total":{"measures":{},"rates":{}}}
//! ```

use schema::Millis;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Breakdown, Row};
use crate::{
    report::shown,
    zone::{instant, rfc3339},
};

impl Serialize for Breakdown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let frame = &self.spec.frame;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("by", &[self.spec.by()])?;
        map.serialize_entry("from", &rfc3339(frame.tz, frame.range.from.into()))?;
        map.serialize_entry("to", &rfc3339(frame.tz, frame.range.to.into()))?;
        map.serialize_entry("tz", frame.tz.name())?;
        map.serialize_entry("basis", frame.basis.name())?;
        map.serialize_entry("as_of", &instant(self.as_of))?;
        let notes = self.notes();
        if !notes.is_empty() {
            map.serialize_entry("notes", &notes)?;
        }
        let entry = |row| Entry { breakdown: self, row, keyed: false, groups: None };
        let rows: Vec<_> = self.rows.iter().map(|row| Entry { keyed: true, ..entry(row) }).collect();
        map.serialize_entry("rows", &rows)?;
        let remainder = self.remainder.as_ref();
        let remainder = remainder.map(|(groups, row)| Entry { groups: Some(*groups), ..entry(row) });
        map.serialize_entry("remainder", &remainder)?;
        map.serialize_entry("total", &entry(&self.total))?;
        map.end()
    }
}

/// A row with what it belongs to.
struct Entry<'a> {
    breakdown: &'a Breakdown,
    row: &'a Row,
    keyed: bool,
    groups: Option<u64>,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (row, spec) = (self.row, &self.breakdown.spec);
        let mut map = serializer.serialize_map(None)?;
        if self.keyed {
            map.serialize_entry("key", &Object([(spec.by(), shown(&row.key))]))?;
        }
        if let Some(groups) = self.groups {
            map.serialize_entry("groups", &groups)?;
        }
        let measures: Vec<_> = spec.measures().zip(&row.measures).collect();
        map.serialize_entry("measures", &Object(measures))?;
        map.serialize_entry("rates", &Object([(spec.rate_name(), self.breakdown.rate(row))]))?;
        if spec.tells_times() {
            map.serialize_entry("first_at", &row.seen.map(|(first, _)| instant(Millis(first))))?;
            map.serialize_entry("last_at", &row.seen.map(|(_, last)| instant(Millis(last))))?;
        }
        map.end()
    }
}

/// Serializes pairs as a map, in their order.
struct Object<I>(I);

impl<K: Serialize, V: Serialize, I: IntoIterator<Item = (K, V)> + Clone> Serialize for Object<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}
