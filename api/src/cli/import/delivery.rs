//! Sends one batch until it is acknowledged, giving the service the time it asks for.

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;
use reqwest::{RequestBuilder, StatusCode, header};
use tokio::time::Instant;

use super::{format::Format, screen::Screen, tally::Receipt};
use crate::cli::client::{Client, ClientError};

/// Pauses between tries when the service names none: from the first to the longest, doubling.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// However long the service asks to be left alone, it is tried again after this.
const LONGEST: Duration = Duration::from_mins(1);

/// Sends batches to one service.
pub(super) struct Sender<'a> {
    /// The service.
    pub(super) client: &'a Client,
    /// Whose format the batches have.
    pub(super) format: Format,
    /// How long one batch is tried.
    pub(super) patience: Duration,
    /// Where trouble is told.
    pub(super) screen: &'a Screen,
}

impl Sender<'_> {
    /// Sends a compressed body.
    ///
    /// # Errors
    /// When the service refuses it for good, or was tried for as long as patience lasts.
    pub(super) async fn send(&self, body: Bytes) -> Result<Receipt, ClientError> {
        let request = || {
            let request = self.client.post("/v1/events").query(&[("format", self.format.name())]);
            let request = request.header(header::CONTENT_TYPE, self.format.media_type());
            request.header(header::CONTENT_ENCODING, "zstd").body(body.clone())
        };
        self.persist(request).await
    }

    /// Waits until everything that was acknowledged shows in reports, however long that takes.
    ///
    /// # Errors
    /// When the service refuses, or does not answer for as long as patience lasts.
    pub(super) async fn applied(&self) -> Result<(), ClientError> {
        let request = || {
            let request = self.client.post("/v1/events").query(&[("wait", "applied")]);
            request.header(header::CONTENT_TYPE, "application/x-ndjson").body("")
        };
        loop {
            match self.persist(request).await {
                Ok(_) => return Ok(()),
                // The answer of a service that is at work still.
                Err(error) if says_at_work(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn persist(&self, request: impl Fn() -> RequestBuilder) -> Result<Receipt, ClientError> {
        let started = Instant::now();
        let mut pause = PAUSE.0;
        loop {
            let error = match self.client.json(request()).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            if says_at_work(&error) || !error.is_temporary() || started.elapsed() >= self.patience {
                return Err(error);
            }
            let wait = error.retry_after().unwrap_or_else(|| jittered(pause)).min(LONGEST);
            self.screen.trouble(&error.line(), &format!("trying again in {:.1} s", wait.as_secs_f64()));
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

/// Whether the service has everything and reports do not show it yet, in contrast to a gateway that lost its patience.
fn says_at_work(error: &ClientError) -> bool {
    let ClientError::Refused(refusal) = error else { return false };
    refusal.status == StatusCode::GATEWAY_TIMEOUT && serde_json::from_str::<Receipt>(&refusal.body).is_ok()
}

/// Up to a quarter longer or shorter, so that clients that were refused together do not come back together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.75..1.25))
}
