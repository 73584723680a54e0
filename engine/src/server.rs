//! The HTTP server: accepts connections until it is told to stop, then lets running requests finish, but not for long.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use crate::{
    flush::{Counted, Flushes},
    handler::{Client, Listener, handle},
    listen::Socket,
    pool::Pool,
};

/// Clients connected at the same time; more wait to be accepted.
const MAX_CLIENTS: usize = 1024;
/// The longest head of a request, in bytes. Statements may stand in the URL.
const MAX_HEAD: usize = 256 << 10;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long running requests may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(3);
/// How long to wait when no client can be accepted, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` changes. When this returns, no request is left.
pub(crate) async fn serve(
    pool: &Arc<Pool>,
    socket: Option<Socket>,
    tcp: Option<TcpListener>,
    mut stop: watch::Receiver<bool>,
) {
    let clients = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut tasks = JoinSet::new();
    let stopped = stop.clone();
    let mut told = pin!(told(&mut stop));
    loop {
        while tasks.try_join_next().is_some() {}
        let accept = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&clients).acquire_owned().await.ok();
            tokio::select! {
                stream = accept_unix(socket.as_ref()) => (stream, permit),
                stream = accept_tcp(tcp.as_ref()) => (stream, permit),
            }
        };
        let (stream, permit) = tokio::select! {
            () = &mut told => break,
            accepted = accept => accepted,
        };
        // Nobody aborts a single client.
        let _handle = match stream {
            Stream::Unix(stream) => {
                tasks.spawn(client(Arc::clone(pool), Listener::Unix, stream, permit, stopped.clone()))
            }
            Stream::Tcp(stream) => {
                tasks.spawn(client(Arc::clone(pool), Listener::Tcp, stream, permit, stopped.clone()))
            }
        };
    }
    drop((socket, tcp));
    let _overdue = tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    tasks.shutdown().await;
}

/// Ends when the server is told to stop, or nobody is left to tell it.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _nobody_left = stop.wait_for(|stop| *stop).await.is_err();
}

enum Stream {
    Unix(tokio::net::UnixStream),
    Tcp(tokio::net::TcpStream),
}

async fn accept_unix(socket: Option<&Socket>) -> Stream {
    let Some(socket) = socket else { return std::future::pending().await };
    loop {
        match socket.listener.accept().await {
            Ok((stream, _)) => return Stream::Unix(stream),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn accept_tcp(listener: Option<&TcpListener>) -> Stream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it small answers wait for the client's acknowledgement; the worst case is that wait.
                let _slow = stream.set_nodelay(true);
                return Stream::Tcp(stream);
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn client<S>(
    pool: Arc<Pool>,
    listener: Listener,
    stream: S,
    permit: Option<OwnedSemaphorePermit>,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let flushes = Arc::new(Flushes::default());
    let stream = Counted::new(stream, Arc::clone(&flushes));
    let service = service_fn(move |request| {
        let client = Client { listener, flushes: Arc::clone(&flushes) };
        let pool = Arc::clone(&pool);
        async move { Ok::<_, Infallible>(handle(&pool, client, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's connection ended early");
    }
    drop(permit);
}
