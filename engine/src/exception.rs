//! Errors as a ClickHouse server words them over HTTP: `Code: 60. DB::Exception: … (UNKNOWN_TABLE) (version …)`,
//! and the HTTP status that goes with each code.

use hyper::StatusCode;

/// Codes of the errors that this crate raises itself, with ClickHouse's own numbers and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    SyntaxError,
    NotImplemented,
    UnknownCompressionMethod,
    TooManySimultaneousQueries,
    SocketTimeout,
    NetworkError,
    QueryIsTooLarge,
    Aborted,
    IntoOutfileNotAllowed,
    HttpLengthRequired,
    BadRequestParameter,
    AuthenticationFailed,
    UnknownException,
}

impl Code {
    const fn number(self) -> u32 {
        match self {
            Self::NotImplemented => 48,
            Self::SyntaxError => 62,
            Self::UnknownCompressionMethod => 89,
            Self::TooManySimultaneousQueries => 202,
            Self::SocketTimeout => 209,
            Self::NetworkError => 210,
            Self::QueryIsTooLarge => 229,
            Self::Aborted => 236,
            Self::IntoOutfileNotAllowed => 358,
            Self::HttpLengthRequired => 381,
            Self::BadRequestParameter => 408,
            Self::AuthenticationFailed => 516,
            Self::UnknownException => 1002,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::SyntaxError => "SYNTAX_ERROR",
            Self::UnknownCompressionMethod => "UNKNOWN_COMPRESSION_METHOD",
            Self::TooManySimultaneousQueries => "TOO_MANY_SIMULTANEOUS_QUERIES",
            Self::SocketTimeout => "SOCKET_TIMEOUT",
            Self::NetworkError => "NETWORK_ERROR",
            Self::QueryIsTooLarge => "QUERY_IS_TOO_LARGE",
            Self::Aborted => "ABORTED",
            Self::IntoOutfileNotAllowed => "INTO_OUTFILE_NOT_ALLOWED",
            Self::HttpLengthRequired => "HTTP_LENGTH_REQUIRED",
            Self::BadRequestParameter => "BAD_REQUEST_PARAMETER",
            Self::AuthenticationFailed => "AUTHENTICATION_FAILED",
            Self::UnknownException => "UNKNOWN_EXCEPTION",
        }
    }
}

/// One error for the client: ClickHouse's code and its text, without the version that ends it on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    /// ClickHouse's error code.
    pub(crate) code: u32,
    text: String,
}

impl Exception {
    /// An error of this crate's own.
    pub(crate) fn new(code: Code, message: &str) -> Self {
        let number = code.number();
        Self { code: number, text: format!("Code: {number}. DB::Exception: {message}. ({})", code.name()) }
    }

    /// An error as the library words it. The library wraps some errors in themselves and ends some with its version;
    /// a server does neither.
    pub(crate) fn from_engine(text: &str) -> Self {
        let mut text = without_version(text);
        while let Some(inner) = unwrapped(text) {
            text = without_version(inner);
        }
        match code_of(text) {
            Some(code) => Self { code, text: text.to_owned() },
            None => Self::new(Code::UnknownException, text.trim_end_matches('.')),
        }
    }

    /// The text on the wire.
    pub(crate) fn to_wire(&self, version: &str) -> String {
        format!("{} (version {version} (official build))\n", self.text)
    }

    /// The HTTP status that ClickHouse gives this code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            194 => StatusCode::UNAUTHORIZED,
            192 | 193 | 512 | 516 => StatusCode::FORBIDDEN,
            6 | 8 | 15 | 25 | 26 | 27 | 36 | 37 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 123 | 167 | 168 | 223 | 321
            | 376 | 408 | 427 | 441 | 675 | 676 => StatusCode::BAD_REQUEST,
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => StatusCode::NOT_FOUND,
            159 => StatusCode::REQUEST_TIMEOUT,
            381 => StatusCode::LENGTH_REQUIRED,
            229 => StatusCode::PAYLOAD_TOO_LARGE,
            48 | 89 => StatusCode::NOT_IMPLEMENTED,
            // ClickHouse gives 500 for 202 and 236; here they mean "try again", which clients should see.
            76 | 202 | 209 | 236 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

const MARK: &str = ". DB::Exception: ";

fn code_of(text: &str) -> Option<u32> {
    let (number, _) = text.strip_prefix("Code: ")?.split_once(MARK)?;
    number.parse().ok()
}

/// The error inside an error of the same code, without the name that the outer one repeats.
fn unwrapped(text: &str) -> Option<&str> {
    let code = code_of(text)?;
    let (_, inner) = text.split_once(MARK)?;
    if code_of(inner)? != code {
        return None;
    }
    inner.rfind(". (").map(|end| &inner[..end])
}

fn without_version(text: &str) -> &str {
    let text = text.trim_end();
    match text.rfind(" (version ") {
        Some(at) if text.ends_with(')') && !text[at..].contains("). (") => &text[..at],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_wrapped_in_itself_is_told_once() {
        let once = "Code: 115. DB::Exception: Unknown setting 'nope'. (UNKNOWN_SETTING)";
        let twice = format!("Code: 115. DB::Exception: {once} (version 26.7.2.1). (UNKNOWN_SETTING)");
        let thrice = format!("Code: 115. DB::Exception: {twice} (version 26.7.2.1). (UNKNOWN_SETTING)");
        for text in [once, &twice, &thrice] {
            let exception = Exception::from_engine(text);
            assert_eq!((exception.code, exception.text.as_str()), (115, once));
        }
    }

    #[test]
    fn the_version_ends_the_text_as_clients_expect() {
        let exception = Exception::from_engine("Code: 27. DB::Exception: Bad. (CANNOT_PARSE) (version 26.7.2.1)");
        assert_eq!(
            exception.to_wire("26.7.2.1"),
            "Code: 27. DB::Exception: Bad. (CANNOT_PARSE) (version 26.7.2.1 (official build))\n"
        );
    }

    #[test]
    fn a_text_without_a_code_becomes_an_unknown_exception() {
        let exception = Exception::from_engine("The engine gave no answer");
        assert_eq!(exception.text, "Code: 1002. DB::Exception: The engine gave no answer. (UNKNOWN_EXCEPTION)");
        assert_eq!(exception.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn statuses_are_those_of_clickhouse() {
        let status = |code| Exception::from_engine(&format!("Code: {code}. DB::Exception: x. (X)")).status().as_u16();
        assert_eq!([60, 62, 47, 159, 241, 48, 164].map(status), [404, 400, 404, 408, 500, 501, 500]);
    }
}
