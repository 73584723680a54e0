//! One HTTP request: from its head to its answer.

use std::sync::Arc;

use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{CONTENT_LENGTH, HOST, ORIGIN, TRANSFER_ENCODING},
};
use tokio::sync::mpsc;

use crate::{
    body::{Body, Input, read_form, read_statement},
    exception::{Code, Exception},
    flush::Flushes,
    format::{Framing, framing},
    job::{Event, Job, Part, Task},
    pool::Pool,
    request::Asked,
    response::{Content, Ending, Label, ResultBody, failed, plain, result},
    statement::{DECORATING, analyse},
    ticket::{CancelOnDrop, Ticket},
};

/// The format of a result when nobody names one, as over ClickHouse's HTTP interface.
const DEFAULT_FORMAT: &str = "TabSeparated";
/// Blocks of a result on their way to a client, and pieces of data on their way to the engine.
const IN_FLIGHT: usize = 2;

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    Unix,
    Tcp,
}

/// The connection that a request came on.
pub(crate) struct Client {
    pub(crate) listener: Listener,
    pub(crate) flushes: Arc<Flushes>,
}

/// Answers a request.
pub(crate) async fn handle(pool: &Pool, client: Client, request: Request<Incoming>) -> Response<Content> {
    if client.listener == Listener::Tcp && comes_from_a_browser(&request) {
        return plain(StatusCode::FORBIDDEN, "The embedded engine does not serve web pages\n");
    }
    match (request.uri().path(), request.method()) {
        ("/ping", &Method::GET | &Method::HEAD) => plain(StatusCode::OK, "Ok.\n"),
        ("/", &Method::GET | &Method::HEAD) if request.uri().query().is_none_or(str::is_empty) => {
            plain(StatusCode::OK, "Ok.\n")
        }
        ("/", &Method::GET | &Method::HEAD | &Method::POST) => query(pool, client.flushes, request).await,
        ("/", _) => plain(StatusCode::METHOD_NOT_ALLOWED, "Use GET or POST\n"),
        _ => plain(StatusCode::NOT_FOUND, "There is no such handle. Use / for queries and /ping for health checks\n"),
    }
}

/// A web page that a person on this machine has open must not be able to send queries to the loopback address.
fn comes_from_a_browser(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let local = name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
    request.headers().contains_key(ORIGIN) || !local
}

async fn query(pool: &Pool, flushes: Arc<Flushes>, request: Request<Incoming>) -> Response<Content> {
    let (head, incoming) = request.into_parts();
    let mut asked = match Asked::new(&head.method, head.uri.query(), &head.headers) {
        Ok(asked) => asked,
        Err(exception) => return failed(&Label::new(None, &flushes), &exception, pool.version()),
    };
    let sized = incoming.is_end_stream()
        || head.headers.contains_key(CONTENT_LENGTH)
        || head.headers.contains_key(TRANSFER_ENCODING);
    let mut body = match Body::new(&head.headers, incoming) {
        Ok(body) => body,
        Err(exception) => return failed(&Label::new(None, &flushes), &exception, pool.version()),
    };
    let mut outcome = asked.authenticate(&head.headers);
    if head.method == Method::POST
        && !(sized && (head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING)))
    {
        outcome = Err(Exception::new(
            Code::HttpLengthRequired,
            "The Transfer-Encoding is not chunked and there is no Content-Length header for POST request",
        ));
    }
    if outcome.is_ok() {
        outcome = read_form(&head.headers, &mut body, &mut asked).await;
    }
    let label = Label::new(asked.query_id.as_deref(), &flushes);
    let answer = match outcome {
        Ok(()) => run(pool, asked, &mut body, &label).await,
        Err(exception) => Err(exception),
    };
    match answer {
        Ok(response) => response,
        Err(exception) => {
            body.drain().await;
            failed(&label, &exception, pool.version())
        }
    }
}

async fn run(pool: &Pool, asked: Asked, body: &mut Body, label: &Label) -> Result<Response<Content>, Exception> {
    let input = read_statement(&asked, body).await?;
    let default_format = asked.default_format.as_deref().unwrap_or(DEFAULT_FORMAT);
    match input {
        Input::Statement(sql) => {
            let mut statement = analyse(&sql)?;
            statement.decorated |= asked.settings.iter().any(|(name, _)| DECORATING.contains(&name.as_str()));
            let format = statement.format.clone().unwrap_or_else(|| default_format.to_owned());
            let framing = if asked.wait_end_of_query { Framing::Whole } else { framing(&format, &statement) };
            let task = Task::Query { sql, format: default_format.to_owned(), framing, select: statement.select };
            let (events, guard) = submit(pool, asked, task).await?;
            respond(pool, label, &format, events, guard).await
        }
        Input::Insert { sql, format, first } => {
            analyse(&sql)?;
            let (sender, data) = mpsc::channel(IN_FLIGHT);
            // A client that is slow to send its first byte does not hold a connection yet.
            let first = if first.is_empty() { body.next().await? } else { Some(first) };
            let answer_format = default_format.to_owned();
            let (gzip, task) = (asked.gzip(), Task::Insert { sql, format, data });
            let (events, guard) = submit(pool, asked, task).await?;
            let (sent, answer) =
                tokio::join!(send(first, body, sender), respond(pool, label, &answer_format, (events.0, gzip), guard));
            sent.and(answer)
        }
    }
}

type Events = (mpsc::Receiver<Event>, bool);

async fn submit(pool: &Pool, asked: Asked, task: Task) -> Result<(Events, CancelOnDrop), Exception> {
    let permit = pool.acquire().await?;
    let (sender, events) = mpsc::channel(IN_FLIGHT);
    let gzip = asked.gzip();
    let preparation = asked.preparation();
    let job = Job { preparation, params: asked.params, task, gzip, events: sender, ticket: Ticket::new(), permit };
    let guard = pool.submit(job)?;
    Ok(((events, gzip), guard))
}

/// Passes data on to the engine. Unless the body arrives whole, the end of the data is not told, and nothing is committed.
async fn send(first: Option<bytes::Bytes>, body: &mut Body, sender: mpsc::Sender<Part>) -> Result<(), Exception> {
    let mut next = first;
    while let Some(data) = next {
        if sender.send(Part::Data(data)).await.is_err() {
            // The engine has refused the data and says why in its answer.
            body.drain().await;
            return Ok(());
        }
        next = body.next().await?;
    }
    let _refused = sender.send(Part::End).await;
    Ok(())
}

async fn respond(
    pool: &Pool,
    label: &Label,
    format: &str,
    (mut events, gzip): Events,
    guard: CancelOnDrop,
) -> Result<Response<Content>, Exception> {
    match events.recv().await {
        Some(Event::Started(stats, elapsed)) => {
            let version = pool.version().to_owned();
            let body = ResultBody {
                events,
                guard,
                version,
                gzip,
                tag: label.tag.clone(),
                flushes: Arc::clone(&label.flushes),
                ending: Ending::NotYet,
            };
            Ok(result(label, format, (stats, elapsed), body))
        }
        Some(Event::Failed(exception)) => Err(exception),
        Some(Event::Data(_) | Event::Ended) | None => Err(Exception::new(Code::Aborted, "The query was aborted")),
    }
}
