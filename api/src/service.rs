//! The service's life: its parts are opened in order, it serves, and the parts are closed in the opposite order.

use std::{ffi::OsString, io::Write as _, num::NonZeroUsize, sync::Arc, time::Duration};

use ingest::Ingest;
use schema::{AccountId, ClickHouse, Clock, Endpoint, Identifier, Millis, Secret, SystemClock};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

use crate::{
    admission::Admission,
    alerts::{Alerts, Charts, Evaluator, Mailer, Tasks, Ways},
    auth::Keys,
    cli::Failure,
    config::{Config, Sensitive},
    connection,
    control::Control,
    exports::{self, Exporting, Exports},
    metadata::{Metadata, NewKey, Role},
    outgoing::{Outgoing, Permit},
    postmaster::{Postmaster, Pulling},
    saved::{self, Reports},
    secret, server,
    sources::{Flushing, Sources, verify::Verifier},
    state::{AppState, Limits},
    supervisor::{Launch, Patience, Place, Supervisor},
    telemetry::Telemetry,
    token::{Digest, SHORTEST, Token},
};

/// How long running requests may take to finish when the service stops.
const PATIENCE: Duration = Duration::from_secs(30);

/// The account that the bootstrap key belongs to.
const BOOTSTRAP_ACCOUNT: &str = "default";

/// Runs the service until it is told to stop.
///
/// It serves before ClickHouse answers: events are accepted and wait on disk.
///
/// # Errors
/// When a part cannot be opened.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    log_panics();
    survive_file_limits()?;
    // First of all, for what is recorded before is lost.
    let telemetry = Telemetry::install(metrics_key(&config)?)?;
    let stop = stop_signal()?;
    let listener = listen(&config).await?;
    secret::make_private_dir(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metadata = open_metadata(&config, clock.now()).await?;
    let (place, endpoint) = endpoint(&config)?;
    let clickhouse = ClickHouse::new(&endpoint, &config.clickhouse.database);
    // Locks the data directory, so it comes before the engine, which works on it too.
    let scrub = Some(config.scrubber.interval.0).filter(|interval| !interval.is_zero());
    let secret = secret::load(config.secret.as_ref(), &config.data_dir)?;
    let ingest = open_ingest(&config, &secret, clickhouse.clone(), Arc::clone(&clock), scrub).await?;
    let supervisor = place.as_ref().map(|place| launch(&config, place)).transpose()?.map(Supervisor::start);

    let control = Control::listen(&config.data_dir, ingest.clone())?;
    let engine = supervisor.as_ref().map(Supervisor::process);

    let drawing = Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, NonZeroUsize::get)));
    let suppression = Arc::new(config.reports.suppress_below.clone());
    let report_limits = query::Limits { time: config.reports.timeout.0 * 9 / 10, ..query::Limits::default() };
    let counted = ingest.clone();
    let reports = Reports {
        clickhouse: clickhouse.clone(),
        limits: report_limits,
        timeout: config.reports.timeout.0,
        drawing: Arc::clone(&drawing),
        suppression: Arc::clone(&suppression),
        as_of: Arc::new(move || counted.as_of()),
    };
    let ways = ways(&config, Charts::new(clickhouse.clone(), report_limits), reports)?;
    let alerts = Alerts::new(metadata.clone(), Arc::clone(&clock), &secret, ways);
    let evaluator = Evaluator::new(alerts.clone(), clickhouse.clone(), report_limits);
    let counted = ingest.clone();
    let tasks = Tasks::start(alerts.clone(), evaluator, move || counted.as_of(), config.alerts.interval.0);
    let saved = saved::Tasks::start(alerts.clone());

    // Certificates are never at a private address.
    let verifier = Verifier::with_public_roots(Outgoing::new(Permit::Public)?);
    let sources = Sources::new(metadata.clone(), Arc::clone(&clock), &secret, verifier);
    let flushing = Flushing::start(sources.clone(), ingest.clone());

    let permit = permit(&config);
    let connection = (Outgoing::new(permit)?, permit);
    let postmaster = Postmaster::configured(&config.postmaster, connection, metadata.clone(), Arc::clone(&clock))?;
    let pulling = postmaster.map(|postmaster| Pulling::start(postmaster, config.postmaster.interval.0));

    let settings =
        exports::Settings { rows: config.exports.rows.get(), keep: config.exports.keep.0, disk: config.exports.disk.0 };
    let exports = Exports::open(metadata.clone(), Arc::clone(&clock), &config.data_dir, settings)?;
    // All groups of an export are put in order at once.
    let export_limits = query::Limits { memory: 2 << 30, ..report_limits };
    let counted = ingest.clone();
    let exporting = Exporting::start(exports.clone(), clickhouse.clone(), move || counted.as_of(), export_limits);

    let state = AppState {
        exports,
        keys: Keys::new(metadata.clone(), Arc::clone(&clock)),
        alerts: alerts.clone(),
        sources,
        ingest: ingest.clone(),
        clickhouse,
        admission: Admission::new(config.ingest.max_in_flight.0, config.ingest.max_requests),
        drawing,
        telemetry: telemetry.with_engine(engine),
        limits: Limits {
            body_timeout: config.ingest.body_timeout.0,
            report_timeout: config.reports.timeout.0,
            report: report_limits,
        },
        suppression,
        clock,
    };
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    let stop = async move {
        stop.await;
        alerts.close();
    };
    connection::serve(listener, server::router(state), stop, PATIENCE).await;

    drop(control);
    // In the opposite order: what was accepted is applied while the engine still runs.
    exporting.stop().await;
    saved.stop().await;
    tasks.stop().await;
    if let Some(pulling) = pulling {
        pulling.stop().await;
    }
    ingest.close().await;
    flushing.stop().await;
    if let Some(supervisor) = supervisor {
        supervisor.stop().await;
    }
    metadata.close().await;
    tracing::info!("stopped");
    Ok(())
}

