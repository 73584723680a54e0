//! The client side of the HTTP API: where the service is, with which key, and how its refusals read in a terminal.

use std::{fmt, io::Write, time::Duration};

use clap::Args;
use reqwest::{RequestBuilder, Response, StatusCode, Url, header, redirect};
use serde::Deserialize;

use super::Failure;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the service may be silent while a request runs.
const SILENCE: Duration = Duration::from_mins(3);
/// Of an answer that is no problem document, this many characters are shown.
const EXCERPT: usize = 200;

/// Where the service is, and who asks.
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    /// Where the service is
    #[arg(long, env = "POSTLENS_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// The API key; better given as `POSTLENS_KEY`, for other users of the machine see the arguments of programs
    #[arg(long, env = "POSTLENS_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

impl ServiceArgs {
    /// A client of that service.
    ///
    /// # Errors
    /// When the URL is none, or there is no key.
    pub(super) fn client(&self) -> Result<Client, ClientError> {
        self.client_that_waits(SILENCE)
    }

    /// One that waits so long while the service is silent.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub(super) fn client_that_waits(&self, silence: Duration) -> Result<Client, ClientError> {
        let base = self.url.trim_end_matches('/').to_owned();
        let url = Url::parse(&base).map_err(|error| ClientError::Url(self.url.clone(), error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ClientError::Url(self.url.clone(), "http:// or https:// and a host are needed".to_owned()));
        }
        let key = self.key.clone().filter(|key| !key.trim().is_empty()).ok_or(ClientError::NoKey)?;
        let mut authorization = header::HeaderValue::from_str(&format!("Bearer {}", key.trim()))
            .map_err(|_| ClientError::UnprintableKey)?;
        authorization.set_sensitive(true);
        // Another part of the process may have chosen a provider before; it is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("postlens/", env!("CARGO_PKG_VERSION")))
            .default_headers([(header::AUTHORIZATION, authorization)].into_iter().collect())
            .connect_timeout(CONNECT)
            .read_timeout(silence)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(Client { http, base, key })
    }
}

/// A client of the service.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    /// A GET request of a path such as `/v1/ingest/status`.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.link(path))
    }

    /// A POST request.
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.link(path))
    }

    /// A request of any method.
    pub(super) fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.link(path))
    }

    /// A path as others are told it.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request; an answer other than 2xx is an error.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    /// Sends a request and reads the JSON document that answers it.
    pub(super) async fn json<T: serde::de::DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let answer = self.send(request).await?.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Unreadable(error.to_string()))
    }

    /// Writes an answer as it comes, for it may be longer than memory. Answers its last byte.
    pub(super) async fn copy(&self, mut answer: Response, out: &mut impl Write) -> Result<Option<u8>, Failure> {
        let mut last = None;
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.unreachable(&error))? {
            out.write_all(&chunk)?;
            last = chunk.last().copied().or(last);
        }
        out.flush()?;
        Ok(last)
    }

    /// The error of a request that got no answer, or not the whole of it.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.base.clone(), connecting: error.is_connect(), why: innermost(error) }
    }

    /// What tells this service and this key from others, for use as a hash's input.
    pub(super) fn identity(&self) -> [&str; 2] {
        [&self.base, &self.key]
    }
}

/// What the innermost source of an error says; what stands around it names the URL again.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

async fn refusal(response: Response) -> ClientError {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let text = response.text().await.unwrap_or_default();
    let problem = serde_json::from_str(&text).unwrap_or_else(|_| Problem {
        detail: location.map(|location| format!("it redirects to {location}")).or_else(|| excerpt(&text)),
        ..Problem::default()
    });
    ClientError::Refused(Box::new(Refusal { status, problem, retry_after, body: text }))
}

/// The first line of a text, no longer than fits a terminal.
fn excerpt(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().filter(|letter| !letter.is_control()).take(EXCERPT).collect())
}

/// The members of a problem document (RFC 9457) that are shown.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Problem {
    r#type: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    instance: Option<String>,
    parameter: Option<String>,
}

/// An answer other than 2xx.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Its status.
    pub(super) status: StatusCode,
    problem: Problem,
    retry_after: Option<Duration>,
    /// The answer as it came.
    pub(super) body: String,
}

/// Why there is no answer. Reads as one line, and a hint on a second where there is something to do.
#[derive(Debug)]
pub(super) enum ClientError {
    /// The URL is none.
    Url(String, String),
    /// No key was given.
    NoKey,
    /// The key has characters that no header may have.
    UnprintableKey,
    /// The HTTP client cannot be set up.
    Setup(String),
    /// No answer, or not the whole of it.
    Unreachable {
        /// Where the service was thought to be.
        url: String,
        /// Whether the connection itself failed.
        connecting: bool,
        /// Why, in a few words.
        why: String,
    },
    /// An answer other than 2xx.
    Refused(Box<Refusal>),
    /// An answer of another form than the API has.
    Unreadable(String),
}

