//! The service's life: its parts are opened in order, it serves, and the parts are closed in the opposite order.

use std::{io::Write as _, sync::Arc, time::Duration};

use schema::{AccountId, Clock, Millis, SystemClock};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    admission::Admission,
    auth::Keys,
    cli::Failure,
    config::{Config, Sensitive},
    connection,
    metadata::{Metadata, NewKey, Role},
    secret, server,
    state::{AppState, Limits},
    token::{SHORTEST, Token},
};

/// How long running requests may take to finish when the service stops.
const PATIENCE: Duration = Duration::from_secs(30);

/// The account that the bootstrap key belongs to.
const BOOTSTRAP_ACCOUNT: &str = "default";

/// Runs the service until it is told to stop.
///
/// # Errors
/// When a part cannot be opened.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    secret::make_private_dir(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let url = config.metadata.url.as_ref().map(Sensitive::expose);
    let metadata = Metadata::open(url, &config.data_dir).await?;
    if let Some(key) = &config.bootstrap_key {
        bootstrap(&metadata, key, clock.now()).await?;
    }
    let state = AppState {
        keys: Keys::new(metadata.clone(), Arc::clone(&clock)),
        admission: Admission::new(config.ingest.max_in_flight.0, config.ingest.max_requests),
        limits: Limits { body_timeout: config.ingest.body_timeout.0, report_timeout: config.reports.timeout.0 },
        clock,
    };
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    connection::serve(listener, server::router(state), stop, PATIENCE).await;
    metadata.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Over when the process is asked to stop.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Makes the configured key an admin key, unless it was one before: a revoked key stays revoked.
async fn bootstrap(metadata: &Metadata, key: &Sensitive, now: Millis) -> Result<(), Failure> {
    if key.expose().len() < SHORTEST || !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        let wrong = format!("the setting `bootstrap_key` must have at least {SHORTEST} visible ASCII characters, and no spaces");
        return Err(wrong.into());
    }
    let account: AccountId = BOOTSTRAP_ACCOUNT.parse()?;
    metadata.ensure_account(&account, now).await?;
    let token = Token::presented(key.expose());
    let name = "bootstrap".to_owned();
    let key = NewKey { id: token.id(), account, role: Role::Admin, name, digest: token.digest(), created_at: now };
    if metadata.insert_key(&key).await? {
        tracing::info!(id = key.id.as_str(), account = BOOTSTRAP_ACCOUNT, "made the bootstrap key");
    }
    Ok(())
}