async fn listen(config: &Config) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(config.listen).await;
    listener.map_err(|error| format!("cannot listen on {}: {error}", config.listen).into())
}

async fn open_metadata(config: &Config, now: Millis) -> Result<Metadata, Failure> {
    let url = config.metadata.url.as_ref().map(Sensitive::expose);
    let metadata = Metadata::open(url, &config.data_dir).await?;
    if let Some(key) = &config.bootstrap_key {
        bootstrap(&metadata, key, now).await?;
    }
    Ok(metadata)
}

/// Works on the data as the service does, without serving: what waits is applied, and the engine runs as long as the work.
///
/// # Errors
/// When a part cannot be opened, or the work fails.
pub(crate) async fn without_serving<T>(
    config: &Config,
    work: impl AsyncFnOnce(&Ingest) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (place, endpoint) = endpoint(config)?;
    let clickhouse = ClickHouse::new(&endpoint, &config.clickhouse.database);
    let secret = secret::load(config.secret.as_ref(), &config.data_dir)?;
    let ingest = open_ingest(config, &secret, clickhouse, clock, None).await?;
    let supervisor = place.as_ref().map(|place| launch(config, place)).transpose()?.map(Supervisor::start);
    let done = work(&ingest).await;
    ingest.close().await;
    if let Some(supervisor) = supervisor {
        supervisor.stop().await;
    }
    done
}

async fn open_ingest(
    config: &Config,
    secret: &Secret,
    clickhouse: ClickHouse,
    clock: Arc<dyn Clock>,
    scrub: Option<Duration>,
) -> Result<Ingest, Failure> {
    let options = ingest::Options {
        dir: config.data_dir.clone(),
        spool_limit: config.spool.limit.0,
        retention_days: config.ingest.retention_days,
        limits: (&config.limits).into(),
        forget_after_days: config.ledger.forget_after_days,
        ledger_cache: config.ledger.cache.0,
        scrub,
        ..ingest::Options::default()
    };
    Ok(Ingest::open(options, Identifier::new(secret), clickhouse, clock).await?)
}

