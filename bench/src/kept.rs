//! Services whose data outlast a run, so that loading a hundred million events and asking about them can be done apart.

use std::{
    env, fs,
    path::{self, Path},
};

use postlens_tests::harness::Service;
use tempfile::TempDir;

use crate::{disk, load, traffic};

/// The variable that names where data are kept from one run to the next.
const VARIABLE: &str = "POSTLENS_BENCH_DATA";

/// A service that has the traffic of a size, and has no merges to do.
pub(crate) struct Kept {
    pub(crate) service: Service,
    /// How many events it has.
    pub(crate) events: usize,
    /// What it keeps, in bytes.
    pub(crate) disk: disk::Ours,
    /// Where they are, if only until the end of this run.
    _temporary: Option<TempDir>,
}

impl Kept {
    /// With what was loaded before, or else loads it.
    pub(crate) fn of(events: usize) -> Self {
        let (directory, temporary) = if let Some(kept) = env::var_os(VARIABLE) {
            // The service has a working directory of its own.
            let kept = path::absolute(kept).expect("it names a directory");
            (kept.join(events.to_string()), None)
        } else {
            let temporary = tempfile::Builder::new().prefix("postlens-bench-").tempdir();
            let temporary = temporary.expect("there is room for data");
            (temporary.path().to_owned(), Some(temporary))
        };
        let (data, complete) = (directory.join("data"), directory.join("events"));
        fs::create_dir_all(&data).expect("there is room for data");
        // Counting a day of millions anew now and then would take turns with what is measured.
        let settings = [("POSTLENS_DATA_DIR", &*data.to_string_lossy()), ("POSTLENS_SCRUBBER_INTERVAL", "0s")];
        let service = Service::with(&settings);
        let known = loaded(&complete);
        if known.is_none() {
            println!("posting {events} events to POST /v1/events");
            load::stream(&service, None, &traffic::options(events));
            fs::write(&complete, events.to_string()).expect("there is room for data");
        }
        load::Target::new(&service).wait_applied();
        println!("waiting for merges");
        let disk = disk::ours_in(&data);
        Self { service, events: known.unwrap_or(events), disk, _temporary: temporary }
    }
}

impl Drop for Kept {
    /// An orderly end: what is kept should not have to be recovered.
    fn drop(&mut self) {
        let _ = self.service.terminate();
    }
}

/// How many events were loaded, when all of them were.
fn loaded(complete: &Path) -> Option<usize> {
    let text = fs::read_to_string(complete).ok()?;
    Some(text.trim().parse().expect("it holds the number of events"))
}
