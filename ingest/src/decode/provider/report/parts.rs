//! The parts of a multipart body (RFC 2046, 5.1).

use memchr::memmem;

/// The parts between the lines that begin with `--boundary`, each with the end of its last line. What is before the first and behind the
/// closing one is none; a body that breaks off ends its last part.
pub(super) fn parts<'b>(body: &'b [u8], boundary: &[u8]) -> impl Iterator<Item = &'b [u8]> + use<'b> {
    let delimiter = [b"--", boundary].concat();
    let mut rest = Some(body);
    let finder = memmem::Finder::new(&delimiter).into_owned();
    let mut begun = false;
    std::iter::from_fn(move || {
        loop {
            let (before, after) = next_delimiter(rest?, &finder);
            rest = match after {
                Some(after) if !after.starts_with(b"--") => Some(after_line(after)),
                Some(_) | None => None,
            };
            if begun {
                return Some(before);
            }
            begun = true;
        }
    })
}

/// What stands before the next line that is a delimiter, and what follows the delimiter.
fn next_delimiter<'b>(bytes: &'b [u8], finder: &memmem::Finder<'_>) -> (&'b [u8], Option<&'b [u8]>) {
    let found = finder.find_iter(bytes).find(|place| {
        let begins = *place == 0 || bytes[place - 1] == b'\n';
        let after = &bytes[place + finder.needle().len()..];
        begins && (after.starts_with(b"--") || after.first().is_none_or(u8::is_ascii_whitespace))
    });
    match found {
        Some(place) => (&bytes[..place], Some(&bytes[place + finder.needle().len()..])),
        None => (bytes, None),
    }
}

fn after_line(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', bytes).map_or(&[], |end| &bytes[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str) -> Vec<&str> {
        parts(body.as_bytes(), b"b").map(|part| std::str::from_utf8(part).unwrap()).collect()
    }

    #[test]
    fn parts_stand_between_the_lines_of_the_boundary() {
        assert_eq!(
            texts("before\r\n--b\r\none\r\n--b  \r\ntwo\r\n--b--\r\nafter\r\n--b\r\nno"),
            ["one\r\n", "two\r\n"]
        );
        assert_eq!(texts("--b\none\n\n--b\n--b--"), ["one\n\n", ""]);
    }

    #[test]
    fn a_boundary_within_a_line_or_with_more_behind_it_is_none() {
        assert_eq!(texts("--b\nx --b\n--bc\n--b--"), ["x --b\n--bc\n"]);
    }

    #[test]
    fn a_body_that_breaks_off_ends_its_last_part() {
        assert_eq!(texts("--b\none\n--b\ntwo"), ["one\n", "two"]);
        assert_eq!(texts("no boundary"), Vec::<&str>::new());
    }
}
