//! A proxy between the service and ClickHouse that breaks connections where it is told to.

use std::{
    collections::VecDeque,
    error::Error,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

/// What becomes of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// ClickHouse takes it, and the connection ends before the answer has passed. A refusal passes.
    LoseAnswer,
    /// The connection to ClickHouse ends in the midst of the body.
    CutBody,
    /// The answer comes so much later.
    Delay(Duration),
}

type Broken = Box<dyn Error + Send + Sync>;

/// Listens on a port of its own and passes requests on.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    _runtime: Runtime,
}

/// The faults to come, each for the next insert into its table.
#[derive(Debug, Default)]
struct Plan {
    faults: Mutex<VecDeque<(String, Fault)>>,
    lost: AtomicUsize,
}

impl Proxy {
    /// A proxy before ClickHouse.
    #[must_use]
    pub fn before(clickhouse: SocketAddr) -> Self {
        let runtime = Runtime::new().expect("threads can be started");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("some port is free");
        let address = listener.local_addr().expect("it is bound");
        let plan = Arc::<Plan>::default();
        runtime.spawn(accept(listener, clickhouse, Arc::clone(&plan)));
        Self { address, plan, _runtime: runtime }
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets something happen to the next insert into a table.
    pub fn plan(&self, table: &str, fault: Fault) {
        self.plan.faults().push_back((format!("INSERT INTO {table} "), fault));
    }

    /// How many inserts were taken whose answers were lost.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.plan.lost.load(Ordering::Relaxed)
    }

    /// How many faults have not happened yet.
    #[must_use]
    pub fn to_come(&self) -> usize {
        self.plan.faults().len()
    }
}

impl Plan {
    fn faults(&self) -> std::sync::MutexGuard<'_, VecDeque<(String, Fault)>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, uri: &Uri) -> Option<Fault> {
        let query = uri.query().unwrap_or_default().replace("%20", " ").replace('+', " ");
        let mut faults = self.faults();
        let place = faults.iter().position(|(insert, _)| query.contains(insert))?;
        faults.remove(place).map(|(_, fault)| fault)
    }
}

async fn accept(listener: TcpListener, clickhouse: SocketAddr, plan: Arc<Plan>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, clickhouse, client.clone(), Arc::clone(&plan)));
    }
}

type Upstream = Client<HttpConnector, BoxBody<Bytes, Broken>>;

async fn serve(stream: TcpStream, clickhouse: SocketAddr, client: Upstream, plan: Arc<Plan>) {
    let pass = service_fn(|request| pass(request, clickhouse, &client, &plan));
    // A connection that broke is what this is for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), pass).await;
}

/// Passes a request on and its answer back. An error breaks the client's connection off.
async fn pass(
    request: Request<Incoming>,
    clickhouse: SocketAddr,
    client: &Upstream,
    plan: &Plan,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (mut head, body) = request.into_parts();
    let fault = plan.take(&head.uri);
    head.uri = format!("http://{clickhouse}{}", head.uri.path_and_query().map_or("/", |path| path.as_str())).parse()?;
    let body = if fault == Some(Fault::CutBody) { cut(body).await? } else { body.map_err(Broken::from).boxed() };
    let (head, answer) = client.request(Request::from_parts(head, body)).await?.into_parts();
    let answer = answer.collect().await?.to_bytes();
    match fault {
        Some(Fault::LoseAnswer) if head.status.is_success() => {
            plan.lost.fetch_add(1, Ordering::Relaxed);
            return Err("the answer is lost".into());
        }
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::CutBody) => return Err("the body was taken whole though it was cut".into()),
        Some(Fault::LoseAnswer) | None => {}
    }
    Ok(Response::from_parts(head, Full::new(answer)))
}

/// Half of the first piece of a body, and then an error.
async fn cut(mut body: Incoming) -> Result<BoxBody<Bytes, Broken>, Broken> {
    let first = body.frame().await.ok_or("an insert has a body")??;
    let data = first.into_data().map_err(|_| "a body begins with data")?;
    let pieces = [Ok(Frame::data(data.slice(..data.len() / 2))), Err("the connection died".into())];
    Ok(StreamBody::new(futures::stream::iter(pieces)).boxed())
}
