//! Answers: ClickHouse's headers, and a body that is passed on as the engine makes it.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::sync::mpsc;

use crate::{exception::Exception, ffi::Stats, flush::Flushes, format, job::Event, ticket::CancelOnDrop};

const QUERY_ID: HeaderName = HeaderName::from_static("x-clickhouse-query-id");
const SUMMARY: HeaderName = HeaderName::from_static("x-clickhouse-summary");
const FORMAT: HeaderName = HeaderName::from_static("x-clickhouse-format");
const TIMEZONE: HeaderName = HeaderName::from_static("x-clickhouse-timezone");
const DISPLAY_NAME: HeaderName = HeaderName::from_static("x-clickhouse-server-display-name");
const EXCEPTION_CODE: HeaderName = HeaderName::from_static("x-clickhouse-exception-code");
const EXCEPTION_TAG: HeaderName = HeaderName::from_static("x-clickhouse-exception-tag");

/// The result broke off; the connection is closed so that the client notices.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the result broke off")
    }
}

impl std::error::Error for BrokenOff {}

/// An answer's body.
pub(crate) enum Content {
    /// Known as a whole.
    Text(Option<Bytes>),
    /// A result that is still being made.
    Result(Box<ResultBody>),
}

impl Body for Content {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Result(result) => result.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Text(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Self::Result(_) => SizeHint::default(),
        }
    }
}

/// What comes from the engine. Dropping it cancels the statement.
pub(crate) struct ResultBody {
    pub(crate) events: mpsc::Receiver<Event>,
    #[expect(dead_code, reason = "held for what its drop does")]
    pub(crate) guard: CancelOnDrop,
    pub(crate) version: String,
    pub(crate) gzip: bool,
    /// Marks an error in the middle of the result, as the headers announced.
    pub(crate) tag: String,
    pub(crate) flushes: Arc<Flushes>,
    pub(crate) ending: Ending,
}

/// How far a result that breaks off has come to its end.
#[derive(Debug, Default, Clone)]
pub(crate) enum Ending {
    #[default]
    NotYet,
    /// The rows before the error are to be on their way (since this count of flushes), so that the client does not
    /// read a part of the error text along with them.
    Failed(Exception, u64),
    /// The error text is to be on its way.
    Told(u64),
}

impl ResultBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if matches!(self.ending, Ending::NotYet) {
            match ready!(self.events.poll_recv(context)) {
                Some(Event::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Event::Ended) => return Poll::Ready(None),
                Some(Event::Failed(exception)) if !self.gzip => {
                    self.ending = Ending::Failed(exception, self.flushes.count());
                }
                Some(Event::Failed(_) | Event::Started(..)) | None => return Poll::Ready(Some(Err(BrokenOff))),
            }
        }
        match &self.ending {
            Ending::Failed(exception, seen) => {
                ready!(self.flushes.poll_after(*seen, context));
                let text = self.told(exception);
                self.ending = Ending::Told(self.flushes.count());
                Poll::Ready(Some(Ok(Frame::data(text))))
            }
            Ending::Told(seen) => {
                ready!(self.flushes.poll_after(*seen, context));
                Poll::Ready(Some(Err(BrokenOff)))
            }
            Ending::NotYet => Poll::Pending,
        }
    }

    /// The error, as ClickHouse writes it into the middle of a result.
    fn told(&self, exception: &Exception) -> Bytes {
        let (tag, text) = (&self.tag, exception.to_wire(&self.version));
        format!("\r\n__exception__\r\n{tag}\r\n{text}{} {tag}\r\n__exception__\r\n", text.len()).into()
    }
}

/// What every answer knows of its query and its connection.
pub(crate) struct Label {
    pub(crate) query_id: HeaderValue,
    pub(crate) tag: String,
    pub(crate) flushes: Arc<Flushes>,
}

impl Label {
    /// Takes the client's name for the query, or makes one up.
    pub(crate) fn new(query_id: Option<&str>, flushes: &Arc<Flushes>) -> Self {
        let given = query_id.and_then(|id| HeaderValue::from_str(id).ok());
        let query_id = given
            .unwrap_or_else(|| HeaderValue::try_from(random_id()).unwrap_or_else(|_| HeaderValue::from_static("")));
        let tag = (0..16).map(|_| char::from(b'a' + rand::random::<u8>() % 26)).collect();
        Self { query_id, tag, flushes: Arc::clone(flushes) }
    }

    fn apply(&self, headers: &mut HeaderMap) {
        headers.insert(QUERY_ID, self.query_id.clone());
        headers.insert(TIMEZONE, HeaderValue::from_static("UTC"));
        headers.insert(DISPLAY_NAME, HeaderValue::from_static("postlens-engine"));
    }
}

/// A random UUID, version 4.
fn random_id() -> String {
    let bits = rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A short text.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Content> {
    let mut response = Response::new(Content::Text(Some(text.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    response
}

/// An error before the first byte of a result.
pub(crate) fn failed(label: &Label, exception: &Exception, version: &str) -> Response<Content> {
    let mut response = plain(exception.status(), exception.to_wire(version));
    label.apply(response.headers_mut());
    response.headers_mut().insert(EXCEPTION_CODE, HeaderValue::from(exception.code));
    response
}

/// A result, of which the first figures are known.
pub(crate) fn result(
    label: &Label,
    format: &str,
    (stats, elapsed): (Stats, Duration),
    body: ResultBody,
) -> Response<Content> {
    let mut headers = HeaderMap::new();
    label.apply(&mut headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format::content_type(format)));
    for (name, value) in
        [(SUMMARY, summary(stats, elapsed)), (FORMAT, format.to_owned()), (EXCEPTION_TAG, label.tag.clone())]
    {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if body.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let mut response = Response::new(Content::Result(Box::new(body)));
    *response.headers_mut() = headers;
    response
}

/// ClickHouse's summary: a JSON object of numbers in strings, as far as they are known when the answer begins.
fn summary(stats: Stats, elapsed: Duration) -> String {
    let fields = [
        ("read_rows", stats.read_rows),
        ("read_bytes", stats.read_bytes),
        ("written_rows", stats.written_rows),
        ("written_bytes", stats.written_bytes),
        ("total_rows_to_read", stats.read_rows),
        ("result_rows", if stats.written_rows > 0 { stats.written_rows } else { stats.result_rows }),
        ("result_bytes", if stats.written_rows > 0 { stats.written_bytes } else { stats.result_bytes }),
        ("elapsed_ns", u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)),
    ];
    format!("{{{}}}", fields.map(|(name, value)| format!("\"{name}\":\"{value}\"")).join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_json_of_strings() {
        let stats = Stats { read_rows: 3, result_rows: 2, ..Stats::default() };
        let parsed: serde_json::Value = serde_json::from_str(&summary(stats, Duration::from_nanos(7))).expect("JSON");
        assert_eq!(
            (&parsed["read_rows"], &parsed["result_rows"], &parsed["elapsed_ns"]),
            (&"3".into(), &"2".into(), &"7".into())
        );
    }

    #[test]
    fn an_id_is_made_up_where_the_given_one_cannot_be_a_header() {
        assert_eq!(Label::new(Some("mine"), &Arc::default()).query_id, "mine");
        let made_up = Label::new(Some("a\nb"), &Arc::default()).query_id;
        let id = made_up.to_str().expect("ASCII");
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'), "{id}");
    }
}
