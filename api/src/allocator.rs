//! The allocator and how long it keeps memory that is free.

use std::{env, os::unix::process::CommandExt as _, process::Command};

/// Many threads make and free many texts here: the system's allocator would keep several times what is in use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the allocator reads, before `main`.
///
/// Under load batches follow each other within a second, and memory that went back to the system in between is cleared page by page when
/// it comes again: a tenth of all work, with the ten milliseconds that are the allocator's default. And it is asked not to use pages of
/// two megabytes: on virtual machines the first touch of one can cost several times what its bytes would cost one by one.
const SETTINGS: [(&str, &str); 2] = [("MIMALLOC_PURGE_DELAY", "3000"), ("MIMALLOC_ALLOW_THP", "0")];

/// Has the service keep free memory for three seconds, unless the environment says otherwise: the program becomes itself once more, as
/// the same process, for the allocator has no other way to be told. Where that fails the service runs all the same.
pub(crate) fn keep_free_memory() {
    let mut missing = SETTINGS.into_iter().filter(|(name, _)| env::var_os(name).is_none()).peekable();
    if missing.peek().is_none() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let error = Command::new(program).args(env::args_os().skip(1)).envs(missing).exec();
    // No logger is there yet.
    eprintln!("postlens: free memory is not kept: {error}");
}