/// Where requests to the outside may go that an operator or a user configured.
fn permit(config: &Config) -> Permit {
    if config.alerts.allow_private { Permit::Anywhere } else { Permit::Public }
}

/// How alerts reach people.
fn ways(config: &Config, charts: Charts, reports: Reports) -> Result<Ways, Failure> {
    let (outgoing, mailer) = (Outgoing::new(permit(config))?, Mailer::configured(&config.alerts)?);
    Ok(Ways { outgoing, mailer, charts: Some(charts), reports: Some(reports), link: config.alerts.link.clone() })
}

/// Where ClickHouse is; for the embedded one, with the place of its socket.
fn endpoint(config: &Config) -> Result<(Option<Place>, Endpoint), Failure> {
    if let Some(url) = &config.clickhouse.url {
        let password = config.clickhouse.password.as_ref().map(|password| password.expose().to_owned());
        return Ok((None, Endpoint::Server { url: url.clone(), user: config.clickhouse.user.clone(), password }));
    }
    let place = Place::choose(&config.data_dir)?;
    let endpoint = Endpoint::Socket(place.socket().to_owned());
    Ok((Some(place), endpoint))
}

/// This program as the embedded engine.
fn launch(config: &Config, place: &Place) -> Result<Launch, Failure> {
    let mut arguments: Vec<OsString> = vec!["engine".into(), "--exit-with-stdin".into()];
    let mut flag = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    flag("--path", std::path::absolute(&config.data_dir)?.join("engine").into());
    flag("--socket", place.socket().into());
    flag("--memory-limit", config.engine.memory.0.to_string().into());
    flag("--connections", config.engine.connections.to_string().into());
    flag("--log-level", config.log.level.clone().into());
    if let Some(library) = &config.engine.library {
        flag("--library", library.into());
    }
    Ok(Launch {
        program: std::env::current_exe()?,
        arguments,
        socket: place.socket().to_owned(),
        patience: Patience::default(),
    })
}

/// A panic is logged by its place alone: its message may hold what must not be logged.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a panic: this is a defect");
    }));
}

/// Makes a write beyond the limit of a file's size an error like that of a full disk; otherwise it would end the process.
fn survive_file_limits() -> std::io::Result<()> {
    // Once asked for, the signal is caught for as long as the process lives.
    signal(SignalKind::from_raw(libc::SIGXFSZ)).map(drop)
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

/// What opens `/metrics`.
fn metrics_key(config: &Config) -> Result<Option<Digest>, Failure> {
    let key = config.metrics.key.as_ref().map(|key| presentable("metrics.key", key)).transpose()?;
    Ok(key.map(|key| key.digest()))
}

/// A key of the operator's own making, when it can be sent in a header and is not too short.
fn presentable(setting: &str, key: &Sensitive) -> Result<Token, Failure> {
    if key.expose().len() < SHORTEST || !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        let wrong =
            format!("the setting `{setting}` must have at least {SHORTEST} visible ASCII characters, and no spaces");
        return Err(wrong.into());
    }
    Ok(Token::presented(key.expose()))
}

/// Makes the configured key an admin key, unless it was one before: a revoked key stays revoked.
async fn bootstrap(metadata: &Metadata, key: &Sensitive, now: Millis) -> Result<(), Failure> {
    let token = presentable("bootstrap_key", key)?;
    let account: AccountId = BOOTSTRAP_ACCOUNT.parse()?;
    metadata.ensure_account(&account, now).await?;
    let name = "bootstrap".to_owned();
    let key = NewKey { id: token.id(), account, role: Role::Admin, name, digest: token.digest(), created_at: now };
    if metadata.insert_key(&key).await? {
        tracing::info!(id = key.id.as_str(), account = BOOTSTRAP_ACCOUNT, "made the bootstrap key");
    }
    Ok(())
}