impl ClientError {
    /// Whether the same request may do better later.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(refusal) => match refusal.status {
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => true,
                StatusCode::NOT_IMPLEMENTED => false,
                status => status.is_server_error(),
            },
            Self::Url(..) | Self::NoKey | Self::UnprintableKey | Self::Setup(_) | Self::Unreadable(_) => false,
        }
    }

    /// After which time the service wants to be asked again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        if let Self::Refused(refusal) = self { refusal.retry_after } else { None }
    }

    /// What went wrong, on one line.
    pub(super) fn line(&self) -> String {
        self.to_string().lines().next().unwrap_or_default().to_owned()
    }

    /// What to do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKey => {
                Some("pass --key or set POSTLENS_KEY; `postlens keys create --help` tells how to make a key")
            }
            Self::Unreachable { connecting: true, .. } => {
                Some("is the service running? `postlens serve` starts it; --url or POSTLENS_URL says where it is")
            }
            Self::Refused(refusal) => refusal.hint(),
            _ => None,
        }
    }
}

impl Refusal {
    fn hint(&self) -> Option<&'static str> {
        let foreign = self.problem.r#type.is_none();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                Some("check --key or POSTLENS_KEY; `postlens keys list` shows which keys are valid")
            }
            StatusCode::FORBIDDEN => Some(
                "events need a key of role ingest or admin, reports one of role read or admin, messages one of role admin",
            ),
            StatusCode::NOT_FOUND if foreign => Some("is --url the address of a Postlens service?"),
            status if status.is_redirection() => Some("is --url the address of a Postlens service?"),
            _ => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url, why) => write!(f, "`{url}` is no URL of a service: {why}")?,
            Self::NoKey => f.write_str("an API key is needed")?,
            Self::UnprintableKey => f.write_str("the API key has characters that no key has")?,
            Self::Setup(why) => write!(f, "the HTTP client cannot be set up: {why}")?,
            Self::Unreachable { url, why, .. } => write!(f, "no answer from {url}: {why}")?,
            Self::Refused(refusal) => refusal.problem.write(f, refusal.status)?,
            Self::Unreadable(why) => write!(f, "the answer cannot be read: {why}")?,
        }
        self.hint().map_or(Ok(()), |hint| write!(f, "\n  hint: {hint}"))
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, status: StatusCode) -> fmt::Result {
        let said = self.detail.as_deref().or(self.title.as_deref());
        f.write_str(said.unwrap_or("the service refused without a word"))?;
        let kind = self.r#type.as_deref().and_then(|name| name.rsplit([':', '/']).next());
        write!(f, " ({}", status.as_u16())?;
        if let Some(kind) = kind {
            write!(f, " {kind}")?;
        }
        if let Some(parameter) = &self.parameter {
            write!(f, ", parameter {parameter}")?;
        }
        if let Some(instance) = &self.instance {
            write!(f, ", request {instance}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for ClientError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, document: &str) -> ClientError {
        ClientError::Refused(Box::new(Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            problem: serde_json::from_str(document).unwrap(),
            retry_after: None,
            body: String::new(),
        }))
    }

    #[test]
    fn a_problem_reads_as_one_line_with_what_to_change() {
        let error = refused(
            422,
            r#"{"type":"urn:postlens:problem:invalid-parameter","title":"A parameter is wrong","status":422,
                "detail":"`from` must lie on a quarter of an hour","instance":"5f0c","parameter":"from"}"#,
        );
        let line = "`from` must lie on a quarter of an hour (422 invalid-parameter, parameter from, request 5f0c)";
        assert_eq!(error.to_string(), line);
        assert!(!error.is_temporary());
    }

    #[test]
    fn a_key_that_is_not_valid_gets_a_hint() {
        let text =
            refused(401, r#"{"type":"urn:postlens:problem:unauthenticated","title":"A valid API key is needed"}"#);
        assert!(text.to_string().starts_with("A valid API key is needed (401 unauthenticated)\n  hint: check --key"));
    }

    #[test]
    fn only_what_may_do_better_later_is_tried_again() {
        for (status, temporary) in
            [(429, true), (503, true), (504, true), (500, true), (408, true), (501, false), (400, false), (413, false)]
        {
            assert_eq!(refused(status, "{}").is_temporary(), temporary, "{status}");
        }
    }

    #[test]
    fn a_url_or_a_key_that_cannot_work_is_told_before_anything_is_sent() {
        let client = |url: &str, key: Option<&str>| {
            ServiceArgs { url: url.to_owned(), key: key.map(str::to_owned) }
                .client()
                .map(|_| ())
                .map_err(|e| e.to_string())
        };
        assert!(client("localhost:8080", Some("k")).unwrap_err().contains("is no URL"));
        assert!(client("http://", Some("k")).unwrap_err().contains("is no URL"));
        assert!(client("http://h", None).unwrap_err().contains("POSTLENS_KEY"));
        assert!(client("http://h", Some(" ")).unwrap_err().contains("POSTLENS_KEY"));
        assert!(client("http://h", Some("a\nb")).unwrap_err().contains("characters"));
        assert_eq!(client("https://h/prefix/", Some("k")), Ok(()));
    }
}
