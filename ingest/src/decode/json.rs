//! Bodies of `POST /v1/events`: NDJSON, a JSON array, or one JSON object, cut into single events without copying them.

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Mismatch, Wire};

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// One JSON object a line (`application/x-ndjson`). Empty lines are skipped.
    Ndjson,
    /// An array of objects, or one object (`application/json`).
    Json,
}

/// The body as a whole cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is neither an array nor an object, or broken where no single event can be blamed.
    Malformed(String),
    /// It has more events than this.
    TooMany(usize),
}

/// Calls `take` with each event of the body, or with what is wrong with it, in the body's order.
pub(crate) fn each_event<'a>(
    body: &'a [u8],
    format: BodyFormat,
    limit: usize,
    mut take: impl FnMut(Result<Wire<'a>, Mismatch>),
) -> Result<(), BodyError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match format {
        BodyFormat::Ndjson => each_line(body, limit, |line| take(Wire::parse(line))),
        BodyFormat::Json => match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => each_element(body, limit, |event| take(Wire::parse(event.as_bytes()))),
            Some(b'{') => {
                let object: &RawValue = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
                take(Wire::parse(object.get().as_bytes()));
                Ok(())
            }
            Some(_) => Err(BodyError::Malformed("the body must be a JSON array of events or one event object".into())),
            None => Err(BodyError::Malformed("the body is empty: send at least one event".into())),
        },
    }
}

/// Calls `take` with each line that is not empty.
pub(crate) fn each_line<'a>(body: &'a [u8], limit: usize, mut take: impl FnMut(&'a [u8])) -> Result<(), BodyError> {
    let mut count = 0;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', body).chain(std::iter::once(body.len())) {
        let line = body[start..end].trim_ascii();
        start = end + 1;
        if line.is_empty() {
            continue;
        }
        count += 1;
        if count > limit {
            return Err(BodyError::TooMany(limit));
        }
        take(line);
    }
    Ok(())
}

/// Calls `take` with each element of an array.
fn each_element<'a>(body: &'a [u8], limit: usize, mut take: impl FnMut(&'a str)) -> Result<(), BodyError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let mut over = false;
    let elements = Elements { limit, over: &mut over, take: &mut take };
    let read = elements.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    if over { Err(BodyError::TooMany(limit)) } else { read.map_err(|error| malformed(&error)) }
}

fn malformed(error: &serde_json::Error) -> BodyError {
    BodyError::Malformed(format!("the body is not valid JSON: {error}"))
}

struct Elements<'t, F> {
    limit: usize,
    over: &'t mut bool,
    take: &'t mut F,
}

impl<'a, F: FnMut(&'a str)> DeserializeSeed<'a> for Elements<'_, F> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a, F: FnMut(&'a str)> Visitor<'a> for Elements<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut count = 0;
        while let Some(element) = elements.next_element::<&'a RawValue>()? {
            count += 1;
            if count > self.limit {
                *self.over = true;
                return Err(serde::de::Error::custom("too many events"));
            }
            (self.take)(element.get());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"event":"queued","time":1,"message_id":"m","recipient":"a@b.c"}"#;

    fn outcomes(body: &str, format: BodyFormat) -> Result<Vec<bool>, BodyError> {
        let mut seen = Vec::new();
        each_event(body.as_bytes(), format, 3, |event| seen.push(event.is_ok()))?;
        Ok(seen)
    }

    #[test]
    fn a_bad_line_does_not_take_its_neighbours_along() {
        let body = format!("\u{feff}{ONE}\r\n\n{{broken\n{ONE}");
        assert_eq!(outcomes(&body, BodyFormat::Ndjson), Ok(vec![true, false, true]));
    }

    #[test]
    fn an_array_and_a_single_object_are_read_alike() {
        assert_eq!(outcomes(&format!(" [{ONE}, 7, {ONE}]"), BodyFormat::Json), Ok(vec![true, false, true]));
        assert_eq!(outcomes(ONE, BodyFormat::Json), Ok(vec![true]));
        assert_eq!(outcomes("[]", BodyFormat::Json), Ok(vec![]));
    }

    #[test]
    fn what_is_no_json_as_a_whole_is_refused_as_a_whole() {
        for body in ["", "7", "[1,", "[1]]", "{\"a\":", &"[".repeat(10_000)] {
            assert!(matches!(outcomes(body, BodyFormat::Json), Err(BodyError::Malformed(_))), "{}", body.len());
        }
    }

    #[test]
    fn more_events_than_the_limit_are_refused() {
        let lines = format!("{ONE}\n").repeat(4);
        assert_eq!(outcomes(&lines, BodyFormat::Ndjson), Err(BodyError::TooMany(3)));
        let array = format!("[{}]", [ONE; 4].join(","));
        assert_eq!(outcomes(&array, BodyFormat::Json), Err(BodyError::TooMany(3)));
    }
}
