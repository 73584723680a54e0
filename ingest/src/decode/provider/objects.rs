//! The way from a body to its single objects: an array of them, or one by itself, as webhooks post and archives keep them.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Deserializer;

use super::{super::Mismatch, Item, Undecodable};
use crate::accept::MAX_EVENTS;

/// White space in JSON.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// What an object turned out to be.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "handed on at once, never kept")]
pub(super) enum Found<'a> {
    /// An item.
    Item(Item<'a>),
    /// Several items, which were taken one by one.
    Taken,
    /// The provider's, but it tells nothing.
    Nothing,
    /// No object of this provider.
    Foreign,
}

/// Reads each object of a body, as a `T`. An object that is foreign or misshapen is wrong by itself; when all are, the body is not the
/// provider's. `read` takes the items of an object that has several, one at a time.
pub(super) fn each_object<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    take: &mut dyn FnMut(Item<'a>),
    mut read: impl FnMut(T, &mut dyn FnMut(Item<'a>)) -> Found<'a>,
) -> Result<(), Undecodable> {
    let text = text(body)?;
    match text.trim_start().as_bytes().first() {
        Some(b'{') => {
            let object = serde_json::from_str(text).map_err(|error| Undecodable::json(&error))?;
            match read(object, take) {
                Found::Item(item) => take(item),
                Found::Taken | Found::Nothing => {}
                Found::Foreign => return Err(foreign()),
            }
        }
        Some(b'[') => {
            let mut several = Several::default();
            each_element(text, |object| several.read(object, take, &mut read))?;
            several.judge()?;
        }
        _ => return Err(Undecodable("the body is neither a JSON object nor an array of them".into())),
    }
    Ok(())
}

/// Like [`each_object`], also of a body with an object in each line.
pub(super) fn each_object_or_line<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    take: &mut dyn FnMut(Item<'a>),
    mut read: impl FnMut(T, &mut dyn FnMut(Item<'a>)) -> Found<'a>,
) -> Result<(), Undecodable> {
    let text = text(body)?.trim();
    // The first line of an object that is laid out over lines does not end with its brace.
    let has_lines =
        text.split_once('\n').is_some_and(|(first, _)| first.starts_with('{') && first.trim_end().ends_with('}'));
    if !has_lines {
        return each_object(body, take, read);
    }
    let mut several = Several::default();
    for (count, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        if count == MAX_EVENTS {
            return Err(too_many());
        }
        // Otherwise serde would take an array for an object without keys.
        let object = line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten();
        several.read(object, take, &mut read);
    }
    several.judge()
}

/// Calls `take` with each element of an array: an object of that shape, or none. Each is read just once, unless it is something else.
fn each_element<'a, T: Deserialize<'a>>(text: &'a str, mut take: impl FnMut(Option<T>)) -> Result<(), Undecodable> {
    let after = |rest: &'a str, byte: char| rest.trim_start_matches(SPACE).strip_prefix(byte);
    let mut rest = after(text, '[').ok_or_else(|| broken(text))?;
    let mut count = 0;
    if after(rest, ']').is_none() {
        loop {
            let element = rest.trim_start_matches(SPACE);
            let (object, length) = object(element).ok_or_else(|| broken(text))?;
            count += 1;
            if count > MAX_EVENTS {
                return Err(too_many());
            }
            take(object);
            let Some(next) = after(&element[length..], ',') else {
                rest = &element[length..];
                break;
            };
            rest = next;
        }
    }
    let is_whole = after(rest, ']').is_some_and(|rest| rest.trim_start_matches(SPACE).is_empty());
    if is_whole { Ok(()) } else { Err(broken(text)) }
}

/// The object of that shape that a text begins with, or none where it is something else, and its length; `None` where it is no JSON.
fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Option<(Option<T>, usize)> {
    // Otherwise serde would take an array for an object without keys.
    if text.starts_with('{') {
        let mut objects = Deserializer::from_str(text).into_iter();
        if let Some(Ok(object)) = objects.next() {
            return Some((Some(object), objects.byte_offset()));
        }
    }
    let mut anything = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    anything.next()?.ok()?;
    Some((None, anything.byte_offset()))
}

/// What was seen of several objects.
#[derive(Default)]
struct Several {
    known: bool,
    unknown: bool,
}

impl Several {
    fn read<'a, T>(
        &mut self,
        object: Option<T>,
        take: &mut dyn FnMut(Item<'a>),
        read: &mut impl FnMut(T, &mut dyn FnMut(Item<'a>)) -> Found<'a>,
    ) {
        match object.map(|object| read(object, take)) {
            Some(Found::Item(item)) => {
                self.known = true;
                take(item);
            }
            Some(Found::Taken | Found::Nothing) => self.known = true,
            Some(Found::Foreign) | None => {
                self.unknown = true;
                take(Item::Wrong(misshapen()));
            }
        }
    }

    /// When all are foreign, the body is not the provider's.
    fn judge(self) -> Result<(), Undecodable> {
        if self.unknown && !self.known { Err(foreign()) } else { Ok(()) }
    }
}

/// The body as text, checked as a whole, quickly; otherwise each text in it would be checked by itself.
fn text(body: &[u8]) -> Result<&str, Undecodable> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    simdutf8::basic::from_utf8(body).map_err(|_| Undecodable("the body is not valid UTF-8".into()))
}

/// Where a body is no JSON, as reading it as a whole tells.
fn broken(text: &str) -> Undecodable {
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => Undecodable::json(&error),
        Ok(_) => Undecodable("the body is no valid JSON".into()),
    }
}

fn too_many() -> Undecodable {
    Undecodable(format!("the body has more than {MAX_EVENTS} events"))
}

fn foreign() -> Undecodable {
    Undecodable("the body holds no event of this provider".into())
}

fn misshapen() -> Mismatch {
    Mismatch { code: "invalid_event", field: None, detail: "is not what the provider writes".into() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Words of the letters that the objects begin with: an object `{"i":1}` is an item, `{"n":1}` nothing, another foreign.
    fn read(body: &[u8]) -> Result<String, String> {
        let mut seen = String::new();
        let mut take = |item| {
            seen.push(match item {
                Item::Ignored(_) => 'i',
                Item::Wrong(_) => 'w',
                Item::Event(_) => 'e',
            });
        };
        let found = |value: Value, _: &mut dyn FnMut(_)| match () {
            () if value.get("i").is_some() => Found::Item(Item::Ignored("i".into())),
            () if value.get("n").is_some() => Found::Nothing,
            () => Found::Foreign,
        };
        each_object(body, &mut take, found).map_err(|error| error.to_string())?;
        Ok(seen)
    }

    #[test]
    fn an_array_and_an_object_by_itself_are_read_alike() {
        assert_eq!(read(b"\xef\xbb\xbf [{\"i\":1},\r\n{\"n\":1},{\"i\":1}]\r\n").as_deref(), Ok("ii"));
        assert_eq!(read(b" {\"i\":1} \n").as_deref(), Ok("i"));
        assert_eq!(read(b"{\"n\":1}").as_deref(), Ok(""));
        assert_eq!(read(b"[]").as_deref(), Ok(""));
    }

    #[test]
    fn objects_in_lines_are_read_where_they_may_come_so() {
        let read = |body: &str| {
            let mut seen = String::new();
            let mut take = |item| seen.push(if matches!(item, Item::Ignored(_)) { 'i' } else { 'w' });
            let found = |value: Value, _: &mut dyn FnMut(_)| {
                if value.get("i").is_some() { Found::Item(Item::Ignored("i".into())) } else { Found::Foreign }
            };
            each_object_or_line(body.as_bytes(), &mut take, found).map_err(|error| error.to_string())?;
            Ok::<_, String>(seen)
        };
        assert_eq!(read("{\"i\":1}\r\n\n{\"i\":2}\nx\n{\"i\":3}\n").as_deref(), Ok("iiwi"));
        for whole in ["{\"i\":1}\n", "{\n  \"i\": {\"j\": 1}\n}", "[{\"i\":1}\n]"] {
            assert_eq!(read(whole).as_deref(), Ok("i"), "{whole}");
        }
        assert!(read("{}\n{}").is_err_and(|error| error.contains("no event of this provider")));
        let many = "{\"i\":1}\n".repeat(MAX_EVENTS + 1);
        assert!(read(&many).is_err_and(|error| error.contains("more than")));
    }

    #[test]
    fn what_is_foreign_among_others_is_wrong_by_itself() {
        assert_eq!(
            read(b"[{},{\"i\":1},7,[{\"i\":1}],\"\\ud800\",{\"i\":\"\\ud800\"},{\"n\":1}]").as_deref(),
            Ok("wiwwww")
        );
        assert_eq!(read(b"[{\"n\":1},{}]").as_deref(), Ok("w"));
    }

    #[test]
    fn a_body_of_nothing_but_foreign_things_is_not_the_providers() {
        for body in ["{}", "[{}]", "[7]", "[[]]", "[{},\"x\"]"] {
            assert_eq!(read(body.as_bytes()), Err("the body holds no event of this provider".into()), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place_and_not_by_its_text() {
        for (body, told) in [
            (&b"[{\"i\":1},\n x]"[..], "the body is no valid JSON, at line 2 column 2"),
            (b"{\"i\":1} x", "the body is no valid JSON, at line 1 column 9"),
            (b"[{\"i\":1}] x", "the body is no valid JSON, at line 1 column 11"),
            (b"[{\"i\":1}", "the body is no valid JSON, at line 1 column 8"),
            (b"", "the body is neither a JSON object nor an array of them"),
            (b"\"i\"", "the body is neither a JSON object nor an array of them"),
            (b"[\"\xff\"]", "the body is not valid UTF-8"),
        ] {
            assert_eq!(read(body), Err(told.into()), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn more_objects_than_the_limit_are_refused() {
        let body = |count: usize| format!("[{}]", vec!["{\"n\":1}"; count].join(","));
        assert_eq!(read(body(MAX_EVENTS).as_bytes()).as_deref(), Ok(""));
        assert_eq!(read(body(MAX_EVENTS + 1).as_bytes()), Err("the body has more than 100000 events".into()));
    }
}
