//! multipart/form-data (RFC 7578), as far as ClickHouse's clients use it: fields with a name and a value.

use memchr::memmem;

use crate::exception::{Code, Exception};

/// The boundary, if the content type is multipart/form-data.
pub(crate) fn boundary(content_type: &str) -> Option<Result<String, Exception>> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameter(parameters, "boundary").filter(|value| !value.is_empty() && value.len() <= 200);
    Some(value.ok_or_else(|| malformed("it names no boundary")))
}

/// The fields of a form, in order.
pub(crate) fn fields(body: &[u8], boundary: &str) -> Result<Vec<(String, Vec<u8>)>, Exception> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(delimiter.as_bytes());
    // The first delimiter may stand at the very beginning, without a line break before it.
    let mut rest = match body.strip_prefix(&delimiter.as_bytes()[2..]) {
        Some(rest) => rest,
        None => {
            finder.find(body).map(|at| &body[at + delimiter.len()..]).ok_or_else(|| malformed("it has no parts"))?
        }
    };
    let mut fields = Vec::new();
    while !rest.starts_with(b"--") {
        let start = memmem::find(rest, b"\r\n").ok_or_else(|| malformed("it breaks off"))? + 2;
        let end = finder.find(&rest[start - 2..]).ok_or_else(|| malformed("it breaks off"))? + start - 2;
        fields.push(field(rest.get(start..end).unwrap_or_default())?);
        rest = &rest[end + delimiter.len()..];
    }
    Ok(fields)
}

fn field(part: &[u8]) -> Result<(String, Vec<u8>), Exception> {
    let headers_end = memmem::find(part, b"\r\n\r\n").ok_or_else(|| malformed("a part has no headers"))?;
    let headers = std::str::from_utf8(&part[..headers_end]).map_err(|_| malformed("a part's headers are not UTF-8"))?;
    let disposition = headers
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))
        .map(|(_, value)| value)
        .ok_or_else(|| malformed("a part has no Content-Disposition"))?;
    if parameter(disposition, "filename").is_some() {
        return Err(Exception::new(
            Code::NotImplemented,
            "The embedded engine does not support external tables (form fields with a file name)",
        ));
    }
    let name = parameter(disposition, "name").ok_or_else(|| malformed("a part has no name"))?;
    Ok((name, part[headers_end + 4..].to_vec()))
}

/// A parameter of a header value: `key=value` or `key="value"`.
fn parameter(header: &str, key: &str) -> Option<String> {
    let mut rest = header;
    while !rest.is_empty() {
        let end = parameter_end(rest);
        let (item, tail) = rest.split_at(end);
        rest = tail.strip_prefix(';').unwrap_or(tail);
        let Some((name, value)) = item.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case(key) {
            let value = value.trim();
            let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            return Some(
                inner.map_or_else(|| value.to_owned(), |inner| inner.replace("\\\"", "\"").replace("%22", "\"")),
            );
        }
    }
    None
}

/// Where the next `;` outside quotes stands.
fn parameter_end(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn malformed(what: &str) -> Exception {
    Exception::new(Code::BadRequestParameter, &format!("The multipart/form-data body is malformed: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_every_byte_of_their_values() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT 1\r\n--b\r\ncontent-disposition: form-data; name=param_x\r\nContent-Type: text/plain\r\n\r\n\r\n--\x00\xff\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b--\r\n";
        let fields = fields(body, "b").expect("well-formed");
        assert_eq!(
            fields,
            [
                ("query".to_owned(), b"SELECT 1".to_vec()),
                ("param_x".to_owned(), b"\r\n--\x00\xff\r\n".to_vec()),
                ("empty".to_owned(), vec![])
            ]
        );
    }

    #[test]
    fn a_broken_form_is_refused() {
        for body in [
            "",
            "--b",
            "--b\r\n",
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx",
            "--b\r\n\r\n\r\n--b--",
            "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        ] {
            assert_eq!(fields(body.as_bytes(), "b").expect_err(body).code, 408, "{body}");
        }
        let file = "--b\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t.csv\"\r\n\r\n1\r\n--b--";
        assert_eq!(fields(file.as_bytes(), "b").expect_err("a file").code, 48);
    }

    #[test]
    fn the_boundary_may_be_quoted() {
        assert_eq!(boundary("multipart/form-data; charset=x; boundary=\"a;b\""), Some(Ok("a;b".to_owned())));
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
        assert!(matches!(boundary("multipart/form-data"), Some(Err(_))));
    }
}
