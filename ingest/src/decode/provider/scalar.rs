//! JSON values as providers write them: a number may come as a string, a string as a number, a flag as either, and none of it may be there.
//! What is of no use where it stands – an object where a text should be – counts as absent, so that it takes nothing else along.

use std::{borrow::Cow, fmt, marker::PhantomData};

use chrono::{DateTime, NaiveDateTime};
use schema::Millis;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor, value},
};

use super::super::wire::{Text, Time};

/// A text, a number or a flag.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scalar<'a> {
    /// Nothing there, `null`, or an array or object.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Whole(i64),
    /// Beyond what is signed.
    Large(u64),
    Fraction(f64),
    Flag(bool),
}

impl<'a> Scalar<'a> {
    /// As a text: empty when there is none.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Absent => Cow::default(),
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string().into(),
            Self::Large(number) => number.to_string().into(),
            Self::Fraction(number) => number.to_string().into(),
            Self::Flag(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
        }
    }

    /// This one, or the other when this one says nothing.
    pub(super) fn or(self, other: Self) -> Self {
        match &self {
            Self::Absent => other,
            Self::Text(text) if text.is_empty() => other,
            _ => self,
        }
    }

    /// The text, if it is written as one.
    pub(super) fn as_str(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// As a whole number.
    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Whole(number) => Some(*number),
            Self::Flag(flag) => Some(i64::from(*flag)),
            Self::Absent | Self::Large(_) | Self::Fraction(_) => None,
        }
    }

    /// As a reply code of SMTP; whether there is such a code is not asked.
    pub(super) fn reply(&self) -> Option<u16> {
        self.whole().and_then(|code| u16::try_from(code).ok())
    }

    /// Whether it says yes.
    pub(super) fn flag(&self) -> bool {
        match self {
            Self::Text(text) => text.eq_ignore_ascii_case("true") || text == "1",
            Self::Whole(number) => *number == 1,
            Self::Flag(flag) => *flag,
            Self::Absent | Self::Large(_) | Self::Fraction(_) => false,
        }
    }

    /// As a time: Unix seconds with or without a fraction, or ISO 8601, which is in UTC when it does not say where.
    pub(super) fn time(&self) -> Option<Millis> {
        match self {
            Self::Text(text) => written(text.trim()),
            Self::Whole(seconds) => time(seconds.into_deserializer()),
            Self::Fraction(seconds) => time(seconds.into_deserializer()),
            Self::Absent | Self::Large(_) | Self::Flag(_) => None,
        }
    }
}

/// The same numbers mean the same time as in an event that is written in our own way.
fn time<'de>(number: impl Deserializer<'de, Error = value::Error>) -> Option<Millis> {
    Time::deserialize(number).ok().map(|Time(time)| time)
}

fn written(text: &str) -> Option<Millis> {
    if let Ok(seconds) = text.parse::<i64>() {
        return time(seconds.into_deserializer());
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return time(seconds.into_deserializer());
    }
    let zoned = DateTime::parse_from_rfc3339(text).or_else(|_| text.parse()).map(|time| time.timestamp_millis());
    let time = zoned.or_else(|_| text.parse().map(|time: NaiveDateTime| time.and_utc().timestamp_millis()));
    time.ok().map(Millis)
}

/// Something that has a default, or `null` in its place.
pub(super) fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Texts: an array of them, or one by itself. Empty ones are left out.
#[derive(Debug, Default)]
pub(super) struct Texts<'a>(pub(super) Vec<Cow<'a, str>>);

/// The scalars of an object, by their keys, in the object's order. Empty ones are left out.
#[derive(Debug, Default)]
pub(super) struct Pairs<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Pairs<'a> {
    /// Adds one, if it says anything.
    pub(super) fn add(&mut self, key: Cow<'a, str>, value: Scalar<'a>) {
        let value = value.text();
        if !value.is_empty() {
            self.0.push((key, value));
        }
    }
}

/// What any JSON value can be read as.
trait Loose<'de>: Sized {
    /// From a scalar, or from what counts as absent.
    fn scalar(scalar: Scalar<'de>) -> Self;

    /// From an array.
    fn array<A: SeqAccess<'de>>(array: A) -> Result<Self, A::Error> {
        IgnoredAny.visit_seq(array).map(|_| Self::scalar(Scalar::Absent))
    }

    /// From an object.
    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        IgnoredAny.visit_map(object).map(|_| Self::scalar(Scalar::Absent))
    }
}

impl<'de> Loose<'de> for Scalar<'de> {
    fn scalar(scalar: Scalar<'de>) -> Self {
        scalar
    }
}

