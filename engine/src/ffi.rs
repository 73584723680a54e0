//! The C interface of libchdb, and the only `unsafe` code of the project.
//!
//! Owns the loaded library, connections, results and streams, each freed exactly once and on the thread that uses the
//! connection. What it hands out is safe: lifetimes keep a result from outliving its connection, `&mut` keeps a
//! connection from running two statements at a time, a NULL becomes an error.
#![expect(unsafe_code, reason = "calls into libchdb, a C library that is loaded at run time")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    marker::PhantomData,
    path::Path,
    ptr::{self, NonNull},
    slice,
};

use crate::EngineError;

type ConnectionHandle = *mut c_void;
type ResultHandle = *mut c_void;
type InsertHandle = *mut c_void;
type Strings = *const *const c_char;
type Lengths = *const usize;

/// What the library answers where it has no error text.
const NO_ANSWER: &str = "The engine gave no answer";

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        struct Functions { $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)* }

        impl Functions {
            /// # Safety
            /// The library must be libchdb with the C interface written down here, and stay loaded.
            unsafe fn find(library: &libloading::Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $(
                        // SAFETY: the caller vouches for the library; the types are those of its header, chdb.h.
                        $name: *unsafe { library.get(concat!(stringify!($name), "\0").as_bytes())? },
                    )*
                })
            }
        }
    };
}

functions! {
    chdb_set_signal_handlers_enabled: fn(c_int);
    chdb_connect: fn(c_int, *mut *mut c_char) -> *mut ConnectionHandle;
    chdb_close_conn: fn(*mut ConnectionHandle);
    chdb_shutdown: fn() -> c_int;
    chdb_query_with_params_n:
        fn(ConnectionHandle, *const c_char, usize, *const c_char, usize, Strings, Lengths, Strings, Lengths, usize) -> ResultHandle;
    chdb_stream_query_with_params_n:
        fn(ConnectionHandle, *const c_char, usize, *const c_char, usize, Strings, Lengths, Strings, Lengths, usize) -> ResultHandle;
    chdb_stream_fetch_result: fn(ConnectionHandle, ResultHandle) -> ResultHandle;
    chdb_stream_cancel_query: fn(ConnectionHandle, ResultHandle);
    chdb_destroy_query_result: fn(ResultHandle);
    chdb_result_buffer: fn(ResultHandle) -> *const c_char;
    chdb_result_length: fn(ResultHandle) -> usize;
    chdb_result_error: fn(ResultHandle) -> *const c_char;
    chdb_result_rows_read: fn(ResultHandle) -> u64;
    chdb_result_bytes_read: fn(ResultHandle) -> u64;
    chdb_result_storage_rows_read: fn(ResultHandle) -> u64;
    chdb_result_storage_bytes_read: fn(ResultHandle) -> u64;
    chdb_result_rows_written: fn(ResultHandle) -> u64;
    chdb_result_bytes_written: fn(ResultHandle) -> u64;
    chdb_stream_insert_with_params_n:
        fn(ConnectionHandle, *const c_char, usize, *const c_char, usize, Strings, Lengths, Strings, Lengths, usize) -> InsertHandle;
    chdb_stream_insert_error: fn(InsertHandle) -> *const c_char;
    chdb_stream_append: fn(InsertHandle, *const c_void, usize) -> c_int;
    chdb_stream_done: fn(InsertHandle) -> ResultHandle;
    chdb_stream_cancel_insert: fn(InsertHandle);
    chdb_destroy_insert_stream: fn(InsertHandle);
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

/// Values for the `{name:Type}` places of a statement.
#[derive(Debug, Default, Clone)]
pub(crate) struct Params {
    names: Vec<Vec<u8>>,
    values: Vec<Vec<u8>>,
}

impl Params {
    /// Adds a value; of two values of one name the later counts.
    pub(crate) fn push(&mut self, name: Vec<u8>, value: Vec<u8>) {
        self.names.push(name);
        self.values.push(value);
    }

    /// Whether there is no value.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// `Params` laid out as the C interface takes them; borrows from them.
struct ParamTable<'p> {
    names: Vec<*const c_char>,
    name_lengths: Vec<usize>,
    values: Vec<*const c_char>,
    value_lengths: Vec<usize>,
    params: PhantomData<&'p Params>,
}

impl<'p> ParamTable<'p> {
    fn new(params: &'p Params) -> Self {
        let pointers = |list: &[Vec<u8>]| list.iter().map(|item| item.as_ptr().cast()).collect();
        let lengths = |list: &[Vec<u8>]| list.iter().map(Vec::len).collect();
        Self {
            names: pointers(&params.names),
            name_lengths: lengths(&params.names),
            values: pointers(&params.values),
            value_lengths: lengths(&params.values),
            params: PhantomData,
        }
    }
}

/// What a statement read and wrote.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stats {
    /// Rows and bytes of the result.
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    /// Rows and bytes read from storage.
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    /// Rows and bytes inserted, views included.
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
}

