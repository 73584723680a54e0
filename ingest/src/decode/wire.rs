//! An event as it is written in JSON: names and JSON types, nothing more. Texts are borrowed from the body where they have no escapes.

use std::{borrow::Cow, fmt, ops::Range};

use chrono::{DateTime, NaiveDate};
use schema::Millis;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::usual;

/// The JSON object of an event.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wire<'a> {
    #[serde(borrow)]
    pub(crate) event: Text<'a>,
    pub(crate) time: Time,
    #[serde(borrow)]
    pub(crate) message_id: Text<'a>,
    #[serde(borrow)]
    pub(crate) recipient: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) event_id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) sender: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) subject: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) campaign: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) fields: Fields<'a>,
    #[serde(default)]
    pub(crate) machine: Option<bool>,
    #[serde(borrow, default)]
    pub(crate) class: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) method: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) url: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) reason: Text<'a>,
}

/// The keys of an event; the first four are required.
const KEYS: [&str; 14] = [
    "event",
    "time",
    "message_id",
    "recipient",
    "event_id",
    "sender",
    "subject",
    "campaign",
    "fields",
    "machine",
    "class",
    "method",
    "url",
    "reason",
];

/// Why a piece of JSON is no event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) code: &'static str,
    pub(crate) field: Option<String>,
    pub(crate) detail: String,
}

impl<'a> Wire<'a> {
    /// Reads one JSON object.
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, Mismatch> {
        // Checked as a whole, quickly; otherwise each text in it would be checked by itself.
        match simdutf8::basic::from_utf8(json) {
            Ok(text) => match usual::event(text) {
                Some(event) => Ok(event),
                // Otherwise serde would take an array for the object.
                None if !text.trim_start().starts_with('{') => Err(explain(json, &de::Error::custom("no object"))),
                None => serde_json::from_str(text).map_err(|error| explain(json, &error)),
            },
            Err(_) => {
                Err(Mismatch { code: "invalid_utf8", field: None, detail: "the event is not valid UTF-8".into() })
            }
        }
    }
}

/// Finds out what is wrong, by reading the JSON once more without expectations: only what is refused pays for it.
fn explain(json: &[u8], error: &serde_json::Error) -> Mismatch {
    let mismatch = |code, field: Option<&str>, detail: String| Mismatch {
        code,
        field: field.map(|name| name.chars().take(64).collect()),
        detail,
    };
    let object = match serde_json::from_slice(json) {
        Ok(serde_json::Value::Object(object)) => object,
        Ok(_) => return mismatch("invalid_event", None, "an event must be a JSON object".into()),
        Err(error) => return mismatch("invalid_json", None, format!("not valid JSON: {error}")),
    };
    if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return mismatch("unknown_field", Some(key), format!("no such key; the keys are {}", KEYS.join(", ")));
    }
    if let Some(key) = KEYS[..4].iter().find(|key| !object.contains_key(**key)) {
        return mismatch("missing_field", Some(key), "is required".into());
    }
    for (key, value) in &object {
        let (fits, wanted) = match key.as_str() {
            "time" => (Time::deserialize(value).is_ok(), TIME),
            "fields" => {
                (Fields::deserialize(value).is_ok(), "must be an object whose values are strings, each name once")
            }
            "machine" => (value.is_boolean() || value.is_null(), "must be true or false"),
            _ => (value.is_string() || value.is_null(), "must be a string"),
        };
        if !fits {
            return mismatch("invalid_type", Some(key), wanted.into());
        }
    }
    mismatch("invalid_event", None, error.to_string())
}

/// A text that is borrowed where it can be; `null` counts as empty.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

const TIME: &str = "must be an RFC 3339 time such as \"2026-11-20T14:03:07.123Z\", or Unix seconds as a number";

/// A time: RFC 3339, or Unix seconds with an optional fraction. Finer than a millisecond is cut off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Time(pub(crate) Millis);

impl Time {
    /// A time by RFC 3339.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let by_chrono = || DateTime::parse_from_rfc3339(text).ok().map(|time| Millis(time.timestamp_millis()));
        usual_time(text).or_else(by_chrono).map(Self)
    }
}

