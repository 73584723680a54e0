//! The client of ClickHouse: the official crate, over TCP or over the Unix socket of the embedded engine.

use std::{
    future::Future,
    io,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use clickhouse::Client;
use hyper::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::UnixStream;

/// Where ClickHouse is.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The embedded engine's socket.
    Socket(PathBuf),
    /// A server, a cluster or ClickHouse Cloud.
    Server {
        /// `http://host:8123`.
        url: String,
        /// The user; ClickHouse's default user when absent.
        user: Option<String>,
        /// The user's password.
        password: Option<String>,
    },
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => f.debug_tuple("Socket").field(path).finish(),
            Self::Server { url, .. } => f.debug_struct("Server").field("url", url).finish_non_exhaustive(),
        }
    }
}

/// A database in ClickHouse. Cheap to clone; holds a pool of HTTP connections.
#[derive(Clone)]
pub struct ClickHouse {
    server: Client,
    client: Client,
    database: Arc<str>,
}

impl ClickHouse {
    /// A client of `database` at `endpoint`. Connects when it is first used.
    ///
    /// Settings that must not depend on the server's configuration are sent with every request: no asynchronous inserts, and
    /// blocks of the same `insert_deduplication_token` inserted once.
    #[must_use]
    pub fn new(endpoint: &Endpoint, database: &str) -> Self {
        let server = match endpoint {
            Endpoint::Socket(path) => {
                let connector = UnixConnector(Arc::from(path.as_path()));
                let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
                Client::with_http_client(http).with_url("http://engine")
            }
            Endpoint::Server { url, user, password } => {
                let client = Client::default().with_url(url);
                let client = if let Some(user) = user { client.with_user(user) } else { client };
                if let Some(password) = password { client.with_password(password) } else { client }
            }
        };
        let server = server.with_setting("async_insert", "0").with_setting("insert_deduplicate", "1");
        let client = server.clone().with_database(database);
        Self { server, client, database: Arc::from(database) }
    }

    /// The client, its database chosen.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The client without a database, to create it with.
    pub(crate) fn server(&self) -> &Client {
        &self.server
    }
}

impl std::fmt::Debug for ClickHouse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClickHouse").field("database", &self.database).finish_non_exhaustive()
    }
}

/// Connects to one Unix socket, whatever the URL says.
#[derive(Clone)]
struct UnixConnector(Arc<std::path::Path>);

impl tower::Service<Uri> for UnixConnector {
    type Response = UnixConnection;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<UnixConnection>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = Arc::clone(&self.0);
        Box::pin(async move { Ok(UnixConnection(TokioIo::new(UnixStream::connect(path).await?))) })
    }
}

struct UnixConnection(TokioIo<UnixStream>);

impl Connection for UnixConnection {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for UnixConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl hyper::rt::Write for UnixConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    // With these two the pieces of a block are written from where they lie, and not copied into one buffer first.
    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