impl Stats {
    /// Adds the figures of one more part of the same result.
    pub(crate) fn add(&mut self, more: Self) {
        self.result_rows += more.result_rows;
        self.result_bytes += more.result_bytes;
        self.read_rows += more.read_rows;
        self.read_bytes += more.read_bytes;
        self.written_rows += more.written_rows;
        self.written_bytes += more.written_bytes;
    }
}

/// One session of the engine; runs one statement at a time.
pub(crate) struct Connection {
    library: &'static Library,
    handle: NonNull<ConnectionHandle>,
}

// SAFETY: libchdb allows a connection to be used from any thread, one call at a time; `&mut self` and the missing
// `Sync` see to the latter.
unsafe impl Send for Connection {}

impl Connection {
    /// Opens a connection with arguments such as `--max_threads=2`; `None` if the library refuses.
    pub(crate) fn open(library: &'static Library, arguments: &[String]) -> Option<Self> {
        let owned: Vec<CString> = std::iter::once("clickhouse")
            .chain(arguments.iter().map(String::as_str))
            .map(CString::new)
            .collect::<Result<_, _>>()
            .ok()?;
        let mut pointers: Vec<*mut c_char> = owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).ok()?;
        pointers.push(ptr::null_mut());
        // SAFETY: `count` NUL-terminated strings that outlive the call, then a NULL, as for `main`; they are only read.
        let handle = NonNull::new(unsafe { (library.functions.chdb_connect)(count, pointers.as_mut_ptr()) })?;
        let connection = Self { library, handle };
        (!connection.raw().is_null()).then_some(connection)
    }

    fn raw(&self) -> ConnectionHandle {
        // SAFETY: `chdb_connect` returned this pointer to a connection; it is valid until `chdb_close_conn` in `drop`.
        unsafe { *self.handle.as_ptr() }
    }

    /// Runs a statement and gives its whole result.
    pub(crate) fn query(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<Answer<'_>, String> {
        let table = ParamTable::new(params);
        // SAFETY: every pointer comes with its length, and the arrays have `names.len()` entries each; the library
        // copies what it keeps. The connection is open and idle (`&mut self`).
        let handle = unsafe {
            (self.library.functions.chdb_query_with_params_n)(
                self.raw(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                table.names.as_ptr(),
                table.name_lengths.as_ptr(),
                table.values.as_ptr(),
                table.value_lengths.as_ptr(),
                table.names.len(),
            )
        };
        Answer::new(self.library, handle)
    }

    /// Starts a SELECT whose result is fetched block by block.
    pub(crate) fn stream(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<Stream<'_>, String> {
        let table = ParamTable::new(params);
        // SAFETY: as in `query`.
        let handle = unsafe {
            (self.library.functions.chdb_stream_query_with_params_n)(
                self.raw(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                table.names.as_ptr(),
                table.name_lengths.as_ptr(),
                table.values.as_ptr(),
                table.value_lengths.as_ptr(),
                table.names.len(),
            )
        };
        let answer = Answer::new(self.library, handle)?;
        Ok(Stream { connection: self.raw(), answer, ended: false })
    }

    /// Starts an INSERT (written without its FORMAT clause) whose data is appended piece by piece.
    pub(crate) fn insert(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<Insert<'_>, String> {
        let table = ParamTable::new(params);
        // SAFETY: as in `query`.
        let handle = unsafe {
            (self.library.functions.chdb_stream_insert_with_params_n)(
                self.raw(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                table.names.as_ptr(),
                table.name_lengths.as_ptr(),
                table.values.as_ptr(),
                table.value_lengths.as_ptr(),
                table.names.len(),
            )
        };
        let handle = NonNull::new(handle).ok_or(NO_ANSWER)?;
        let insert = Insert { library: self.library, handle, ended: false, connection: PhantomData };
        match insert.error() {
            None => Ok(insert),
            Some(error) => Err(error),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened by `chdb_connect`, closed only here; results and streams borrow it, so none is left.
        unsafe { (self.library.functions.chdb_close_conn)(self.handle.as_ptr()) }
    }
}

/// A result, or one block of a streamed one.
pub(crate) struct Answer<'c> {
    library: &'static Library,
    handle: NonNull<c_void>,
    connection: PhantomData<&'c mut Connection>,
}

impl Answer<'_> {
    fn new(library: &'static Library, handle: ResultHandle) -> Result<Self, String> {
        let handle = NonNull::new(handle).ok_or(NO_ANSWER)?;
        let answer = Self { library, handle, connection: PhantomData };
        // SAFETY: the handle is a live result.
        let error = unsafe { text((library.functions.chdb_result_error)(handle.as_ptr())) };
        error.map_or(Ok(answer), Err)
    }

    /// The formatted bytes.
    pub(crate) fn data(&self) -> &[u8] {
        // SAFETY: the handle is a live result; its buffer holds `length` bytes and does not move until it is destroyed.
        unsafe {
            let length = (self.library.functions.chdb_result_length)(self.handle.as_ptr());
            let buffer: *const u8 = (self.library.functions.chdb_result_buffer)(self.handle.as_ptr()).cast();
            if length == 0 || buffer.is_null() { &[] } else { slice::from_raw_parts(buffer, length) }
        }
    }

    /// What the statement (or this block of it) read and wrote.
    pub(crate) fn stats(&self) -> Stats {
        let functions = &self.library.functions;
        let handle = self.handle.as_ptr();
        // SAFETY: the handle is a live result.
        unsafe {
            Stats {
                result_rows: (functions.chdb_result_rows_read)(handle),
                result_bytes: (functions.chdb_result_bytes_read)(handle),
                read_rows: (functions.chdb_result_storage_rows_read)(handle),
                read_bytes: (functions.chdb_result_storage_bytes_read)(handle),
                written_rows: (functions.chdb_result_rows_written)(handle),
                written_bytes: (functions.chdb_result_bytes_written)(handle),
            }
        }
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // SAFETY: a live result, destroyed only here.
        unsafe { (self.library.functions.chdb_destroy_query_result)(self.handle.as_ptr()) }
    }
}

/// A running SELECT. Dropped before its end, it is cancelled.
pub(crate) struct Stream<'c> {
    connection: ConnectionHandle,
    answer: Answer<'c>,
    ended: bool,
}

