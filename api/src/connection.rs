//! Connections: accepted, served, and let go of when the service stops.
//!
//! Every request knows its peer. A client has a bounded time to send a request's head, so that silent connections do not pile up.

use std::{io, net::IpAddr, time::Duration};

use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tower::ServiceExt as _;

/// How long a client may take to send a request's head, and how long a connection may lie idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a request's connection comes from: a client, or a proxy before it. Requests carry it as an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves until `stop` is over; then accepts no more, and waits for running requests as long as `patience` lasts.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, patience: Duration) {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        answer(stream, Peer(peer.ip()), router.clone(), &graceful);
    }
    drop(listener);
    let open = graceful.count();
    tracing::info!(open, "stopping: no new connections, waiting for running requests");
    if timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not finished in time and are given up");
    }
}

fn answer(stream: TcpStream, peer: Peer, router: Router, graceful: &GracefulShutdown) {
    // An answer is written in one go; waiting to fill a packet would only delay it.
    let _ = stream.set_nodelay(true);
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // The client went away or spoke no HTTP: nothing to do about it, and nothing of it is ours.
            tracing::debug!(%error, "a connection broke");
        }
    });
}

/// Errors of one connection pass; being out of file descriptors does not pass at once.
async fn pause_after(error: &io::Error) {
    let of_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    );
    if !of_connection {
        tracing::error!(%error, "cannot accept connections");
        sleep(Duration::from_secs(1)).await;
    }
}
