//! A client of the public HTTP API, as plain as a customer's.

use std::{
    io::Write as _,
    sync::{Arc, PoisonError, RwLock},
    thread,
    time::{Duration, Instant},
};

use fixtures::Event;
use reqwest::{
    Method,
    blocking::{RequestBuilder, Response},
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap},
};
use serde::de::DeserializeOwned;

use super::answer::Receipt;

/// How long to wait until what was accepted is in the reports.
const APPLY: Duration = Duration::from_mins(3);

/// A client with one key. It follows the service through restarts.
#[derive(Clone, Debug)]
pub struct Client {
    url: Arc<RwLock<String>>,
    key: String,
    http: reqwest::blocking::Client,
}

/// How a body of events is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// One event a line.
    Ndjson,
    /// A JSON array.
    Array,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Body {
    /// The body's bytes.
    #[must_use]
    pub fn write(self, events: &[Event]) -> Vec<u8> {
        match self {
            Self::Array => serde_json::to_vec(events).expect("events are plain data"),
            Self::Ndjson => {
                let mut bytes = Vec::new();
                for event in events {
                    serde_json::to_writer(&mut bytes, event).expect("events are plain data");
                    bytes.push(b'\n');
                }
                bytes
            }
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Array => "application/json",
        }
    }
}

impl Encoding {
    /// Compresses.
    #[must_use]
    pub fn encode(self, plain: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Identity => plain,
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&plain).expect("writing to memory");
                encoder.finish().expect("writing to memory")
            }
            Self::Zstd => zstd::encode_all(plain.as_slice(), 1).expect("writing to memory"),
        }
    }

    /// Its name in HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A plain HTTP client.
///
/// # Panics
/// When there is none to be had.
#[must_use]
pub fn http() -> reqwest::blocking::Client {
    // Built together with the program, reqwest speaks TLS and wants to be told by whose cryptography; all others say the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder().timeout(Duration::from_secs(150)).build().expect("a plain HTTP client")
}

impl Client {
    pub(super) fn new(url: Arc<RwLock<String>>, key: &str) -> Self {
        Self { url, key: key.to_owned(), http: http() }
    }

    /// Where the service listens now.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request with the key, to be completed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url() + path);
        if self.key.is_empty() { request } else { request.bearer_auth(&self.key) }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no whole answer: nobody knows whether the request was worked on.
    pub fn send(request: RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response: Response = request.send()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, body: response.bytes()?.to_vec() })
    }

    /// GET, when there is an answer.
    #[must_use]
    pub fn try_get(&self, path: &str) -> Option<Reply> {
        Self::send(self.request(Method::GET, path)).ok()
    }

    /// GET with parameters.
    #[must_use]
    pub fn get(&self, path: &str, parameters: &[(&str, String)]) -> Reply {
        let request = self.request(Method::GET, path).query(parameters);
        Self::send(request).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// POST of bytes to `/v1/events`.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub fn try_post(
        &self,
        query: &str,
        body: Vec<u8>,
        form: Body,
        encoding: Encoding,
    ) -> Result<Reply, reqwest::Error> {
        let mut request = self
            .request(Method::POST, &format!("/v1/events{query}"))
            .header(CONTENT_TYPE, form.media_type())
            .body(encoding.encode(body));
        if encoding != Encoding::Identity {
            request = request.header(CONTENT_ENCODING, encoding.name());
        }
        Self::send(request)
    }

    /// Reports events, every one of which must be accepted.
    pub fn report(&self, events: &[Event], query: &str, form: Body, encoding: Encoding) {
        let post = || self.try_post(query, form.write(events), form, encoding);
        let reply = Self::patiently(post);
        assert!(matches!(reply.status, 200 | 202), "{}: {}", reply.status, reply.text());
        let receipt: Receipt = reply.json();
        assert_eq!((receipt.accepted, receipt.rejected), (events.len(), 0), "{:?}", receipt.errors);
    }

    /// Posts lines of events until reports show them.
    #[must_use]
    pub fn apply(&self, lines: &str) -> Reply {
        Self::patiently(|| self.try_post("?wait=applied", lines.as_bytes().to_vec(), Body::Ndjson, Encoding::Identity))
    }

    /// Posts again what is accepted and not applied in time, for others may have reported much before: a repetition changes nothing.
    fn patiently(post: impl Fn() -> Result<Reply, reqwest::Error>) -> Reply {
        let started = Instant::now();
        loop {
            let reply = post().expect("the service answers");
            if reply.status != 504 {
                return reply;
            }
            assert!(started.elapsed() < APPLY, "events that were accepted are not applied");
        }
    }

    /// Reports events as NDJSON.
    pub fn report_plainly(&self, events: &[Event]) {
        self.report(events, "", Body::Ndjson, Encoding::Identity);
    }

    /// Reports an event, again and again until its application is confirmed: then all that was accepted before is in the
    /// reports, too.
    pub fn wait_applied(&self, event: &Event) {
        let body = Body::Ndjson.write(std::slice::from_ref(event));
        let started = Instant::now();
        loop {
            match self.try_post("?wait=applied", body.clone(), Body::Ndjson, Encoding::Identity) {
                Ok(reply) if reply.status == 200 => return,
                Ok(reply) => {
                    assert!(matches!(reply.status, 503 | 504), "{}: {}", reply.status, reply.text());
                }
                Err(_) => {}
            }
            assert!(started.elapsed() < APPLY, "events that were accepted are not applied");
            thread::sleep(Duration::from_millis(50));
        }
    }
}
