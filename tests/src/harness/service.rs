//! A service with a directory of its own: started, killed and started again, with accounts as a test needs them.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    client::Client,
    process::{Process, children_of, end, postlens, signal, tail, until},
};

/// The secret of every installation under test: the count must order identities as the service does.
pub const SECRET: [u8; 32] = *b"a secret of tests, known to all.";

/// The key of account `default` that every service under test is started with.
const BOOTSTRAP_KEY: &str = "pl-tests-bootstrap-key-0123456789abcdef";

/// How long anything that the service does by itself may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(2);

/// A service under test. It ends when this is dropped.
#[derive(Debug)]
pub struct Service {
    process: Mutex<Option<Process>>,
    url: Arc<RwLock<String>>,
    environment: Mutex<Vec<(String, String)>>,
    log: PathBuf,
    directory: TempDir,
}

impl Service {
    /// Starts a service of its own.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a service of its own with further settings, as environment variables.
    #[must_use]
    pub fn with(settings: &[(&str, &str)]) -> Self {
        let service = Self::starting_with(settings);
        service.wait_ready();
        service
    }

    /// Starts a service with further settings, and does not wait until it is ready.
    #[must_use]
    pub fn starting_with(settings: &[(&str, &str)]) -> Self {
        let service = Self::prepared_with(settings);
        service.launch();
        service
    }

    /// A service with further settings that was never started.
    #[must_use]
    pub fn prepared_with(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("postlens-test-").tempdir().expect("there is room for tests");
        let hex = SECRET.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let data = directory.path().join("data").to_string_lossy().into_owned();
        let mut environment = vec![
            ("POSTLENS_DATA_DIR".to_owned(), data),
            ("POSTLENS_SECRET".to_owned(), hex),
            ("POSTLENS_BOOTSTRAP_KEY".to_owned(), BOOTSTRAP_KEY.to_owned()),
        ];
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self {
            process: Mutex::new(None),
            url: Arc::default(),
            environment: Mutex::new(environment),
            log: directory.path().join("log"),
            directory,
        }
    }

    /// Changes a setting, an environment variable, from the next start on.
    pub fn set(&self, name: &str, value: &str) {
        let mut environment = self.environment.lock().unwrap_or_else(PoisonError::into_inner);
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
    }

    /// The service that tests share; each takes an account of its own. It ends with the test program.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Service> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// kill -9 of the service.
    pub fn kill(&self) {
        let process = self.process().take().expect("the service runs");
        process.kill();
    }

    /// SIGTERM to the service; answers its exit code.
    #[must_use]
    pub fn terminate(&self) -> Option<i32> {
        let process = self.process().take().expect("the service runs");
        process.terminate()
    }

    /// SIGTERM to the service, and kill -9 in the midst of its end.
    pub fn terminate_and_kill(&self, after: Duration) {
        let process = self.process().take().expect("the service runs");
        signal(process.id(), "TERM");
        thread::sleep(after);
        process.kill();
    }

    /// Starts it again after its end, and kills it in the midst of its start.
    pub fn start_and_kill(&self, after: Duration) {
        let process = Process::spawn(self.directory.path(), &self.environment(), &self.log);
        thread::sleep(after);
        process.kill();
    }

    /// Starts another service with the same settings, which must end by itself; answers its exit code and what it wrote.
    #[must_use]
    pub fn another(&self) -> (Option<i32>, String) {
        let log = self.directory.path().join("log of another");
        let process = Process::spawn(self.directory.path(), &self.environment(), &log);
        let code = process.end_by_itself(PATIENCE);
        (code, std::fs::read_to_string(log).expect("it has a log"))
    }

    /// Starts it again after its end, and waits until it is ready.
    pub fn restart(&self) {
        self.launch();
        self.wait_ready();
    }

    /// Starts it again after its end, and does not wait until it is ready.
    pub fn launch(&self) {
        let process = Process::start(self.directory.path(), &self.environment(), &self.log);
        process.url().clone_into(&mut self.url.write().unwrap_or_else(PoisonError::into_inner));
        *self.process() = Some(process);
    }

    /// Waits until it answers that it can do all its work.
    pub fn wait_ready(&self) {
        let client = self.client("");
        until("the service is ready", PATIENCE, || {
            let ended = self.process().as_mut().is_none_or(Process::has_ended);
            assert!(!ended, "the service ended: {}", tail(&self.log));
            client.try_get("/readyz").filter(|reply| reply.status == 200)
        });
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process().as_ref().expect("the service runs").id()
    }

    /// The process id of its engine, as soon as there is one.
    #[must_use]
    pub fn engine(&self) -> u32 {
        let service = self.id();
        until("the service has an engine", PATIENCE, || {
            children_of(service).into_iter().find(|(_, command)| command.contains(" engine ")).map(|(id, _)| id)
        })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The directory that it was started in; its data lie below.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Everything that it printed and logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).expect("a service that was started has a log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A client with this key, none when it is empty. It follows the service through restarts.
    #[must_use]
    pub fn client(&self, key: &str) -> Client {
        Client::new(Arc::clone(&self.url), key)
    }

    /// A client with the key of account `default`.
    #[must_use]
    pub fn bootstrap(&self) -> Client {
        self.client(BOOTSTRAP_KEY)
    }

    /// A client with an admin key of a new account, and the account's name.
    #[must_use]
    pub fn account(&self) -> (String, Client) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let account = format!("account-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let client = self.client(&self.key(&account, "admin"));
        (account, client)
    }

    /// Makes a key by the command line.
    #[must_use]
    pub fn key(&self, account: &str, role: &str) -> String {
        let output = self.command(&["keys", "create", "--account", account, "--role", role]);
        output.trim().to_owned()
    }

    /// Runs a command of the binary with the service's settings; answers what it prints.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = postlens(self.directory.path(), &self.environment()).args(arguments).output().expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "postlens {arguments:?} failed: {err}");
        out.into_owned()
    }

    /// Runs a command of the binary with the service's settings; answers its exit code and what it prints and complains.
    #[must_use]
    pub fn attempt(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = postlens(self.directory.path(), &self.environment()).args(arguments).output().expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.environment.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the end of the service's log:\n{}", tail(&self.log));
        }
        let Some(process) = self.process().take() else { return };
        let engines = children_of(process.id());
        process.kill();
        // An engine that is still writing would keep the directory from being removed.
        for (engine, _) in engines {
            end(engine);
        }
    }
}
