//! A receiver of webhooks that takes notes, and answers as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde_json::Value;

/// What came in.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Taken {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

#[derive(Clone)]
pub(super) struct Receiver {
    address: SocketAddr,
    notes: Arc<Notes>,
}

struct Notes {
    status: AtomicU16,
    taken: Mutex<Vec<Taken>>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let notes = Arc::new(Notes { status: AtomicU16::new(204), taken: Mutex::default() });
        let router = Router::new().fallback(take).with_state(Arc::clone(&notes));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, notes }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers with this status from now on.
    pub(super) fn answer(&self, status: u16) {
        self.notes.status.store(status, Ordering::SeqCst);
    }

    pub(super) fn taken(&self) -> Vec<Taken> {
        self.notes.taken.lock().unwrap().clone()
    }
}

async fn take(State(notes): State<Arc<Notes>>, uri: Uri, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    let status = StatusCode::from_u16(notes.status.load(Ordering::SeqCst)).unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    notes.taken.lock().unwrap().push(Taken { path: uri.path().to_owned(), headers, body });
    let mut answer = HeaderMap::new();
    if status.is_redirection() {
        answer.insert("location", "/elsewhere".parse().unwrap());
    }
    (status, answer)
}
