//! What a caller asks, as texts: the query string and the JSON document become the same request. Nothing is judged here
//! but the names of the parameters; `ReportSpec` judges the values.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{SpecError, common::requests};

/// Requests of the reports that show measures and rates.
macro_rules! of_numbers {
    ($($(#[$meta:meta])* $name:ident { $($own:tt)* })+) => {
        requests! { $(
            $(#[$meta])*
            $name with total {
                /// Which clock measures are dated by: `sent` (default), when the delivery was sent, or `event`, when the thing happened.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[param(example = "sent")]
                #[schema(example = "sent")]
                pub basis: Option<String>,
                /// The measures to show, separated by commas. Default: all.
                #[serde(default, deserialize_with = "some_names", skip_serializing_if = "Option::is_none")]
                #[param(style = Form, explode = false, example = json!(["queued", "delivered"]))]
                #[schema(example = json!(["queued", "delivered"]))]
                pub measures: Option<Vec<String>>,
                /// The rates to show, separated by commas. Default: all but `fbl_spam_rate`, the spam rate among mail to mailbox providers that
                /// tell of complaints, which splits and summaries show when it is named.
                #[serde(default, deserialize_with = "some_names", skip_serializing_if = "Option::is_none")]
                #[param(style = Form, explode = false, example = json!(["ctr", "spam_rate"]))]
                #[schema(example = json!(["ctr", "spam_rate"]))]
                pub rates: Option<Vec<String>>,
                /// Whether every rate comes with its 95 % interval (E. B. Wilson), and in a split with whether it differs from the rest of the
                /// report beyond chance. Default: false.
                #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
                #[param(value_type = Option<bool>, example = false)]
                #[schema(value_type = Option<bool>, example = false)]
                pub intervals: Option<String>,
                /// Another period to compare with: `previous`, the one of the same length directly before; `year_ago`, the same dates a year
                /// earlier; or `FROM..TO`, each written as `from` is. Every row comes with its measures and rates there, and how they changed.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[param(example = "previous")]
                #[schema(example = "previous")]
                pub compare: Option<String>,
                /// Hides every number that stands for fewer distinct recipients than this and for one at least, and what would tell it
                /// (docs/reports.md, "Small groups"). 11 is what the CMS cell suppression policy asks for. A request may ask for more than the
                /// account's setting and not for less. Default: the account's setting, else nothing is hidden.
                #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
                #[param(value_type = Option<u32>, minimum = 2, maximum = 100, example = 11)]
                #[schema(value_type = Option<u32>, minimum = 2, maximum = 100, example = 11)]
                pub suppress_below: Option<String>,
                $($own)*
            }
        )+ }

        $(impl $name {
            /// What is shown of the messages.
            pub(crate) fn numbers(&self) -> Numbers<'_> {
                Numbers {
                    basis: self.basis.as_deref(),
                    measures: self.measures.as_deref(),
                    rates: self.rates.as_deref(),
                    intervals: self.intervals.as_deref(),
                    compare: self.compare.as_deref(),
                    suppress_below: self.suppress_below.as_deref(),
                }
            }
        })+
    };
}

of_numbers! {
    /// A split: one row for each group of messages.
    SplitRequest {
        /// What to split by, 1 to 3 of these, separated by commas: `subject`, `sender`, `sender_domain`, `recipient_domain`,
        /// `mailbox_provider`, `campaign` or `field:NAME`; and parts of the local time of `tz`: `day`, `hour_of_day`, `weekday`.
        #[serde(default, deserialize_with = "names")]
        #[param(required, style = Form, explode = false, example = json!(["recipient_domain"]))]
        #[schema(required, example = json!(["recipient_domain"]))]
        pub by: Vec<String>,
        /// A measure, a rate or a dimension of `by` to sort the rows by, `-` before it for descending. Default: `-queued`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[param(example = "-queued")]
        #[schema(example = "-queued")]
        pub sort: Option<String>,
        /// The most rows to show; what is not shown is summed up in `remainder`. Default: 50; all 168 of a split by `weekday,hour_of_day`.
        #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
        #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
        #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
        pub limit: Option<String>,
        /// Groups that queued fewer are not shown, and summed up in `remainder`. Default: 0.
        #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
        #[param(value_type = Option<u32>, example = 100)]
        #[schema(value_type = Option<u32>, example = 100)]
        pub min_volume: Option<String>,
        /// Where to go on: `next` of the page before, all other parameters being the same but for `limit` and what is shown of the rows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub cursor: Option<String>,
    }

    /// A summary: the total alone.
    SummaryRequest {}

    /// A series: one row for each interval of local time, for all messages or for each of the top groups.
    SeriesRequest {
        /// The length of a row: `15m`, `hour`, `day`, `week` (from Monday) or `month`, in the local time of `tz`.
        #[serde(default)]
        #[param(required, example = "day")]
        #[schema(required, example = "day")]
        pub interval: String,
        /// The dimensions to split by, at most 3, separated by commas. Default: none, one series of everything.
        #[serde(default, deserialize_with = "names", skip_serializing_if = "Vec::is_empty")]
        #[param(required = false, style = Form, explode = false, example = json!(["mailbox_provider"]))]
        #[schema(required = false, example = json!(["mailbox_provider"]))]
        pub by: Vec<String>,
        /// A measure, a rate or a dimension of `by` that tells the top groups, `-` before it for descending. Default: `-queued`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[param(example = "-queued")]
        #[schema(example = "-queued")]
        pub sort: Option<String>,
        /// The most groups to show. Default: 10.
        #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
        #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
        #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
        pub limit: Option<String>,
    }
}

/// What is shown of the messages, as texts.
pub(crate) struct Numbers<'a> {
    pub(crate) basis: Option<&'a str>,
    pub(crate) measures: Option<&'a [String]>,
    pub(crate) rates: Option<&'a [String]>,
    pub(crate) intervals: Option<&'a str>,
    pub(crate) compare: Option<&'a str>,
    pub(crate) suppress_below: Option<&'a str>,
}

/// Reads a request from the decoded pairs of a query string. Only `filter` and `segment` may be repeated.
///
/// # Errors
/// When a parameter is unknown or repeated.
pub fn from_pairs<T, K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<T, SpecError>
where
    T: DeserializeOwned,
    K: Into<String>,
    V: Into<String>,
{
    let mut map = Map::new();
    for (name, value) in pairs {
        let (name, value) = (name.into(), Value::String(value.into()));
        if matches!(name.as_str(), "filter" | "segment") {
            let values = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(values) = values {
                values.push(value);
            }
        } else if map.insert(name.clone(), value).is_some() {
            return Err(SpecError::Repeated { parameter: name });
        }
    }
    serde_json::from_value(Value::Object(map)).map_err(|error| SpecError::Request { detail: error.to_string() })
}

/// Reads a request from a JSON document.
///
/// # Errors
/// When it is no JSON object, or a member is unknown or has the wrong type.
pub fn from_json<T: DeserializeOwned>(document: &[u8]) -> Result<T, SpecError> {
    // A list would pass for the members in their order.
    if document.trim_ascii_start().first() != Some(&b'{') {
        return Err(SpecError::Request { detail: "it must be a JSON object".to_owned() });
    }
    serde_json::from_slice(document).map_err(|error| SpecError::Request { detail: error.to_string() })
}

/// A text, a number or a truth value, kept as it was written: what is wrong with it is told later, by parameter.
pub(crate) fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Scalar;
    impl Visitor<'_> for Scalar {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, a text or a truth value")
        }
        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.to_owned()))
        }
        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string()))
        }
        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string()))
        }
        fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string()))
        }
        fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
            Ok(Some(truth.to_string()))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Scalar)
}

/// A list of names, or one text in which commas separate them.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Option<Vec<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(Some(texts))
    }
}

pub(crate) fn some_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    deserializer.deserialize_any(Names)
}

pub(crate) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(some_names(deserializer)?.unwrap_or_default())
}
