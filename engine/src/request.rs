//! What a request asks for: the parameters of ClickHouse's HTTP interface, from the URL, the headers and form fields.

use std::fmt::Write as _;

use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode;

use crate::{
    exception::{Code, Exception},
    ffi::Params,
};

/// Everything of a request but its body.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The statement, or its beginning, from the URL or a form field.
    pub(crate) query: Vec<u8>,
    /// The database to use.
    pub(crate) database: Option<String>,
    /// The format of a statement that names none.
    pub(crate) default_format: Option<String>,
    /// The client's name for this query.
    pub(crate) query_id: Option<String>,
    /// Values of `{name:Type}` places.
    pub(crate) params: Params,
    /// Settings for this request alone.
    pub(crate) settings: Vec<(String, Vec<u8>)>,
    /// GET and HEAD may only read.
    pub(crate) read_only: bool,
    /// Answer when all is known, not when the first rows are.
    pub(crate) wait_end_of_query: bool,
    gzip: Gzip,
    user: Option<String>,
    password: Option<String>,
}

/// Whether the answer is compressed: the client has to accept it and to switch it on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Gzip {
    #[default]
    NotAccepted,
    Accepted,
    SwitchedOn,
}

impl Asked {
    /// Reads the request line and headers.
    pub(crate) fn new(method: &Method, query: Option<&str>, headers: &HeaderMap) -> Result<Self, Exception> {
        let mut asked = Self { read_only: matches!(*method, Method::GET | Method::HEAD), ..Self::default() };
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        asked.database = header("x-clickhouse-database");
        asked.default_format = header("x-clickhouse-format");
        asked.user = header("x-clickhouse-user");
        asked.password = header("x-clickhouse-key");
        let accepts = |item: &str| item.trim_start().starts_with("gzip");
        if header("accept-encoding").is_some_and(|list| list.split(',').any(accepts)) {
            asked.gzip = Gzip::Accepted;
        }
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            asked.add(text(decoded(name))?, decoded(value))?;
        }
        Ok(asked)
    }

    /// Takes one parameter, of the URL or of a form.
    pub(crate) fn add(&mut self, name: String, value: Vec<u8>) -> Result<(), Exception> {
        if let Some(param) = name.strip_prefix("param_") {
            self.params.push(param.as_bytes().to_vec(), value);
            return Ok(());
        }
        match name.as_str() {
            "query" => self.query.extend(value),
            "database" => self.database = non_empty(value)?,
            "default_format" => self.default_format = non_empty(value)?,
            "query_id" => self.query_id = non_empty(value)?,
            "user" => self.user = Some(text(value)?),
            "password" => self.password = Some(text(value)?),
            "wait_end_of_query" => self.wait_end_of_query = is_true(&value),
            "enable_http_compression" if self.gzip == Gzip::Accepted && is_true(&value) => self.gzip = Gzip::SwitchedOn,
            "compress" | "decompress" if is_true(&value) => {
                return Err(unsupported(
                    "ClickHouse's block compression (compress, decompress); use Content-Encoding: gzip and enable_http_compression=1",
                ));
            }
            "session_id" => return Err(unsupported("sessions (session_id)")),
            "role" => return Err(unsupported("roles (role)")),
            // Nothing to do: they rule what this interface does not do, or does anyway.
            "compress"
            | "decompress"
            | "buffer_size"
            | "quota_key"
            | "enable_http_compression"
            | "session_check"
            | "session_timeout"
            | "stacktrace"
            | "http_zlib_compression_level"
            | "send_progress_in_http_headers"
            | "add_http_cors_header" => {}
            _ => self.settings.push((setting_name(name)?, value)),
        }
        Ok(())
    }

    /// Whether to compress the answer.
    pub(crate) fn gzip(&self) -> bool {
        self.gzip == Gzip::SwitchedOn
    }

    /// There is one user, `default`, without a password: who can open the socket may use it.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<(), Exception> {
        let basic = headers.contains_key(hyper::header::AUTHORIZATION);
        let known = self.user.as_deref().is_none_or(|user| user.is_empty() || user == "default");
        if known && !basic && self.password.as_deref().is_none_or(str::is_empty) {
            return Ok(());
        }
        Err(Exception::new(
            Code::AuthenticationFailed,
            "default: Authentication failed: the embedded engine has one user, default, without a password",
        ))
    }

    /// The statements that prepare a connection for this request.
    pub(crate) fn preparation(&self) -> Vec<String> {
        let mut statements = Vec::new();
        if let Some(database) = &self.database {
            statements.push(format!("USE {}", quoted(database.as_bytes(), '`')));
        }
        let mut set = String::new();
        for (name, value) in self.settings.iter().filter(|(name, _)| name != "readonly") {
            let separator = if set.is_empty() { "SET " } else { ", " };
            let _infallible = write!(set, "{separator}{name} = {}", quoted(value, '\''));
        }
        statements.extend(Some(set).filter(|set| !set.is_empty()));
        // Last, because after it nothing can be set.
        let readonly = self.settings.iter().rfind(|(name, _)| name == "readonly").map(|(_, value)| quoted(value, '\''));
        match readonly {
            Some(value) if value != "'0'" || !self.read_only => statements.push(format!("SET readonly = {value}")),
            _ if self.read_only => statements.push("SET readonly = 2".to_owned()),
            _ => {}
        }
        statements
    }
}