impl Stream<'_> {
    /// The next block; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Answer<'_>>, String> {
        // An empty block may stand in the middle of a result; two in a row mean the end, after which fetching is harmless.
        for _ in 0..2 {
            // SAFETY: connection and stream are live (`'c`), and no other call is on its way (`&mut self`).
            let handle = unsafe {
                (self.answer.library.functions.chdb_stream_fetch_result)(self.connection, self.answer.handle.as_ptr())
            };
            let block = Answer::new(self.answer.library, handle).inspect_err(|_| self.ended = true)?;
            if !block.data().is_empty() {
                return Ok(Some(block));
            }
        }
        self.ended = true;
        Ok(None)
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: connection and stream are live; the stream is destroyed right after, with its `answer`.
            unsafe {
                (self.answer.library.functions.chdb_stream_cancel_query)(self.connection, self.answer.handle.as_ptr())
            }
        }
    }
}

/// A running INSERT. Dropped before `finish`, it is cancelled and what it has not yet written is forgotten.
pub(crate) struct Insert<'c> {
    library: &'static Library,
    handle: NonNull<c_void>,
    ended: bool,
    connection: PhantomData<&'c mut Connection>,
}

impl Insert<'_> {
    fn error(&self) -> Option<String> {
        // SAFETY: the handle is a live insert.
        unsafe { text((self.library.functions.chdb_stream_insert_error)(self.handle.as_ptr())) }
    }

    /// Appends data of the insert's format; a piece may end anywhere.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), String> {
        // SAFETY: the handle is a live insert; the library copies `data` before it returns.
        let state = unsafe {
            (self.library.functions.chdb_stream_append)(self.handle.as_ptr(), data.as_ptr().cast(), data.len())
        };
        if state == 0 {
            return Ok(());
        }
        // The reason is often known only to `done`, which after a failure commits nothing.
        Err(self.error().or_else(|| self.done().err()).unwrap_or_else(|| NO_ANSWER.to_owned()))
    }

    /// Ends the data and commits.
    pub(crate) fn finish(mut self) -> Result<Stats, String> {
        self.done()
    }

    fn done(&mut self) -> Result<Stats, String> {
        self.ended = true;
        // SAFETY: the handle is a live insert that has not been finished.
        let handle = unsafe { (self.library.functions.chdb_stream_done)(self.handle.as_ptr()) };
        Answer::new(self.library, handle).map(|answer| answer.stats())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: a live insert, destroyed only here; an unfinished one is cancelled first.
        unsafe {
            if !self.ended {
                (self.library.functions.chdb_stream_cancel_insert)(self.handle.as_ptr());
            }
            (self.library.functions.chdb_destroy_insert_stream)(self.handle.as_ptr());
        }
    }
}

/// An error text of the library, copied; `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or a NUL-terminated string.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: given by the caller.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