impl<'de> Loose<'de> for Texts<'de> {
    fn scalar(scalar: Scalar<'de>) -> Self {
        let text = scalar.text();
        Self(if text.is_empty() { Vec::new() } else { vec![text] })
    }

    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        let mut texts = Vec::new();
        while let Some(scalar) = array.next_element::<Scalar<'de>>()? {
            let text = scalar.text();
            if !text.is_empty() {
                texts.push(text);
            }
        }
        Ok(Self(texts))
    }
}

impl<'de> Loose<'de> for Pairs<'de> {
    fn scalar(_: Scalar<'de>) -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut pairs = Self::default();
        while let Some((Text(key), value)) = object.next_entry()? {
            pairs.add(key, value);
        }
        Ok(pairs)
    }
}

macro_rules! read_loosely {
    ($($name:ident)+) => {
        $(impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(LooseVisitor(PhantomData::<$name<'de>>))
            }
        })+
    };
}

read_loosely! { Scalar Texts Pairs }

struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: Loose<'de>> Visitor<'de> for LooseVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        Ok(T::scalar(Scalar::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Ok(T::scalar(Scalar::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        Ok(T::scalar(Scalar::Whole(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Ok(T::scalar(i64::try_from(number).map_or(Scalar::Large(number), Scalar::Whole)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        Ok(T::scalar(Scalar::Fraction(number)))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<T, E> {
        Ok(T::scalar(Scalar::Flag(flag)))
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::scalar(Scalar::Absent))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<T, A::Error> {
        T::array(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(json: &str) -> Scalar<'_> {
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn a_number_in_a_string_and_a_string_in_a_number_are_what_they_say() {
        for (json, text, whole) in [
            ("\"abc\"", "abc", None),
            ("\"250\"", "250", Some(250)),
            ("250", "250", Some(250)),
            ("-1", "-1", Some(-1)),
            ("\"-1\"", "-1", Some(-1)),
            ("18446744073709551615", "18446744073709551615", None),
            ("19703248486187023", "19703248486187023", Some(19_703_248_486_187_023)),
            ("2.5", "2.5", None),
            ("true", "true", Some(1)),
            ("null", "", None),
            ("[\"abc\"]", "", None),
            ("{\"a\":{\"b\":[1]}}", "", None),
        ] {
            assert_eq!((&*scalar(json).text(), scalar(json).whole()), (text, whole), "{json}");
        }
    }

    #[test]
    fn a_flag_is_set_however_it_is_written() {
        for json in ["true", "1", "\"1\"", "\"true\"", "\"True\""] {
            assert!(scalar(json).flag(), "{json}");
        }
        for json in ["false", "0", "-1", "\"0\"", "\"-1\"", "\"no\"", "null", "{}", "1.0"] {
            assert!(!scalar(json).flag(), "{json}");
        }
    }

    #[test]
    fn every_spelling_of_a_time_means_the_same_millisecond() {
        for json in [
            "1795183387.123",
            "\"1795183387.123\"",
            "\"2026-11-20T14:03:07.123Z\"",
            "\"2026-11-20T14:03:07.1239999Z\"",
            "\"2026-11-20T15:03:07.123+01:00\"",
            "\"2026-11-20T15:03:07.123+0100\"",
            "\"2026-11-20 14:03:07.123+00:00\"",
            "\"2026-11-20T14:03:07.123\"",
        ] {
            assert_eq!(scalar(json).time(), Some(Millis(1_795_183_387_123)), "{json}");
        }
        assert_eq!(scalar("\"1795183387\"").time(), Some(Millis(1_795_183_387_000)));
        assert_eq!(scalar("1795183387").time(), Some(Millis(1_795_183_387_000)));
    }

    #[test]
    fn what_is_no_time_is_absent() {
        for json in ["null", "true", "\"\"", "\"soon\"", "\"NaN\"", "\"inf\"", "1e300", "9223372036854775807", "[]"] {
            assert_eq!(scalar(json).time(), None, "{json}");
        }
    }

    #[test]
    fn texts_and_pairs_are_read_from_whatever_stands_there() {
        let texts = |json| serde_json::from_str::<Texts<'_>>(json).expect("JSON").0;
        assert_eq!(texts(r#"["a","",null,7,["b"],{"c":1},"d\n"]"#), ["a", "7", "d\n"]);
        assert_eq!(texts("\"a\""), ["a"]);
        for json in ["\"\"", "null", "{\"a\":1}", "[]"] {
            assert!(texts(json).is_empty(), "{json}");
        }
        let pairs = |json| serde_json::from_str::<Pairs<'_>>(json).expect("JSON").0;
        let read = pairs(r#"{"b":1,"a":"x","c":null,"d":{"e":1},"f":[1],"g":"","b":true}"#);
        assert_eq!(read, [("b".into(), "1".into()), ("a".into(), "x".into()), ("b".into(), "true".into())]);
        for json in ["\"an error\"", "null", "7", "[1]"] {
            assert!(pairs(json).is_empty(), "{json}");
        }
    }
}
