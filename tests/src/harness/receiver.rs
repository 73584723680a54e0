//! A receiver of webhooks: takes notes of what comes in, and answers with the status that it is told.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use serde_json::Value;

/// What came in: the header `webhook-id`, and the body.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The idempotency key.
    pub id: String,
    /// The body.
    pub body: Value,
    /// The status that was answered.
    pub status: u16,
}

/// Listens on a port of its own, until the test program ends.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    notes: Arc<Notes>,
}

#[derive(Debug)]
struct Notes {
    status: AtomicU16,
    taken: Mutex<Vec<Taken>>,
}

impl Receiver {
    /// A receiver that answers with this status.
    #[must_use]
    pub fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let notes = Arc::new(Notes { status: AtomicU16::new(status), taken: Mutex::default() });
        let shared = Arc::clone(&notes);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let notes = Arc::clone(&shared);
                let status = notes.status.load(Ordering::SeqCst);
                thread::spawn(move || serve(stream, status, &notes));
            }
        });
        Self { address, notes }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers with this status from now on. Whoever connected before is answered as before, dead or alive: connections are accepted in
    /// their order, and the last of them is one of our own.
    pub fn answer(&self, status: u16) {
        let mut last = TcpStream::connect(self.address).expect("it listens");
        last.shutdown(Shutdown::Write).expect("it is connected");
        last.read_to_end(&mut Vec::new()).expect("it is closed without an answer");
        self.notes.status.store(status, Ordering::SeqCst);
    }

    /// What came in so far.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.notes.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers one request and closes the connection.
fn serve(stream: TcpStream, status: u16, notes: &Notes) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "webhook-id" => value.clone_into(&mut id),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).ok()?;
    notes.taken.lock().unwrap_or_else(PoisonError::into_inner).push(Taken { id, body, status });
    let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).ok()
}
