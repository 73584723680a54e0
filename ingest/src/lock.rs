//! Locks of what is left whole at every step.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks it, also when a thread panicked with it: nothing is lost by that.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