/// A time as nearly everybody writes it, like `2026-11-20T14:03:07.123Z`, in a fraction of the time that any spelling takes.
fn usual_time(text: &str) -> Option<Millis> {
    let bytes = <&[u8; 24]>::try_from(text.as_bytes()).ok()?;
    if [bytes[4], bytes[7], bytes[10], bytes[13], bytes[16], bytes[19], bytes[23]] != *b"--T::.Z" {
        return None;
    }
    let digit = |digit: &u8| digit.is_ascii_digit().then(|| u32::from(digit - b'0'));
    let number =
        |places: Range<usize>| bytes[places].iter().try_fold(0, |number, byte| Some(number * 10 + digit(byte)?));
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)?;
    let time = date.and_hms_milli_opt(number(11..13)?, number(14..16)?, number(17..19)?, number(20..23)?)?;
    Some(time.and_utc().into())
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;

        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time or Unix seconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).ok_or_else(|| E::custom(TIME))
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
                seconds.checked_mul(1000).map(|millis| Time(Millis(millis))).ok_or_else(|| E::custom(TIME))
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Time, E> {
                i64::try_from(seconds).map_err(|_| E::custom(TIME)).and_then(|seconds| self.visit_i64(seconds))
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Time, E> {
                // A decimal fraction is not exact in binary: 7.123 s is 7122.999… ms. Rounding to microseconds first undoes that.
                let micros = (seconds * 1e6).round();
                if micros.abs() < 1e18 {
                    #[expect(clippy::cast_possible_truncation, reason = "bounded in the line above")]
                    Ok(Time(Millis((micros as i64).div_euclid(1000))))
                } else {
                    Err(E::custom(TIME))
                }
            }
        }

        deserializer.deserialize_any(TimeVisitor)
    }
}

/// Custom fields, sorted by name; a name that stands twice is refused.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    /// Puts them in order; none if a name stands twice.
    pub(super) fn of(mut fields: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Option<Self> {
        fields.sort_unstable();
        let once = fields.windows(2).all(|pair| pair[0].0 != pair[1].0);
        once.then_some(Self(fields))
    }
}

/// More than this are not even read.
pub(super) const MANY_FIELDS: usize = 1000;

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Fields<'de>, E> {
                Ok(Fields::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    if fields.len() == MANY_FIELDS {
                        return Err(de::Error::custom("too many fields"));
                    }
                    fields.push((name, value));
                }
                Fields::of(fields).ok_or_else(|| de::Error::custom("a field name stands twice"))
            }
        }

        deserializer.deserialize_any(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(json: &str) -> Option<i64> {
        serde_json::from_str::<Time>(json).ok().map(|time| time.0.0)
    }

    #[test]
    fn both_spellings_of_a_time_mean_the_same_millisecond() {
        assert_eq!(time("\"2026-11-20T14:03:07.123Z\""), Some(1_795_183_387_123));
        assert_eq!(time("\"2026-11-20T15:03:07.1239+01:00\""), Some(1_795_183_387_123));
        assert_eq!(time("1795183387.123"), Some(1_795_183_387_123));
        assert_eq!(time("1795183387"), Some(1_795_183_387_000));
    }

    #[test]
    fn times_mean_what_they_mean_to_chrono() {
        for text in [
            "2026-11-20T14:03:07.123Z",
            "0001-01-01T00:00:00.000Z",
            "9999-12-31T23:59:59.999Z",
            "2028-02-29T00:00:00.000Z",
            "2027-02-29T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-11-20T24:00:00.000Z",
            "2026-11-20T23:59:60.500Z",
            "2026-11-20T14:03:07.12aZ",
            "+026-11-20T14:03:07.123Z",
            "2026-11-20t14:03:07.123z",
        ] {
            let chrono = DateTime::parse_from_rfc3339(text).ok().map(|time| Millis(time.timestamp_millis()));
            assert_eq!(Time::parse(text).map(|time| time.0), chrono, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for json in
            ["\"yesterday\"", "1e300", "9223372036854775807", "18446744073709551615", "null", "true", "\"1795183387\""]
        {
            assert_eq!(time(json), None, "{json}");
        }
    }

    #[test]
    fn every_mismatch_names_the_key() {
        let full = |extra: &str| format!(r#"{{"event":"queued","time":1,"message_id":"m","recipient":"r"{extra}}}"#);
        let field = |json: String| Wire::parse(json.as_bytes()).map(|_| ()).map_err(|m| (m.code, m.field));
        assert_eq!(field(full("")), Ok(()));
        assert_eq!(field(full(r#","subject":null,"fields":null,"machine":null"#)), Ok(()));
        assert_eq!(field(full(r#","bogus":1"#)), Err(("unknown_field", Some("bogus".into()))));
        assert_eq!(field(full(r#","subject":7"#)), Err(("invalid_type", Some("subject".into()))));
        assert_eq!(field(full(r#","fields":{"a":1}"#)), Err(("invalid_type", Some("fields".into()))));
        assert_eq!(field(full(r#","time":1"#)), Err(("invalid_event", None)));
        assert_eq!(
            field(r#"{"event":"queued","time":1,"recipient":"r"}"#.into()),
            Err(("missing_field", Some("message_id".into())))
        );
        assert_eq!(field("{".into()), Err(("invalid_json", None)));
        assert_eq!(field("[]".into()), Err(("invalid_event", None)));
        assert_eq!(field(r#"["queued",1,"m","a@b.c"]"#.into()), Err(("invalid_event", None)));
    }
}