fn unsupported(what: &str) -> Exception {
    Exception::new(Code::NotImplemented, &format!("The embedded engine does not support {what}"))
}

fn is_true(value: &[u8]) -> bool {
    value == b"1" || value.eq_ignore_ascii_case(b"true")
}

fn decoded(part: &str) -> Vec<u8> {
    let spaced: Vec<u8> = part.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).collect()
}

fn text(value: Vec<u8>) -> Result<String, Exception> {
    String::from_utf8(value)
        .map_err(|_| Exception::new(Code::BadRequestParameter, "A request parameter is not valid UTF-8"))
}

fn non_empty(value: Vec<u8>) -> Result<Option<String>, Exception> {
    Ok(Some(text(value)?).filter(|value| !value.is_empty()))
}

/// Names go into SQL bare, so they have to be names.
fn setting_name(name: String) -> Result<String, Exception> {
    let mut bytes = name.bytes();
    let valid = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= 256;
    if valid {
        Ok(name)
    } else {
        Err(Exception::new(Code::BadRequestParameter, "A request parameter has a name that no setting can have"))
    }
}

/// A string literal or a quoted name.
fn quoted(value: &[u8], quote: char) -> String {
    let mut out = String::from(quote);
    for character in String::from_utf8_lossy(value).chars() {
        if character == quote || character == '\\' {
            out.push('\\');
        }
        match character {
            '\0' => out.push_str("\\0"),
            _ => out.push(character),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &Method, query: &str) -> Result<Asked, Exception> {
        Asked::new(method, Some(query), &HeaderMap::new())
    }

    #[test]
    fn settings_cannot_break_out_of_their_literals() {
        let asked = asked(&Method::POST, "log_comment=a%27%2C+readonly+%3D+0%5C%00&database=x%60y").expect("valid");
        assert_eq!(asked.preparation(), ["USE `x\\`y`", "SET log_comment = 'a\\', readonly = 0\\\\\\0'"]);
        assert_eq!(self::asked(&Method::POST, "max_threads%3D1%2Creadonly=0").expect_err("not a name").code, 408);
    }

    #[test]
    fn get_reads_only_whatever_it_asks_for() {
        assert_eq!(asked(&Method::GET, "").expect("valid").preparation(), ["SET readonly = 2"]);
        assert_eq!(
            asked(&Method::GET, "readonly=0&max_threads=1").expect("valid").preparation(),
            ["SET max_threads = '1'", "SET readonly = 2"]
        );
        assert_eq!(asked(&Method::GET, "readonly=1").expect("valid").preparation(), ["SET readonly = '1'"]);
        assert!(asked(&Method::POST, "").expect("valid").preparation().is_empty());
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        for query in ["compress=1", "decompress=1", "session_id=x", "role=x"] {
            assert_eq!(asked(&Method::POST, query).expect_err(query).code, 48, "{query}");
        }
    }

    #[test]
    fn a_stranger_is_refused() {
        for query in ["user=admin", "password=x"] {
            let asked = asked(&Method::POST, query).expect("valid");
            assert_eq!(asked.authenticate(&HeaderMap::new()).expect_err(query).code, 516, "{query}");
        }
        assert!(asked(&Method::POST, "user=default&password=").expect("valid").authenticate(&HeaderMap::new()).is_ok());
    }
}
