//! The JSON answer of a report, as far as a table shows it: names in the order in which the service has them.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// A report.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(flatten)]
    pub(super) frame: Frame,
    #[serde(default)]
    pub(super) by: Vec<String>,
    pub(super) interval: Option<String>,
    /// The other period.
    pub(super) compare: Option<Period>,
    #[serde(default)]
    pub(super) rows: Vec<Row>,
    pub(super) remainder: Option<Remainder>,
    pub(super) next: Option<String>,
    pub(super) total: Numbers,
}

/// What every answer says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Frame {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) tz: String,
    pub(super) basis: String,
    pub(super) as_of: String,
    #[serde(default)]
    pub(super) notes: Vec<String>,
}

/// The period that a report is compared with.
#[derive(Debug, Deserialize)]
pub(super) struct Period {
    pub(super) from: String,
    pub(super) to: String,
}

/// A group, or an interval of one.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    pub(super) time: Option<String>,
    #[serde(default)]
    pub(super) key: Pairs<String>,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
}

/// The groups that were cut.
#[derive(Debug, Deserialize)]
pub(super) struct Remainder {
    pub(super) groups: u64,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
    #[serde(default)]
    pub(super) rows: Vec<Row>,
}

/// Measures and rates.
#[derive(Debug, Deserialize)]
pub(super) struct Numbers {
    pub(super) measures: Pairs<Option<i64>>,
    pub(super) rates: Pairs<Option<f64>>,
    /// How sure the rates are, by their names.
    #[serde(default)]
    pub(super) intervals: Pairs<Option<Bounds>>,
    /// How they compare with the rest, by their names.
    #[serde(default)]
    pub(super) differences: Pairs<Option<Difference>>,
    /// How they changed since the other period; absent where that has no such interval.
    pub(super) compare: Option<Comparison>,
}

/// What changed since the other period.
#[derive(Debug, Deserialize)]
pub(super) struct Comparison {
    pub(super) change: Changes,
}

/// Changes by name.
#[derive(Debug, Deserialize)]
pub(super) struct Changes {
    pub(super) measures: Pairs<Change>,
    pub(super) rates: Pairs<Option<Change>>,
}

/// How a number changed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Change {
    pub(super) absolute: f64,
    /// As a part of what it was, unless that is 0.
    pub(super) relative: Option<f64>,
}

/// The interval of a rate.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// How a rate compares with the rest.
#[derive(Debug, Deserialize)]
pub(super) struct Difference {
    /// `above`, `below`, or neither beyond chance.
    pub(super) differs: Option<String>,
}

/// A JSON object in its order.
#[derive(Debug)]
pub(super) struct Pairs<V>(pub(super) Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> Pairs<V> {
    /// The value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Object<V> {
            type Value = Pairs<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}
