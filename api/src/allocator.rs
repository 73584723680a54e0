//! The allocator and how long it keeps memory that is free.

use std::{env, os::unix::process::CommandExt as _, process::Command};

/// Many threads make and free many texts here: the system's allocator would keep several times what is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the allocator reads, before `main`.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";
/// Milliseconds. Under load batches follow each other within a second, and memory that went back to the system in between is cleared
/// page by page when it comes again: a tenth of all work, with the ten milliseconds that are the default.
const KEEP: &str = "1000";

/// Has the service keep free memory for a second, unless the environment says otherwise: the program becomes itself once more, as
/// the same process, for the allocator has no other way to be told. Where that fails the service runs all the same.
pub(crate) fn keep_free_memory() {
    if env::var_os(PURGE_DELAY).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let error = Command::new(program).args(env::args_os().skip(1)).env(PURGE_DELAY, KEEP).exec();
    // No logger is there yet.
    eprintln!("postlens: free memory is not kept: {error}");
}
