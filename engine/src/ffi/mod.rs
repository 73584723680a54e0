//! The C interface of libchdb, and the only `unsafe` code of the project.
//!
//! Owns the loaded library, connections, results and streams, each freed exactly once and on the thread that uses the
//! connection. What it hands out is safe: lifetimes keep a result from outliving its connection, `&mut` keeps a
//! connection from running two statements at a time, a NULL becomes an error.
#![expect(unsafe_code, reason = "calls into libchdb, a C library that is loaded at run time")]

mod answer;
mod connection;
mod running;

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::Path,
};

pub(crate) use answer::Stats;
pub(crate) use connection::{Connection, Params};

use crate::EngineError;

type ConnectionHandle = *mut c_void;
type ResultHandle = *mut c_void;
type InsertHandle = *mut c_void;
/// Takes a connection, a statement and a format with their lengths, and names and values with theirs and their count.
type StartStatement = unsafe extern "C" fn(
    ConnectionHandle,
    *const c_char,
    usize,
    *const c_char,
    usize,
    Strings,
    Lengths,
    Strings,
    Lengths,
    usize,
) -> *mut c_void;
type Strings = *const *const c_char;
type Lengths = *const usize;

/// What the library answers where it has no error text.
const NO_ANSWER: &str = "The engine gave no answer";

/// Declares the functions by name and type, and finds them all at once.
macro_rules! functions {
    ($($name:ident: $function:ty;)*) => {
        struct Functions { $($name: $function,)* }

        impl Functions {
            /// # Safety
            /// The library must be libchdb with the C interface written down here, and stay loaded.
            unsafe fn find(library: &libloading::Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $(
                        // SAFETY: the caller vouches for the library; the types are those of its header, chdb.h.
                        $name: *unsafe { library.get::<$function>(concat!(stringify!($name), "\0").as_bytes())? },
                    )*
                })
            }
        }
    };
}

functions! {
    chdb_set_signal_handlers_enabled: unsafe extern "C" fn(c_int);
    chdb_connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut ConnectionHandle;
    chdb_close_conn: unsafe extern "C" fn(*mut ConnectionHandle);
    chdb_shutdown: unsafe extern "C" fn() -> c_int;
    chdb_query_with_params_n: StartStatement;
    chdb_stream_query_with_params_n: StartStatement;
    chdb_stream_fetch_result: unsafe extern "C" fn(ConnectionHandle, ResultHandle) -> ResultHandle;
    chdb_stream_cancel_query: unsafe extern "C" fn(ConnectionHandle, ResultHandle);
    chdb_destroy_query_result: unsafe extern "C" fn(ResultHandle);
    chdb_result_buffer: unsafe extern "C" fn(ResultHandle) -> *const c_char;
    chdb_result_length: unsafe extern "C" fn(ResultHandle) -> usize;
    chdb_result_error: unsafe extern "C" fn(ResultHandle) -> *const c_char;
    chdb_result_rows_read: unsafe extern "C" fn(ResultHandle) -> u64;
    chdb_result_bytes_read: unsafe extern "C" fn(ResultHandle) -> u64;
    chdb_result_storage_rows_read: unsafe extern "C" fn(ResultHandle) -> u64;
    chdb_result_storage_bytes_read: unsafe extern "C" fn(ResultHandle) -> u64;
    chdb_result_rows_written: unsafe extern "C" fn(ResultHandle) -> u64;
    chdb_result_bytes_written: unsafe extern "C" fn(ResultHandle) -> u64;
    chdb_stream_insert_with_params_n: StartStatement;
    chdb_stream_insert_error: unsafe extern "C" fn(InsertHandle) -> *const c_char;
    chdb_stream_append: unsafe extern "C" fn(InsertHandle, *const c_void, usize) -> c_int;
    chdb_stream_done: unsafe extern "C" fn(InsertHandle) -> ResultHandle;
    chdb_stream_cancel_insert: unsafe extern "C" fn(InsertHandle);
    chdb_destroy_insert_stream: unsafe extern "C" fn(InsertHandle);
}

/// The loaded library. It lives as long as the process: its threads could not bear to be unloaded.
pub(crate) struct Library {
    functions: Functions,
}

impl Library {
    /// Loads libchdb and keeps it from touching the process's signal handlers.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, EngineError> {
        let failed = |source| EngineError::Library { path: path.to_owned(), source };
        // SAFETY: the file is the operator's choice, as trusted as this binary; libchdb's initializers ask nothing of us.
        let library = unsafe { libloading::Library::new(path) }.map_err(failed)?;
        // SAFETY: names and types are those of chdb.h; the library is leaked in the next line, so it stays loaded.
        let functions = unsafe { Functions::find(&library) }.map_err(failed)?;
        std::mem::forget(library);
        // SAFETY: takes any integer, and may be called at any time before the first connection.
        unsafe { (functions.chdb_set_signal_handlers_enabled)(0) };
        Ok(Box::leak(Box::new(Self { functions })))
    }

    /// Stops the engine's threads; true if all have stopped. All connections must be closed before.
    pub(crate) fn shutdown(&self) -> bool {
        // SAFETY: may be called at any time and from any thread; with a connection open it does nothing.
        unsafe { (self.functions.chdb_shutdown)() == 0 }
    }
}

/// Ends the process without running destructors: libchdb's own would race with threads it has not stopped.
pub(crate) fn exit_at_once(code: i32) -> ! {
    // SAFETY: `_exit` takes any code, runs nothing of ours and does not return.
    unsafe { libc::_exit(code) }
}

/// An error text of the library, copied; `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or a NUL-terminated string.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: given by the caller.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
