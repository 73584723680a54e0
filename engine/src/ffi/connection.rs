//! Connections, and the values that statements are run with.

use std::{
    ffi::{CString, c_char, c_int, c_void},
    marker::PhantomData,
    ptr::{self, NonNull},
};

use super::{
    ConnectionHandle, Library, StartStatement,
    answer::Answer,
    running::{Insert, Stream},
};

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
        let handle = self.start(self.library.functions.chdb_query_with_params_n, sql, format, params);
        Answer::new(self.library, handle)
    }

    /// Starts a SELECT whose result is fetched block by block.
    pub(crate) fn stream(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<Stream<'_>, String> {
        let handle = self.start(self.library.functions.chdb_stream_query_with_params_n, sql, format, params);
        Ok(Stream::new(self.raw(), Answer::new(self.library, handle)?))
    }

    /// Starts an INSERT (written without its FORMAT clause) whose data is appended piece by piece.
    pub(crate) fn insert(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<Insert<'_>, String> {
        let handle = self.start(self.library.functions.chdb_stream_insert_with_params_n, sql, format, params);
        Insert::new(self.library, handle)
    }

    /// Calls one of the three functions that start a statement.
    fn start(&mut self, function: StartStatement, sql: &[u8], format: &str, params: &Params) -> *mut c_void {
        let table = ParamTable::new(params);
        // SAFETY: every pointer comes with its length, and the arrays have `names.len()` entries each; the library
        // copies what it keeps. The connection is open and idle (`&mut self`).
        unsafe {
            function(
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
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: opened by `chdb_connect`, closed only here; results and streams borrow it, so none is left.
        unsafe { (self.library.functions.chdb_close_conn)(self.handle.as_ptr()) }
    }
}
