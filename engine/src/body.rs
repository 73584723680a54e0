//! The body of a request: decompressed as it comes, and split into the statement and the data behind it.

use std::io::Write;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

use crate::{
    exception::{Code, Exception},
    form,
    request::Asked,
    statement::{Head, head},
};

/// The longest statement, or form. (The engine's own limit, `max_query_size`, is lower unless a request raises it, but
/// does not count the values of an INSERT.)
const MAX_STATEMENT: usize = 64 << 20;
/// The longest beginning of an INSERT, up to its data.
const MAX_HEAD: usize = 1 << 20;
/// What is read of a body that nobody wants any more, so that the client sees the answer rather than a broken pipe.
const MAX_DRAIN: usize = 64 << 20;

/// The body as it was before its content encoding.
pub(crate) struct Body {
    incoming: Incoming,
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
    ended: bool,
}

impl Body {
    /// A body with the content encoding that the headers name.
    pub(crate) fn new(headers: &HeaderMap, incoming: Incoming) -> Result<Self, Exception> {
        let encoding = headers.get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?")).trim();
        let decoder = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(MultiGzDecoder::new(Vec::new())),
            _ => {
                return Err(Exception::new(
                    Code::UnknownCompressionMethod,
                    "Unknown Content-Encoding: the embedded engine reads gzip or none",
                ));
            }
        };
        Ok(Self { incoming, decoder, ended: false })
    }

    /// The next bytes; `None` at the end of a body that arrived whole.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        while !self.ended {
            let decoded = match self.incoming.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.decode(data)?,
                    Err(_trailers) => continue,
                },
                Some(Err(_)) => return Err(Exception::new(Code::NetworkError, "The request's body broke off")),
                None => {
                    self.ended = true;
                    self.finish()?
                }
            };
            if !decoded.is_empty() {
                return Ok(Some(decoded));
            }
        }
        Ok(None)
    }

    fn decode(&mut self, data: Bytes) -> Result<Bytes, Exception> {
        let Some(decoder) = &mut self.decoder else { return Ok(data) };
        decoder.write_all(&data).map_err(|_| not_gzip())?;
        Ok(std::mem::take(decoder.get_mut()).into())
    }

    fn finish(&mut self) -> Result<Bytes, Exception> {
        let Some(decoder) = &mut self.decoder else { return Ok(Bytes::new()) };
        decoder.try_finish().map_err(|_| not_gzip())?;
        Ok(std::mem::take(decoder.get_mut()).into())
    }

    /// Reads on without looking, up to a bound.
    pub(crate) async fn drain(&mut self) {
        self.decoder = None;
        let mut read = 0;
        while read < MAX_DRAIN
            && let Ok(Some(data)) = self.next().await
        {
            read += data.len();
        }
    }

    /// Adds all that is left to `text`.
    async fn append_to(&mut self, text: &mut Vec<u8>) -> Result<(), Exception> {
        while let Some(data) = self.next().await? {
            if text.len() + data.len() > MAX_STATEMENT {
                return Err(Exception::new(Code::QueryIsTooLarge, "The statement is longer than 64 MiB"));
            }
            text.extend_from_slice(&data);
        }
        Ok(())
    }
}

fn not_gzip() -> Exception {
    Exception::new(Code::BadRequestParameter, "The request's body is not valid gzip")
}

/// A request's statement.
pub(crate) enum Input {
    /// An INSERT without its FORMAT clause, and the first of its data; the body has the rest.
    Insert { sql: Vec<u8>, format: String, first: Bytes },
    /// Any other statement, whole.
    Statement(Vec<u8>),
}

/// Takes the fields of a form, if the body is one.
pub(crate) async fn read_form(headers: &HeaderMap, body: &mut Body, asked: &mut Asked) -> Result<(), Exception> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(boundary) = form::boundary(content_type) else { return Ok(()) };
    let mut form = Vec::new();
    body.append_to(&mut form).await?;
    form::fields(&form, &boundary?)?.into_iter().try_for_each(|(name, value)| asked.add(name, value))
}

/// Reads the statement: what the URL has of it, then, on a line of its own, the body; up to where an INSERT's data begins.
pub(crate) async fn read_statement(asked: &Asked, body: &mut Body) -> Result<Input, Exception> {
    let mut text = asked.query.trim_ascii_end().to_vec();
    let mut in_url = !text.is_empty();
    let mut complete = false;
    let mut next_look = 0;
    loop {
        // Looking again only when the text has grown by a share keeps many small pieces cheap.
        if text.len() >= next_look || complete {
            match head(&text, complete) {
                // Values in which the engine has to fill in parameters are part of the statement.
                Head::Insert { format, .. } if format == "Values" && !asked.params.is_empty() => break,
                Head::Insert { sql, format, data } => {
                    let first = Bytes::from(text.split_off(data));
                    text.truncate(sql);
                    return Ok(Input::Insert { sql: text, format, first });
                }
                Head::Other => break,
                Head::Incomplete if text.len() > MAX_HEAD => break,
                Head::Incomplete => next_look = text.len() + text.len() / 8 + 1,
            }
        }
        match body.next().await? {
            Some(data) => {
                if std::mem::take(&mut in_url) {
                    text.push(b'\n');
                }
                text.extend_from_slice(&data);
            }
            None => complete = true,
        }
    }
    if in_url && !complete {
        let mut rest = Vec::new();
        body.append_to(&mut rest).await?;
        if !rest.is_empty() {
            text.push(b'\n');
            text.extend(rest);
        }
    } else {
        body.append_to(&mut text).await?;
    }
    Ok(Input::Statement(text))
}
